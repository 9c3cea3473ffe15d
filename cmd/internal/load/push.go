package load

import (
	"time"

	"stktc/runtime/peers"
)

// stage is what the nodes are doing.
type stage int32

const (
	starting stage = iota
	filling        // each key once
	encoding       // a load that is recorded
	loading
	relearning
	forgetting
	fading
	settling // nobody counts
)

// push appends the updates that are due, and tells how long none will be.
func (s *session) push(now time.Time) (time.Duration, error) {
	l, out := s.n.l, &s.n.out
	at := l.stage()
	if at == starting || at == settling {
		return beatEvery, nil
	}
	if out.stage != at {
		out.stage, out.inStage, out.isDone = at, 0, false
		if at == encoding {
			out.recording = recording{}
		}
	}
	switch {
	case s.n.isIdle:
		return s.idle(at, now), nil
	case at == encoding:
		return s.recordPiece(), nil
	case at == loading && l.Recorded:
		return s.replay(), nil
	case at > loading:
		return s.event(at, now)
	case at == loading && s.n.dropsNow(now):
		return 0, s.n.drop()
	}
	left := l.left(at, out.inStage, now)
	if left == 0 {
		s.n.done()
		return beatEvery, nil
	}
	due := min(left, l.allowed(at, out.inStage, now))
	sent := s.encode(at, due, l.clock().tick, writeSize)
	out.inStage += sent
	out.sent.Add(sent)
	if at == loading && len(l.Idle) == 0 {
		s.time()
	}
	if due == 0 {
		return l.Tick, nil
	}
	return 0, nil
}

// done says once that the node has nothing more to push in the stage.
func (n *node) done() {
	if !n.out.isDone {
		n.out.isDone = true
		if n.l.unfinished.Add(-1) == 0 {
			n.l.finished <- struct{}{}
		}
	}
}

// left is how many updates the node has still to send in the stage.
func (l *load) left(at stage, sent uint64, now time.Time) uint64 {
	switch {
	case at == filling:
		return uint64(l.Keys) - sent
	case l.Updates > 0:
		return l.quota - min(sent, l.quota)
	case now.Before(l.ends):
		return 1 << 62
	}
	return 0
}

// allowed is how many updates the rate lets through now.
func (l *load) allowed(at stage, sent uint64, now time.Time) uint64 {
	rate := l.Rate
	if at == filling {
		rate = l.FillRate
	}
	if rate == 0 {
		return 1 << 62
	}
	due := uint64(now.Sub(l.began).Seconds() * float64(rate) / float64(l.loaders()))
	return due - min(due, sent)
}

// dropsNow tells whether the node is to drop its session: evenly spread over the load.
func (n *node) dropsNow(now time.Time) bool {
	l := n.l
	if !n.isFlaky || n.out.dropped == l.Reconnects+l.Restarts {
		return false
	}
	done := float64(n.out.inStage) / float64(l.quota)
	if l.Updates == 0 {
		done = float64(now.Sub(l.began)) / float64(l.Duration)
	}
	return done*float64(l.Reconnects+l.Restarts+1) >= float64(n.out.dropped+1)
}

// drop ends the session as planned; the first times with all that the node has.
func (n *node) drop() error {
	if n.out.dropped++; n.out.dropped <= n.l.Restarts {
		n.forget()
	}
	return errPlanned
}

// encode counts up to due events at a moment and appends their updates, until the buffer holds size bytes. It tells how many.
func (s *session) encode(at stage, due uint64, now uint32, size int) (sent uint64) {
	l, out := s.n.l, &s.n.out
	for sent < due && len(s.buf) < size {
		batch := out.take(at, due-sent)
		for _, index := range batch {
			out.touched += out.rows[int(index)*l.shape.words]
		}
		for _, index := range batch {
			s.update(index, now)
		}
		sent += uint64(len(batch))
	}
	return sent
}

// take gives the indices of the next events, at most due.
func (o *output) take(at stage, due uint64) []uint32 {
	batch := o.batch[:min(due, batchSize)]
	if at == filling {
		o.fill.pick(batch)
	} else {
		o.next.pick(batch)
	}
	return batch
}

// update lets one event happen and appends it.
func (s *session) update(index, now uint32) {
	l, out := s.n.l, &s.n.out
	row := l.shape.row(out.rows, index)
	if row[0] == 0 {
		l.shape.bear(row, index)
	}
	row[0] = out.nextID()
	l.shape.count(row, (index^row[0])*0x9e3779b1+uint32(s.n.number), now)
	if s.current != sourceID {
		s.buf = peers.AppendTableDefinition(s.buf, &l.source)
		s.current = sourceID
	}
	l.shape.values(out.values, row, now)
	l.keys.put(out.key, index)
	s.buf = l.shape.layout.AppendUpdateUntimed(s.buf, row[0], out.key, out.values)
}
