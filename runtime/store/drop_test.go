package store

import (
	"encoding/binary"
	"testing"

	"stktc/topology/sticktable"
)

// DropStale is Stale for the impatient.
func (t *Table) DropStale(name string, now uint32) int { return t.Stale(name)(now) }

// putRange gives keys a value.
func putRange(src *Source, from, to uint32, v uint64, now uint32) {
	var b Batch
	for k := from; k < to; k++ {
		b.Add(binary.BigEndian.AppendUint32(nil, k), 3_600_000, []uint64{v})
	}
	src.Apply(&b, now)
}

// contributed counts the keys that a peer contributes to.
func contributed(t *Table, name string) (n int) {
	number, _ := t.knownPeer(name)
	for i := range t.shards {
		s := &t.shards[i]
		s.eachRow(0, func(_ ref, row []uint32) bool {
			if s.contributions(row).find(number) >= 0 {
				n++
			}
			return true
		})
	}
	return n
}

// TestDropAcrossRedefinition: a drop that is under way when the table gets another shape, and its rows other places, misses none.
func TestDropAcrossRedefinition(t *testing.T) {
	const keys = 128 << 10
	table := New("t.sum")
	a, b := begin(t, table, "a", gpcDef), begin(t, table, "b", gpcDef)
	putRange(a, 0, keys, 1, 1)
	putRange(b, 0, keys, 1, 1)
	table.Begin("a") // next session, taught nothing: all is stale
	number, p := table.knownPeer("a")
	wider := gpcDef
	wider.Columns = append([]sticktable.Column{{Type: sticktable.GPT0, Elems: 1}}, gpcDef.Columns...)
	pauses := 0
	n := table.dropRows(number, p.generation, 2, func(*shard) {
		if pauses++; pauses == 2 {
			table.Begin("c")
			if _, err := table.Source("c", wider); err != nil {
				t.Fatal(err)
			}
		}
	})
	if left := contributed(table, "a"); left > 0 {
		t.Errorf("dropped %d of %d, and %d are left", n, keys, left)
	}
}

// TestStale: what a lesson that ended did not name goes, and nothing of a session that began since.
func TestStale(t *testing.T) {
	table := New("t.sum")
	putRange(begin(t, table, "a", gpcDef), 0, 2000, 1, 1)
	putRange(begin(t, table, "a", gpcDef), 0, 1000, 2, 2)
	drop := table.Stale("a")
	putRange(begin(t, table, "a", gpcDef), 1500, 1600, 3, 3)
	if n := drop(4); n != 900 || contributed(table, "a") != 1100 {
		t.Errorf("%d contributions dropped, %d left; want 900 and 1100", n, contributed(table, "a"))
	}
}

// TestNumberStays: a peer that went keeps its number as long as something of it is being dropped.
func TestNumberStays(t *testing.T) {
	table := New("t.sum")
	putRange(begin(t, table, "a", gpcDef), 0, 10, 1, 1)
	table.End("a")
	drop := table.Stale("a")
	table.DropAway("a", 2)
	begin(t, table, "b", gpcDef)
	a, _ := table.knownPeer("a")
	if b, _ := table.knownPeer("b"); a == b {
		t.Errorf("b has the number %d of a", b)
	}
	drop(3)
	begin(t, table, "c", gpcDef)
	if c, _ := table.knownPeer("c"); a != c {
		t.Errorf("c has the number %d, and not the free one of a, %d", c, a)
	}
}
