package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"stktc/runtime/peers"
)

// Why a session ended, besides the network's errors.
var (
	errPlanned = errors.New("dropped as planned")
	errSilent  = errors.New("the target was silent for 5 s")
)

const (
	writeSize  = 32 << 10
	readSize   = 64 << 10
	sendBuffer = 128 << 10 // of the socket: what waits there is older than what the node counted meanwhile
	deafBuffer = 32 << 10  // of the socket of a node that does not read, so that the target notices soon
	beatEvery  = 2500 * time.Millisecond
	ackEvery   = 100 * time.Millisecond
	writeLimit = 15 * time.Second
)

// Ids of the tables that a node defines.
const (
	sourceID = 1
	sumID    = 2
)

// session is one connection to the target, past the hello. The reader owns what is read, the writer what is written; they talk through mail.
type session struct {
	n    *node
	conn net.Conn
	read reader

	mu   sync.Mutex
	mail mail

	writer
}

// mail is what the reader leaves for the writer.
type mail struct {
	teach     bool // the target asked to be taught
	confirms  int  // lessons of the target that ended
	answered  bool // idem, at least one
	confirmed bool // a lesson of ours was confirmed
	acks      []ack
}

type ack struct{ table, id uint32 }

func newSession(n *node, a arrival) *session {
	s := &session{n: n, conn: a.conn}
	s.read.init(a.unread)
	s.writer.init(n)
	if tcp, ok := a.conn.(*net.TCPConn); ok {
		tcp.SetWriteBuffer(sendBuffer)
		if n.isDeaf || n.isSlow {
			tcp.SetReadBuffer(deafBuffer)
		}
	}
	a.conn.SetDeadline(time.Time{})
	return s
}

// run speaks until the connection or ctx ends.
func (s *session) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { s.conn.Close() })
	defer stop()
	s.n.sessions.Add(1)
	done := make(chan struct{})
	loads := len(s.n.l.Idle) > 0 && !s.n.isIdle // beside what is timed
	if loads {
		standBack()
	}
	go func() {
		defer close(done)
		if loads {
			standBack()
		}
		if err := s.readLoop(ctx); err != nil {
			cancel(fmt.Errorf("reading: %w", err))
		}
	}()
	if err := s.writeLoop(ctx); err != nil {
		cancel(err)
	}
	<-done
	return context.Cause(ctx)
}

// post changes the mail and wakes the writer.
func (s *session) post(change func(*mail)) {
	s.mu.Lock()
	change(&s.mail)
	s.mu.Unlock()
	s.n.signal()
}

// reader is the decoding state.
type reader struct {
	buf        []byte // holds bytes [start, end) of the stream
	start, end int
	tables     map[uint32]*remoteTable
	cur        *remoteTable // nil: updates are of no known table
	update     peers.Update
	taken      uint64 // updates of cur that are not counted yet
	batch      received
	acked      time.Time
	deadline   time.Time
}

// remoteTable is a table as the target defined it in this session.
type remoteTable struct {
	id       uint32
	def      peers.TableDefinition
	layout   *peers.Layout
	binding  []int // by cell: first slot of its value, -1: not in the table
	isSum    bool
	isOwn    bool  // what the node counted before it forgot it
	longest  int64 // that an entry of it may live, ms; 0: without end
	lastID   uint32
	isUnread bool // updates came that were not acknowledged
}

// isStored tells whether what comes of it is more than counted.
func (t *remoteTable) isStored() bool { return t.isSum || t.isOwn }

func (r *reader) init(unread []byte) {
	r.buf = make([]byte, readSize+peers.MaxFrame)
	r.end = copy(r.buf, unread)
	r.tables = map[uint32]*remoteTable{}
}

func (s *session) readLoop(ctx context.Context) error {
	r := &s.read
	for {
		if err := s.handleBuffered(s.n.l.clock()); err != nil {
			return err
		}
		r.move()
		s.hold(ctx)
		if s.keeps() {
			if err := s.keep(); err != nil {
				return err
			}
			continue
		}
		n, err := s.fill()
		r.end += n
		s.n.in.bytes.Add(uint64(n))
		if n == 0 && err != nil {
			return err
		}
	}
}

// move makes the bytes that are not handled the first ones of the buffer.
func (r *reader) move() {
	r.end = copy(r.buf, r.buf[r.start:r.end])
	r.start = 0
}

// extend moves the deadline, once a second: setting it costs as much as decoding ten updates.
func (s *session) extend() {
	if now := time.Now(); now.After(s.read.deadline) {
		s.read.deadline = now.Add(time.Second)
		s.conn.SetReadDeadline(now.Add(silenceLimit + time.Second))
	}
}

// silence tells whether a read timed out because the target was silent, or was only to be ended.
func (s *session) silence(err error) error {
	switch {
	case !isTimeout(err):
		return err
	case time.Now().Before(s.read.deadline.Add(silenceLimit)):
		s.read.deadline = time.Time{}
		return nil
	}
	return errSilent
}

// fill reads what is there.
func (s *session) fill() (int, error) {
	r := &s.read
	s.extend()
	room := r.buf[r.end:]
	if s.n.isSlow && s.n.l.isLoading() {
		room = room[:min(len(room), slowRead)]
	}
	n, err := s.conn.Read(room)
	return n, s.silence(err)
}

// slowRead is how much a slow reader reads at once, bytes.
const slowRead = 4 << 10

// hold keeps a deaf node from reading during the load, and a slow one from reading fast.
func (s *session) hold(ctx context.Context) {
	n := s.n
	switch {
	case n.isSlow && n.l.isLoading():
		pause(ctx, time.Duration(slowRead)*time.Second/time.Duration(n.l.SlowRate))
	case n.isDeaf:
		for n.l.isLoading() && ctx.Err() == nil {
			pause(ctx, 10*time.Millisecond)
		}
		s.read.deadline = time.Time{}
	}
}

// handleBuffered handles the whole messages in the buffer, which were read at a moment.
func (s *session) handleBuffered(now stamp) error {
	in := &s.n.in
	in.mu.Lock()
	defer in.mu.Unlock()
	err := s.handleAll(now)
	s.storeBatch(now)
	s.acknowledge()
	return err
}

func (s *session) handleAll(now stamp) error {
	r := &s.read
	for r.start < r.end {
		b := r.buf[r.start:r.end]
		if n := s.nextUpdate(b, now); n > 0 {
			r.start += n
			continue
		}
		f, n, err := peers.ParseFrame(b, peers.MaxFrame)
		if err != nil || n == 0 {
			return err
		}
		r.start += n
		if err := s.handle(f, now); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) handle(f peers.Frame, now stamp) error {
	switch f.Class {
	case peers.Control:
		s.storeBatch(now) // what a lesson taught is there when its end is told
		s.handleControl(f.Type)
	case peers.Error:
		return fmt.Errorf("the target reports: %s", f)
	case peers.StickTable:
		return s.handleTable(f, now)
	}
	return nil
}

func (s *session) handleControl(t peers.Type) {
	switch t {
	case peers.ResyncRequest:
		s.post(func(m *mail) { m.teach = true })
	case peers.ResyncFinished, peers.ResyncPartial:
		s.post(func(m *mail) { m.confirms++; m.answered = true })
	case peers.ResyncConfirm:
		s.post(func(m *mail) { m.confirmed = true })
	case peers.Heartbeat:
		s.n.in.heartbeats.Add(1)
	}
}

func (s *session) handleTable(f peers.Frame, now stamp) error {
	r := &s.read
	switch f.Type {
	case peers.UpdateEntry, peers.IncUpdate, peers.UpdateTimed, peers.IncUpdateTimed:
		return s.handleUpdate(f, now)
	case peers.DefineTable:
		s.storeBatch(now)
		return s.define(f.Body)
	case peers.SwitchTable:
		s.storeBatch(now)
		id, err := peers.ParseSwitch(f.Body)
		r.cur = r.tables[id]
		return err
	case peers.AckUpdate:
		id, last, err := peers.ParseAck(f.Body)
		if err == nil && id == sourceID {
			s.n.out.acked.Store(last)
		}
		return err
	}
	return nil
}

// acknowledge leaves acks for the writer, some times a second.
func (s *session) acknowledge() {
	r := &s.read
	now := time.Now()
	if now.Sub(r.acked) < ackEvery {
		return
	}
	r.acked = now
	var acks []ack
	for id, t := range r.tables {
		if t.isUnread {
			acks = append(acks, ack{id, t.lastID})
			t.isUnread = false
		}
	}
	if acks != nil {
		s.post(func(m *mail) { m.acks = append(m.acks, acks...) })
	}
}
