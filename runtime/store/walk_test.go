package store

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
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
			awaitList(table)
			read(0, 1<<16)
			cursors[1] = table.Subscribe(func() {})
			read(1, 1<<16)
			if o := cursors[0].byKey.Load(); o == nil || o != cursors[1].byKey.Load() {
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
			if table.order.Load() != nil || table.arena.held != int64(table.Stats().Bytes) {
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

// awaitList waits for the list that a receiver has asked for.
func awaitList(t *Table) {
	for listing := true; listing; {
		t.orderMu.Lock()
		listing = t.listing
		t.orderMu.Unlock()
		runtime.Gosched()
	}
}

// TestWalkEndsWithNews: a walk by key is over when the receiver has had everything, also what had changed and was left to the log.
func TestWalkEndsWithNews(t *testing.T) {
	const keys = 4 * leastByKey
	table, src, c, enc := walkable(t, keys)
	read, seen := seeing(c, enc)
	read(1 << 12)
	awaitList(table)
	read(1 << 12)
	o := c.byKey.Load()
	for c.at < len(o.rows)-4000 { // keys are in order here
		read(1 << 16)
	}
	rest := o.rows[c.at:]
	putRange(src, 0, 6000, 8, 2)         // they were walked
	putRange(src, keys-4500, keys, 8, 2) // these were not, mostly
	n := 0
	for c.Walking() {
		read(1 << 16)
		n++
	}
	t.Logf("%d rows were left, walked in %d turns", len(rest), n)
	if len(seen) != keys {
		t.Errorf("the walk is over (a lesson would be said to be finished), the receiver had %d of %d keys", len(seen), keys)
	}
}

// TestListIsTakenAway: of a receiver that stands still, when memory is short and after a while; it gets everything all the same.
func TestListIsTakenAway(t *testing.T) {
	const keys = 2 * leastByKey
	for name, take := range map[string]func(*Table, *Source){
		"no memory": func(table *Table, src *Source) {
			table.arena.budget.SetLimit(table.arena.budget.Held() + 1<<10)
			putRange(src, keys, keys+keys/4, 7, 2)
			if n := table.Evicted(); n > 0 {
				t.Errorf("%d keys were evicted, and a list was there", n)
			}
			table.arena.budget.SetLimit(0)
		},
		"old": func(table *Table, _ *Source) { table.revokeOld(table.clock.Load() + byKeyLife + 1) },
	} {
		t.Run(name, func(t *testing.T) {
			table, src, c, enc := walkable(t, keys)
			read, seen := seeing(c, enc)
			read(1 << 12)
			awaitList(table)
			read(1 << 12)
			if c.byKey.Load() == nil {
				t.Fatal("no walk by key")
			}
			take(table, src)
			if c.byKey.Load() != nil || table.order.Load() != nil || table.arena.held != int64(table.Stats().Bytes) {
				t.Error("the list is still there")
			}
			for c.Pending() || c.Walking() {
				read(1 << 12)
			}
			if len(seen) != table.Rows() {
				t.Errorf("the receiver had %d of %d keys", len(seen), table.Rows())
			}
		})
	}
}

// TestWaitingIsQuiet: a receiver that waits for a list, and has fallen behind meanwhile, does not ask again and again.
func TestWaitingIsQuiet(t *testing.T) {
	const keys = 8 * leastByKey // a ring holds half of them
	table, src, c, enc := walkable(t, keys)
	table.listing = true // and does not end
	got := 0
	read := func() (all bool) {
		var out Stretch
		all, _ = c.Encode(&out, 1<<20, 2, enc)
		got += int(out.Updates)
		return all
	}
	read()
	for lap := range uint32(3) {
		putRange(src, 0, keys, 8+uint64(lap), 2+lap)
	}
	if read(); got != 0 || !c.waits.Load() || c.Pending() {
		t.Errorf("it was given %d sums; waits %v, and asks again: %v", got, c.waits.Load(), c.Pending())
	}
	table.listing = false
	c.waits.Store(false)
	for c.Walking() {
		read()
		awaitList(table)
	}
	if got < keys {
		t.Errorf("in the end it has %d sums of %d keys", got, keys)
	}
}

// TestBoundariesBeforeWalk: what a rate's boundary would send again is left to the walk by key, as long as that has not come to it, if all receivers walk by it; while that is new it comes after
// the walk.
func TestBoundariesBeforeWalk(t *testing.T) {
	t.Run("one receiver", func(t *testing.T) { boundariesBeforeWalk(t, 10_001, false) })
	t.Run("another that does not walk", func(t *testing.T) { boundariesBeforeWalk(t, 10_001, true) })
	t.Run("a new list", func(t *testing.T) { boundariesBeforeWalk(t, 14_000, false) })
}

func boundariesBeforeWalk(t *testing.T, began uint32, other bool) {
	const keys, middle = 4 * leastByKey, 2 * leastByKey
	table, _ := halfAPeriodApart(t, keys)
	table.latest(began)
	enc, _ := table.Encoder(plainAppender)
	var sent [keys]int
	read := func(c *Cursor, limit int, now uint32) (all bool) {
		var out Stretch
		all, _ = c.Encode(&out, limit, now, enc)
		eachPlain(out.Bytes, func(_, _ uint32, key []byte, _ []uint64) { sent[binary.BigEndian.Uint32(key)]++ })
		return all
	}
	if other {
		c := table.Subscribe(func() {})
		read(c, 1<<12, began)
		awaitList(table)
		for !read(c, 1<<16, began) {
		}
		clear(sent[:])
	}
	c := table.Subscribe(func() {})
	read(c, 1<<12, began)
	awaitList(table)
	for c.at < middle {
		read(c, 1<<12, began)
	}
	for table.Tick(15_100); table.late.Load() > 0; table.Tick(15_100) { // the first boundary of b's
	}
	resends := int(table.Stats().Resends)
	if isNew := began > 15_100-walkFirst; isNew && resends > 0 {
		t.Errorf("%d sums are sent again in the middle of the walk", resends)
	}
	for !read(c, 1<<16, 15_100) {
	}
	for table.Tick(15_100 + 2000); table.late.Load() > 0; table.Tick(15_100 + 2000) {
	}
	for !read(c, 1<<16, 15_100+2000) {
	}
	for k, n := range sent {
		isNear := k > middle-2*keyWindow && k < middle+2*keyWindow
		switch again := k < middle; {
		case other && n == 0, !other && !isNear && again != (n == 2), n > 2:
			t.Fatalf("key %d was sent %d times; half were walked before the boundary", k, n)
		}
	}
	want := middle
	resends = int(table.Stats().Resends)
	if other {
		want = keys
	}
	if resends < want-2*keyWindow || resends > want+2*keyWindow {
		t.Errorf("%d sums are sent again, want about %d", resends, want)
	}
}

// TestListIsNew: how long it took to make a list does not count for it, nor does a clock that was read before the list was made make it old.
func TestListIsNew(t *testing.T) {
	table, _, c, enc := walkable(t, 2*leastByKey)
	table.arena.mu.Lock() // the list waits for that
	c.Encode(&Stretch{}, 1<<12, 2, enc)
	now := table.latest(2 + 3*byKeyIdle)
	table.arena.mu.Unlock()
	awaitList(table)
	for _, tick := range []uint32{now - 1, now, now + byKeyIdle} {
		table.Tick(tick)
		if table.order.Load() == nil {
			t.Fatalf("the list of %d is taken away at %d", now, tick)
		}
	}
	if c.Encode(&Stretch{}, 1<<12, now, enc); c.byKey.Load() == nil {
		t.Error("no walk by key")
	}
}

// TestRunEndsWithWindow: what is taken of one shard in a go ends with the window, also where the next one begins with the same shard: boundaries of its rows would be taken for rows to come.
func TestRunEndsWithWindow(t *testing.T) {
	table := New("t.sum")
	src := begin(t, table, "a", gpcDef)
	var b Batch
	for k := uint32(0); b.Len() < leastByKey; k++ {
		if key := binary.BigEndian.AppendUint32(nil, k); table.hash(key)>>58 == 5 {
			b.Add(key, 3_600_000, []uint64{7})
		}
	}
	src.Apply(&b, 1)
	enc, _ := table.Encoder(plainAppender)
	c := table.Subscribe(func() {})
	read := func() (all bool) {
		all, _ = c.Encode(&Stretch{}, 1, 2, enc)
		return all
	}
	read()
	awaitList(table)
	for before, all := c.at, false; !all; before = c.at {
		if all = read(); c.at-before > keyWindow {
			t.Fatalf("%d rows are taken in a go, and no more than %d of them are said to be", c.at-before, keyWindow)
		}
	}
}

// TestWalkGivesOnce: a walk from shard to shard gives each row once, what changed before it began too, as after a start.
func TestWalkGivesOnce(t *testing.T) {
	const keys = leastByKey / 2
	table := New("t.sum")
	src := begin(t, table, "a", gpcDef)
	enc, _ := table.Encoder(plainAppender)
	c := table.Subscribe(func() {})
	putRange(src, 0, keys, 7, 1)
	var sent [keys]int
	for c.Walking() || c.Pending() {
		var out Stretch
		c.Encode(&out, 1<<12, 2, enc)
		eachPlain(out.Bytes, func(_, _ uint32, key []byte, _ []uint64) { sent[binary.BigEndian.Uint32(key)]++ })
	}
	for k, n := range sent {
		if n != 1 {
			t.Fatalf("key %d was sent %d times", k, n)
		}
	}
}

// TestBoundariesBeforeList: while all receivers wait for a list boundaries are left to that too: a storm of them would run past the ring, and the list be worth nothing when it is there.
func TestBoundariesBeforeList(t *testing.T) {
	const keys = 4 * leastByKey
	table, _ := halfAPeriodApart(t, keys)
	enc, _ := table.Encoder(plainAppender)
	var sent [2][keys]int
	var cursors [2]*Cursor
	read := func(i int, now uint32) (all bool) {
		var out Stretch
		all, _ = cursors[i].Encode(&out, 1<<16, now, enc)
		eachPlain(out.Bytes, func(_, _ uint32, key []byte, _ []uint64) { sent[i][binary.BigEndian.Uint32(key)]++ })
		return all
	}
	table.listing = true
	for i := range cursors {
		cursors[i] = table.Subscribe(func() {})
		read(i, 10_001)
	}
	table.latest(15_000) // or the list would be an old one
	table.orderMu.Lock() // the receivers are not told before that is free
	if !table.lists() {
		t.Fatal("no list")
	}
	for table.order.Load() == nil {
		runtime.Gosched()
	}
	for table.Tick(15_100); table.late.Load() > 0; table.Tick(15_100) { // the first boundary of b's
	}
	table.orderMu.Unlock()
	awaitList(table)
	for i := range cursors {
		if read(i, 15_100); cursors[i].byKey.Load() == nil {
			t.Errorf("receiver %d walks from shard to shard", i)
		}
	}
	for i := range cursors {
		for cursors[i].Walking() || cursors[i].Pending() {
			read(i, 15_100)
		}
		times := map[int]int{}
		for _, n := range sent[i] {
			times[n]++
		}
		if times[1] != keys {
			t.Errorf("receiver %d was sent so many keys so many times: %v; want all once", i, times)
		}
	}
}

// halfAPeriodApart is a table of two peers' rates: the second's periods of 10 s began at 5,000 ms, the first's at 10,000.
func halfAPeriodApart(t *testing.T, keys uint32) (table *Table, first *Source) {
	table = New("t.sum")
	for i, name := range []string{"a", "b"} {
		src := begin(t, table, name, sticktable.Definition{
			Key: sticktable.IPv4, KeyLen: 4, Expire: time.Hour, Columns: []sticktable.Column{{Type: sticktable.HTTPReqRate, Elems: 1, Period: 10 * time.Second}},
		})
		var b Batch
		for k := range keys {
			b.Add(binary.BigEndian.AppendUint32(nil, k), 3_600_000, []uint64{uint64(i) * 5000, 1000, 0})
		}
		src.Apply(&b, 10_000)
		if first == nil {
			first = src
		}
	}
	return table, first
}

// walkable is a table of a peer's keys, and a receiver that is to have them all.
func walkable(t *testing.T, keys uint32) (table *Table, src *Source, c *Cursor, enc *Encoder) {
	table = New("t.sum")
	src = begin(t, table, "a", gpcDef)
	putRange(src, 0, keys, 7, 1)
	enc, _ = table.Encoder(plainAppender)
	return table, src, table.Subscribe(func() {}), enc
}

// seeing gives a function that reads so many bytes at most, and the keys that it has read.
func seeing(c *Cursor, enc *Encoder) (read func(limit int), seen map[string]bool) {
	seen = map[string]bool{}
	return func(limit int) {
		var out Stretch
		c.Encode(&out, limit, 2, enc)
		eachPlain(out.Bytes, func(_, _ uint32, key []byte, _ []uint64) { seen[string(key)] = true })
	}, seen
}

// readAll lets a receiver have all that there is.
func readAll(c *Cursor, enc *Encoder, now uint32) {
	for c.Pending() || c.Walking() {
		c.Encode(&Stretch{}, 1<<20, now, enc)
	}
}
