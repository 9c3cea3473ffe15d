package store

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"sync"
	"unsafe"
)

// Words of a row's head.
const (
	seq       = iota // place in the log of the row's latest change, the lower 32 bits; in a free slot the next one
	due              // when the wheel looks at the row next, if armed
	sentUntil        // when receivers forget what they were sent last, if sentOnce and not sentForever
	meta             // count of contributions in the lower 11 bits, flags, and how often the row may be sent again (resend.go)
	headWords
)

const (
	countMask          = 1<<11 - 1
	inUse       uint32 = 1 << (11 + iota - 1) // not a free slot
	armed                                     // in the wheel
	sentOnce                                  // some receiver was sent the row
	sentForever                               // and without an end of life
	partial                                   // the key was evicted, and not all who contributed to it have told of it again
)

// shard is a part of a table: the rows whose keys hash to it.
type shard struct {
	mu      sync.Mutex
	t       *Table
	number  int
	lay     *layout
	fixed   int // words of a row's head and key
	large   int // length of the shortest rows that keep sums
	contrib int // words of a contribution: who made it, and its record
	odd     int // how often 2 divides that
	slabs   [numClasses]slab
	class   int // that rows are made in: most get there
	index   index
	log     changeLog
	wheel   wheel
	rows    int      // live
	moves   uint     // rows that came, moved or went, and contributions that came
	values  []uint64 // of the sum that was made last
	scratch []uint32 // of counting
	pieces  pieces

	evicted evictedKeys

	peers    []peerState // by the peer's number
	standbys int         // peers that stand by
	changed  bool        // receivers have news from this turn with the lock
	heads    uint64      // the shard's part of Table.heads
	counted  counters
}

// reset empties the shard and lays its rows out anew.
func (s *shard) reset(lay *layout) {
	s.lay = lay
	s.fixed, s.contrib = headWords+lay.keyWords, 1+firstValue+lay.words
	s.odd = bits.TrailingZeros32(uint32(s.contrib))
	s.empty()
	for c := range s.slabs {
		stride := s.fixed + s.contrib<<c
		if c >= sumsFrom {
			stride += lay.sumWords
		}
		s.slabs[c].init(c, stride)
	}
	s.large = s.slabs[sumsFrom].stride
	s.class = 0
	s.index.empty(s.t.arena)
	s.log.reset(s.t.arena)
	s.wheel.reset(s.t.arena)
	s.rows = 0
	s.evicted = evictedKeys{}
	s.counted.partial = 0
	s.values = make([]uint64, lay.slots)
	s.pieces.forget()
}

func count(row []uint32) int { return int(row[meta] & countMask) }

// keyBytes is the row's key area, padding included. It aliases the row.
func (s *shard) keyBytes(row []uint32) []byte {
	if s.lay.keyWords == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&row[headWords])), s.lay.keyWords*4)
}

// key is the row's key as it came. It aliases the row.
func (s *shard) key(row []uint32) []byte {
	b := s.keyBytes(row)[:s.lay.keyLen]
	if s.lay.isString {
		if i := bytes.IndexByte(b, 0); i >= 0 {
			return b[:i]
		}
	}
	return b
}

// hasKey tells whether the row is the key's.
func (s *shard) hasKey(row []uint32, key []byte) bool {
	if len(key) == 4 && s.lay.keyWords == 1 {
		return row[headWords] == binary.NativeEndian.Uint32(key)
	}
	return bytes.Equal(s.key(row), key)
}

func (s *shard) hashOf(r ref) uint64 { return s.t.hash(s.key(s.row(r))) }

// find looks a key up; noRef when it is not there.
func (s *shard) find(hash uint64, key []byte) ref {
	if r := s.findIn(&s.index.bucketTable, hash, key); r != noRef {
		return r
	}
	return s.findIn(&s.index.before, hash, key)
}

func (s *shard) findIn(t *bucketTable, hash uint64, key []byte) ref {
	if len(t.buckets) == 0 {
		return noRef
	}
	home := t.home(hash)
	for at := home; ; {
		b := &t.buckets[at]
		for m := b.match(indexTag(hash)); m != 0; m &= m - 1 {
			if r := b.refs[m.first()]; r != 0 && s.hasKey(s.row(ref(r-1)), key) {
				return ref(r - 1)
			}
		}
		if at = t.after(at); b.past == 0 || at == home {
			return noRef
		}
	}
}

// create makes a row of a class, without contributions; noRef if there can be no more.
func (s *shard) create(class int, hash uint64, key []byte) ref {
	r := s.newRow(class)
	if r == noRef {
		return noRef
	}
	row := s.row(r)
	copy(s.keyBytes(row), key)
	row[seq] = uint32(s.log.mark - 1) // no receiver waits for it
	s.index.insert(s, hash, r)
	s.rows++
	return r
}

// remove ends a row.
func (s *shard) remove(r ref) {
	if row := s.row(r); row[meta]&partial != 0 {
		s.endPartial(row)
	}
	s.index.remove(s.hashOf(r), r)
	s.freeRow(r)
	s.rows--
}

// grow moves a row to the next class and gives its new place; noRef if there can be no more rows of that class.
func (s *shard) grow(r ref) ref {
	to := s.newRow(r.class() + 1)
	if to == noRef {
		return noRef
	}
	old, row := s.row(r), s.row(to)
	copy(row[:s.fixed], old)
	row[meta] &^= summed
	copy(s.contributions(row).who(), s.contributions(old).who())
	copy(s.contributions(row).records(), s.contributions(old).records())
	s.index.replace(s.hashOf(r), r, to)
	s.log.replace(r, to, row)
	s.freeRow(r)
	switch {
	case to.class() == 1:
		row[meta] &^= armed // it gets its second contribution, and is armed for both
	case row[meta]&armed != 0:
		s.wheel.push(s, to, row[due])
	}
	s.class = 0
	for s.class+1 < numClasses && s.slabs[s.class+1].rows > s.slabs[s.class].rows {
		s.class++
	}
	return to
}
