package store

import (
	"slices"
	"time"

	"stktc/topology/sticktable"
)

// field is one element of a column in a contribution.
type field struct {
	typ    sticktable.DataType
	off    bool // left out of the sum: sent as 0
	kind   sticktable.ValueKind
	arith  sticktable.Arithmetic
	period uint32 // ms, of FreqCtr
	slot   int    // first of its slots in a list of values, see Slots
	word   int    // first of its words in a contribution's values
	sum    int    // first of its words in the sums that a row keeps, if it is kept there
}

// layout is how a definition's values lie in memory.
type layout struct {
	fields []field
	slots  int
	words  int

	sumWords int  // of the sums that a row keeps
	rates    bool // some field is a FreqCtr
	connCur  bool // some field counts connected peers only

	shortestPeriod uint32 // ms, of the rates
	slack          int32  // ms that the wheel may be late by, where it would have to list a row once more to be in time
	pieceAge       uint32 // ms; see piece
	expire         uint32 // ms; the longest life there is where entries do not expire
	keyLen         int
	keyWords       int
	isString       bool
	isInteger      bool
}

var kindSlots = map[sticktable.ValueKind]int{sticktable.SInt: 1, sticktable.UInt: 1, sticktable.ULongLong: 1, sticktable.FreqCtr: 3}
var kindWords = map[sticktable.ValueKind]int{sticktable.SInt: 1, sticktable.UInt: 1, sticktable.ULongLong: 2, sticktable.FreqCtr: 3}

var sumWords = map[sticktable.Arithmetic]int{sticktable.Sum: counterSumWords, sticktable.SumRate: rateSumWords}

// newLayout lays out the definition. Slots are those of a wire update: one for an integer, three for a FreqCtr (elapsed ms, current, previous),
// none for a Dict, column after column, element after element.
func newLayout(def *sticktable.Definition) *layout {
	l := &layout{
		keyLen: def.KeyLen, keyWords: (def.KeyLen + 3) / 4, isString: def.Key == sticktable.String, isInteger: def.Key == sticktable.Integer,
		expire: maxLife, sumWords: sumsHead,
	}
	if def.Expire > 0 {
		l.expire = uint32(min(def.Expire/time.Millisecond, maxLife))
	}
	for _, c := range def.Columns {
		spec := c.Type.Spec()
		for range max(c.Elems, 1) {
			if spec.Kind == sticktable.Dict {
				continue
			}
			l.fields = append(l.fields, field{
				typ: c.Type, kind: spec.Kind, arith: spec.Arithmetic, period: uint32(c.Period / time.Millisecond), slot: l.slots, word: l.words, sum: l.sumWords,
			})
			l.sumWords += sumWords[spec.Arithmetic]
			l.slots += kindSlots[spec.Kind]
			l.words += kindWords[spec.Kind]
			if p := uint32(c.Period / time.Millisecond); spec.Kind == sticktable.FreqCtr && (!l.rates || p < l.shortestPeriod) {
				l.rates, l.shortestPeriod = true, p
			}
			l.connCur = l.connCur || spec.Arithmetic == sticktable.SumConnected
		}
	}
	l.slack = int32(l.shortestPeriod / slackPart)
	l.pieceAge = mostPieceAge
	if l.rates {
		l.pieceAge = max(leastPieceAge, min(uint32(l.slack), mostPieceAge))
	}
	return l
}

// A piece of the log that is given to receivers for so many ms is to them as if their links were so much longer: 0.2 % of a period makes as little of their rates.
const (
	leastPieceAge = 8
	mostPieceAge  = 20
)

// slackPart is the part of a period by which a boundary may be found late: the ages of rates jitter with the queues that updates come through, and each earlier guess would list the row anew. It costs a sum 0.2 % of a
// contributor's change from one period to the next, and that for as long only.
const slackPart = 500

// leaveOut marks the fields of these data types, and no others, as left out of sums.
func (l *layout) leaveOut(left []Mismatch) {
	for i := range l.fields {
		f := &l.fields[i]
		f.off = slices.ContainsFunc(left, func(m Mismatch) bool { return m.Type == f.typ })
	}
}

// move copies one field of a source's values into a contribution.
type move struct {
	kind   sticktable.ValueKind
	slot   int
	word   int
	period uint32
}

// movesTo lists how values of src become a contribution of dst. Fields that dst lacks, or has with other arguments, are left out.
func movesTo(dst, src *sticktable.Definition) []move {
	to, from := newLayout(dst), newLayout(src)
	place := map[sticktable.Column]int{}
	for i, at := 0, 0; i < len(dst.Columns); i++ {
		place[dst.Columns[i]] = at
		at += fieldsOf(dst.Columns[i])
	}
	var moves []move
	at := 0
	for _, c := range src.Columns {
		n := fieldsOf(c)
		if first, ok := place[c]; ok && c.Type.Spec().Arithmetic != sticktable.NotAggregated {
			for i := range n {
				f := to.fields[first+i]
				moves = append(moves, move{kind: f.kind, slot: from.fields[at+i].slot, word: f.word, period: f.period})
			}
		}
		at += n
	}
	return moves
}

// fieldsOf is the number of fields of a column.
func fieldsOf(c sticktable.Column) int {
	if c.Type.Spec().Kind == sticktable.Dict {
		return 0
	}
	return max(c.Elems, 1)
}

// store writes the values of an update that arrived at now into a contribution's record.
func (m *move) store(record []uint32, values []uint64, now uint32) {
	w := record[firstValue+m.word:]
	switch m.kind {
	case sticktable.ULongLong:
		w[0], w[1] = uint32(values[m.slot]), uint32(values[m.slot]>>32)
	case sticktable.FreqCtr:
		v := values[m.slot : m.slot+3]
		w[0], w[1], w[2] = received(uint32(v[0]), uint32(v[1]), uint32(v[2]), m.period, now)
	default:
		w[0] = uint32(values[m.slot])
	}
}

// load gives a contribution's value as update slots at now: the inverse of store.
func (m *move) load(record []uint32, values []uint64, now uint32) {
	w := record[firstValue+m.word:]
	switch m.kind {
	case sticktable.ULongLong:
		values[m.slot] = uint64(w[0]) | uint64(w[1])<<32
	case sticktable.FreqCtr:
		values[m.slot], values[m.slot+1], values[m.slot+2] = uint64(now-w[0]), uint64(w[1]), uint64(w[2])
	default:
		values[m.slot] = uint64(w[0])
	}
}
