package store

import (
	"fmt"
	"slices"
	"testing"
)

// TestUsedLeavesOutTheDead: a row that is only kept to tell receivers of its end is no key with a sum, and its contributors come and go.
func TestUsedLeavesOutTheDead(t *testing.T) {
	table := New("t")
	table.Begin("a")
	table.Begin("b")
	src, err := table.Source("a", plainDef)
	if err != nil {
		t.Fatal(err)
	}
	cursor := table.Subscribe(func() {})
	defer cursor.Close()
	var batch Batch
	for i := range byte(100) {
		batch.Add([]byte{10, 0, 0, i}, 60_000, make([]uint64, 6))
	}
	src.Apply(&batch, 1000)
	_, version := table.Definition()
	if _, err := cursor.Collect(1000, version, func(uint32, uint32, []byte, []uint64) bool { return true }); err != nil {
		t.Fatal(err)
	}
	for i := range byte(40) {
		table.Clear([]byte{10, 0, 0, i}, 1000)
	}
	if table.Used() != 60 || table.Rows() != 100 {
		t.Errorf("%d used of %d rows", table.Used(), table.Rows())
	}
	table.End("a")
	want := []Contributor{{Peer: "a", Defined: true}, {Peer: "b", Connected: true}}
	if got := table.Contributors(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	table.Drop("a", 1000)
	if got := table.Contributors(); got[0].Defined || table.Used() != 0 {
		t.Errorf("after the drop: %v, %d used", got, table.Used())
	}
}

// TestManyNames: peers that come under ever other names, and go, leave nothing behind.
func TestManyNames(t *testing.T) {
	table := New("t.sum")
	x := begin(t, table, "first", gpcDef)
	putKey(x, 1, 60_000, 3)
	for i := range 300 {
		name := fmt.Sprint("guest", i)
		table.Begin(name)
		if i%100 == 0 {
			if _, err := table.Source(name, gpcDef); err != nil {
				t.Fatal(err)
			}
		}
		table.End(name)
		table.Drop(name, 1000)
	}
	if n := len(table.Contributors()); n > 10 {
		t.Errorf("%d names are kept", n)
	}
	if e, ok := value(table, 1); !ok || len(e.Contributions) != 1 || !e.Contributions[0].Connected {
		t.Errorf("what another counted is %+v", e)
	}
}
