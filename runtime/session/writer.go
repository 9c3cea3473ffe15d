package session

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"stktc/runtime/peers"
	"stktc/runtime/store"
	"stktc/topology/sticktable"
)

// writeSize is how much is encoded before it is written.
const writeSize = 128 << 10

// firstBuffer is what a session begins with: one of hundreds that is sent little needs no more.
const firstBuffer = 8 << 10

// output is a table that the peer is sent.
type output struct {
	cursor  *store.Cursor
	ready   func() bool
	pace    time.Duration
	next    time.Time             // not sent before: pace
	def     peers.TableDefinition // its ID and Name are fixed, the rest follows encoder
	encoder *store.Encoder        // nil: to be asked for

	behind        atomic.Int64 // when the oldest change that is not encoded yet came, Unix ns; 0: there is none
	pushed, acked atomic.Uint32
	first         atomic.Int64 // when the first update was sent, Unix ns
}

func (out *output) unaccepted() bool {
	first := out.first.Load()
	return first != 0 && out.acked.Load() == 0 && time.Since(time.Unix(0, first)) > unacceptedAfter
}

// lesson is what the peer is taught before the end of the lesson is said.
type lesson struct {
	own      []*ownWalk
	finished func() bool
	done     func(givenBack, finished bool)
	until    time.Time
}

// ownWalk gives a peer back what it had in one table.
type ownWalk struct {
	Own
	id     uint32
	at     store.OwnPlace
	def    peers.TableDefinition
	layout *peers.Layout
}

func newOwnWalk(o Own, id uint32) *ownWalk {
	def := peers.TableDefinition{ID: id, Name: o.Name, Definition: store.GiveBack(o.Table.LastDefinition(o.Peer))}
	return &ownWalk{Own: o, id: id, def: def, layout: peers.NewLayout(&def)}
}

// writer is the writing goroutine's state.
type writer struct {
	s        *Session
	buf      []byte
	current  uint32    // table that the peer takes updates for, 0: none
	nextBeat time.Time // when the next heartbeat is due
	beats    int
	paced    bool // something was held back by its pace
	turn     int  // output to begin with, so that none starves
}

// writeLoop sends what there is to send until ctx ends or writing fails.
func (s *Session) writeLoop(ctx context.Context) error {
	w := &writer{s: s, buf: make([]byte, 0, firstBuffer), nextBeat: time.Now()}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for inTurn := 1; ; inTurn++ {
		more := w.encode()
		if err := w.write(); err != nil {
			return err
		}
		if more {
			if inTurn >= w.turnWrites() {
				inTurn = 0
				runtime.Gosched()
			}
			continue
		}
		inTurn = 0
		if s.drained() {
			s.closeWrite(ctx)
			return ErrDrained
		}
		timer.Reset(time.Until(w.due()))
		select {
		case <-s.wake:
		case <-timer.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// turnWrites is how often a session writes before it lets others go first: where receivers are many those that come by together share what is made for one.
func (w *writer) turnWrites() int {
	receivers := 0
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	for _, out := range w.s.outputs {
		receivers = max(receivers, out.cursor.Table().Receivers())
	}
	return max(1, min(receivers/manyReceivers, mostWrites))
}

const (
	manyReceivers = 16
	mostWrites    = 4
)

// farewell is how long the peer may take to read what was sent last: closing with unread input would reset the connection, and lose it.
const farewell = 500 * time.Millisecond

// closeWrite ends our half of the connection and waits until the peer ends its own.
func (s *Session) closeWrite(ctx context.Context) {
	conn, ok := s.conn.(interface{ CloseWrite() error })
	if !ok {
		return
	}
	s.mu.Lock()
	if s.cause == nil {
		s.cause = ErrDrained
	}
	s.mu.Unlock()
	conn.CloseWrite()
	timer := time.NewTimer(farewell)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (w *writer) write() error {
	if len(w.buf) == 0 {
		return nil
	}
	w.s.conn.SetWriteDeadline(time.Now().Add(writeLimit))
	w.s.writes.Store(time.Now().UnixNano())
	n, err := w.s.conn.Write(w.buf)
	w.s.writes.Store(0)
	w.s.stats.BytesOut.Add(uint64(n))
	w.buf = w.buf[:0]
	return err
}

func (s *Session) drained() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining && len(s.controls) == 0 && s.lesson == nil
}

// due is when the writer has something to do without being woken: the next heartbeat, acknowledgements or sums that have waited long enough.
func (w *writer) due() time.Time {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	now, due := time.Now(), w.nextBeat
	if ack := w.s.ackSince.Add(ackDelay); len(w.s.acks) > 0 && ack.Before(due) {
		due = ack
	}
	for _, out := range w.s.outputs {
		// One whose time has come is held back by something else, which wakes the writer when it ends.
		if out.next.After(now) && out.next.Before(due) && out.cursor.Pending() {
			due = out.next
		}
	}
	return due
}

// encode fills the buffer, and tells whether there is more.
func (w *writer) encode() bool {
	w.beat()
	w.controls()
	if !w.giveBack() {
		return true
	}
	w.paced = false
	all := w.updates()
	said := w.endLesson() || w.announcement(all && !w.paced)
	w.acks()
	return said || !all
}

// beat appends a heartbeat when one is due, also while updates go out: HAProxy 2.6 takes nothing else for a sign of life.
func (w *writer) beat() {
	now := time.Now()
	if now.Before(w.nextBeat) {
		return
	}
	w.nextBeat = now.Add(heartbeatEvery)
	if w.beats == 0 {
		w.nextBeat = now.Add(earlyHeartbeat)
	}
	w.beats++
	w.buf = peers.AppendControl(w.buf, peers.Heartbeat)
	w.s.stats.HeartbeatsOut.Add(1)
}

// controls appends what was said to be said, acknowledgements before a request: HAProxy ignores acks while it teaches.
func (w *writer) controls() {
	s := w.s
	s.mu.Lock()
	controls := s.controls
	s.controls = nil
	if s.writing != nil {
		w.buf = peers.AppendWriting(w.buf, *s.writing)
		s.writing = nil
	}
	s.mu.Unlock()
	for _, t := range controls {
		if t == peers.ResyncRequest {
			w.acksNow()
		}
		w.buf = peers.AppendControl(w.buf, t)
	}
}

// acks appends the acknowledgements that have waited, or that can go with something else.
func (w *writer) acks() {
	w.s.mu.Lock()
	due := len(w.buf) > 0 || time.Since(w.s.ackSince) >= ackDelay
	w.s.mu.Unlock()
	if due {
		w.acksNow()
	}
}

func (w *writer) acksNow() {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	for id, last := range w.s.acks {
		w.buf = peers.AppendAck(w.buf, id, last)
	}
	clear(w.s.acks)
}

// full tells whether the buffer should be written first.
func (w *writer) full() bool { return len(w.buf) >= writeSize }

// giveBack appends what the peer gets back in a lesson, and tells whether that is through.
func (w *writer) giveBack() bool {
	s := w.s
	s.mu.Lock()
	l := s.lesson
	s.mu.Unlock()
	if l == nil {
		return true
	}
	for len(l.own) > 0 && time.Now().Before(l.until) {
		own := l.own[0]
		all := own.Table.CollectOwn(own.Peer, own.def.Definition, &own.at, s.clock(), func(id, life uint32, key []byte, values []uint64) bool {
			return w.append(&own.def, own.layout, id, life, key, values)
		})
		if !all {
			return false
		}
		l.own = l.own[1:]
	}
	return true
}

// append appends one update, with its table's definition where another table is current.
func (w *writer) append(def *peers.TableDefinition, layout *peers.Layout, id, life uint32, key []byte, values []uint64) bool {
	if w.full() {
		return false
	}
	if w.current != def.ID {
		w.buf = peers.AppendTableDefinition(w.buf, def)
		w.current = def.ID
	}
	w.buf = layout.AppendUpdate(w.buf, id, life, key, values)
	w.s.stats.UpdatesOut.Add(1)
	return true
}

// updates appends the sums that the peer has not had, and tells whether those were all that may be sent now.
func (w *writer) updates() bool {
	outputs := w.s.sendable()
	for i := range outputs {
		out := outputs[(w.turn+i)%len(outputs)]
		if !w.output(out) {
			w.turn = (w.turn + i + 1) % len(outputs)
			return false
		}
	}
	return true
}

// sendable lists the outputs whose tables may be sent.
func (s *Session) sendable() []*output {
	s.mu.Lock()
	all := s.outputs
	s.mu.Unlock()
	for i, out := range all {
		if !out.ready() {
			ready := append([]*output(nil), all[:i]...)
			for _, out := range all[i+1:] {
				if out.ready() {
					ready = append(ready, out)
				}
			}
			return ready
		}
	}
	return all
}

// output appends one table's sums.
func (w *writer) output(out *output) bool {
	if time.Now().Before(out.next) && out.cursor.Pending() && !out.cursor.Walking() && !w.hurries() {
		w.paced = true
		return true
	}
	for out.cursor.Pending() {
		if out.encoder == nil && !w.refresh(out) {
			return true
		}
		since := out.behind.Swap(0)
		all, err := w.sums(out)
		if !all {
			out.behind.CompareAndSwap(0, since)
		}
		if err != nil { // redefined meanwhile
			out.encoder = nil
			continue
		}
		if !all {
			return false
		}
		if out.pace > 0 {
			out.next = time.Now().Add(out.pace)
		}
	}
	w.paced = w.paced || out.cursor.Walking() // it waits for the table to be listed
	return true
}

// sums appends what the receiver of a table has not had, as much as there is room for.
func (w *writer) sums(out *output) (all bool, err error) {
	before, current := len(w.buf), w.current
	if w.current != out.def.ID {
		w.buf = peers.AppendTableDefinition(w.buf, &out.def)
		w.current = out.def.ID
	}
	st := store.Stretch{Bytes: w.buf}
	all, err = out.cursor.Encode(&st, writeSize, w.s.clock(), out.encoder)
	if w.buf = st.Bytes; st.Updates == 0 {
		w.buf, w.current = w.buf[:before], current
		return all, err
	}
	w.s.stats.UpdatesOut.Add(uint64(st.Updates))
	out.pushed.Store(st.LastID)
	if out.first.Load() == 0 {
		out.first.Store(time.Now().UnixNano())
	}
	return all, err
}

// hurries tells whether no pace is kept: a lesson is under way, or the session is about to end.
func (w *writer) hurries() bool {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	return w.s.lesson != nil || w.s.draining
}

// refresh takes over the table's definition; it tells whether the table has one.
func (w *writer) refresh(out *output) bool {
	encoder, def := out.cursor.Table().Encoder(appender)
	if encoder == nil {
		return false
	}
	out.def.Definition, out.encoder = def, encoder
	if w.current == out.def.ID {
		w.current = 0
	}
	return true
}

// appender gives what appends updates of a table of that definition: the same bytes for every receiver, as their table ids and names stand in the definition only.
func appender(def sticktable.Definition) func(buf []byte, id, life uint32, key []byte, values []uint64) []byte {
	return peers.NewLayout(&peers.TableDefinition{Definition: def}).AppendUpdate
}

// endLesson says that the lesson is over when every table was walked, or when it takes too long, and tells whether it did.
func (w *writer) endLesson() bool {
	s := w.s
	s.mu.Lock()
	l := s.lesson
	s.mu.Unlock()
	if l == nil {
		return false
	}
	if len(l.own) > 0 && time.Now().Before(l.until) {
		return false // it came while this round was under way
	}
	finished := l.finished()
	for _, out := range s.sendable() {
		if out.cursor.Walking() && out.encoder != nil && time.Now().Before(l.until) {
			return false
		}
		finished = finished && (!out.cursor.Walking() || out.encoder == nil)
	}
	w.end(finished)
	s.mu.Lock()
	if s.lesson == l {
		s.lesson = nil
	}
	s.mu.Unlock()
	l.done(len(l.own) == 0, finished)
	return true
}

func (w *writer) end(finished bool) {
	t := peers.ResyncPartial
	if finished {
		t = peers.ResyncFinished
	}
	w.buf = peers.AppendControl(w.buf, t)
}

// announcement says unasked what we are, when everything is sent, and tells whether it did.
func (w *writer) announcement(all bool) bool {
	s := w.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.announce == announceNothing || s.announce == announceFinished && !all {
		return false
	}
	w.end(s.announce == announceFinished)
	s.announce = announceNothing
	return true
}
