package store

import (
	"testing"
	"time"

	"stktc/topology/sticktable"
)

// TestRedefineKeepsTime: a source with another data type changes the shape of a table that has entries. They keep their contributions and die when they were to,
// and the wheels go on from where they were.
func TestRedefineKeepsTime(t *testing.T) {
	const start, life = 100_000, 60_000
	narrow := sticktable.Definition{Key: sticktable.Integer, KeyLen: 4, Expire: time.Hour, Columns: []sticktable.Column{{Type: sticktable.GPC0, Elems: 1}}}
	wide := narrow
	wide.Columns = append([]sticktable.Column(nil), sticktable.Column{Type: sticktable.GPC0, Elems: 1}, sticktable.Column{Type: sticktable.ConnCnt, Elems: 1})
	table := New("t.sum")
	source := func(name string, def sticktable.Definition) *Source {
		t.Helper()
		table.Begin(name)
		src, err := table.Source(name, def)
		if err != nil {
			t.Fatal(err)
		}
		return src
	}
	one := source("one", narrow)
	update(one, 200, life, start, 7)
	table.Tick(start + 1000)
	two := source("two", wide)
	for i := range table.shards {
		if w := &table.shards[i].wheel; w.listed > 0 && w.tick != (start+1000)>>tickShift {
			t.Fatalf("the wheel of shard %d is at tick %d, and was at %d", i, w.tick, (start+1000)>>tickShift)
		}
	}
	update(two, 200, 2*life, start+2000, 10, 3)
	table.tickAll(start + life - 10)
	wantAll(t, table, 200, 17, start+life-10)
	table.tickAll(start + life + 10)
	wantAll(t, table, 200, 10, start+life+10)
	table.tickAll(start + 2000 + 2*life + 10)
	wantAll(t, table, 0, 0, start+2000+2*life+10)
}

// update gives so many keys values.
func update(src *Source, keys int, life, now uint32, values ...uint64) {
	var b Batch
	for k := range keys {
		b.Add([]byte{0, 0, byte(k >> 8), byte(k)}, life, values)
	}
	src.Apply(&b, now)
}

// wantAll wants so many keys, with a first value each.
func wantAll(t *testing.T, table *Table, keys int, first uint64, now uint32) {
	t.Helper()
	n := 0
	table.Range(now, func(e Entry) bool {
		if n++; e.Values[0] != first {
			t.Errorf("at %d: key %x is %d, want %d", now, e.Key, e.Values[0], first)
		}
		return true
	})
	if n != keys {
		t.Errorf("at %d: %d keys, want %d", now, n, keys)
	}
}
