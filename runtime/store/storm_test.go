package store

import (
	"encoding/binary"
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
	for all := false; !all; {
		all, _ = c.Encode(&Stretch{}, 1<<20, 10_000, enc)
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
		waits := func(what string, want time.Duration) {
			t.Helper()
			began := time.Now()
			if src.GiveWay(); time.Since(began) != want {
				t.Errorf("%s: waits for %v, want %v", what, time.Since(began), want)
			}
		}
		waits("without receivers", 0)
		c := table.Subscribe(func() {})
		waits("at the begin of a walk", 0) // what is walked is not news
		for all := false; !all; {
			all, _ = c.Encode(&Stretch{}, 1<<20, 10_000, enc)
		}
		var batch Batch
		for k := range uint32(newsInBulk + 1) {
			batch.Add(binary.BigEndian.AppendUint32(nil, k), 3_600_000, []uint64{0, 11, 0})
		}
		src.Apply(&batch, 10_001)
		waits("with a receiver that takes nothing", giveWayEvery)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 3 {
				time.Sleep(giveWayEvery / 2)
				c.Encode(&Stretch{}, 1, 10_000, enc)
				time.Sleep(giveWayEvery / 2)
			}
		}()
		waits("with one that reads slowly", giveWayEvery)
		<-done
		for all := false; !all; {
			all, _ = c.Encode(&Stretch{}, 1<<20, 10_000, enc)
		}
		waits("when all is read", 0)
		table.Tick(20_100)
		waits("with late wheels", giveWayMost*giveWayEvery)
	})
}
