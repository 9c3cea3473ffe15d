package store

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"stktc/topology/sticktable"
)

// TestWalkByKey: a receiver that is to have a large table gets it in the order of HAProxy's trees, but for windows, and once each; news go first, and a second receiver that comes in the middle shares the list.
func TestWalkByKey(t *testing.T) {
	const rows = 10 * leastByKey
	for _, c := range []struct {
		key    sticktable.KeyType
		inTree func([]byte) uint32
	}{
		{sticktable.IPv4, binary.BigEndian.Uint32},
		{sticktable.Integer, binary.LittleEndian.Uint32},
	} {
		t.Run(c.key.String(), func(t *testing.T) {
			table := New("t.sum")
			src := begin(t, table, "a", sticktable.Definition{
				Key: c.key, KeyLen: 4, Expire: time.Hour, Columns: []sticktable.Column{{Type: sticktable.GPC0, Elems: 1}},
			})
			put := func(key int, value uint64) {
				var b Batch
				b.Add(binary.BigEndian.AppendUint32(nil, uint32(key)), 3_600_000, []uint64{value})
				src.Apply(&b, 1)
			}
			for _, i := range rand.New(rand.NewPCG(1, 1)).Perm(rows) {
				put(i, 7)
			}
			enc, _ := table.Encoder(plainAppender)
			var got [2][]uint32
			cursors := [2]*Cursor{table.Subscribe(func() {}), nil}
			read := func(i, limit int) bool {
				var out Stretch
				all, _ := cursors[i].Encode(&out, limit, 2, enc)
				eachPlain(out.Bytes, func(_, _ uint32, key []byte, _ []uint64) { got[i] = append(got[i], c.inTree(key)) })
				return all
			}
			read(0, 1<<16)
			cursors[1] = table.Subscribe(func() {})
			read(1, 1<<16)
			if cursors[0].byKey == nil || cursors[0].byKey != cursors[1].byKey {
				t.Error("the receivers do not share a list")
			}
			put(0, 8)
			read(0, 1<<10)
			news := len(got[0])
			for i := range cursors {
				for !read(i, 1<<16) {
				}
				if len(got[i]) != rows+1 {
					t.Errorf("receiver %d got %d sums of %d keys", i, len(got[i]), rows)
				}
				if back := farthestBack(got[i][news:]); back > keyWindow {
					t.Errorf("receiver %d got a key %d places after one that comes behind it", i, back)
				}
			}
			if table.order != nil || table.arena.held != int64(table.Stats().Bytes) {
				t.Errorf("%d bytes are held, and %d of rows", table.arena.held, table.Stats().Bytes)
			}
		})
	}
}

// farthestBack is how many places too late a key comes at most.
func farthestBack(keys []uint32) (most int) {
	greatest, at := uint32(0), 0
	for i, k := range keys {
		if k >= greatest {
			greatest, at = k, i
		}
		most = max(most, i-at)
	}
	return most
}
