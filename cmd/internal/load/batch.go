package load

import (
	"math/bits"

	"stktc/topology/sticktable"
)

// received is a batch of updates of the current table that are decoded and not yet stored. It is stored cell by cell: the rows' cache misses overlap, and what kind a cell has is looked at once
// a batch (17 ns an update at 1 million keys, 32 when each row was written by itself).
type received struct {
	n       int
	indices [batchSize]uint32
	rows    [batchSize]int // first words
	slots   int            // values of each update
	values  []uint64       // of each update, one after the other
	touched uint32         // keeps the touching of rows from being optimised away
}

// room is where the values of the update that comes next belong. All updates of a batch have as many.
func (b *received) room(slots int) []uint64 {
	if need := batchSize * slots; len(b.values) < need {
		b.values = make([]uint64, need)
	}
	b.slots = slots
	at := b.n * slots
	return b.values[at : at+slots : at+slots]
}

// add takes the update whose values are in the room.
func (b *received) add(index uint32) {
	b.indices[b.n] = index
	b.n++
}

// mark finds the rows and sets their own word.
func (b *received) mark(rows []uint32, words int, own uint32) {
	touched := uint32(0)
	for k, index := range b.indices[:b.n] {
		at := int(index) * words
		b.rows[k] = at
		touched += rows[at]
		rows[at] = own
	}
	b.touched = touched
}

// change is what a batch did to a cell of its rows, if that is no rate.
type change struct {
	added  uint64 // to their sum; it wraps, as they may shrink
	moved  uint64 // not 0 if any was changed
	shrank uint64 // how many did
}

// note has no branches: which of the rows shrank or stayed as they were cannot be predicted.
func (ch *change) note(old, v uint64) {
	diff, isLess := bits.Sub64(v, old, 0)
	ch.added += diff
	ch.moved |= diff
	ch.shrank += isLess
}

// set makes a cell of all rows show the updates' values from a slot on; nothing if that is negative.
func (b *received) set(rows []uint32, c *cell, slot int, now uint32) change {
	switch {
	case slot < 0:
		return change{}
	case c.kind == sticktable.FreqCtr:
		b.setRates(rows, c.word, slot, now)
		return change{}
	case c.kind == sticktable.ULongLong:
		return b.setWide(rows, c.word, slot)
	}
	return b.setNarrow(rows, c.word, slot)
}

func (b *received) setNarrow(rows []uint32, word, slot int) (ch change) {
	for _, at := range b.rows[:b.n] {
		p, v := &rows[at+word], uint32(b.values[slot])
		old := *p
		*p = v
		ch.note(uint64(old), uint64(v))
		slot += b.slots
	}
	return ch
}

func (b *received) setWide(rows []uint32, word, slot int) (ch change) {
	for _, at := range b.rows[:b.n] {
		p, v := rows[at+word:at+word+2], b.values[slot]
		old := wide(p)
		setWide(p, v)
		ch.note(old, v)
		slot += b.slots
	}
	return ch
}

func (b *received) setRates(rows []uint32, word, slot int, now uint32) {
	for _, at := range b.rows[:b.n] {
		rate, values := rows[at+word:at+word+rateWords], b.values[slot:slot+rateWords]
		rate[rateTick] = (now - uint32(values[rateTick])) &^ 1
		rate[rateCurr], rate[ratePrev] = uint32(values[rateCurr]), uint32(values[ratePrev])
		slot += b.slots
	}
}
