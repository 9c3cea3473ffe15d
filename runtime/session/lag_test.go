package session

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"stktc/runtime/store"
)

// putSum makes a change that receivers of the table are to be sent.
func putSum(t *testing.T, k *talk, value uint64) {
	t.Helper()
	k.o.table.Begin("lb2")
	src, err := k.o.table.Source("lb2", gpcTable)
	if err != nil {
		t.Fatal(err)
	}
	var b store.Batch
	b.Add([]byte{10, 0, 0, 1}, 60_000, []uint64{value})
	src.Apply(&b, k.clock())
	synctest.Wait()
}

// TestLag: it grows while sums may not be sent, or the peer does not read, and is 0 when nothing waits.
func TestLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, false)
		var ready atomic.Bool
		k.Send(k.o.table, ready.Load, 0)
		putSum(t, k, 5)
		time.Sleep(2 * time.Second)
		if lag := k.Lag(); lag < 2*time.Second || lag > 2100*time.Millisecond {
			t.Errorf("not ready: %v, want 2 s", lag)
		}
		ready.Store(true)
		k.Wake()
		synctest.Wait()
		if lag := k.Lag(); lag != 0 {
			t.Errorf("sent: %v", lag)
		}
		k.finish()
	})
	synctest.Test(t, func(t *testing.T) {
		k := start(t, true)
		time.Sleep(time.Second)
		if lag := k.Lag(); lag < time.Second || lag > 1100*time.Millisecond {
			t.Errorf("the peer does not read: %v, want 1 s", lag)
		}
		k.finish()
	})
}
