package load

import (
	"slices"
	"time"
)

// Event is something that happens to the nodes behind the load, each as a stage of its own.
type Event string

// The events.
const (
	Relearn Event = "relearn" // every node loses its session, comes back, and teaches all that it has
	Forget  Event = "forget"  // the first node that is not idle restarts with nothing, and is not given back what it had
	Fade    Event = "fade"    // nobody pushes until every entry has expired
)

var eventStages = map[Event]stage{Relearn: relearning, Forget: forgetting, Fade: fading}

// fadeSlack is how long entries may outlive their time.
const fadeSlack = time.Second

// event takes part in an event, with what there is to do for a node that is not idle.
func (s *session) event(at stage, now time.Time) (time.Duration, error) {
	n := s.n
	switch {
	case n.out.isDone:
	case at == fading:
		if wait := time.Until(n.l.began.Add(n.l.Definition.Expire + fadeSlack)); wait > 0 {
			return wait, nil
		}
		n.done()
	case at == forgetting && n != n.l.firstLoader():
		n.done()
	case n.out.inStage == 0:
		n.out.inStage = 1
		if at == forgetting {
			n.forget()
		}
		return 0, errPlanned
	case s.hasTaught:
		n.done()
	}
	return beatEvery, nil
}

// firstLoader is the first node that is not idle.
func (l *load) firstLoader() *node {
	return l.nodes[slices.IndexFunc(l.nodes, func(n *node) bool { return !n.isIdle })]
}

// forget loses what a HAProxy loses when it restarts. The writer calls it.
func (n *node) forget() {
	clear(n.out.rows)
	n.out.acked.Store(n.out.id)
	n.isUp.Store(false)
	n.pid = newPID()
	n.isReborn.Store(true)
	in := &n.in
	in.mu.Lock()
	defer in.mu.Unlock()
	clear(in.rows)
	clear(in.totals)
	in.changed = n.l.clock().ns
}

// expire forgets what no node has any more, that what is sent of it from now on is wrong. No node pushes.
func (l *load) expire() {
	first := int(l.firstProbe) * l.shape.words
	for _, n := range l.nodes {
		clear(n.out.rows[:first])
		n.in.mu.Lock()
		if n.in.rows != nil {
			clear(n.in.rows[:first])
			clear(n.in.totals)
			for index := l.firstProbe; index < l.keys.total; index++ {
				for i, c := range l.shape.cells {
					if c.isCounter() {
						n.in.totals[i] += c.scalar(l.shape.row(n.in.rows, index))
					}
				}
			}
		}
		n.in.mu.Unlock()
	}
}

// idle pushes what an idle node pushes: probes, as long as others are not done and, behind an event, a while longer.
func (s *session) idle(at stage, now time.Time) time.Duration {
	n := s.n
	if n.l.unfinished.Load() > int32(len(n.l.Idle)) {
		n.out.until = now
		if at > loading {
			n.out.until = now.Add(n.l.Linger)
		}
	} else if !now.Before(n.out.until) {
		n.done()
		return beatEvery
	}
	s.time()
	return n.l.Tick
}

// takeBack makes own rows what the target gives back. The writer does not touch the rows before the lesson has ended.
func (n *node) takeBack(t *remoteTable, b *received, now stamp) {
	b.mark(n.out.rows, n.l.shape.words, givenBackID)
	for i := range n.l.shape.cells {
		b.set(n.out.rows, &n.l.shape.cells[i], t.binding[i], now.tick)
	}
}

// givenBackID is the id of rows that were given back: they need no repetition.
const givenBackID = 1
