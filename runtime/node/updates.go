package node

import "sort"

// updateLog is one half of HAProxy's tree of updates: the entries in the order of their update ids. HAProxy keeps learned entries in
// the same tree with 2^31 added to their ids; here they have a log of their own, and ids are counted in 64 bits. A record is dead
// once its entry has moved or is gone; dead ones are dropped when they are the majority.
type updateLog struct {
	records []record
	dead    int
}

type record struct {
	seq   uint64
	entry *entry
}

func (r record) isDead() bool { return r.entry.seq != r.seq }

// add appends an entry; seq is greater than any before.
func (l *updateLog) add(seq uint64, e *entry) {
	if l.dead > len(l.records)/2 {
		l.compact()
	}
	e.seq = seq
	l.records = append(l.records, record{seq, e})
}

func (l *updateLog) compact() {
	alive := l.records[:0]
	for _, r := range l.records {
		if !r.isDead() {
			alive = append(alive, r)
		}
	}
	clear(l.records[len(alive):])
	l.records, l.dead = alive, 0
}

// next gives the first entry whose id is greater than seq; nil if there is none.
func (l *updateLog) next(seq uint64) *entry {
	i := sort.Search(len(l.records), func(i int) bool { return l.records[i].seq > seq })
	for ; i < len(l.records); i++ {
		if r := l.records[i]; !r.isDead() {
			return r.entry
		}
	}
	return nil
}
