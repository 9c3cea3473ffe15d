package store

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"stktc/topology/sticktable"
)

// TestOwedIsForAll: a slow receiver that has a piece made anew for itself does not take from the others what they are owed.
func TestOwedIsForAll(t *testing.T) {
	def := sticktable.Definition{
		Key: sticktable.IPv4, KeyLen: 4, Expire: time.Hour, Columns: []sticktable.Column{{Type: sticktable.HTTPReqRate, Elems: 1, Period: 10 * time.Second}},
	}
	table := New("t.sum")
	const n = 20
	fast, slow := table.Subscribe(func() {}), table.Subscribe(func() {})
	var srcs []*Source
	for i := range n {
		srcs = append(srcs, begin(t, table, fmt.Sprint("lb", i), def))
	}
	enc, _ := table.Encoder(plainAppender)
	var has []uint64
	var hasAt uint32
	read := func(c *Cursor, now uint32, keep bool) {
		for c.Pending() {
			var out Stretch
			c.Encode(&out, 1<<20, now, enc)
			eachPlain(out.Bytes, func(_, _ uint32, _ []byte, v []uint64) {
				if keep {
					has, hasAt = v, now
				}
			})
		}
	}
	now := uint32(100_000)
	for i, s := range srcs {
		update(s, 1, 3_600_000, now, uint64(9900-10*i), 5000, 4000) // boundaries at +100, +110, ... +290
	}
	read(fast, now, true)
	read(slow, now, false)
	for step := uint32(1); step <= 60; step++ {
		now += 5
		table.tickAll(now)
		table.Tick(now)
		read(fast, now, true)
	}
	now += 100
	read(slow, now, false)
	for range 800 {
		now += 5
		table.tickAll(now)
		table.Tick(now)
		read(fast, now, true)
	}
	e, _ := table.Lookup([]byte{0, 0, 0, 0}, now)
	want := Rate(e.Values[0], e.Values[1], e.Values[2], 10_000)
	got := Rate(has[0]+uint64(now-hasAt), has[1], has[2], 10_000)
	if absDiff(got, want) > want/100+1 {
		t.Errorf("the fast receiver has %d, the truth is %d", got, want)
	}
}

// TestJoinNeverGoesBack: a receiver that had news while the list was made, and then joins it, is not given pieces that are older than those news.
func TestJoinNeverGoesBack(t *testing.T) {
	const keys = 80 * numShards * 16 // 81,920: more than fewRows a shard
	table := New("t.sum")
	def := sticktable.Definition{Key: sticktable.IPv4, KeyLen: 4, Expire: time.Hour, Columns: []sticktable.Column{{Type: sticktable.GPC0, Elems: 1}}}
	src := begin(t, table, "a", def)
	enc, _ := table.Encoder(plainAppender)
	var b Batch
	for k := range uint32(keys) {
		b.Add(binary.BigEndian.AppendUint32(nil, k), 3_600_000, []uint64{1})
	}
	src.Apply(&b, 1000)
	a, c := table.Subscribe(func() {}), table.Subscribe(func() {})
	limit := 1 << 16
	drain := func(c *Cursor, f func(k uint32, v uint64)) {
		for c.Pending() {
			var out Stretch
			if _, err := c.Encode(&out, limit, 1000, enc); err != nil {
				t.Fatal(err)
			}
			eachPlain(out.Bytes, func(_, _ uint32, key []byte, v []uint64) { f(binary.BigEndian.Uint32(key), v[0]) })
		}
	}
	all := func(c *Cursor) {
		for c.Walking() {
			awaitList(table)
			drain(c, func(uint32, uint64) {})
		}
	}
	all(a)
	all(c)
	table.revokeOld(1000 + byKeyIdle + 1)
	put := func(v uint64) {
		var b Batch
		for k := range uint32(64) {
			b.Add(binary.BigEndian.AppendUint32(nil, k), 3_600_000, []uint64{v})
		}
		src.Apply(&b, 1000)
	}
	last, back := map[uint32]uint64{}, 0
	note := func(k uint32, v uint64) {
		if v < last[k] {
			back++
		}
		last[k] = v
	}
	c.Rewind()
	var out Stretch
	c.Encode(&out, 1, 1000, enc) // asks for the list
	awaitList(table)
	o := table.order.Load()
	table.orderMu.Lock() // the state while the list is sorted: its heads are fixed, and the receiver has its news meanwhile
	table.order.Store(nil)
	table.listing = true
	table.orderMu.Unlock()
	c.waits.Store(true)
	put(2)
	drain(c, note)
	drain(a, func(uint32, uint64) {})
	put(3)
	drain(c, note)
	drain(a, func(uint32, uint64) {})
	table.orderMu.Lock()
	table.order.Store(o)
	table.listing = false
	table.orderMu.Unlock()
	c.waits.Store(false)
	limit = 4096 // as 64 KiB are for keys of 400 bytes, or what news leave of them
	for c.Walking() {
		drain(c, note)
	}
	if back > 0 {
		t.Errorf("%d values went back", back)
	}
}
