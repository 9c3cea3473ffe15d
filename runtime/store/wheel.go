package store

import "sync/atomic"

// wheel is a timer for rows: five levels of 64 buckets, each a list linked through the rows. It is lazy: a row that is due later than its bucket says is armed anew
// when the bucket comes up, so that an update, which only prolongs, costs nothing here.
type wheel struct {
	tick  uint32                             // the last tick that was done
	armed atomic.Int32                       // rows; read without the lock by Tick
	heads [wheelLevels * wheelBuckets]uint32 // ref + 1 of the first row, 0 when empty
}

const (
	tickShift    = 2 // a tick is 4 ms
	wheelLevels  = 5
	levelBits    = 6
	wheelBuckets = 1 << levelBits
	tickBits     = 32 - tickShift
	tickMask     = 1<<tickBits - 1

	// bucketMark in a row's prev says that the row is its bucket's first; the bucket's number stands in the lower bits.
	// No row has such a reference: class 7 would need 2²⁹−320 rows.
	bucketMark = 1<<32 - 1024
)

// arm puts the row into the bucket for the time at, or for the first tick after now if that has passed.
func (w *wheel) arm(s *shard, r ref, row []uint32, at, now uint32) {
	if w.armed.Load() == 0 {
		w.tick = now >> tickShift
	}
	row[due] = at
	t := notBefore((at+1<<tickShift-1)>>tickShift, now>>tickShift+1)
	w.link(s, r, row, notBefore(t, w.tick+1), w.tick)
	row[meta] |= armed
	w.armed.Add(1)
}

// notBefore is the later of two ticks.
func notBefore(t, soonest uint32) uint32 {
	if int32((t-soonest)<<tickShift) < 0 {
		t = soonest
	}
	return t & tickMask
}

// link puts the row into the bucket of tick t, at the level that its distance from base asks for.
func (w *wheel) link(s *shard, r ref, row []uint32, t, base uint32) {
	distance := (t - base) & tickMask
	level := 0
	for distance>>(levelBits*(level+1)) != 0 {
		level++
	}
	bucket := uint32(level*wheelBuckets) + t>>(levelBits*level)&(wheelBuckets-1)
	first := w.heads[bucket]
	row[next], row[prev] = first, bucketMark|bucket
	if first != 0 {
		s.row(ref(first - 1))[prev] = uint32(r)
	}
	w.heads[bucket] = uint32(r) + 1
}

// disarm takes the row out of its bucket.
func (w *wheel) disarm(s *shard, r ref, row []uint32) {
	if row[meta]&armed == 0 {
		return
	}
	w.setNext(s, row[prev], row[next])
	if row[next] != 0 {
		s.row(ref(row[next] - 1))[prev] = row[prev]
	}
	row[meta] &^= armed
	w.armed.Add(-1)
}

// replace follows an armed row that moved from r to to.
func (w *wheel) replace(s *shard, r, to ref) {
	row := s.row(to)
	w.setNext(s, row[prev], uint32(to)+1)
	if row[next] != 0 {
		s.row(ref(row[next] - 1))[prev] = uint32(to)
	}
}

// setNext changes what follows the row or bucket that a prev word names.
func (w *wheel) setNext(s *shard, before, follows uint32) {
	if before >= bucketMark {
		w.heads[before&^bucketMark] = follows
		return
	}
	s.row(ref(before))[next] = follows
}

// advance fires what is due up to now, at most budget rows, and tells whether it got through. What is left is done by the next call.
func (w *wheel) advance(s *shard, now uint32, budget int) bool {
	target := now >> tickShift
	if w.armed.Load() == 0 {
		w.tick = target
	}
	for w.tick != target {
		tick := (w.tick + 1) & tickMask
		if !w.cascade(s, tick, &budget) {
			return false
		}
		w.tick = tick // before rows are armed again: 63 ticks on from the one before are a bucket of level 1 that has come up already
		if !w.fire(s, tick, now, &budget) {
			w.tick = (tick - 1) & tickMask
			return false
		}
	}
	return true
}

// cascade moves the rows of higher levels whose span begins at tick into the buckets below.
func (w *wheel) cascade(s *shard, tick uint32, budget *int) bool {
	for level := wheelLevels - 1; level > 0; level-- {
		if tick&(1<<(levelBits*level)-1) != 0 {
			continue
		}
		bucket := uint32(level*wheelBuckets) + tick>>(levelBits*level)&(wheelBuckets-1)
		for w.heads[bucket] != 0 {
			if *budget--; *budget < 0 {
				return false
			}
			r := ref(w.heads[bucket] - 1)
			row := s.row(r)
			w.disarm(s, r, row)
			row[meta] |= armed
			w.armed.Add(1)
			w.link(s, r, row, notBefore((row[due]+1<<tickShift-1)>>tickShift, tick), tick)
		}
	}
	return true
}

func (w *wheel) fire(s *shard, tick, now uint32, budget *int) bool {
	bucket := tick & (wheelBuckets - 1)
	for w.heads[bucket] != 0 && w.tick == tick { // arm sets an empty wheel to now: nothing is late then
		if *budget--; *budget < 0 {
			return false
		}
		r := ref(w.heads[bucket] - 1)
		w.disarm(s, r, s.row(r))
		s.expire(r, now)
	}
	return true
}
