package store

// changeLog is a ring of the rows that changed, in order. A position counts all changes ever logged; the row at a position is up to date there only if its own
// seq is that position, else a later entry speaks for it.
//
// A row that changes again before any receiver has passed its entry needs no second one: mark is the furthest position that a receiver has
// reached, and starting a walk counts as reaching the head.
type changeLog struct {
	ring []ref
	base uint64 // oldest position that the ring still holds; a receiver behind it walks the rows instead
	head uint64 // the next position
	mark uint64
}

// reset forgets all entries. Positions never repeat: an old cursor must not take a new entry for its own.
func (l *changeLog) reset() {
	l.ring = nil
	l.head++
	l.base, l.mark = l.head, l.head
}

// touch notes that the row changed, and tells whether that is news to a receiver. rows is the number of rows in the shard: the ring is kept
// at half of it or more.
func (l *changeLog) touch(row []uint32, r ref, rows int) bool {
	if at := seq(row); at != deadSeq && at >= l.mark {
		return false
	}
	if len(l.ring) < minRing || len(l.ring) < rows/2 {
		l.grow()
	}
	n := uint64(len(l.ring))
	l.ring[l.head&(n-1)] = r
	setSeq(row, l.head)
	l.head++
	if l.head > n {
		l.base = max(l.base, l.head-n)
	}
	return true
}

const minRing = 64

func (l *changeLog) grow() {
	old := l.ring
	l.ring = make([]ref, max(minRing, 2*len(old)))
	for at := l.base; at < l.head; at++ {
		l.ring[at&uint64(len(l.ring)-1)] = old[at&uint64(len(old)-1)]
	}
}

// replace follows a row that moved.
func (l *changeLog) replace(at uint64, r ref) {
	if at != deadSeq && at >= l.base && at < l.head {
		l.ring[at&uint64(len(l.ring)-1)] = r
	}
}
