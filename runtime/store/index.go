package store

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"unsafe"
)

// index finds rows by key. A bucket is one cache line: 12 references, 12 tags of 8 bits, and how many rows that belong here, or before, stand further on because it was full.
type index struct {
	words   []uint32 // that the buckets lie in
	buckets []bucket
	used    int
}

type bucket struct {
	refs [bucketRows]ref
	tags [bucketRows]uint8
	past uint32
}

const (
	bucketRows = 12
	fullLoad   = 10 // rows a bucket, in the mean, from which on there are more buckets
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

func (x *index) home(hash uint64) int {
	return int(uint64(uint32(hash)) * uint64(len(x.buckets)) >> 32)
}

func (x *index) after(at int) int {
	if at++; at == len(x.buckets) {
		return 0
	}
	return at
}

// insert notes a row of the shard: when the buckets get full all rows find new places.
func (x *index) insert(s *shard, hash uint64, r ref) {
	if x.used >= fullLoad*len(x.buckets) {
		x.resize(s)
	}
	x.put(hash, r)
	x.used++
}

func (x *index) put(hash uint64, r ref) {
	for at := x.home(hash); ; at = x.after(at) {
		b := &x.buckets[at]
		if i := slices.Index(b.refs[:], noRef); i >= 0 {
			b.refs[i], b.tags[i] = r, indexTag(hash)
			return
		}
		b.past++
	}
}

// resize makes half as many buckets again: with 64 shards a table of 10 million keys moves 160,000 rows at a time, in some milliseconds.
func (x *index) resize(s *shard) {
	old := *x
	x.allocate(s.t.arena, x.more(s.number))
	for i := range old.buckets {
		if next := i + resizeAhead; next < len(old.buckets) {
			old.buckets[next].warm(s)
		}
		for _, r := range old.buckets[i].refs {
			if r != noRef {
				x.put(s.hashOf(r), r)
			}
		}
	}
	s.t.arena.putWords(old.words)
}

// resizeAhead is how many buckets ahead of those that move rows are brought near.
const resizeAhead = 2

func (b *bucket) warm(s *shard) {
	for _, r := range b.refs {
		if r != noRef {
			prefetch(&s.row(r)[headWords])
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

// more is how many buckets there are next, half as many again in the mean. The shards' numbers of buckets differ, so that not all of them move their rows in one moment: with 10 million
// keys that would take 0.4 s.
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

func (x *index) allocate(a *arena, buckets int) {
	x.words = a.words(buckets * bucketWords)
	x.buckets = unsafe.Slice((*bucket)(unsafe.Pointer(&x.words[0])), buckets)
	for i := range x.buckets {
		for j := range x.buckets[i].refs {
			x.buckets[i].refs[j] = noRef
		}
	}
}

// empty forgets all rows.
func (x *index) empty(a *arena) {
	a.putWords(x.words)
	*x = index{}
}

// slot finds the row's place; the row must be there.
func (x *index) slot(hash uint64, r ref) (at, i int) {
	for at = x.home(hash); ; at = x.after(at) {
		if i = slices.Index(x.buckets[at].refs[:], r); i >= 0 {
			return at, i
		}
	}
}

func (x *index) replace(hash uint64, old, r ref) {
	at, i := x.slot(hash, old)
	x.buckets[at].refs[i] = r
}

func (x *index) remove(hash uint64, r ref) {
	last, i := x.slot(hash, r)
	x.buckets[last].refs[i] = noRef
	for at := x.home(hash); at != last; at = x.after(at) {
		x.buckets[at].past--
	}
	x.used--
}
