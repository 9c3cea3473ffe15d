package store

import (
	"slices"
	"time"
)

// What comes in bulk gives way to what happens just now: a peer that is taught anew, or whose contributions are dropped, changes all of a table at once, and a change behind a million others would reach the
// nodes half a second late. Who makes such changes waits, for a moment, while those before are not sent; but not for receivers that take nothing.
const (
	newsInBulk   = 8 << 10            // changes of a table that a receiver has not taken: a millisecond of work for one that is fast
	newsTaken    = newsInBulk * 7 / 8 // so few that who waits may go on
	newsInShard  = newsInBulk / numShards
	bulk         = 1024 // updates of one peer
	giveWayEvery = time.Millisecond
	giveWayMost  = 4 * giveWayEvery
	giveWayLong  = 16 * giveWayEvery // while half of the receivers are so far behind
	standsAfter  = 20                // ms without taking anything, for Tick
	manyLate     = numShards / 8     // shards whose wheels are late
)

// countHead keeps Table.heads, how many changes there were.
func (s *shard) countHead() {
	if d := s.log.head - s.heads; d != 0 {
		s.heads = s.log.head
		s.t.heads.Add(d)
	}
}

// countTaken keeps Cursor.taken, how many of them the receiver has had.
func (c *Cursor) countTaken(s *shard) {
	s.countHead()
	if at := &c.shards[s.number]; at.pos != at.counted {
		c.taken.Add(at.pos - at.counted)
		at.counted = at.pos
	}
}

// comes notes that the receiver takes something.
func (c *Cursor) comes() {
	c.came.Store(c.t.taken.Add(1))
	if c.stands.Load() {
		c.stands.Store(false)
	}
	if c.rests.Load() {
		c.rests.Store(false)
	}
}

// went notes that it did.
func (c *Cursor) went() {
	if c.t.waiting.Load() > 0 && c.t.farthest() <= newsTaken {
		c.t.ease()
	}
}

// farthest is how many changes the receiver that is the farthest behind has not taken. Those who stand still do not count, nor those who did not come while somebody gave way to them, and those who walk are not
// behind.
func (t *Table) farthest() (behind int64) {
	heads := t.heads.Load()
	for _, c := range *t.cursors.Load() {
		if !c.stands.Load() && !c.rests.Load() && !c.Walking() {
			behind = max(behind, int64(heads-c.taken.Load()))
		}
	}
	return behind
}

// halfBehind is how many changes the one in the middle has not taken, of those receivers that do not stand still, if there are any: one that is slow decides for itself, not for the others.
func (t *Table) halfBehind() (behind int64, some bool) {
	var few [64]int64
	all := few[:0]
	heads := t.heads.Load()
	for _, c := range *t.cursors.Load() {
		if !c.stands.Load() && !c.Walking() {
			all = append(all, int64(heads-c.taken.Load()))
		}
	}
	if len(all) == 0 {
		return 0, false
	}
	slices.Sort(all)
	return all[(len(all)-1)/2], true
}

// absent are the receivers that are behind and have not come since.
func (t *Table) absent(since uint64) (absent []*Cursor) {
	heads := t.heads.Load()
	for _, c := range *t.cursors.Load() {
		if int64(c.came.Load()-since) <= 0 && heads != c.taken.Load() {
			absent = append(absent, c)
		}
	}
	return absent
}

// standing notes now and then which receivers do not come: they are not waited for until they do. One that comes seldom, as its link is slow, costs a pause each time.
func (t *Table) standing(now uint32) {
	if now-t.standAt >= standsAfter {
		for _, c := range t.absent(t.standSince) {
			c.stands.Store(true)
		}
		t.standAt, t.standSince = now, t.taken.Load()
	}
}

// ease wakes one who gives way.
func (t *Table) ease() {
	select {
	case t.eased <- struct{}{}:
	default:
	}
}

// GiveWay waits while there are many changes that some receiver has not taken, or the wheels are late, 4 ms at most, 16 ms if half of the receivers have not taken them: not if no receiver has taken anything since it was
// called last, and not for every call, but after some thousand updates. It tells whether some receiver has, and somebody is to be given way to.
func (src *Source) GiveWay() (some bool) {
	t := src.t
	taken := t.taken.Load()
	idle := taken == src.taken
	src.taken = taken
	if idle || src.since < bulk {
		return !idle
	}
	src.since = 0
	t.giveWay(func(waited time.Duration) bool {
		if waited < giveWayMost {
			return t.farthest() > newsInBulk || t.late.Load() >= manyLate
		}
		behind, _ := t.halfBehind()
		return waited < giveWayLong && behind > newsInBulk
	}, src.pause)
	return true
}

// pause waits for a moment, or until the receivers have taken most: a core that slept on would be missed (two cores took a seventh more updates, flat out). Where wheels are late it is not receivers that are
// waited for.
func (src *Source) pause() {
	t := src.t
	if src.timer == nil {
		src.timer = time.NewTimer(giveWayEvery)
	} else {
		src.timer.Reset(giveWayEvery)
	}
	eased := t.eased
	if t.late.Load() >= manyLate {
		eased = nil
	}
	t.waiting.Add(1)
	select {
	case <-t.eased: // of a wait before: receivers go on telling until who they woke has gone on
	default:
	}
	select {
	case <-eased:
	case <-src.timer.C:
	}
	if t.waiting.Add(-1) > 0 && t.farthest() <= newsTaken {
		t.ease() // the next one
	}
}

// giveWay is the same for changes of one shard.
func (s *shard) giveWay() {
	s.t.giveWay(func(waited time.Duration) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return waited < giveWayMost && s.log.head-s.log.mark > newsInShard
	}, func() { time.Sleep(giveWayEvery) })
}

func (t *Table) giveWay(must func(waited time.Duration) bool, pause func()) {
	if len(*t.cursors.Load()) == 0 {
		return
	}
	for began := time.Now(); must(time.Since(began)); {
		taken := t.taken.Load()
		paused := time.Now()
		pause()
		if t.taken.Load() == taken {
			return
		}
		if time.Since(paused) >= giveWayEvery {
			for _, c := range t.absent(taken) {
				c.rests.Store(true)
			}
		}
	}
}
