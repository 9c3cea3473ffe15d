package load

import (
	"fmt"
	"math"
	"strings"

	"stktc/runtime/peers"
	"stktc/topology/sticktable"
)

// cell is one element of one column: where it is in a row, and where in an update.
type cell struct {
	dataType sticktable.DataType
	elem     int
	arith    sticktable.Arithmetic
	kind     sticktable.ValueKind
	isRare   bool   // counts one update in eight: errors
	word     int    // first of a row
	slot     int    // first of an update of the table that nodes count in
	shift    int    // of the seed's bits that make its increments
	period   uint32 // ms, of rates
}

// A rate's words in a row (HAProxy's struct freq_ctr): the tick at which the current period began, the events in it, those in the one before.
const (
	rateTick = iota
	rateCurr
	ratePrev
	rateWords
)

// shape is a table's definition compiled to rows: a word of the row's own, then the cells' words.
type shape struct {
	cells  []cell
	words  int
	layout *peers.Layout
}

func newShape(def *peers.TableDefinition) *shape {
	s := &shape{words: 1, layout: peers.NewLayout(def)}
	for _, c := range def.Columns {
		spec := c.Type.Spec()
		first, hasSlot := s.layout.SlotOf(c.Type)
		if !hasSlot {
			continue
		}
		for elem := range max(1, c.Elems) {
			s.cells = append(s.cells, cell{
				dataType: c.Type, elem: elem, arith: spec.Arithmetic, kind: spec.Kind, isRare: isRare(spec.Name), word: s.words,
				slot: first + elem*slotsOf(spec.Kind), shift: len(s.cells) * 5 % 29, period: uint32(c.Period.Milliseconds()),
			})
			s.words += wordsOf(spec.Kind)
		}
	}
	return s
}

func isRare(name string) bool {
	return strings.Contains(name, "err") || strings.Contains(name, "fail") || strings.Contains(name, "glitch")
}

func wordsOf(k sticktable.ValueKind) int {
	switch k {
	case sticktable.FreqCtr:
		return rateWords
	case sticktable.ULongLong:
		return 2
	}
	return 1
}

func slotsOf(k sticktable.ValueKind) int {
	if k == sticktable.FreqCtr {
		return rateWords
	}
	return 1
}

// name is the column's, with the element's number in an array: "http_req_rate", "gpc[3]".
func (c *cell) name() string {
	if c.dataType.Spec().Array {
		return fmt.Sprintf("%s[%d]", c.dataType, c.elem)
	}
	return c.dataType.String()
}

// counter tells whether the cell's sum never shrinks while its contributors live.
func (c *cell) isCounter() bool { return c.arith == sticktable.Sum }

// probe is the first counter: its sum tells which update it holds. -1 without one.
func (s *shape) probe() int {
	for i := range s.cells {
		if s.cells[i].isCounter() && !s.cells[i].isRare {
			return i
		}
	}
	return -1
}

// Some keys are born with great values, so that sums leave 32 bits and 64-bit counters need them.
const (
	greatEvery = 4093
	greatUInt  = 0xc000_0000
	greatULL   = 1 << 40
)

// bear makes a row's first values.
func (s *shape) bear(row []uint32, index uint32) {
	if index%greatEvery != greatEvery/2 {
		return
	}
	for i := range s.cells {
		switch c := &s.cells[i]; {
		case !c.isCounter():
		case c.kind == sticktable.ULongLong:
			setWide(row[c.word:], greatULL)
		default:
			row[c.word] = greatUInt
		}
	}
}

// count lets one event happen: counters grow by 1 to 8, each by its own bits of the seed, so that no two columns agree by accident.
func (s *shape) count(row []uint32, seed, now uint32) {
	for i := range s.cells {
		c := &s.cells[i]
		if c.isRare && seed&7 != 0 {
			continue
		}
		by := 1 + seed>>c.shift&7
		switch {
		case c.kind == sticktable.FreqCtr:
			addRate(row[c.word:c.word+rateWords], now, c.period, by)
		case c.kind == sticktable.ULongLong:
			setWide(row[c.word:], wide(row[c.word:])+uint64(by)*509)
		case c.isCounter():
			row[c.word] += by
		default: // tags, and what goes up and down
			row[c.word] = seed >> c.shift & 0x3ff
		}
	}
}

// values writes a row as it goes on the wire.
func (s *shape) values(values []uint64, row []uint32, now uint32) {
	for i := range s.cells {
		c := &s.cells[i]
		switch c.kind {
		case sticktable.FreqCtr:
			values[c.slot] = uint64(now - row[c.word+rateTick])
			values[c.slot+1] = uint64(row[c.word+rateCurr])
			values[c.slot+2] = uint64(row[c.word+ratePrev])
		case sticktable.ULongLong:
			values[c.slot] = wide(row[c.word:])
		default:
			values[c.slot] = uint64(row[c.word])
		}
	}
}

// scalar is a cell's value in a row, of a cell that is no rate.
func (c *cell) scalar(row []uint32) uint64 {
	if c.kind == sticktable.ULongLong {
		return wide(row[c.word:])
	}
	return uint64(row[c.word])
}

func wide(words []uint32) uint64 { return uint64(words[0]) | uint64(words[1])<<32 }

func setWide(words []uint32, v uint64) { words[0], words[1] = uint32(v), uint32(v>>32) }

// most is where the cell's sum stops.
func (c *cell) most() uint64 {
	if c.kind == sticktable.ULongLong {
		return math.MaxUint64
	}
	return math.MaxUint32
}
