package store

import (
	"runtime"
	"testing"
	"time"
)

// TestInUse: who brings updates, or takes news, is not held up in other shards by one that is in use, and does not forget that one.
func TestInUse(t *testing.T) {
	const keys = 4000 // some in each shard, and few enough for one batch
	const all = 1<<numShards - 1
	table := New("t.sum")
	src := begin(t, table, "a", gpcDef)
	c := table.Subscribe(func() {})
	putKeys(src, keys, 60_000, 1000, 1)
	enc, _ := table.Encoder(plainAppender)
	encode := func(limit int) int {
		st := &Stretch{}
		if _, err := c.Encode(st, limit, 1000, enc); err != nil {
			t.Error(err)
		}
		return st.Updates
	}
	for encode(1<<20) > 0 {
	}

	busy := &table.shards[5]
	busy.mu.Lock()
	applied := make(chan bool)
	go func() {
		defer close(applied)
		putKeys(src, keys, 60_000, 1000, 2)
	}()
	deadline := time.Now().Add(10 * time.Second)
	for c.dirty.Load() != all&^(1<<busy.number) {
		if time.Now().After(deadline) {
			t.Fatalf("shards %b were changed", c.dirty.Load())
		}
		runtime.Gosched()
	}
	busy.mu.Unlock()
	<-applied
	if c.dirty.Load() != all {
		t.Fatalf("shards %b were changed", c.dirty.Load())
	}

	busy.mu.Lock()
	c.turn = busy.number
	given := make(chan int)
	go func() { given <- encode(1000) }()
	n := 0
	select {
	case n = <-given:
	case <-time.After(time.Until(deadline)):
		t.Fatal("nothing is given while one shard is in use")
	}
	if busy.mu.Unlock(); n == 0 {
		t.Error("nothing was given of the other shards")
	}
	n += encode(1000)
	if got := c.shards[busy.number].pos; got != busy.log.head {
		t.Errorf("the shard that was passed over did not come first: %d changes of it are left", busy.log.head-got)
	}
	for more := n; more > 0; n += more {
		more = encode(1 << 20)
	}
	if n != keys {
		t.Errorf("%d of %d changes were given", n, keys)
	}
}
