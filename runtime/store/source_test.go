package store

import (
	"errors"
	"slices"
	"testing"
	"time"

	"stktc/topology/sticktable"
)

// countersDef is a table with an array of n counters.
func countersDef(n int) sticktable.Definition {
	return sticktable.Definition{Key: sticktable.IPv4, KeyLen: 4, Expire: time.Hour, Columns: []sticktable.Column{{Type: sticktable.GPC, Elems: n}}}
}

// begin begins a session of the peer and opens its way in.
func begin(t *testing.T, table *Table, peer string, def sticktable.Definition) *Source {
	t.Helper()
	table.Begin(peer)
	return open(t, table, peer, def)
}

func open(t *testing.T, table *Table, peer string, def sticktable.Definition) *Source {
	t.Helper()
	src, err := table.Source(peer, def)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// TestSecondDefinition: a peer that defines the table twice in a session can write by the second definition only. Values in the order of the first
// are ignored, as their places mean other things now.
func TestSecondDefinition(t *testing.T) {
	table := New("t.sum")
	first := begin(t, table, "a", countersDef(1))
	second := open(t, table, "a", countersDef(5))
	update(first, 10, 1000, 1, 7)
	wantAll(t, table, 0, 0, 2)
	update(second, 10, 1000, 1, 9, 0, 0, 0, 3)
	wantAll(t, table, 10, 9, 2)
	if n := table.Updates(); n != 10 {
		t.Errorf("%d updates counted, want 10", n)
	}
}

// TestRedefineReachesSources: a source writes in the right places after another one changed the table's shape.
func TestRedefineReachesSources(t *testing.T) {
	table := New("t.sum")
	a := begin(t, table, "a", sticktable.Definition{Key: sticktable.IPv4, KeyLen: 4, Columns: []sticktable.Column{{Type: sticktable.GPC1, Elems: 1}}})
	begin(t, table, "b", sticktable.Definition{Key: sticktable.IPv4, KeyLen: 4, Columns: []sticktable.Column{{Type: sticktable.GPC0, Elems: 1}, {Type: sticktable.GPC1, Elems: 1}}})
	update(a, 1, 1000, 1, 7)
	def, _ := table.Definition()
	e, _ := table.Lookup(make([]byte, 4), 2)
	if got := e.Values[slotOf(&def, sticktable.GPC1)]; got != 7 {
		t.Errorf("gpc1 is %d, want 7: %v", got, e.Values)
	}
}

// TestDropKillsSource: what a dropped peer still has to write is not taken, or it would stay for ever.
func TestDropKillsSource(t *testing.T) {
	table := New("t.sum")
	a := begin(t, table, "a", countersDef(1))
	update(a, 10, 1000, 1, 7)
	if n := table.Drop("a", 2); n != 10 {
		t.Errorf("%d contributions dropped, want 10", n)
	}
	update(a, 10, 1000, 3, 7)
	wantAll(t, table, 0, 0, 4)
}

// TestDropLonger: the shape that a dropped peer gave the table goes with it, also where the next peer's arrays are shorter.
func TestDropLonger(t *testing.T) {
	table := New("t.sum")
	update(begin(t, table, "a", countersDef(10)), 10, 1000, 1, make([]uint64, 10)...)
	table.Drop("a", 5)
	if def := table.LastDefinition("a"); def.Key.IsValid() {
		t.Errorf("a dropped peer's definition is still there: %v", def)
	}
	update(begin(t, table, "b", countersDef(5)), 10, 1000, 6, 1, 2, 3, 4, 5)
	wantAll(t, table, 10, 1, 7)
}

// TestKeyMoves: when all peers' tables are given another key, one after the other, the table gets it with the last; those that were refused until then are named.
func TestKeyMoves(t *testing.T) {
	table := New("t.sum")
	update(begin(t, table, "a", countersDef(1)), 10, 60_000, 1, 5)
	update(begin(t, table, "b", countersDef(1)), 10, 60_000, 1, 7)
	moved := countersDef(1)
	moved.Key, moved.KeyLen = sticktable.IPv6, 16
	table.Begin("a")
	if _, err := table.Source("a", moved); !errors.Is(err, ErrKey) {
		t.Fatalf("while b has the old key: %v", err)
	}
	wantAll(t, table, 10, 7, 2)
	if got := table.Refused(); got != nil {
		t.Errorf("%v would be taken while b has the old key", got)
	}
	begin(t, table, "b", moved)
	if got := table.Refused(); !slices.Equal(got, []string{"a"}) {
		t.Errorf("%v would be taken now, want a", got)
	}
	begin(t, table, "a", moved)
	if got := table.Refused(); got != nil {
		t.Errorf("%v is still refused", got)
	}
	if def, _ := table.Definition(); def.Key != sticktable.IPv6 {
		t.Errorf("the key is %s", def.KeyString())
	}
}

// TestLifeOnTheWire: a life of 2³²−1 ms is for ever only in a table without expire; in another no entry outlives the table's.
func TestLifeOnTheWire(t *testing.T) {
	table := New("t.sum")
	update(begin(t, table, "a", countersDef(1)), 1, Forever, 1, 5)
	if e, _ := table.Lookup(make([]byte, 4), 1); e.Life != 3_600_000 {
		t.Errorf("life is %d, want an hour", e.Life)
	}
}

// slotOf is the first slot of a data type in a list of values of the definition; -1 if the type is not there or has no slot.
func slotOf(def *sticktable.Definition, t sticktable.DataType) int {
	slot := 0
	for _, c := range def.Columns {
		if c.Type == t && c.Type.Spec().Kind != sticktable.Dict {
			return slot
		}
		slot += fieldsOf(c) * kindSlots[c.Type.Spec().Kind]
	}
	return -1
}
