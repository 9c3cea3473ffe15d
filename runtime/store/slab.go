package store

import "math/bits"

// ref names a row in 26 bits: its class in the upper 4, then its chunk, and its slot in the lower ones, as many as its slab needs. The 6 above them are the wheel's. Walks go in the
// order of references.
type ref uint32

const (
	numClasses      = 11 // room for 1, 2, 4 … 1,024 contributions
	maxContributors = 1 << (numClasses - 1)

	placeBits     = 22 // 4 million places for each class of a shard, of which chunks leave less than half empty
	placeMask     = 1<<placeBits - 1
	classBits     = 4
	refBits       = placeBits + classBits
	maxSlots      = 1 << 10
	noRef     ref = 1<<32 - 1
)

func (r ref) class() int { return int(r >> placeBits) }

// slab holds the rows of one class, in chunks. A chunk whose last row goes is given back.
type slab struct {
	class  int
	shift  int // bits of a slot's number
	stride int // words of a row
	slots  int // rows in a chunk
	rows   int // live
	chunks [][]uint32
	use    []chunkUse
	open   []uint32 // chunks that may have a free slot
	vacant []uint32 // numbers without a chunk
}

// chunkUse tells which slots of a chunk are free: those in a list, linked by their rows' first words, and all from fresh on.
type chunkUse struct {
	rows  uint16
	fresh uint16
	first uint16 // slot + 1 of the first in the list
	open  bool   // is listed in open
}

func (sl *slab) init(class, stride int) {
	slots := max(1, min(chunkWords/stride, maxSlots))
	*sl = slab{class: class, shift: bits.Len(uint(slots - 1)), stride: stride, slots: slots}
}

func (sl *slab) ref(chunk, slot int) ref { return ref(sl.class<<placeBits | chunk<<sl.shift | slot) }
func (sl *slab) chunk(r ref) int         { return int(r & placeMask >> (sl.shift & 31)) }
func (sl *slab) slot(r ref) int          { return int(r) & (1<<(sl.shift&31) - 1) }

// row gives a row's words. They stay where they are until the row moves or dies.
func (s *shard) row(r ref) []uint32 {
	sl := &s.slabs[r.class()]
	at := sl.slot(r) * sl.stride
	return sl.chunks[sl.chunk(r)][at : at+sl.stride : at+sl.stride]
}

// listedRow is the row of a reference that the log or the wheel holds; nil if it is no more.
func (s *shard) listedRow(r ref) []uint32 {
	if sl := &s.slabs[r.class()]; sl.chunks[sl.chunk(r)] == nil {
		return nil
	}
	if row := s.row(r); row[meta]&inUse != 0 {
		return row
	}
	return nil
}

// prefetchListed brings the row of such a reference near.
func (s *shard) prefetchListed(r ref) {
	if sl := &s.slabs[r.class()]; sl.chunks[sl.chunk(r)] != nil {
		row := s.row(r)
		prefetchToWrite(&row[0], &row[min(len(row)-1, lineWords)])
	}
}

// prefetchRow brings near what an update needs of a row: all of it, or all but for the contribution, which is not found yet.
func (s *shard) prefetchRow(r ref) {
	row := s.row(r)
	prefetchToWrite(&row[0], &row[min(len(row)-1, lineWords)])
	if len(row) >= s.large {
		for at := 2 * lineWords; at < s.fixed+s.lay.sumWords+1<<r.class(); at += lineWords {
			prefetch(&row[at])
		}
	}
}

const lineWords = 16 // of a cache line

// newRow makes an empty row; noRef if there can be no more of its class.
func (s *shard) newRow(class int) ref {
	sl := &s.slabs[class]
	n := sl.openChunk()
	if n < 0 {
		if n = sl.addChunk(s.t.arena); n < 0 {
			return noRef
		}
	}
	use := &sl.use[n]
	use.rows++
	sl.rows++
	s.moves++
	if use.first == 0 {
		use.fresh++
		r := sl.ref(n, int(use.fresh-1))
		s.row(r)[meta] = inUse // the rest is 0, as the chunk was
		return r
	}
	r := sl.ref(n, int(use.first-1))
	row := s.row(r)
	use.first = uint16(row[seq])
	clear(row)
	row[meta] = inUse
	return r
}

// openChunk finds a chunk with a free slot; -1 if there is none.
func (sl *slab) openChunk() int {
	for len(sl.open) > 0 {
		n := int(sl.open[len(sl.open)-1])
		if use := &sl.use[n]; sl.chunks[n] != nil && int(use.rows) < sl.slots {
			return n
		}
		sl.use[n].open = false
		sl.open = sl.open[:len(sl.open)-1]
		if sl.chunks[n] == nil {
			sl.vacant = append(sl.vacant, uint32(n))
		}
	}
	return -1
}

// addChunk gives the number of a new chunk; -1 if there are no more numbers.
func (sl *slab) addChunk(a *arena) int {
	n := len(sl.chunks)
	switch free := len(sl.vacant); {
	case free > 0:
		n = int(sl.vacant[free-1])
		sl.vacant = sl.vacant[:free-1]
	case n > placeMask>>sl.shift:
		return -1
	default:
		sl.chunks, sl.use = append(sl.chunks, nil), append(sl.use, chunkUse{})
	}
	if sl.stride > chunkWords {
		sl.chunks[n] = a.words(sl.stride)
	} else {
		sl.chunks[n] = a.chunk()
	}
	sl.use[n] = chunkUse{open: true}
	sl.open = append(sl.open, uint32(n))
	return n
}

// freeRow takes a row back.
func (s *shard) freeRow(r ref) {
	row := s.row(r)
	sl := &s.slabs[r.class()]
	chunk := sl.chunk(r)
	use := &sl.use[chunk]
	row[meta], row[seq] = 0, uint32(use.first)
	use.first = uint16(sl.slot(r) + 1)
	use.rows--
	sl.rows--
	s.moves++
	switch {
	case use.rows == 0:
		sl.dropChunk(chunk, s.t.arena)
		if !use.open {
			sl.vacant = append(sl.vacant, uint32(chunk))
		}
	case !use.open:
		use.open = true
		sl.open = append(sl.open, uint32(chunk))
	}
}

func (sl *slab) dropChunk(n int, a *arena) {
	if c := sl.chunks[n]; sl.stride > chunkWords {
		a.putWords(c)
	} else {
		a.put(c)
	}
	sl.chunks[n] = nil
}

// empty gives all chunks back.
func (sl *slab) empty(a *arena) {
	for n, c := range sl.chunks {
		if c != nil {
			sl.dropChunk(n, a)
		}
	}
}

// eachRow calls f with every row from a place on, until f says stop. It gives the place to go on from, and whether it got through.
func (s *shard) eachRow(from uint64, f func(ref, []uint32) bool) (uint64, bool) {
	r := ref(from)
	for class := r.class(); class < numClasses; class++ {
		sl := &s.slabs[class]
		for chunk := sl.chunk(r); chunk < len(sl.chunks); chunk++ {
			for slot := sl.slot(r); slot < int(sl.use[chunk].fresh) && sl.chunks[chunk] != nil; slot++ {
				r = sl.ref(chunk, slot)
				if row := s.row(r); row[meta]&inUse != 0 && !f(r, row) {
					return uint64(r), false
				}
			}
			r = 0
		}
		r = 0
	}
	return 0, true
}
