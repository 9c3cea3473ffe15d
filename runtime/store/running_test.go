package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"stktc/topology/sticktable"
)

var keptDef = sticktable.Definition{
	Key: sticktable.IPv4, KeyLen: 4, Expire: time.Minute,
	Columns: []sticktable.Column{
		{Type: sticktable.GPT0, Elems: 1}, {Type: sticktable.GPC0, Elems: 1}, {Type: sticktable.ConnCur, Elems: 1},
		{Type: sticktable.HTTPReqRate, Elems: 1, Period: 10 * time.Second}, {Type: sticktable.HTTPErrRate, Elems: 1, Period: 3 * time.Second},
		{Type: sticktable.BytesInCnt, Elems: 1},
	},
}

// TestKeptSums: what rows keep of their sums is what all of their contributions give, whatever happens to those.
func TestKeptSums(t *testing.T) {
	for seed := range uint64(8) {
		def := keptDef
		if seed%2 == 0 {
			def.Expire = 0
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) { playKept(t, def, rand.New(rand.NewPCG(seed, 3))) })
	}
}

func playKept(t *testing.T, def sticktable.Definition, rnd *rand.Rand) {
	table, now := New("t.sum"), rnd.Uint32()
	sources := map[string]*Source{}
	name := func() string { return fmt.Sprint("lb", rnd.IntN(40)) }
	held := 0
	for range 6000 {
		switch p := name(); rnd.IntN(200) {
		case 0:
			table.End(p)
		case 1:
			table.Drop(p, now)
			delete(sources, p)
		case 2:
			table.SetStandbys(map[string]bool{p: rnd.IntN(3) > 0, name(): false, name(): false})
		case 3:
			table.Clear([]byte{0, 0, 0, byte(rnd.IntN(3))}, now)
		case 4:
			now += rnd.Uint32N(30_000)
		case 5:
			table.DropStale(p, now)
		case 6, 7, 8, 9, 10, 11, 12, 13:
			table.Tick(now)
		default:
			if sources[p] == nil || rnd.IntN(500) == 0 {
				sources[p] = begin(t, table, p, def)
			}
			updateKept(rnd, sources[p], now)
			now += rnd.Uint32N(20)
		}
		held += wantKept(t, table, now)
	}
	if held < 1000 {
		t.Errorf("only %d kept sums were right already", held)
	}
}

// updateKept makes some updates, from a clock that was read a while ago.
func updateKept(rnd *rand.Rand, src *Source, now uint32) {
	var b Batch
	for range 1 + rnd.IntN(5) {
		life := rnd.Uint32N(60_000)
		if rnd.IntN(100) == 0 {
			life = Forever
		}
		values := []uint64{uint64(rnd.Uint32N(9)), uint64(rnd.Uint32()), uint64(rnd.Uint32N(9)), 0, 0, 0, 0, 0, 0, rnd.Uint64() >> rnd.IntN(60)}
		for i := 3; i < 9; i += 3 {
			values[i], values[i+1], values[i+2] = uint64(rnd.Uint32N(25_000)), uint64(rnd.Uint32()>>rnd.IntN(32)), uint64(rnd.Uint32()>>rnd.IntN(32))
		}
		b.Add([]byte{0, 0, 0, byte(rnd.IntN(3))}, life, values)
	}
	src.Apply(&b, now-rnd.Uint32N(8))
}

// wantKept compares the rows' sums with what their contributions give, and tells how many had not to be made anew for it.
func wantKept(t *testing.T, table *Table, now uint32) (held int) {
	t.Helper()
	now = table.latest(now)
	for i := range table.shards {
		s := &table.shards[i]
		s.eachRow(0, func(_ ref, row []uint32) bool {
			if k := s.sums(row); k != nil && row[meta]&summed != 0 && k.hold(now) {
				held++
			}
			n, life := s.sumOf(row, now)
			got := slices.Clone(s.values)
			counting := s.counting(row)
			if want := s.sum(counting, now); n != counting.n() || n > 0 && life != s.life(counting, now) || !slices.Equal(got, want) {
				t.Fatalf("at %d: %d contributions for %d ms: %v; want %d, %d, %v", now, n, life, got, counting.n(), s.life(counting, now), want)
			}
			return true
		})
	}
	return held
}
