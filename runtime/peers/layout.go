package peers

import "stktc/topology/sticktable"

// Layout is a table definition compiled for its updates: how to read the key, and the values as runs of integers of one
// width. Values live in slots: an element of kind SInt, UInt or ULongLong takes one, an element of kind FreqCtr three
// (elapsed ms, current count, previous count, as on the wire), a Dict none. A Layout does not change after NewLayout and
// may be shared.
type Layout struct {
	key     sticktable.KeyType
	keyLen  int
	runs    []run
	slots   int
	columns []slotColumn
}

// run is a stretch of values that are decoded alike. Neighbouring columns of one width share a run, so that the common
// table of counters and rates is a single loop.
type run struct {
	width width
	slots int
}

// width is how much of an encoded integer is kept.
type width uint8

const (
	narrow width = iota + 1 // 32 bits, unsigned: HAProxy stores UInt and FreqCtr in unsigned ints
	signed                  // 32 bits, sign extended: SInt
	wide                    // all 64 bits: ULongLong
	dict                    // no slot
)

// slotColumn is where a column's slots start.
type slotColumn struct {
	dataType sticktable.DataType
	first    int
}

// freqCtrSlots is the number of integers of a FreqCtr on the wire.
const freqCtrSlots = 3

// NewLayout compiles a definition that ParseTableDefinition gave or would accept. It keeps no reference to it.
func NewLayout(def *TableDefinition) *Layout {
	l := &Layout{key: def.Key, keyLen: def.KeyLen}
	for _, c := range def.Columns {
		w, n := shape(c)
		l.columns = append(l.columns, slotColumn{c.Type, l.slots})
		l.slots += n
		if last := len(l.runs) - 1; last >= 0 && l.runs[last].width == w && w != dict {
			l.runs[last].slots += n
			continue
		}
		l.runs = append(l.runs, run{w, n})
	}
	return l
}

func shape(c sticktable.Column) (width, int) {
	n := max(c.Elems, 1)
	switch c.Type.Spec().Kind {
	case sticktable.SInt:
		return signed, n
	case sticktable.ULongLong:
		return wide, n
	case sticktable.FreqCtr:
		return narrow, n * freqCtrSlots
	case sticktable.Dict:
		return dict, 0
	}
	return narrow, n
}

// Slots is the number of values in an update.
func (l *Layout) Slots() int { return l.slots }

// SlotOf gives the first slot of a data type; ok is false if the table does not store it or if it takes no slot.
func (l *Layout) SlotOf(t sticktable.DataType) (first int, ok bool) {
	if t == sticktable.ServerKey {
		return 0, false
	}
	for _, c := range l.columns {
		if c.dataType == t {
			return c.first, true
		}
	}
	return 0, false
}

// columnAt names the column that holds a slot, for errors.
func (l *Layout) columnAt(slot int) string {
	name := ""
	for _, c := range l.columns {
		if c.first <= slot && c.dataType != sticktable.ServerKey {
			name = c.dataType.String()
		}
	}
	return name
}
