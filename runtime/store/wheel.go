package store

import "sync/atomic"

// wheel is a timer for rows: five levels of 64 buckets, each a list of blocks of references. A row is listed where it was armed for, and stays there whatever becomes of it: what
// the row says of itself when the list comes up decides. One that is due later by now is listed anew then, so that an update, which only prolongs, costs nothing
// here; one that became due earlier is listed twice, and passed over where it was, or swept away before (sweep.go).
//
// Above a reference stands to which bucket of the level below it goes, so that the row is not read only to find that out: most rows wait for rates' periods of some seconds, and have one level to go.
type wheel struct {
	tick   uint32                             // the last tick that was done
	listed int                                // entries
	some   atomic.Bool                        // there are; read without the lock by Tick. A count would be: to add to that is to wait for all that was written before
	heads  [wheelLevels * wheelBuckets]uint32 // the first block of each bucket plus one, 0 when empty
	room   [wheelLevels * wheelBuckets]uint8  // for how many more entries that has room; the others are full
	chunks [][]uint32                         // that the blocks lie in
	blocks uint32                             // ever made
	free   uint32                             // the first free block plus one, linked
	taken  uint32                             // block plus one that rows were taken from last
	warmed uint32                             // block plus one whose rows were read ahead
	fires  bool                               // rows are looked at
	sweeper
}

const (
	tickShift    = 2 // a tick is 4 ms
	wheelLevels  = 5
	levelBits    = 6
	wheelBuckets = 1 << levelBits
	tickBits     = 32 - tickShift
	tickMask     = 1<<tickBits - 1

	// A block is one cache line: the next block plus one, and entries. How many there are does not stand in it: it would have to be read to be written.
	blockWords   = 16
	blockNext    = 0
	blockHead    = 1
	blockEntries = blockWords - blockHead
	chunkBlocks  = chunkWords / blockWords
)

// reset forgets all rows.
func (w *wheel) reset(a *arena) {
	for _, c := range w.chunks {
		a.put(c)
	}
	w.heads, w.room = [wheelLevels * wheelBuckets]uint32{}, [wheelLevels * wheelBuckets]uint8{}
	w.chunks, w.blocks, w.free, w.taken, w.warmed = nil, 0, 0, 0, 0
	w.listed = 0
	w.some.Store(false)
	w.sweeper = sweeper{}
}

func (w *wheel) block(n uint32) []uint32 {
	at := n % chunkBlocks * blockWords
	return w.chunks[n/chunkBlocks][at : at+blockWords : at+blockWords]
}

func (w *wheel) newBlock(a *arena) uint32 {
	if w.free != 0 {
		n := w.free - 1
		w.free = w.block(n)[blockNext]
		return n
	}
	if int(w.blocks/chunkBlocks) == len(w.chunks) {
		w.chunks = append(w.chunks, a.chunk())
	}
	w.blocks++
	return w.blocks - 1
}

// growth is how many bytes listing one more row may take.
func (w *wheel) growth() int {
	if w.free == 0 && int(w.blocks/chunkBlocks) == len(w.chunks) {
		return 4 * chunkWords
	}
	return 0
}

// arm sees to it that the wheel looks at the row at the time at, or at the first tick after now if that has passed.
func (w *wheel) arm(s *shard, r ref, row []uint32, at, now uint32) {
	if int32(at-now) <= 0 {
		at = now + 1
	}
	if row[meta]&armed != 0 && int32(row[due]-at) <= s.lay.slack {
		return // it looks early enough
	}
	if w.listed == 0 {
		w.tick = now >> tickShift
	}
	row[due] = at
	row[meta] |= armed
	w.push(s, r, at)
}

// push lists the row for the time at, and sweeps if there are too many entries; not while rows are looked at, which takes an entry for each that it makes.
func (w *wheel) push(s *shard, r ref, at uint32) {
	w.listAt(s, r, at)
	if w.listed > s.rows+s.rows/sweptPart+minListed && !w.fires {
		w.sweep(s)
	}
}

// listAt lists the row for the time at, at the soonest for the tick after the last one done.
func (w *wheel) listAt(s *shard, r ref, at uint32) {
	w.list(s, r, notBefore(tickOf(at), w.tick+1), w.tick)
}

// tickOf is the first tick that is not before a time.
func tickOf(at uint32) uint32 { return (at + 1<<tickShift - 1) >> tickShift & tickMask }

// notBefore is the later of two ticks.
func notBefore(t, soonest uint32) uint32 {
	if int32((t-soonest)<<tickShift) < 0 {
		t = soonest
	}
	return t & tickMask
}

// list puts the row into the bucket of tick t, at the level that its distance from base asks for.
func (w *wheel) list(s *shard, r ref, t, base uint32) {
	distance := (t - base) & tickMask
	level := 0
	for distance>>(levelBits*(level+1)) != 0 {
		level++
	}
	below := uint32(0)
	if level > 0 {
		below = t >> (levelBits * (level - 1)) & (wheelBuckets - 1)
	}
	w.put(s, uint32(level*wheelBuckets)+t>>(levelBits*level)&(wheelBuckets-1), uint32(r)|below<<refBits)
}

// put adds an entry to a bucket.
func (w *wheel) put(s *shard, bucket, entry uint32) {
	if w.room[bucket] == 0 {
		n := w.newBlock(s.t.arena)
		w.block(n)[blockNext] = w.heads[bucket]
		w.heads[bucket], w.room[bucket] = n+1, blockEntries
	}
	w.block(w.heads[bucket] - 1)[blockWords-uint32(w.room[bucket])] = entry
	w.room[bucket]--
	if w.listed++; w.listed == 1 {
		w.some.Store(true)
	}
}

// takeEntry takes an entry out of a bucket that is not empty.
func (w *wheel) takeEntry(bucket uint32) (entry uint32) {
	n := w.heads[bucket] - 1
	b := w.block(n)
	w.room[bucket]++
	entry = b[blockWords-uint32(w.room[bucket])]
	if w.room[bucket] == blockEntries {
		if w.at == n+1 {
			w.at = b[blockNext]
		}
		w.heads[bucket], w.room[bucket] = b[blockNext], 0
		b[blockNext] = w.free
		w.free = n + 1
	}
	if w.listed--; w.listed == 0 {
		w.some.Store(false)
	}
	return entry
}

// take does as well, and gives the row's reference, and the row, or nil if that is no more.
func (w *wheel) take(s *shard, bucket uint32) (ref, []uint32) {
	if n := w.heads[bucket]; n != w.taken {
		w.taken = n
		w.warmFrom(s, n, w.room[bucket])
	}
	r := ref(w.takeEntry(bucket) & (1<<refBits - 1))
	return r, s.listedRow(r)
}

// warmFrom brings the rows of a block near, if they are not, and those of the next.
func (w *wheel) warmFrom(s *shard, n uint32, room uint8) {
	b := w.block(n - 1)
	if n != w.warmed {
		w.warm(s, b[blockHead:blockWords-room])
	}
	if w.warmed = b[blockNext]; w.warmed != 0 {
		w.warm(s, w.block(w.warmed - 1)[blockHead:])
	}
}

func (w *wheel) warm(s *shard, entries []uint32) {
	for _, entry := range entries {
		s.prefetchListed(ref(entry & (1<<refBits - 1)))
	}
}

// lookCost is what it costs to read a row, in entries that are moved without that.
const lookCost = 8

// late is how many ms the wheel is behind.
func (w *wheel) late(now uint32) int {
	if w.listed == 0 {
		return 0
	}
	return int(max(0, int32((now>>tickShift-w.tick)<<tickShift)))
}

// advance fires what is due up to now, as much as the budget is enough for, and tells whether it got through. What is left is done by the next call.
func (w *wheel) advance(s *shard, now uint32, budget int) bool {
	target := now >> tickShift
	if w.listed == 0 {
		w.tick = target
		if len(w.chunks) > 0 {
			w.reset(s.t.arena)
		}
	}
	moves := tickBudget                         // of entries, which make nothing for receivers
	for int32((target-w.tick)<<tickShift) > 0 { // an empty wheel may have been set by an update whose clock was read after now
		tick := (w.tick + 1) & tickMask
		if !w.cascade(s, tick, &moves) {
			return false
		}
		w.tick = tick // before rows are listed again: 63 ticks on from the one before are a bucket of level 1 that has come up already
		w.fires = true
		all := w.fire(s, tick, now, &budget)
		if w.fires = false; !all {
			w.tick = (tick - 1) & tickMask
			return false
		}
	}
	return true
}

// cascade moves the rows of higher levels whose span begins at tick into the buckets below.
func (w *wheel) cascade(s *shard, tick uint32, budget *int) bool {
	for level := wheelLevels - 1; level > 1; level-- {
		span := uint32(1) << (levelBits * level)
		if tick&(span-1) != 0 {
			continue
		}
		bucket := uint32(level*wheelBuckets) + tick>>(levelBits*level)&(wheelBuckets-1)
		for w.heads[bucket] != 0 {
			if *budget <= 0 {
				return false
			}
			*budget -= lookCost
			r, row := w.take(s, bucket)
			if row == nil || row[meta]&armed == 0 {
				continue
			}
			at := notBefore(tickOf(row[due]), tick)
			if (at-tick)&tickMask < span { // else it is listed where that time comes up
				w.list(s, r, at, tick)
			}
		}
	}
	return tick&(wheelBuckets-1) != 0 || w.descend(s, wheelBuckets+tick>>levelBits&(wheelBuckets-1), budget)
}

// descend moves what is in a bucket of the second level to the first: as each entry tells, whatever became of its row.
func (w *wheel) descend(s *shard, bucket uint32, budget *int) bool {
	for w.heads[bucket] != 0 {
		if *budget <= 0 {
			return false
		}
		*budget--
		entry := w.takeEntry(bucket)
		w.put(s, entry>>refBits, entry)
	}
	return true
}

// fire looks at the rows of a tick.
func (w *wheel) fire(s *shard, tick, now uint32, budget *int) bool {
	bucket := tick & (wheelBuckets - 1)
	for w.heads[bucket] != 0 && w.tick == tick { // arm sets an empty wheel to now: nothing is late then
		if *budget <= 0 {
			return false
		}
		*budget -= lookCost
		r, row := w.take(s, bucket)
		if row == nil || row[meta]&armed == 0 || int32(row[due]-tick<<tickShift) > 0 {
			continue
		}
		row[meta] &^= armed
		s.expire(r, now)
	}
	return true
}
