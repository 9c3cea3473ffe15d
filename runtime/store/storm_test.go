package store

import (
	"encoding/binary"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// stormKeys are more than a Tick looks at.
const stormKeys = 3 * numShards * turnRows

// wayGiver brings much to a table of two peers' rates that has one receiver.
type wayGiver struct {
	*Source
	table *Table
	c     *Cursor
	enc   *Encoder
}

func newWayGiver(t *testing.T, keys uint32) *wayGiver {
	table, src := halfAPeriodApart(t, keys)
	enc, _ := table.Encoder(plainAppender)
	return &wayGiver{src, table, table.Subscribe(func() {}), enc}
}

// put changes so many keys.
func (g *wayGiver) put(n uint32) {
	var batch Batch
	for k := range n {
		batch.Add(binary.BigEndian.AppendUint32(nil, k), 3_600_000, []uint64{0, 1100, 0})
	}
	g.Apply(&batch, 10_001)
}

func (g *wayGiver) readAll() { readAll(g.c, g.enc, 10_000) }

// waits is for how long it gives way.
func (g *wayGiver) waits() time.Duration {
	began := time.Now()
	g.GiveWay()
	return time.Since(began)
}

// TestStorm: keys that enter their next periods all in one moment are sent again within a few turns.
func TestStorm(t *testing.T) {
	g := newWayGiver(t, stormKeys)
	table := g.table
	g.readAll()
	g.c.stands.Store(true)
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

// TestWheelGivesWay: wheels look at as many rows in a turn as half of the receivers can take besides what they have not taken yet, so that what changes just now is not behind all that is sent again, but at
// more the later they are.
func TestWheelGivesWay(t *testing.T) {
	g := newWayGiver(t, 2*newsInBulk)
	budgetIs := func(what string, want int) {
		t.Helper()
		if got := g.table.budget(); got != want {
			t.Errorf("%s: the budget is %d, want %d", what, got, want)
		}
	}
	budgetIs("while the receiver walks", tickBudget)
	g.readAll()
	budgetIs("nobody is behind", newsInBulk/numShards*lookCost)
	g.put(newsInBulk / 2)
	budgetIs("a receiver is behind", newsInBulk/2/numShards*lookCost)
	g.put(newsInBulk)
	least := newsInBulk / 32 / numShards * lookCost
	budgetIs("it is far behind", least)
	for now := uint32(10_004); now < 10_100; now += 5 {
		g.table.Tick(now)
	}
	if !g.c.stands.Load() {
		t.Error("a receiver that takes nothing for 100 ms is waited for")
	}
	budgetIs("one that takes nothing is behind", tickBudget)
	g.readAll()
	if left := g.table.farthest(); left != 0 || g.c.stands.Load() {
		t.Errorf("a receiver that has taken everything is %d changes behind", left)
	}
}

// TestLateDoubles: a wheel that is late does more in a turn.
func TestLateDoubles(t *testing.T) {
	g := newWayGiver(t, stormKeys)
	g.readAll()
	s, storm := &g.table.shards[0], uint32(10_000)
	for last := &g.table.shards[1]; last.counted.resends == 0; storm += 4 {
		last.turn(storm, tickBudget)
	}
	for s.turn(storm-8, tickBudget) != 0 {
	}
	for _, test := range []struct{ late, want int }{{0, 10}, {lateDoubles, 20}, {4 * lateDoubles, 50}} {
		before := s.counted.resends
		s.turn(s.wheel.tick<<tickShift+4+uint32(test.late), 10*lookCost)
		if got := int(s.counted.resends - before); got > test.want+1 || got < test.want-1 {
			t.Errorf("%d ms late: %d rows are sent again, want %d", test.late, got, test.want)
		}
	}
}

// TestLate: a table tells how far it is behind with what is due.
func TestLate(t *testing.T) {
	g := newWayGiver(t, stormKeys)
	g.readAll()
	at := uint32(10_000)
	for !g.table.Tick(at) {
		at += 4
	}
	if g.table.Tick(at + 500); g.table.Late() < 400*time.Millisecond || g.table.Late() > 508*time.Millisecond {
		t.Errorf("half a second after the storm began: %v late", g.table.Late())
	}
	for g.table.Tick(at + 500) {
		g.readAll()
	}
	if g.table.Late() != 0 {
		t.Errorf("%v late when all is done", g.table.Late())
	}
}

// TestGiveWay: who brings much waits for receivers that are behind and read, and for wheels that are late, a moment each.
func TestGiveWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newWayGiver(t, stormKeys)
		waits := func(what string, want time.Duration) {
			t.Helper()
			if got := g.waits(); got != want {
				t.Errorf("%s: waits for %v, want %v", what, got, want)
			}
		}
		waits("before anything is read", 0)
		g.readAll()
		g.put(newsInBulk + 1)
		waits("when a receiver has just read, and does not any more", giveWayEvery)
		g.put(newsInBulk + 1)
		waits("with a receiver that takes nothing", 0)
		slowly := func(times int) (wait func()) {
			var reading sync.WaitGroup
			reading.Go(func() {
				for range times {
					time.Sleep(giveWayEvery / 2)
					g.c.Encode(&Stretch{}, 1, 10_000, g.enc)
					time.Sleep(giveWayEvery / 2)
				}
			})
			return reading.Wait
		}
		g.c.Encode(&Stretch{}, 1, 10_000, g.enc)
		g.put(newsInBulk)
		wait := slowly(3)
		waits("with one that reads slowly", giveWayEvery)
		g.put(100)
		waits("after few updates", 0)
		wait()
		g.readAll()
		g.put(bulk)
		waits("when nearly all is read", 0)
		g.table.Tick(20_100)
		g.readAll()
		g.put(bulk)
		wait = slowly(int(giveWayMost / giveWayEvery))
		waits("with late wheels", giveWayMost)
		wait()
		g.put(2 * newsInBulk)
		wait = slowly(int(giveWayLong / giveWayEvery))
		waits("with one that reads slowly, and is far behind", giveWayLong)
		wait()
		other := g.table.Subscribe(func() {})
		readAll(other, g.enc, 10_000)
		g.put(2 * newsInBulk)
		readAll(other, g.enc, 10_000)
		wait = slowly(int(giveWayLong / giveWayEvery))
		waits("with another that is not", giveWayMost)
		wait()
	})
}

// TestHalfIsBehind: wheels go on as slowly as half of the receivers take, also while these come more seldom than who gives way to them looks.
func TestHalfIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newWayGiver(t, stormKeys)
		others := []*Cursor{g.table.Subscribe(func() {}), g.table.Subscribe(func() {})}
		g.readAll()
		for _, c := range others {
			readAll(c, g.enc, 10_000)
		}
		g.put(3 * newsInBulk)
		least, slow := newsInBulk/32/numShards*lookCost, 0
		const rounds = 60
		for round := range uint32(rounds) {
			g.put(bulk)
			g.readAll()
			if round%3 == 0 {
				others[0].Encode(&Stretch{}, 100, 10_000, g.enc)
				others[1].Encode(&Stretch{}, 100, 10_000, g.enc)
			}
			g.GiveWay()
			g.table.standing(10_000 + 4*round)
			if g.table.budget() == least {
				slow++
			}
		}
		if slow < rounds*9/10 {
			t.Errorf("two of three receivers are far behind, and wheels turn slowly in %d of %d ticks only", slow, rounds)
		}
	})
}

// TestGiveWayAgain: who was woken because receivers have taken most waits the next time too.
func TestGiveWayAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newWayGiver(t, 2*newsInBulk)
		g.readAll()
		g.put(newsInBulk + 1)
		g.table.waiting.Add(1) // one who was woken, and does not run yet
		g.readAll()
		g.table.waiting.Add(-1)
		g.put(newsInBulk + 1)
		if took := g.waits(); took != giveWayEvery {
			t.Errorf("waits for %v, want %v", took, giveWayEvery)
		}
	})
}
