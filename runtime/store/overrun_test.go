package store

import (
	"encoding/binary"
	"testing"
	"time"

	"stktc/topology/sticktable"
)

// TestOverrunDuringWalk: what changes while a receiver walks, and falls out of the log before its walk is over, is not lost.
func TestOverrunDuringWalk(t *testing.T) {
	tab := New("t.sum")
	tab.Begin("a")
	src, err := tab.Source("a", sticktable.Definition{
		Key: sticktable.IPv4, KeyLen: 4, Expire: time.Hour, Columns: []sticktable.Column{{Type: sticktable.GPC0, Elems: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	const keys = numShards * 1024
	put := func(v uint64) {
		var b Batch
		for i := range uint32(keys) {
			b.Add(binary.BigEndian.AppendUint32(nil, i), 1_000_000, []uint64{v})
		}
		src.Apply(&b, 1)
	}
	put(1)
	_, version := tab.Definition()
	read := func(c *Cursor, most int, seen map[uint32]uint64) {
		c.Collect(2, version, func(_, _ uint32, key []byte, values []uint64) bool {
			if most--; most < 0 {
				return false
			}
			seen[binary.BigEndian.Uint32(key)] = values[0]
			return true
		})
	}
	fast, slow := tab.Subscribe(func() {}), tab.Subscribe(func() {})
	ignored, seen := map[uint32]uint64{}, map[uint32]uint64{}
	read(fast, keys, ignored)
	read(slow, 500, seen) // stops in the middle of a shard's walk
	for v := uint64(2); v <= 4; v++ {
		put(v)
		read(fast, keys, ignored)
	}
	for slow.Pending() {
		read(slow, keys, seen)
	}
	wrong := 0
	for i := range uint32(keys) {
		if seen[i] != 4 {
			wrong++
		}
	}
	if wrong > 0 {
		t.Errorf("%d keys of %d are not what they are now", wrong, keys)
	}
}
