package store

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// TestAllBucketsOverflowed: a key that is not there is not looked for for ever when rows stand past every bucket.
func TestAllBucketsOverflowed(t *testing.T) {
	table := New("t.sum")
	src := begin(t, table, "a", gpcDef)
	s := &table.shards[0]
	var homes [2][]uint32 // keys of this shard by their place among two buckets
	for k := uint32(0); len(homes[0]) < 20 || len(homes[1]) < 20; k++ {
		if hash := table.hash(binary.BigEndian.AppendUint32(nil, k)); table.shardOf(hash) == s {
			half := uint32(hash) >> 31
			homes[half] = append(homes[half], k)
		}
	}
	put := func(keys []uint32) {
		for _, k := range keys {
			putKey(src, k, 60_000, 1)
		}
	}
	put(homes[0][:13]) // one stands in the second bucket
	put(homes[1][:7])
	if n := len(s.index.buckets); n != 2 {
		t.Fatalf("%d buckets", n)
	}
	for _, k := range homes[0][:7] {
		evictOne(t, table, k)
	}
	put(homes[1][7:12]) // one stands in the first
	if s.index.buckets[0].past == 0 || s.index.buckets[1].past == 0 {
		t.Fatal("rows do not stand past both buckets")
	}
	for half, keys := range homes {
		if _, ok := value(table, keys[19]); ok {
			t.Errorf("a key that is not there was found in half %d", half)
		}
	}
	for _, k := range append(homes[0][7:13:13], homes[1][:12]...) {
		if _, ok := value(table, k); !ok {
			t.Errorf("key %d was not found", k)
		}
	}
}

// TestMatch: every row that bears the tag is found, and hardly another.
func TestMatch(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	bearing, others := 0, 0
	for range 10_000 {
		var b bucket
		for i := range b.tags {
			b.tags[i] = uint8(rnd.Uint32N(256))
			if rnd.IntN(4) == 0 {
				b.tags[i] = 7
			}
		}
		var found [bucketRows]bool
		for m := b.match(7); m != 0; m &= m - 1 {
			found[m.first()] = true
		}
		for i, tag := range b.tags {
			if tag == 7 && !found[i] {
				t.Fatalf("%v: %d was not found", b.tags, i)
			}
			if tag == 7 {
				bearing++
			} else if found[i] {
				others++
			}
		}
	}
	if others > bearing/50 {
		t.Errorf("%d others beside %d", others, bearing)
	}
}

// TestIndexesGrowInTurn: the shards of a large table do not all move their rows for one batch of updates.
func TestIndexesGrowInTurn(t *testing.T) {
	table := New("t.sum")
	src := begin(t, table, "a", gpcDef)
	sizes := func() (all [numShards]int) {
		for i := range table.shards {
			all[i] = len(table.shards[i].index.buckets)
		}
		return all
	}
	for k := uint32(0); k < 300_000; {
		before := sizes()
		var b Batch
		for range 4096 {
			b.Add(binary.BigEndian.AppendUint32(nil, k), 60_000, []uint64{1})
			k++
		}
		src.Apply(&b, 1)
		grown := 0
		for i, n := range sizes() {
			if n != before[i] && before[i] > 2*evenBuckets {
				grown++
			}
		}
		if grown > numShards/4 {
			t.Errorf("%d indexes grew for one batch at %d keys", grown, k)
		}
	}
}

// TestRowsMoveInParts: while the index of a shard grows every key is found, whether it comes, moves to another class or goes, and no key that comes moves more than some buckets.
func TestRowsMoveInParts(t *testing.T) {
	table := New("t.sum")
	a, b := begin(t, table, "a", gpcDef), begin(t, table, "b", gpcDef)
	x := &table.shards[0].index
	rnd := rand.New(rand.NewPCG(3, 3))
	keys := keysOf(table, 30_000)
	isThere := make([]bool, len(keys))
	look := func(i int) {
		if _, ok := value(table, keys[i]); ok != isThere[i] {
			t.Fatalf("key %d of %d rows is found: %v, want %v (%d of %d buckets have moved)", i, x.used, ok, isThere[i], x.moved, len(x.before.buckets))
		}
	}
	turns := 0
	for last := range keys {
		moved, from := x.moved, len(x.before.buckets)
		putKey(a, keys[last], 60_000, 1)
		isThere[last] = true
		if len(x.before.buckets) == 0 {
			continue
		}
		turns++
		if from == len(x.before.buckets) && x.moved-moved != movedAtOnce || x.moved > len(x.buckets) {
			t.Fatalf("%d buckets moved at once", x.moved-moved)
		}
		for range 4 {
			look(rnd.IntN(last + 1))
		}
		switch i := rnd.IntN(last + 1); {
		case !isThere[i]:
			putKey(a, keys[i], 60_000, 1)
			isThere[i] = true
		case rnd.IntN(2) == 0:
			putKey(b, keys[i], 60_000, 1)
		default:
			evictOne(t, table, keys[i])
			isThere[i] = false
		}
	}
	for i := range keys {
		look(i)
	}
	if turns < 500 {
		t.Errorf("only %d keys came while rows moved", turns)
	}
}
