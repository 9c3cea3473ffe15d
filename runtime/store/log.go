package store

// changeLog is a ring of the rows that changed, in order. A position counts all changes ever logged; the row at a position is up to date there only if its own
// place is that position, else a later entry speaks for it.
//
// A row that changes again before any receiver has passed its entry needs no second one: mark is the furthest position that a receiver has
// reached, and starting a walk counts as reaching the head.
type changeLog struct {
	ring  []uint32 // references of rows
	base  uint64   // oldest position that the ring still holds; a receiver behind it walks the rows instead
	head  uint64   // the next position
	mark  uint64
	moved uint64 // the head when rows left far behind were moved up, see keepUp
}

// reset forgets all entries. Positions never repeat: an old cursor must not take a new entry for its own.
func (l *changeLog) reset(a *arena) {
	a.putWords(l.ring)
	l.ring = nil
	l.head++
	l.base, l.mark, l.moved = l.head, l.head, l.head
}

// at is the row's position: rows hold the lower half, and none is 2³² behind the head.
func (l *changeLog) at(row []uint32) uint64 { return l.head - uint64(uint32(l.head)-row[seq]) }

// touch notes that the row changed, and tells whether that is news to a receiver.
func (s *shard) touch(r ref, row []uint32) bool {
	l := &s.log
	if l.at(row) >= l.mark {
		return false
	}
	if len(l.ring) < max(minRing, s.ringFor(s.rows)) {
		l.grow(s.t.arena)
	}
	n := uint64(len(l.ring))
	l.ring[l.head&(n-1)] = uint32(r)
	row[seq] = uint32(l.head)
	l.head++
	if l.head > n {
		l.base = max(l.base, l.head-n)
	}
	if l.head-l.moved >= farBehind {
		s.keepUp()
	}
	return true
}

const (
	minRing   = 64
	fewRows   = 1 << 10
	manyRing  = 4 << 10
	farBehind = 1 << 30
)

// ringGrowth is how many bytes the ring takes for one more row, 0 as long as it is large enough.
func (s *shard) ringGrowth() int {
	if n := len(s.log.ring); n < max(minRing, s.ringFor(s.rows+1)) {
		return 4 * max(minRing, 2*n)
	}
	return 0
}

// ringFor is how many changes the ring is to hold: all of what few rows there are, and of many a quarter, since walking the rows is as good for a receiver or two. Many receivers share what is made of the ring, not
// of the rows, and there the rows are so large that twice their number is little; of few rows that is not much in time.
func (s *shard) ringFor(rows int) int {
	if !s.hasMany() {
		return min(rows, max(rows/4, fewRows))
	}
	return max(2*rows, min(8*rows, manyRing))
}

// keepUp moves up the rows that did not change for long: after 2³² other changes, 3 days at a million a second, they would look as if they had changed just now.
func (s *shard) keepUp() {
	l := &s.log
	l.moved = l.head
	s.eachRow(0, func(_ ref, row []uint32) bool {
		row[seq] = uint32(max(l.at(row), l.head-farBehind))
		return true
	})
}

func (l *changeLog) grow(a *arena) {
	old := l.ring
	l.ring = a.words(max(minRing, 2*len(old)))
	for at := l.base; at < l.head; at++ {
		l.ring[at&uint64(len(l.ring)-1)] = old[at&uint64(len(old)-1)]
	}
	a.putWords(old)
}

// row is the reference at a position that the ring holds.
func (l *changeLog) row(at uint64) ref { return ref(l.ring[at&uint64(len(l.ring)-1)]) }

// replace follows a row that moved.
func (l *changeLog) replace(from, to ref, row []uint32) {
	if at := l.at(row); at >= l.base && l.row(at) == from {
		l.ring[at&uint64(len(l.ring)-1)] = uint32(to)
	}
}
