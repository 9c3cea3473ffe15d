package store

import "math/bits"

// evictPart is the part of a shard's keys that go when there is no memory for another one: looking for those that are nearest to their end takes three looks at each row.
const evictPart = 16

// short tells whether there is no memory for one more row of a class.
func (s *shard) short(class int) bool {
	if s.t.arena.budget.limit.Load() == 0 {
		return false
	}
	need := 0
	if sl := &s.slabs[class]; sl.openChunk() < 0 {
		need = 4 * max(chunkWords, sl.stride)
	}
	need += s.index.growth(s.number) + s.ringGrowth() + s.wheel.growth()
	return need > 0 && s.t.arena.budget.short(need)
}

// makeWay evicts keys until there is memory for one more row of a class, and tells whether there is. The row keep is none of them.
func (s *shard) makeWay(class int, keep ref, now uint32) bool {
	for range evictPart {
		if !s.short(class) {
			return true
		}
		if o := s.t.order.Load(); o != nil {
			s.t.revoke(o)
			continue
		}
		if s.evict(keep, now) == 0 {
			return false
		}
	}
	return !s.short(class)
}

// evict ends the keys that are nearest to their end, a sixteenth of all, and tells how many. Receivers are not told: they keep what they have until its end.
func (s *shard) evict(keep ref, now uint32) (n int) {
	want := s.rows/evictPart + 1
	longest := uint32(0)
	s.eachRow(0, func(_ ref, row []uint32) bool {
		if ends := s.ends(row, now); ends != Forever {
			longest = max(longest, ends)
		}
		return true
	})
	shift := max(0, bits.Len32(longest)-10)
	var lives [1<<10 + 1]int // the last is for those without an end
	part := func(row []uint32) int { return int(min(s.ends(row, now)>>shift, 1<<10)) }
	s.eachRow(0, func(_ ref, row []uint32) bool {
		lives[part(row)]++
		return true
	})
	last := 0
	for sum := lives[0]; sum < want && last < len(lives)-1; sum += lives[last] {
		last++
	}
	s.eachRow(0, func(r ref, row []uint32) bool {
		if r != keep && part(row) <= last {
			s.evictRow(r, now)
			n++
		}
		return n < want
	})
	return n
}

// ends is the time until the last of the row's contributions dies, those included that do not count.
func (s *shard) ends(row []uint32, now uint32) (longest uint32) {
	c := s.contributions(row)
	for i := range c.n() {
		longest = max(longest, c.life(i, now))
	}
	return longest
}

func (s *shard) evictRow(r ref, now uint32) {
	s.evicted.add(s.hashOf(r), s.rows, s.lay.expire, now)
	s.t.evicted.Add(1)
	s.remove(r)
}

// evictedKeys remembers which keys were evicted lately, for one to two times as long as contributions live, in two generations of two bits a key. It may take a key for
// one of them that is not, the more so the more there are: such a key is held back for nothing, but none that must be is sent.
type evictedKeys struct {
	now, before []uint64 // bits
	since       uint32   // when now began
}

const evictedBits = 16 // for each key that the shard had when it began

func (e *evictedKeys) turn(expire, now uint32) {
	for range 2 {
		if (e.now != nil || e.before != nil) && over(now-e.since, expire) {
			e.now, e.before, e.since = nil, e.now, e.since+expire
		}
	}
}

// over tells whether a time has passed after another. Its age is negative for who read the clock before he waited for the lock.
func over(age, wait uint32) bool { return int32(age) >= int32(wait) }

func (e *evictedKeys) add(hash uint64, rows int, expire, now uint32) {
	e.turn(expire, now)
	if e.now == nil {
		if e.before == nil {
			e.since = now
		}
		e.now = make([]uint64, 1<<bits.Len(uint(rows*evictedBits/64)))
	}
	for _, at := range e.places(e.now, hash) {
		e.now[at/64] |= 1 << (at % 64)
	}
}

func (e *evictedKeys) places(set []uint64, hash uint64) [2]uint64 {
	mask := uint64(len(set))*64 - 1
	return [2]uint64{hash & mask, hash >> 29 & mask}
}

// has tells whether the key was evicted, or may have been.
func (e *evictedKeys) has(hash uint64, expire, now uint32) bool {
	if e.now == nil && e.before == nil {
		return false
	}
	e.turn(expire, now)
	for _, set := range [][]uint64{e.now, e.before} {
		if set == nil {
			continue
		}
		at := e.places(set, hash)
		if set[at[0]/64]&(1<<(at[0]%64)) != 0 && set[at[1]/64]&(1<<(at[1]%64)) != 0 {
			return true
		}
	}
	return false
}

// markPartial notes of a new row that its key was evicted: until all that may contribute to it have told of it, what is known of it is a part of the sum. The
// time is kept where it stands otherwise until when receivers have the row: none has it.
func (s *shard) markPartial(row []uint32, hash uint64, now uint32) {
	if s.evicted.has(hash, s.lay.expire, now) {
		row[meta] |= partial
		row[sentUntil] = now
		s.counted.partial++
	}
}

// review ends a row's being partial if all connected contributors of the table have told of it since it is back: by an update, or by a whole lesson without it. So does the
// time in which what they told before must have died.
func (s *shard) review(r ref, row []uint32, now uint32) {
	if !over(now-row[sentUntil], s.lay.expire) {
		for number := range s.peers {
			p := &s.peers[number]
			if p.connected && p.contributes && !p.toldSince(row[sentUntil]) && s.contributions(row).find(uint16(number)) < 0 {
				return
			}
		}
	}
	s.endPartial(row)
	s.changed = s.touch(r, row) || s.changed
}

func (s *shard) endPartial(row []uint32) {
	row[meta] &^= partial
	row[sentUntil] = 0
	s.counted.partial--
}

// reviewAll reviews all rows that are partial.
func (s *shard) reviewAll(now uint32) {
	if s.counted.partial == 0 {
		return
	}
	s.eachRow(0, func(r ref, row []uint32) bool {
		if row[meta]&partial != 0 {
			s.review(r, row, now)
		}
		return true
	})
}

// Asked notes that the peer was asked to teach everything.
func (t *Table) Asked(name string, now uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.peers[t.peer(name)].asked = now
}

// taught notes that the peer has taught everything that it had when it was asked.
func (t *Table) taught(number uint16, asked, now uint32) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		p := s.peer(number)
		p.taught, p.asked = true, asked
		s.reviewAll(now)
		s.unlock()
	}
}

// toldSince tells whether the peer has taught everything in a lesson that was asked for after that time.
func (p *peerState) toldSince(born uint32) bool { return p.taught && int32(p.asked-born) > 0 }

// eraShift makes eras of 3 days.
const eraShift = 28

// forgetLessons forgets, once in an era, what was asked for more than 12 days ago: before it seems to lie ahead. A key that returns now has nothing from it.
func (t *Table) forgetLessons(now uint32) {
	if era := now >> eraShift; t.era.Swap(era) == era {
		return
	}
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for j := range s.peers {
			p := &s.peers[j]
			p.taught = p.taught && int32(now-p.asked) < 1<<30
		}
		s.mu.Unlock()
	}
}
