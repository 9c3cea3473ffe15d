package store

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSortByKey: as a sort by comparisons, of keys that differ anywhere, and few or all of them the same.
func TestSortByKey(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, mask := range []uint64{0, 1, 0xff, 0x1ff, 1 << 63, 0xffffff << 32, 0xff00_0000_0000_00ff, 1<<64 - 1} {
		for _, n := range []int{0, 1, 255, 256, 257, 5000} {
			var rows []listedKey
			for i := range n {
				rows = append(rows, listedKey{key: random.Uint64()&mask | ^mask&0x5a5a5a5a5a5a5a5a, row: ref(i)})
			}
			want := slices.Clone(rows)
			slices.SortFunc(want, func(a, b listedKey) int { return cmp.Compare(a.key, b.key) })
			sortByKey(rows)
			seen := map[ref]bool{}
			for i := range rows {
				seen[rows[i].row] = true
				if rows[i].key != want[i].key {
					t.Fatalf("mask %x: at %d of %d is %x, want %x", mask, i, n, rows[i].key, want[i].key)
				}
			}
			if len(seen) != n {
				t.Errorf("mask %x: %d rows of %d are there", mask, len(seen), n)
			}
		}
	}
}

func BenchmarkList(b *testing.B) {
	for _, keys := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			t, _, _ := benchTable(b, keys, 2)
			for b.Loop() {
				o := &byKey{version: t.version.Load(), rows: make([]listedKey, 0, roomFor(keys))}
				if !t.list(o) {
					b.Fatal("not listed")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*keys), "ns/row")
		})
	}
}
