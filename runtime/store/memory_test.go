package store

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"stktc/topology/sticktable"
)

var gpcDef = sticktable.Definition{Key: sticktable.IPv4, KeyLen: 4, Expire: time.Hour, Columns: []sticktable.Column{{Type: sticktable.GPC0, Elems: 1}}}

// putKeys gives keys, numbered from 0, one value.
func putKeys(src *Source, keys int, life, now uint32, value uint64) {
	var b Batch
	for k := range uint32(keys) {
		b.Add(binary.BigEndian.AppendUint32(nil, k), life, []uint64{value})
		if b.Len() == 4096 {
			src.Apply(&b, now)
			b.Reset()
		}
	}
	src.Apply(&b, now)
}

// TestManyContributors: rows move from class to class without loss, and what a row has no room for is counted.
func TestManyContributors(t *testing.T) {
	table := New("t.sum")
	const peers = maxContributors + 6
	for i := range peers {
		putKeys(begin(t, table, fmt.Sprint("n", i), gpcDef), 3, 60_000, 1000, 1)
		if e, ok := table.Lookup([]byte{0, 0, 0, 1}, 1000); !ok || e.Values[0] != uint64(min(i+1, maxContributors)) {
			t.Fatalf("after %d contributors: %+v", i+1, e.Values)
		}
	}
	if got := table.Stats().Crowded; got != 6*3 {
		t.Errorf("%d updates were passed over, want 18", got)
	}
}

// TestMemoryComesBack: what rows took is given back when they go, and used again.
func TestMemoryComesBack(t *testing.T) {
	table := New("t.sum")
	src := begin(t, table, "a", gpcDef)
	empty := table.Stats().Bytes
	var full uint64
	for range 3 {
		putKeys(src, 200_000, 60_000, 1000, 1)
		if b := table.Stats().Bytes; full != 0 && b > full+full/8 {
			t.Errorf("%d bytes, and %d the time before", b, full)
		} else {
			full = b
		}
		if n := table.DropStale("a", 1000); n != 0 {
			t.Fatal("the present session's were dropped")
		}
		table.Begin("a")
		table.DropStale("a", 1000)
		src, _ = table.Source("a", gpcDef)
	}
	if table.Rows() != 0 {
		t.Fatalf("%d rows", table.Rows())
	}
	rows := 0
	for i := range table.shards {
		for _, sl := range table.shards[i].slabs {
			for _, c := range sl.chunks {
				rows += len(c)
			}
		}
	}
	if rows != 0 {
		t.Errorf("%d words of rows are still held; full there were %d bytes, empty %d", rows, full, empty)
	}
}

// TestBytesAKey: what a key costs is what the package's documentation says.
func TestBytesAKey(t *testing.T) {
	const keys = 400_000
	table := New("t.sum")
	var b Batch
	for _, name := range []string{"a", "b"} {
		src := begin(t, table, name, benchDef)
		for k := range uint32(keys) {
			b.Add(binary.BigEndian.AppendUint32(nil, k*2_654_435_761), 3_600_000, []uint64{1, 2, 3, 4, 5})
			if b.Len() == 4096 || k == keys-1 {
				src.Apply(&b, 1000)
				b.Reset()
			}
		}
	}
	got := float64(table.Stats().Bytes) / keys
	t.Logf("%.1f bytes a key", got)
	if got < 76 || got > 100 {
		t.Errorf("%.1f bytes a key with two contributors of two counters and a rate each: 76 in the row, and up to 24 around it, is what doc.go says", got)
	}
}

// TestRateWithoutEnd: a rate of an entry that does not expire stays 0 when the clock has gone round.
func TestRateWithoutEnd(t *testing.T) {
	def := sticktable.Definition{
		Key: sticktable.IPv4, KeyLen: 4, Columns: []sticktable.Column{{Type: sticktable.HTTPReqRate, Elems: 1, Period: 10 * time.Second}},
	}
	table := New("t.sum")
	src := begin(t, table, "a", def)
	var b Batch
	b.Add([]byte{1, 2, 3, 4}, Forever, []uint64{100, 500, 700})
	src.Apply(&b, 1000)
	for now := uint32(1000); now < 30_000; now += 4 {
		table.Tick(now)
	}
	for _, now := range []uint32{30_000, 1<<31 + 30_000, 1500} {
		e, ok := table.Lookup([]byte{1, 2, 3, 4}, now)
		if !ok || Rate(e.Values[0], e.Values[1], e.Values[2], 10_000) != 0 {
			t.Errorf("at %d: %v %v", now, ok, e.Values)
		}
	}
}

// TestIdleForBillions: a row that did not change while 2³² others did is not taken for one that waits for receivers.
func TestIdleForBillions(t *testing.T) {
	table := New("t.sum")
	src := begin(t, table, "a", gpcDef)
	c := table.Subscribe(func() {})
	seen := func() (n int) {
		c.Collect(1000, table.version.Load(), func(_, _ uint32, _ []byte, v []uint64) bool { n++; return true })
		return n
	}
	const keys = 1000
	putKeys(src, keys, 60_000, 1000, 1)
	seen()
	for round := range 5 {
		for i := range table.shards { // as if so much had happened to other keys
			l := &table.shards[i].log
			l.head += farBehind - 100
			l.base, l.mark = l.head, l.head
		}
		c.Rewind()
		seen()
		putKeys(src, keys/10, 60_000, 1000, 2) // the others stay
		if n := seen(); n != keys/10 {
			t.Fatalf("round %d: %d of %d changes were seen", round, n, keys/10)
		}
	}
	putKeys(src, keys, 60_000, 1000, 3)
	if n := seen(); n != keys {
		t.Errorf("%d of %d changes were seen", n, keys)
	}
}

// TestShorterAndShorter: a peer that makes an entry die earlier with every update does not fill the wheel.
func TestShorterAndShorter(t *testing.T) {
	table := New("t.sum")
	src := begin(t, table, "a", gpcDef)
	for life := uint32(3_600_000); life > 100_000; life -= 100 {
		putKeys(src, 64, life, 1000, 1)
	}
	for i := range table.shards {
		if s := &table.shards[i]; s.wheel.listed > s.rows+s.rows/2+minListed+1 {
			t.Errorf("shard %d lists %d references for %d rows", i, s.wheel.listed, s.rows)
		}
	}
	for now := uint32(1000); now <= 101_200; now += 4 {
		table.tickAll(now)
	}
	if table.Rows() != 0 {
		t.Errorf("%d rows outlived their time", table.Rows())
	}
}
