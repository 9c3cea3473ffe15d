package store

import (
	"math"
	"slices"
)

// Forever as a life in an update means that the entry does not expire.
const Forever uint32 = math.MaxUint32

// Batch collects updates of one source, so that each shard is locked once for many. Its zero value is empty.
type Batch struct {
	keys   []byte
	ends   []int // of each key in keys
	lives  []uint32
	values []uint64
	hashes []uint64
	heads  [numShards]int32 // the first update of each shard, plus one
	chain  []int32          // the next of the same shard, plus one
	spots  []spot
	width  int // values of an update
}

// spot is where an update's contribution is.
type spot struct {
	r ref   // noRef if there is no row of the key
	i int32 // -1 if it is not there
}

// Len is the number of updates in the batch.
func (b *Batch) Len() int { return len(b.ends) }

// Add appends an update: the key as on the wire (a string without its NUL), the life in ms or Forever, and the values in slots (see newLayout). The batch copies them.
func (b *Batch) Add(key []byte, life uint32, values []uint64) {
	copy(b.Room(len(values)), values)
	b.Put(key, life, len(values))
}

// Room is where the values of the next update may be written, n of them, to be put into the batch where they are. Nothing is, if that does not follow.
func (b *Batch) Room(n int) []uint64 {
	b.values = slices.Grow(b.values, n)
	return b.values[len(b.values) : len(b.values)+n]
}

// Put appends an update, see Add, whose n values are written in Room.
func (b *Batch) Put(key []byte, life uint32, n int) {
	b.keys = append(b.keys, key...)
	b.ends = append(b.ends, len(b.keys))
	b.lives = append(b.lives, life)
	b.values = b.values[:len(b.values)+n]
}

func (b *Batch) key(i int) []byte {
	start := 0
	if i > 0 {
		start = b.ends[i-1]
	}
	return b.keys[start:b.ends[i]]
}

// Reset empties the batch; it keeps its memory.
func (b *Batch) Reset() {
	b.keys, b.ends, b.lives, b.values = b.keys[:0], b.ends[:0], b.lives[:0], b.values[:0]
}

// plan sorts the updates into shards, keeping their order within each.
func (b *Batch) plan(t *Table) {
	n := len(b.ends)
	b.width = len(b.values) / n
	b.spots = slices.Grow(b.spots[:0], n)[:n]
	b.hashes, b.chain = b.hashes[:0], b.chain[:0]
	clear(b.heads[:])
	for i := range n {
		b.hashes = append(b.hashes, t.hash(b.key(i)))
		b.chain = append(b.chain, 0)
	}
	for i := n - 1; i >= 0; i-- {
		head := &b.heads[b.hashes[i]>>58]
		b.chain[i] = *head
		*head = int32(i + 1)
	}
}

// shards are those that the batch has updates of, a bit each.
func (b *Batch) shards() (some uint64) {
	for i, head := range b.heads {
		if head != 0 {
			some |= 1 << i
		}
	}
	return some
}

// Apply makes the updates the source's contributions, as of now. Each is the newest absolute value of its key. A dead source's are ignored.
func (src *Source) Apply(b *Batch, now uint32) {
	n := b.Len()
	if n == 0 {
		return
	}
	t := src.t
	t.latest(now)
	b.plan(t)
	left := t.eachShard(b.shards(), 0, func(s *shard) bool {
		defer s.unlock()
		return s.applyAll(src, b, now)
	})
	if left != 0 {
		return // the source is dead
	}
	t.updates.Add(uint64(n))
	src.since += n
}

// applyAll makes the batch's updates of this shard, whose lock the caller holds, and tells whether the source lives.
func (s *shard) applyAll(src *Source, b *Batch, now uint32) bool {
	if src.dead {
		return false
	}
	s.warm(b)
	located, moves := s.class >= sumsFrom, s.moves
	if located {
		s.locate(src.number, b)
	}
	for at := b.heads[s.number]; at != 0; at = b.chain[at-1] {
		u := int(at - 1)
		if located && s.moves == moves {
			s.apply(src, b.spots[u], b, u, now)
			continue
		}
		s.apply(src, s.spot(src.number, b.hashes[u], b.key(u)), b, u, now)
	}
	return true
}

// locate finds the contributions of all the shard's updates, and brings them near, where they lie further from their rows' heads than is worth waiting for.
func (s *shard) locate(number uint16, b *Batch) {
	for at := b.heads[s.number]; at != 0; at = b.chain[at-1] {
		u := int(at - 1)
		to := s.spot(number, b.hashes[u], b.key(u))
		if b.spots[u] = to; to.i >= 0 {
			record := s.contributions(s.row(to.r)).record(int(to.i))
			prefetchToWrite(&record[0], &record[len(record)-1])
		}
	}
}

// spot finds a peer's contribution to a key.
func (s *shard) spot(number uint16, hash uint64, key []byte) spot {
	r := s.find(hash, key)
	if r == noRef {
		return spot{noRef, -1}
	}
	return spot{r, int32(s.contributions(s.row(r)).find(number))}
}

// warm brings what the shard's updates will need near, first all of the index, then all rows: lines that are waited for together cost a third of lines that are waited for one by one.
func (s *shard) warm(b *Batch) {
	if len(s.index.buckets) < 1<<4 && s.class < sumsFrom {
		return // all of it is in the cache
	}
	for at := b.heads[s.number]; at != 0; at = b.chain[at-1] {
		prefetch(&s.index.buckets[s.index.home(b.hashes[at-1])].past)
	}
	for at := b.heads[s.number]; at != 0; at = b.chain[at-1] {
		hash := b.hashes[at-1]
		tag, bucket := indexTag(hash), &s.index.buckets[s.index.home(hash)]
		for m := bucket.match(tag); m != 0; m &= m - 1 {
			if r := bucket.refs[m.first()]; r != 0 {
				s.prefetchRow(ref(r - 1))
			}
		}
	}
}

// apply makes an update of what is at a spot.
func (s *shard) apply(src *Source, to spot, b *Batch, u int, now uint32) {
	r, i := to.r, int(to.i)
	if r == noRef {
		hash, key := b.hashes[u], b.key(u)
		if len(key) > s.lay.keyLen {
			return
		}
		if s.makeWay(s.class, noRef, now) {
			r = s.create(s.class, hash, key)
		}
		if r == noRef {
			s.counted.crowded++
			return
		}
		s.markPartial(s.row(r), hash, now)
	}
	row := s.row(r)
	added := i < 0
	if added {
		if r = s.makeRoom(r, now); r == noRef {
			s.counted.crowded++
			return
		}
		row = s.row(r)
		i = count(row)
		row[meta]++
		s.moves++
	}
	c := s.contributions(row)
	tell := row[meta]&summed != 0
	if tell {
		s.replace(row, c, i, added, now)
	}
	src.write(c, i, b.lives[u], b.values[u*b.width:(u+1)*b.width], now)
	if tell {
		s.account(s.sums(row), c, i, true)
	}
	if row[meta]&partial != 0 {
		s.review(r, row, now)
	}
	if s.touch(r, row) {
		s.changed = true
	} else {
		s.counted.coalesced++
	}
	if added && c.n() == 2 {
		s.rearm(r, row, now) // from now on periods of the other count too
		return
	}
	s.arm(r, row, c, i, now)
}

// write makes the i-th contribution what an update says.
func (src *Source) write(c contributions, i int, life uint32, values []uint64, now uint32) {
	life = min(life, src.expire)
	says := uint32(src.number) | src.gen<<generationShift
	if life == Forever {
		says |= noDeadline
	}
	c.who()[i] = says
	record := c.record(i)
	record[deadline] = now + min(life, maxLife)
	for m := range src.moves {
		src.moves[m].store(record, values, now)
	}
}

// maxLife is the longest life that wrapping 32-bit times can tell from the past, 24.8 days: also the longest that HAProxy configures.
const maxLife = math.MaxInt32 - 1<<10

// makeRoom sees to it that the row has room for one more contribution, and gives its place; noRef if there cannot be one more.
func (s *shard) makeRoom(r ref, now uint32) ref {
	n := count(s.row(r))
	if n < 1<<r.class() {
		return r
	}
	if n == maxContributors {
		return noRef
	}
	if !s.makeWay(r.class()+1, r, now) {
		s.evictRow(r, now)
		return noRef
	}
	return s.grow(r)
}

// unlock ends a turn with the shard: receivers learn that there is something for them.
func (s *shard) unlock() {
	if s.changed {
		s.changed = false
		for _, c := range *s.t.cursors.Load() {
			c.notify(s.number)
		}
		s.countHead()
	}
	s.mu.Unlock()
}
