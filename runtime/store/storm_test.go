package store

import (
	"encoding/binary"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stktc/topology/sticktable"
)

// stormKeys are more than a Tick looks at.
const stormKeys = 3 * numShards * tickBudget

func storm(t *testing.T) (table *Table, src *Source) {
	def := sticktable.Definition{
		Key: sticktable.IPv4, KeyLen: 4, Expire: time.Hour, Columns: []sticktable.Column{{Type: sticktable.HTTPReqRate, Elems: 1, Period: 10 * time.Second}},
	}
	table = New("t.sum")
	a, b := begin(t, table, "a", def), begin(t, table, "b", def)
	for i, src := range []*Source{a, b} {
		var batch Batch
		for k := range uint32(stormKeys) {
			batch.Add(binary.BigEndian.AppendUint32(nil, k), 3_600_000, []uint64{5000 * uint64(i), 10, 0})
		}
		src.Apply(&batch, 10_000)
	}
	return table, a
}

// TestStorm: keys that enter their next periods all in one moment are sent again within a few turns.
func TestStorm(t *testing.T) {
	table, _ := storm(t)
	enc, _ := table.Encoder(plainAppender)
	c := table.Subscribe(func() {})
	for c.Pending() || c.Walking() {
		c.Encode(&Stretch{}, 1<<20, 10_000, enc)
	}
	turns := 0
	for now := uint32(15_000); table.Stats().Resends < stormKeys && turns < 10; now += 10 {
		table.Tick(now)
		if turns++; turns == 1 && table.late.Load() == 0 {
			t.Error("no wheel is late after one turn: the storm is none")
		}
	}
	if turns > 8 { // each row is looked at twice, and a third of a shard in one turn
		t.Errorf("after %d turns %d of %d keys were sent again", turns, table.Stats().Resends, stormKeys)
	}
	table.Tick(15_100)
	table.Tick(15_104)
	if late := table.late.Load(); late != 0 {
		t.Errorf("%d wheels are late when all is done", late)
	}
}

// TestGiveWay: who brings much waits for receivers that are behind and read, and for wheels that are late, a moment each.
func TestGiveWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table, src := storm(t)
		enc, _ := table.Encoder(plainAppender)
		c := table.Subscribe(func() {})
		readAll := func() {
			for c.Pending() || c.Walking() {
				c.Encode(&Stretch{}, 1<<20, 10_000, enc)
			}
		}
		put := func(n uint32) {
			var batch Batch
			for k := range n {
				batch.Add(binary.BigEndian.AppendUint32(nil, k), 3_600_000, []uint64{0, 11, 0})
			}
			src.Apply(&batch, 10_001)
		}
		waits := func(what string, want time.Duration) {
			t.Helper()
			began := time.Now()
			if src.GiveWay(); time.Since(began) != want {
				t.Errorf("%s: waits for %v, want %v", what, time.Since(began), want)
			}
		}
		waits("before anything is read", 0)
		readAll()
		put(newsInBulk + 1)
		waits("when a receiver has just read, and does not any more", giveWayEvery)
		put(newsInBulk + 1)
		waits("with a receiver that takes nothing", 0)
		slowly := func(times int) (wait func()) {
			var reading sync.WaitGroup
			reading.Go(func() {
				for range times {
					time.Sleep(giveWayEvery / 2)
					c.Encode(&Stretch{}, 1, 10_000, enc)
					time.Sleep(giveWayEvery / 2)
				}
			})
			return reading.Wait
		}
		c.Encode(&Stretch{}, 1, 10_000, enc)
		put(newsInBulk)
		wait := slowly(3)
		waits("with one that reads slowly", giveWayEvery)
		put(100)
		waits("after few updates", 0)
		wait()
		readAll()
		put(bulk)
		waits("when nearly all is read", 0)
		table.Tick(20_100)
		readAll()
		put(bulk)
		wait = slowly(int(giveWayMost / giveWayEvery))
		waits("with late wheels", giveWayMost)
		wait()
	})
}

// TestGiveWayAgain: who was woken because receivers have taken most waits the next time too.
func TestGiveWayAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table, src := storm(t)
		enc, _ := table.Encoder(plainAppender)
		c := table.Subscribe(func() {})
		readAll := func() {
			for c.Pending() || c.Walking() {
				c.Encode(&Stretch{}, 1<<20, 10_000, enc)
			}
		}
		put := func() {
			var batch Batch
			for k := range uint32(newsInBulk + 1) {
				batch.Add(binary.BigEndian.AppendUint32(nil, k), 3_600_000, []uint64{0, 11, 0})
			}
			src.Apply(&batch, 10_001)
		}
		giveWay := func() time.Duration {
			began := time.Now()
			src.GiveWay()
			return time.Since(began)
		}
		readAll()
		put()
		table.waiting.Add(1) // one who was woken, and does not run yet
		readAll()
		table.waiting.Add(-1)
		put()
		if took := giveWay(); took != giveWayEvery {
			t.Errorf("waits for %v, want %v", took, giveWayEvery)
		}
	})
}
