package store

import (
	"bytes"
	"sync"
	"unsafe"
)

// ref names a row: its class in the upper 3 bits, its number in the class in the others.
type ref uint32

const (
	classBits           = 3
	numClasses          = 1 << classBits // room for 1, 2, 4 … 128 contributions
	indexBits           = 32 - classBits
	indexMask           = 1<<indexBits - 1
	chunkBits           = 10 // rows in a chunk: 1,024
	maxContributors     = 1 << (numClasses - 1)
	noRef           ref = 1<<32 - 1
)

func newRef(class, index int) ref { return ref(class<<indexBits | index) }
func (r ref) class() int          { return int(r >> indexBits) }
func (r ref) index() int          { return int(r & indexMask) }

// Words of a row's head.
const (
	seqLo = iota // place in the log of the row's latest change, 64 bits; deadSeq for a free row
	seqHi
	next      // wheel
	prev      // wheel: the row before, or bucketMark and the bucket
	due       // when the wheel looks at the row next
	sentUntil // when receivers forget what they were sent last, if meta has sentOnce and not sentForever
	meta      // count of contributions in the lower 8 bits, flags, and how often the row may be sent again (resend.go)
	headWords
)

const (
	countMask          = 0xff
	armed       uint32 = 1 << (8 + iota) // in the wheel
	sentOnce                             // some receiver was sent the row
	sentForever                          // and without an end of life
	deadSeq     uint64 = 1<<64 - 1
)

// Words of a contribution's head: the peer in the lower 16 bits, its session's generation in the next 8, flags above; then the deadline.
const (
	who = iota
	deadline
	contribHead
)

const (
	generationShift        = 16
	noDeadline      uint32 = 1 << 24
)

// slab holds the rows of one class.
type slab struct {
	chunks [][]uint32
	stride int
	rows   int   // rows ever made
	free   []ref // rows to use again
}

// shard is a part of a table: the rows whose keys hash to it.
type shard struct {
	mu      sync.Mutex
	t       *Table
	number  int
	lay     *layout
	contrib int // words of a contribution
	slabs   [numClasses]slab
	index   index
	log     changeLog
	wheel   wheel
	rows    int        // live
	values  []uint64   // of the sum that was made last
	scratch [][]uint32 // of live

	peers   []peerState // by the peer's number
	changed bool        // receivers have news from this turn with the lock
	counted counters
}

// reset empties the shard and lays its rows out anew.
func (s *shard) reset(lay *layout) {
	s.lay = lay
	s.contrib = contribHead + lay.words
	s.slabs = [numClasses]slab{}
	for c := range s.slabs {
		s.slabs[c].stride = headWords + lay.keyWords + s.contrib<<c
	}
	s.index = index{}
	s.log.reset()
	s.wheel.heads = [wheelLevels * wheelBuckets]uint32{}
	s.wheel.armed.Store(0)
	s.rows = 0
	s.values = make([]uint64, lay.slots)
}

// row gives a row's words. They stay where they are until the row moves or dies.
func (s *shard) row(r ref) []uint32 {
	sl := &s.slabs[r.class()]
	i := r.index()
	at := (i & (1<<chunkBits - 1)) * sl.stride
	return sl.chunks[i>>chunkBits][at : at+sl.stride : at+sl.stride]
}

func (s *shard) newRow(class int) ref {
	sl := &s.slabs[class]
	if n := len(sl.free); n > 0 {
		r := sl.free[n-1]
		sl.free = sl.free[:n-1]
		clear(s.row(r))
		return r
	}
	if sl.rows>>chunkBits == len(sl.chunks) {
		sl.chunks = append(sl.chunks, make([]uint32, sl.stride<<chunkBits))
	}
	r := newRef(class, sl.rows)
	sl.rows++
	return r
}

func (s *shard) freeRow(r ref) {
	row := s.row(r)
	setSeq(row, deadSeq)
	row[meta] = 0
	sl := &s.slabs[r.class()]
	sl.free = append(sl.free, r)
}

func seq(row []uint32) uint64       { return uint64(row[seqLo]) | uint64(row[seqHi])<<32 }
func setSeq(row []uint32, v uint64) { row[seqLo], row[seqHi] = uint32(v), uint32(v>>32) }
func count(row []uint32) int        { return int(row[meta] & countMask) }

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

func (s *shard) contribution(row []uint32, i int) []uint32 {
	at := headWords + s.lay.keyWords + i*s.contrib
	return row[at : at+s.contrib : at+s.contrib]
}

// find looks a key up; noRef when it is not there.
func (s *shard) find(hash uint64, key []byte) ref {
	for at := s.index.first(hash); ; at = s.index.after(at) {
		tag, r := s.index.at(at)
		if r == noRef {
			return noRef
		}
		if tag == indexTag(hash) && bytes.Equal(s.key(s.row(r)), key) {
			return r
		}
	}
}

// create makes a row without contributions.
func (s *shard) create(hash uint64, key []byte) ref {
	r := s.newRow(0)
	row := s.row(r)
	copy(s.keyBytes(row), key)
	setSeq(row, deadSeq)
	s.index.insert(hash, r)
	s.rows++
	return r
}

// remove ends a row.
func (s *shard) remove(r ref) {
	row := s.row(r)
	s.wheel.disarm(s, r, row)
	s.index.remove(s.t.hash(s.key(row)), r)
	s.freeRow(r)
	s.rows--
}

// grow moves a row to the next class and gives its new place.
func (s *shard) grow(r ref) ref {
	to := s.newRow(r.class() + 1)
	old, row := s.row(r), s.row(to)
	copy(row, old)
	if old[meta]&armed != 0 {
		s.wheel.replace(s, r, to)
	}
	s.index.replace(s.t.hash(s.key(old)), r, to)
	s.log.replace(seq(old), to)
	s.freeRow(r)
	return to
}
