package session

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"stktc/runtime/peers"
	"stktc/runtime/store"
)

const (
	readSize   = 64 << 10
	batchLimit = 4096 // updates applied under one round of locks: some 60 under one lock, in 10 µs
)

// reader is the session's decoding state.
type reader struct {
	buf       []byte // holds bytes [start, end) of the stream
	start     int
	end       int
	unyielded int       // bytes read since others went first
	began     time.Time // of the work that follows a read
	tables    map[uint32]*remoteTable
	cur       *remoteTable // nil: updates are of no known table
	update    peers.Update
	batch     store.Batch
	uncounted uint64 // updates that are not in the session's counts yet: an atomic addition for each would be a fortieth of all work
}

// remoteTable is a table as the peer defined it in this session.
type remoteTable struct {
	def     peers.TableDefinition
	layout  *peers.Layout
	sources []*store.Source
	lastID  uint32
}

func (r *reader) init(unread []byte) {
	r.buf = make([]byte, max(readSize, len(unread)))
	r.end = copy(r.buf, unread)
	r.tables = map[uint32]*remoteTable{}
}

// readLoop reads and handles messages until something ends it.
func (s *Session) readLoop() error {
	for {
		if err := s.handleBuffered(); err != nil {
			return err
		}
		if err := s.fill(); err != nil {
			return err
		}
		if s.read.unyielded >= muchAtOnce {
			s.read.unyielded = 0
			runtime.Gosched()
		}
	}
}

// turn is how many bytes are read at once. What receivers are to get from that takes as much longer as they are more: with 64 of them each got 2 of 64 changes, flat out, the rest as part of later ones.
func (r *reader) turn() int {
	receivers := 1
	if r.cur != nil {
		for _, src := range r.cur.sources {
			receivers = max(receivers, src.Receivers())
		}
	}
	return max(leastTurn, min(readSize, readSize*fewReceivers/receivers))
}

const (
	leastTurn    = 4 << 10
	fewReceivers = 4 // so many are served while one reads
)

// muchAtOnce is after how many bytes a session lets others go first: one that always finds more to do is only interrupted every 10 ms.
const muchAtOnce = 32 << 10

// fill reads what is there, at least a byte.
func (s *Session) fill() error {
	r := &s.read
	if r.start > 0 {
		r.end = copy(r.buf, r.buf[r.start:r.end])
		r.start = 0
	}
	if r.end == len(r.buf) {
		r.buf = append(r.buf, make([]byte, len(r.buf))...) // twice at most: no frame is longer than 64 KiB
	}
	s.conn.SetReadDeadline(time.Now().Add(silenceLimit))
	n, err := s.conn.Read(r.buf[r.end:min(len(r.buf), r.end+r.turn())])
	r.end += n
	r.unyielded += n
	r.began = time.Now()
	s.stats.BytesIn.Add(uint64(n))
	switch {
	case n > 0:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrSilent
	case errors.Is(err, io.EOF):
		return errors.New("peer closed the connection")
	}
	return err
}

// handleBuffered handles the whole messages in the buffer.
func (s *Session) handleBuffered() error {
	r := &s.read
	for r.start < r.end {
		if n := s.nextUpdate(r.buf[r.start:r.end]); n > 0 {
			r.start += n
			continue
		}
		f, n, err := peers.ParseFrame(r.buf[r.start:r.end], peers.MaxFrame)
		if err == nil && n == 0 {
			break
		}
		if err == nil {
			err = s.handle(f)
		}
		if err != nil {
			s.flush()
			s.owner.Faulty(err, r.buf[r.start:min(r.end, r.start+faultBytes)])
			s.reject(err)
			return err
		}
		r.start += n
	}
	s.flush()
	return nil
}

// faultBytes is how much of a message that broke the protocol is shown.
const faultBytes = 64

// reject tells the peer that its message was malformed; the session ends. The message is lost if the peer does not read: it changes nothing in HAProxy but for its logs.
func (s *Session) reject(err error) {
	answer := peers.ProtocolError
	switch {
	case errors.Is(err, ErrRemote):
		return
	case errors.Is(err, peers.ErrTooLong):
		answer = peers.SizeLimitError
	}
	s.conn.SetWriteDeadline(time.Now().Add(time.Second))
	s.conn.Write(peers.AppendError(nil, answer))
}

func (s *Session) handle(f peers.Frame) error {
	switch f.Class {
	case peers.Control:
		s.flush()
		return s.handleControl(f)
	case peers.Error:
		return fmt.Errorf("%w: %s", ErrRemote, f)
	case peers.StickTable:
		return s.handleTable(f)
	}
	return nil
}

func (s *Session) handleControl(f peers.Frame) error {
	switch f.Type {
	case peers.ResyncRequest:
		s.owner.ResyncRequested()
	case peers.ResyncFinished, peers.ResyncPartial:
		s.learns.Store(0)
		s.control(peers.ResyncConfirm) // at once: until then HAProxy withholds its updates
		s.owner.LessonEnded(f.Type == peers.ResyncFinished)
	case peers.ResyncConfirm:
		s.owner.Confirmed()
	case peers.Heartbeat:
		s.stats.HeartbeatsIn.Add(1)
	case peers.Writing:
		since, err := peers.ParseWriting(f.Body)
		if err != nil {
			return s.fail(f.String(), err)
		}
		s.owner.Writing(since)
	}
	return nil
}

func (s *Session) handleTable(f peers.Frame) error {
	switch f.Type {
	case peers.UpdateEntry, peers.IncUpdate, peers.UpdateTimed, peers.IncUpdateTimed:
		return s.handleUpdate(f)
	case peers.DefineTable:
		return s.handleDefinition(f.Body)
	case peers.SwitchTable:
		id, err := peers.ParseSwitch(f.Body)
		if err != nil {
			return s.fail(f.String(), err)
		}
		s.flush()
		s.read.cur = s.read.tables[id]
	case peers.AckUpdate:
		id, last, err := peers.ParseAck(f.Body)
		if err != nil {
			return s.fail(f.String(), err)
		}
		s.acknowledged(id, last)
	}
	return nil
}

// maxRemoteTables bounds the memory that definitions may take: HAProxy numbers its tables from 1, and no configuration has as many.
const maxRemoteTables = 4096

func (s *Session) handleDefinition(body []byte) error {
	r := &s.read
	s.flush()
	r.cur = nil
	def, err := peers.ParseTableDefinition(body)
	if errors.Is(err, peers.ErrRefused) {
		delete(r.tables, def.ID)
		s.owner.Refused(def.Name, err)
		return nil
	}
	if err != nil {
		return s.fail("table definition", err)
	}
	old := r.tables[def.ID]
	if old == nil && len(r.tables) == maxRemoteTables {
		return s.fail("table definition", fmt.Errorf("more than %d tables", maxRemoteTables))
	}
	if old != nil && old.def.Name == def.Name && old.same(&def) {
		r.cur = old // HAProxy defines a table again at every change of table
		return nil
	}
	r.cur = &remoteTable{def: def, layout: peers.NewLayout(&def), sources: s.owner.Define(&def)}
	if old != nil {
		r.cur.lastID = old.lastID
	}
	r.tables[def.ID] = r.cur
	return nil
}

func (t *remoteTable) same(def *peers.TableDefinition) bool {
	if t.def.Key != def.Key || t.def.KeyLen != def.KeyLen || t.def.Expire != def.Expire || len(t.def.Columns) != len(def.Columns) {
		return false
	}
	for i := range def.Columns {
		if t.def.Columns[i] != def.Columns[i] {
			return false
		}
	}
	return true
}

// nextUpdate handles the message at the start of b, if it is an update of a common sort, and gives its length.
func (s *Session) nextUpdate(b []byte) (n int) {
	r := &s.read
	if r.cur == nil || len(r.cur.sources) == 0 {
		return 0
	}
	r.update.Values = r.batch.Room(r.cur.layout.Slots())
	if n = r.cur.layout.NextUpdate(b, &r.update); n > 0 {
		s.took(&r.update)
	}
	return n
}

func (s *Session) handleUpdate(f peers.Frame) error {
	r := &s.read
	if r.cur == nil || len(r.cur.sources) == 0 {
		r.uncounted++
		s.stats.Ignored.Add(1)
		return nil
	}
	u := &r.update
	u.Values = r.batch.Room(r.cur.layout.Slots())
	if err := r.cur.layout.ParseUpdate(f.Type, f.Body, u); err != nil {
		return s.fail("update of table "+r.cur.def.Name, err)
	}
	s.took(u)
	return nil
}

// took takes an update of the current table.
func (s *Session) took(u *peers.Update) {
	r := &s.read
	r.uncounted++
	if u.Explicit {
		r.cur.lastID = u.ID
	} else {
		r.cur.lastID++
	}
	if s.deaf.Load() {
		s.stats.Ignored.Add(1)
		return
	}
	r.batch.Put(u.Key, r.cur.life(u), len(u.Values))
	if r.batch.Len() == batchLimit {
		s.flush()
	}
}

// life is how long the entry lives, in ms: as the peer says, else as long as the table's entries do. A table without expire sends 0
// for no end, and one with it sends 0 for an entry that is over.
func (t *remoteTable) life(u *peers.Update) uint32 {
	switch {
	case u.Timed && (u.Expire != 0 || t.def.Expire != 0):
		return u.Expire
	case t.def.Expire == 0:
		return store.Forever
	}
	return uint32(min(t.def.Expire/time.Millisecond, 1<<31-1))
}

// In a lesson, of what the peer told before, a session that has receivers of the same table beside it rests for twice as long as it worked: of a machine that nodes teach with all their might most is left to what
// changes just now. After a start, when nobody is sent anything yet, it takes all of it.
const (
	lessonRests = 2
	mostRested  = 8 * time.Millisecond // of work, else a pause of the machine would count
)

// flush applies what was read of the current table, and leaves an acknowledgement for the writer.
func (s *Session) flush() {
	r := &s.read
	if r.uncounted > 0 {
		s.stats.UpdatesIn.Add(r.uncounted)
		r.uncounted = 0
	}
	if r.batch.Len() == 0 {
		return
	}
	now := s.clock()
	for _, src := range r.cur.sources {
		src.Apply(&r.batch, now)
	}
	took, some := time.Since(r.began), false
	for _, src := range r.cur.sources {
		some = src.GiveWay() || some
	}
	if some && r.began.UnixNano() < s.learns.Load() {
		time.Sleep(lessonRests * min(took, mostRested))
	}
	r.began = time.Now()
	r.batch.Reset()
	s.mu.Lock()
	first := len(s.acks) == 0
	s.acks[r.cur.def.ID] = r.cur.lastID
	if first {
		s.ackSince = time.Now()
	}
	s.mu.Unlock()
	if first {
		s.Wake()
	}
}

// acknowledged notes an ack. It is advice and never trusted: HAProxy 3.3 and later acknowledges some ids with their bytes swapped.
func (s *Session) acknowledged(id, last uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, out := range s.outputs {
		if out.def.ID == id {
			out.acked.Store(last)
		}
	}
}
