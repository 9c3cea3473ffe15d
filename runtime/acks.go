package runtime

import (
	"context"
	"sync"
	"time"

	"stktc/runtime/session"
)

// ackEvery is how often it is looked whether peers acknowledge what they are sent. HAProxy does so within milliseconds.
const ackEvery = 500 * time.Millisecond

// acks knows since when a peer has acknowledged nothing, of what it was sent in this session. Ids of updates have no order, but every acknowledgement moves to another, and
// the last one is that of the last update.
type acks struct {
	mu sync.Mutex
	of map[string]ackMark // by table; none for those whose last update is acknowledged
}

type ackMark struct {
	last  uint32
	since time.Time
}

// look compares with what was seen before. A table that was never acknowledged is left out: the peer does not take it, which is shown elsewhere.
func (k *acks) look(tables []session.TableStatus, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	was := k.of
	k.of = map[string]ackMark{}
	for _, t := range tables {
		if t.Pushed == t.Acked || t.Unaccepted {
			continue
		}
		mark, seen := was[t.Name]
		if !seen || mark.last != t.Acked {
			mark = ackMark{t.Acked, now}
		}
		k.of[t.Name] = mark
	}
}

// age is how long the peer has acknowledged nothing of the table that it has been longest with.
func (k *acks) age(now time.Time) (age time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, mark := range k.of {
		age = max(age, now.Sub(mark.since))
	}
	return age
}

// watchAcks looks at all sessions until ctx ends, at what peers acknowledge and at the tables that nothing takes.
func (a *Aggregator) watchAcks(ctx context.Context) {
	ticker := time.NewTicker(ackEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			a.mu.Lock()
			links := a.links
			a.mu.Unlock()
			for _, l := range links {
				l.watchAcks()
			}
		case <-ctx.Done():
			return
		}
	}
}

func (l *link) watchAcks() {
	l.mu.Lock()
	c := l.owner
	l.mu.Unlock()
	if c != nil {
		c.acks.look(c.sess.Tables(), time.Now())
		c.tellStrays(time.Now())
	}
}
