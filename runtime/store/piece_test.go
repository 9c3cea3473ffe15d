package store

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"stktc/topology/sticktable"
)

// plainAppender appends a sum without any encoding.
func plainAppender(sticktable.Definition) func(buf []byte, id, life uint32, key []byte, values []uint64) []byte {
	return func(buf []byte, id, life uint32, key []byte, values []uint64) []byte {
		buf = binary.LittleEndian.AppendUint32(buf, id)
		buf = binary.LittleEndian.AppendUint32(buf, life)
		buf = append(buf, byte(len(key)), byte(len(values)))
		buf = append(buf, key...)
		for _, v := range values {
			buf = binary.LittleEndian.AppendUint64(buf, v)
		}
		return buf
	}
}

// eachPlain reads what plainAppender appended.
func eachPlain(b []byte, f func(id, life uint32, key []byte, values []uint64)) {
	for len(b) > 0 {
		id, life, keyLen := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:]), int(b[8])
		values := make([]uint64, b[9])
		key := b[10:][:keyLen]
		b = b[10+keyLen:]
		for i := range values {
			values[i] = binary.LittleEndian.Uint64(b[8*i:])
		}
		b = b[8*len(values):]
		f(id, life, key, values)
	}
}

// TestSharedNeverGoesBack: what is made for one receiver and given to others is never older than what those had from a walk over the rows, and in the end
// all have the newest.
func TestSharedNeverGoesBack(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			playShared(t, rand.New(rand.NewPCG(seed, 1)), 3000, 1000)
		})
	}
	t.Run("walks by key", func(t *testing.T) { playShared(t, rand.New(rand.NewPCG(1, 2)), 2*leastByKey, 300) })
}

func playShared(t *testing.T, rnd *rand.Rand, keys, turns uint32) {
	table := New("t.sum")
	def := sticktable.Definition{Key: sticktable.IPv4, KeyLen: 4, Expire: time.Hour, Columns: []sticktable.Column{{Type: sticktable.GPC0, Elems: 1}}}
	src, other := begin(t, table, "a", def), begin(t, table, "b", def)
	enc, _ := table.Encoder(plainAppender)
	var cursors [4]*Cursor
	var seen [4]map[uint32]uint64
	for i := range cursors {
		cursors[i], seen[i] = table.Subscribe(func() {}), map[uint32]uint64{}
	}
	sorted := false
	read := func(i, limit int, now uint32) {
		var out Stretch
		if _, err := cursors[i].Encode(&out, limit, now, enc); err != nil {
			t.Fatal(err)
		}
		if cursors[i].waits.Load() {
			awaitList(table)
			cursors[i].Encode(&out, limit, now, enc)
		}
		sorted = sorted || cursors[i].byKey.Load() != nil
		eachPlain(out.Bytes, func(_, _ uint32, key []byte, values []uint64) {
			k := binary.BigEndian.Uint32(key)
			if values[0] < seen[i][k] {
				t.Fatalf("receiver %d: key %d went from %d to %d", i, k, seen[i][k], values[0])
			}
			seen[i][k] = values[0]
		})
	}
	var counted [2][]uint64
	for i := range counted {
		counted[i] = make([]uint64, keys)
	}
	for now := uint32(0); now < turns; now++ {
		for i, src := range []*Source{src, other} {
			var b Batch
			for range rnd.Uint32N(keys / 15) {
				k := rnd.Uint32N(keys)
				counted[i][k]++
				b.Add(binary.BigEndian.AppendUint32(nil, k), 3_600_000, counted[i][k:k+1])
			}
			src.Apply(&b, now/4)
		}
		if i := rnd.IntN(len(cursors)); rnd.IntN(50) == 0 {
			cursors[i].Rewind()
		} else {
			read(i, rnd.IntN(10*int(keys)), now/4)
		}
	}
	for i, c := range cursors {
		for c.Pending() || c.Walking() {
			read(i, 10_000, 1000)
		}
		for k := range keys {
			if want := counted[0][k] + counted[1][k]; seen[i][k] != want {
				t.Fatalf("receiver %d has %d for key %d, want %d", i, seen[i][k], k, want)
			}
		}
	}
	if sorted != (keys >= leastByKey) {
		t.Errorf("some receiver walked by key: %v", sorted)
	}
	table.revokeOld(table.clock.Load() + byKeyIdle + 1)
	if table.order.Load() != nil {
		t.Error("the list of keys was not given back")
	}
}

// TestEncodeAsOfTheLatest: a receiver whose time was read before the boundary for which a rate is sent again, and had to wait for the lock since, is given the rate as of after it.
func TestEncodeAsOfTheLatest(t *testing.T) {
	def := sticktable.Definition{
		Key: sticktable.IPv4, KeyLen: 4, Expire: time.Hour, Columns: []sticktable.Column{{Type: sticktable.HTTPReqRate, Elems: 1, Period: 10 * time.Second}},
	}
	table := New("t.sum")
	a, b := begin(t, table, "a", def), begin(t, table, "b", def)
	update(a, 1, 3_600_000, 1000, 9900, 500, 0) // its boundary is at 1100
	update(b, 1, 3_600_000, 1000, 100, 500, 0)
	c := table.Subscribe(func() {})
	enc, _ := table.Encoder(plainAppender)
	read := func(now uint32) (values []uint64) {
		var out Stretch
		c.Encode(&out, 1<<20, now, enc)
		eachPlain(out.Bytes, func(_, _ uint32, _ []byte, v []uint64) { values = v })
		return values
	}
	read(1000)
	table.tickAll(1104)
	table.Tick(1104)
	if v := read(1090); v == nil || v[2] != 500 {
		t.Errorf("sent again as %v, want 500 in the previous period", v)
	}
}
