package store

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"unsafe"
)

// index finds rows by key: in a table of buckets and, while that is a new one, in the one before as well, from which rows move a few at a time: with 10 million keys a shard has 160,000, too many to move
// while others wait for its lock.
type index struct {
	bucketTable             // that rows are put into
	before      bucketTable // that rows move from; empty when all have
	moved       int         // buckets of it whose rows have
	used        int         // rows
}

// bucketTable is an open hash table.
type bucketTable struct {
	words   []uint32 // that the buckets lie in
	buckets []bucket
}

// bucket is one cache line: 12 references plus one, 0 where there is none, 12 tags of 8 bits, and how many rows that belong here, or before, stand further on because it was full.
type bucket struct {
	refs [bucketRows]uint32
	tags [bucketRows]uint8
	past uint32
}

const (
	bucketRows  = 12
	fullLoad    = 10 // rows a bucket, in the mean, from which on there are more buckets
	movedAtOnce = 8  // buckets, for each row that comes: few, and for a fortieth of the rows that come there are two tables
)

// match gives the rows of the bucket that may bear the tag: all that do, and now and then another.
func (b *bucket) match(tag uint8) matches {
	const ones, tops = 0x0101_0101_0101_0101, 0x8080_8080_8080_8080
	all := uint64(tag) * ones
	first := binary.LittleEndian.Uint64(b.tags[:]) ^ all // bytes that are 0 now match
	last := binary.LittleEndian.Uint32(b.tags[8:]) ^ uint32(all)
	zero := (first - ones) &^ first & tops
	zeroLast := (last - ones&math.MaxUint32) &^ last & (tops & math.MaxUint32)
	return matches(zero | uint64(zeroLast)>>4)
}

// matches is a set of a bucket's rows: the i-th is bit 7 of byte i, that from the 8th on bit 3 of byte i-8.
type matches uint64

// first is a row of a set that is not empty.
func (m matches) first() int {
	bit := bits.TrailingZeros64(uint64(m))
	return bit/8 + 2*(^bit&4)
}

// The shard is chosen by the topmost bits of a hash, the bucket by the lower half, the tag by bits between.
func indexTag(hash uint64) uint8 { return uint8(hash >> 40) }

func (t *bucketTable) home(hash uint64) int {
	return int(uint64(uint32(hash)) * uint64(len(t.buckets)) >> 32)
}

func (t *bucketTable) after(at int) int {
	if at++; at == len(t.buckets) {
		return 0
	}
	return at
}

// insert notes a row of the shard. When the buckets get full all rows find new places, those of some buckets with each row that comes.
func (x *index) insert(s *shard, hash uint64, r ref) {
	if x.used >= fullLoad*len(x.buckets) {
		x.move(s, len(x.before.buckets))
		x.before, x.moved = x.bucketTable, 0
		x.bucketTable = newBuckets(s.t.arena, x.more(s.number))
	}
	x.put(hash, r)
	x.used++
	x.move(s, movedAtOnce)
}

func (t *bucketTable) put(hash uint64, r ref) {
	for at := t.home(hash); ; at = t.after(at) {
		b := &t.buckets[at]
		if i := slices.Index(b.refs[:], 0); i >= 0 {
			b.refs[i], b.tags[i] = uint32(r)+1, indexTag(hash)
			return
		}
		b.past++
	}
}

// move moves the rows of some buckets on from the table before. What is told there of rows past a bucket may be too much then, and is never too little.
func (x *index) move(s *shard, buckets int) {
	from := x.before.buckets
	if len(from) == 0 {
		return
	}
	end := min(x.moved+buckets, len(from))
	for ; x.moved < end; x.moved++ {
		if next := x.moved + movesAhead; next < len(from) {
			from[next].warm(s)
		}
		b := &from[x.moved]
		for i, r := range b.refs {
			if r != 0 {
				x.put(s.hashOf(ref(r-1)), ref(r-1))
				b.refs[i] = 0
			}
		}
	}
	if end == len(from) {
		x.before.empty(s.t.arena)
	}
}

// movesAhead is how many buckets ahead of those that move rows are brought near.
const movesAhead = 2

func (b *bucket) warm(s *shard) {
	for _, r := range b.refs {
		if r != 0 {
			prefetch(&s.row(ref(r - 1))[headWords])
		}
	}
}

// growth is how many bytes one more row would take, 0 as long as there is room.
func (x *index) growth(shard int) int {
	if x.used < fullLoad*len(x.buckets) {
		return 0
	}
	return 4 * bucketWords * x.more(shard)
}

// more is how many buckets there are next, half as many again in the mean. The shards' numbers of buckets differ, so that not all of them move their rows at one time.
func (x *index) more(shard int) int {
	n := len(x.buckets)
	if n < evenBuckets {
		return n + max(1, n/2)
	}
	size := evenBuckets * math.Pow(1.5, float64(shard)/numShards)
	for int(size) <= n {
		size *= 1.5
	}
	return int(size)
}

// evenBuckets is up to how many buckets moving their rows takes no time worth spreading.
const evenBuckets = 64

const bucketWords = int(unsafe.Sizeof(bucket{}) / 4)

func newBuckets(a *arena, n int) bucketTable {
	words := a.words(n * bucketWords)
	return bucketTable{words, unsafe.Slice((*bucket)(unsafe.Pointer(&words[0])), n)}
}

// empty forgets all rows.
func (t *bucketTable) empty(a *arena) {
	a.putWords(t.words)
	*t = bucketTable{}
}

// empty forgets all rows.
func (x *index) empty(a *arena) {
	x.before.empty(a)
	x.bucketTable.empty(a)
	x.used = 0
}

// size is how many words the index takes.
func (x *index) size() int { return len(x.words) + len(x.before.words) }

// slot finds a row's place, and whether it is there.
func (t *bucketTable) slot(hash uint64, r ref) (at, i int, isThere bool) {
	if len(t.buckets) == 0 {
		return 0, 0, false
	}
	home := t.home(hash)
	for at = home; ; {
		b := &t.buckets[at]
		if i = slices.Index(b.refs[:], uint32(r)+1); i >= 0 {
			return at, i, true
		}
		if at = t.after(at); b.past == 0 || at == home {
			return 0, 0, false
		}
	}
}

// holder is the table that a row is in, which must be in one, and its place there.
func (x *index) holder(hash uint64, r ref) (t *bucketTable, at, i int) {
	t = &x.bucketTable
	at, i, isThere := t.slot(hash, r)
	if !isThere {
		t = &x.before
		at, i, _ = t.slot(hash, r)
	}
	return t, at, i
}

func (x *index) replace(hash uint64, old, r ref) {
	t, at, i := x.holder(hash, old)
	t.buckets[at].refs[i] = uint32(r) + 1
}

func (x *index) remove(hash uint64, r ref) {
	t, last, i := x.holder(hash, r)
	t.buckets[last].refs[i] = 0
	for at := t.home(hash); at != last; at = t.after(at) {
		t.buckets[at].past--
	}
	x.used--
}
