package load

import (
	"context"
	"time"

	"stktc/runtime/peers"
)

// writer is what a session's writing goroutine owns.
type writer struct {
	buf           []byte
	current       uint32 // table that the target takes updates for; 0: none
	nextBeat      time.Time
	timer         *time.Timer
	isAnswered    bool    // the target has taught us; HAProxy pushes nothing before
	lesson        *lesson // that we teach
	hasTaught     bool    // a lesson, in this session, that was confirmed
	awaitsConfirm bool    // of a lesson; HAProxy pushes nothing before
	repeat        *walk   // over what the target has not acknowledged in the session before
	probe         *probe  // in buf
	piece         *piece  // of the recording, to be written behind buf
}

// lesson is the answer to a resync request: all that the node has, what it learned included, as HAProxy does it.
type lesson struct {
	own, sums walk
}

// walk is a place in a node's rows.
type walk struct {
	at    uint32
	after uint32 // of a repetition: ids that are newer
}

func (w *writer) init(n *node) {
	w.buf = make([]byte, 0, 2*writeSize)
	w.timer = time.NewTimer(0)
	w.isAnswered = n.isUp.Load()
	if acked := n.out.acked.Load(); n.out.id != acked {
		w.repeat = &walk{after: acked}
	}
}

// writeLoop sends what there is to send until ctx ends or writing fails.
func (s *session) writeLoop(ctx context.Context) error {
	defer s.timer.Stop()
	if !s.isAnswered {
		s.buf = peers.AppendControl(s.buf, peers.ResyncRequest)
	}
	for ctx.Err() == nil {
		now := time.Now()
		s.beat(now)
		s.takeMail()
		wait, err := s.compose(now)
		if err != nil {
			return err
		}
		if err := s.flush(); err != nil {
			return err
		}
		s.sleep(ctx, min(wait, time.Until(s.nextBeat)))
	}
	return nil
}

// sleep waits until there may be something to send.
func (s *session) sleep(ctx context.Context, wait time.Duration) {
	if wait <= 0 {
		return
	}
	s.timer.Reset(wait)
	select {
	case <-s.n.wake:
	case <-s.timer.C:
	case <-ctx.Done():
	}
}

func (s *session) flush() error {
	s.conn.SetWriteDeadline(time.Now().Add(writeLimit))
	if err := s.writeBuffer(); err != nil || s.piece == nil {
		return err
	}
	return s.writePiece()
}

func (s *session) writeBuffer() error {
	if len(s.buf) == 0 {
		return nil
	}
	if s.probe != nil {
		s.probe.sent.Store(s.n.l.clock().ns)
		s.probe = nil
	}
	n, err := s.conn.Write(s.buf)
	s.n.out.bytes.Add(uint64(n))
	s.n.out.last.Store(s.n.out.id)
	s.buf = s.buf[:0]
	return err
}

// beat appends a heartbeat when one is due.
func (s *session) beat(now time.Time) {
	if now.Before(s.nextBeat) {
		return
	}
	s.nextBeat = now.Add(beatEvery)
	s.buf = peers.AppendControl(s.buf, peers.Heartbeat)
}

// takeMail appends the answers to what the target said.
func (s *session) takeMail() {
	s.mu.Lock()
	m := s.mail
	s.mail = mail{}
	s.mu.Unlock()
	for _, a := range m.acks {
		s.buf = peers.AppendAck(s.buf, a.table, a.id)
	}
	for range m.confirms {
		s.buf = peers.AppendControl(s.buf, peers.ResyncConfirm)
	}
	if m.answered {
		s.isAnswered = true
		s.n.isUp.Store(true)
	}
	if m.confirmed {
		s.awaitsConfirm, s.hasTaught = false, true
	}
	if m.teach {
		s.lesson, s.awaitsConfirm = &lesson{}, false
	}
}

// compose fills the buffer, and tells how long there is nothing more to send.
func (s *session) compose(now time.Time) (time.Duration, error) {
	switch {
	case s.lesson != nil && !s.n.isReplaying() && (s.isAnswered || !s.n.isReborn.Load()):
		s.teach()
	case !s.isAnswered, s.awaitsConfirm:
		return beatEvery, nil
	case s.repeat != nil:
		if s.walkOwn(s.repeat, false) {
			s.repeat = nil
		}
	default:
		return s.push(now)
	}
	return 0, nil
}

// teach goes on with the lesson.
func (s *session) teach() {
	if !s.walkOwn(&s.lesson.own, true) || !s.walkSums(&s.lesson.sums) {
		return
	}
	s.buf = peers.AppendControl(s.buf, peers.ResyncFinished)
	s.lesson, s.awaitsConfirm = nil, true
}

// walkOwn appends rows of what the node counted, and tells whether it is through. A lesson keeps their ids and says how long they live.
func (s *session) walkOwn(w *walk, isLesson bool) bool {
	l, out := s.n.l, &s.n.out
	for ; w.at < l.keys.total; w.at++ {
		if len(s.buf) >= writeSize {
			return false
		}
		row := l.shape.row(out.rows, w.at)
		switch {
		case row[0] == 0 || !isLesson && int32(row[0]-w.after) <= 0:
			continue
		case !isLesson:
			row[0] = out.nextID()
		}
		s.append(&l.source, row[0], w.at, row, isLesson)
	}
	return true
}

// walkSums appends rows of what the node learned.
func (s *session) walkSums(w *walk) bool {
	l, in := s.n.l, &s.n.in
	if in.rows == nil {
		return true
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	for ; w.at < l.keys.total; w.at++ {
		if len(s.buf) >= writeSize {
			return false
		}
		if row := l.shape.row(in.rows, w.at); row[0] != 0 {
			s.append(&l.sum, learned|w.at+1, w.at, row, true)
		}
	}
	return true
}

// learned marks the ids of entries that HAProxy has from a peer.
const learned = 1 << 31

// append appends a row, with its table's definition where another table is current.
func (s *session) append(def *peers.TableDefinition, id, index uint32, row []uint32, isLesson bool) {
	l, out := s.n.l, &s.n.out
	if s.current != def.ID {
		s.buf = peers.AppendTableDefinition(s.buf, def)
		s.current = def.ID
	}
	l.shape.values(out.values, row, l.clock().tick)
	l.keys.put(out.key, index)
	out.taught.Add(1)
	if isLesson {
		s.buf = l.shape.layout.AppendUpdate(s.buf, id, uint32(def.Expire.Milliseconds()), out.key, out.values)
		return
	}
	s.buf = l.shape.layout.AppendUpdateUntimed(s.buf, id, out.key, out.values)
}

func (o *output) nextID() uint32 {
	if o.id++; o.id == 0 {
		o.id++
	}
	return o.id
}
