package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"stktc/runtime/store"
	"stktc/topology/sticktable"
)

// element is one value of an entry as HAProxy shows it: a column, or one place of an array.
type element struct {
	kind   sticktable.ValueKind
	column int
	index  int    // in the array
	label  string // "http_req_rate(10000)", "gpc1_rate(5000)"
	slot   int    // first of its slots in a list of values
	period uint32 // ms, of rates
}

var kindSlots = map[sticktable.ValueKind]int{sticktable.SInt: 1, sticktable.UInt: 1, sticktable.ULongLong: 1, sticktable.FreqCtr: 3}

// elements lists what an entry of the definition holds, in HAProxy's order, which is that of the types' numbers.
func elements(def *sticktable.Definition) []element {
	var list []element
	slot := 0
	for i, c := range def.Columns {
		kind := c.Type.Spec().Kind
		for n := range max(c.Elems, 1) {
			list = append(list, element{
				kind: kind, column: i, index: n, label: label(c, n), slot: slot, period: uint32(c.Period / time.Millisecond),
			})
			slot += kindSlots[kind]
		}
	}
	return list
}

// label names a value. The number of an array's place stands before the first underscore (table_dump_entry_to_buffer).
func label(c sticktable.Column, index int) string {
	name := c.Type.String()
	if c.Type.Spec().Array {
		stem, rest, found := strings.Cut(name, "_")
		name = stem + strconv.Itoa(index)
		if found {
			name += "_" + rest
		}
	}
	if c.Type.Spec().Kind == sticktable.FreqCtr {
		name = fmt.Sprintf("%s(%d)", name, c.Period/time.Millisecond)
	}
	return name
}

// number is the value as HAProxy displays it; rates are read over the period that ends now. Of a Dict it is 0, as in HAProxy's comparisons.
func (e *element) number(values []uint64) uint64 {
	switch e.kind {
	case sticktable.FreqCtr:
		return store.Rate(values[e.slot], values[e.slot+1], values[e.slot+2], e.period)
	case sticktable.Dict:
		return 0
	}
	return values[e.slot]
}

// append appends the value as text; none is the text of a value that is not there.
func (e *element) append(b []byte, values []uint64, none string) []byte {
	switch e.kind {
	case sticktable.Dict:
		return append(b, none...)
	case sticktable.SInt:
		return strconv.AppendInt(b, int64(int32(values[e.slot])), 10)
	}
	return strconv.AppendUint(b, e.number(values), 10)
}

// compare orders the value and n.
func (e *element) compare(values []uint64, n int64) int {
	v := e.number(values)
	if e.kind == sticktable.SInt {
		return compareInts(int64(int32(v)), n)
	}
	if n < 0 || v > 1<<63-1 {
		return 1
	}
	return compareInts(int64(v), n)
}

func compareInts(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// exp is the rest of a life as HAProxy shows it: 0 stands for no end.
func exp(life uint32) uint32 {
	if life == store.Forever {
		return 0
	}
	return life
}

// human writes a span in its two greatest units that are not 0, as HAProxy does (human_time).
func human(d time.Duration) string {
	s := int64(max(d, 0) / time.Second)
	var units []string
	for _, u := range []struct {
		n    int64
		name string
	}{{s / 86400, "d"}, {s % 86400 / 3600, "h"}, {s % 3600 / 60, "m"}, {s % 60, "s"}} {
		if u.n > 0 && len(units) < 2 {
			units = append(units, strconv.FormatInt(u.n, 10)+u.name)
		}
	}
	if units == nil {
		return "0s"
	}
	return strings.Join(units, "")
}

// humanLife writes the rest of a life, of ms.
func humanLife(life uint32) string {
	if life == store.Forever {
		return "never"
	}
	return human(time.Duration(life) * time.Millisecond)
}
