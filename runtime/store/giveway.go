package store

import "time"

// What comes in bulk gives way to what happens just now: a peer that is taught anew, or whose contributions are dropped, changes all of a table at once, and a change behind a million others would reach the
// nodes half a second late. Who makes such changes waits, for a moment, while those before are not sent; but not for receivers that take nothing.
const (
	newsInBulk   = 4 << 10 // changes of a table that no receiver has taken: half a millisecond of work for one that is fast
	newsInShard  = newsInBulk / numShards
	bulk         = 1024 // updates of one peer
	giveWayEvery = time.Millisecond
	giveWayMost  = 4 // times
)

// countBehind keeps Table.behind, the changes that no receiver has taken.
func (s *shard) countBehind() {
	behind := int64(s.log.head - s.log.mark)
	if d := behind - s.behind; d != 0 {
		s.behind = behind
		s.t.behind.Add(d)
	}
}

// GiveWay waits while there are many changes that no receiver has taken, or the wheels are late, 4 ms at most: not if no receiver has taken anything since it was called last, and not for every call, but after
// some thousand updates.
func (src *Source) GiveWay() {
	t := src.t
	taken := t.taken.Load()
	idle := taken == src.taken
	src.taken = taken
	if idle || src.since < bulk {
		return
	}
	src.since = 0
	t.giveWay(func() bool { return t.behind.Load() > newsInBulk || t.late.Load() >= manyLate })
}

// giveWay is the same for changes of one shard.
func (s *shard) giveWay() {
	s.t.giveWay(func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.log.head-s.log.mark > newsInShard
	})
}

func (t *Table) giveWay(must func() bool) {
	if len(*t.cursors.Load()) == 0 {
		return
	}
	for range giveWayMost {
		if !must() {
			return
		}
		taken := t.taken.Load()
		time.Sleep(giveWayEvery)
		if t.taken.Load() == taken {
			return
		}
	}
}
