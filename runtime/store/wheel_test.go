package store

import (
	"testing"
	"time"

	"stktc/topology/sticktable"
)

// TestWheelAtCascade: a row that is looked at on a tick where a level of the wheel comes up, and is due again within one turn of the lowest level, is
// not put where that turn has passed already.
func TestWheelAtCascade(t *testing.T) {
	const start = 1 << 20
	for _, again := range []uint32{4, 248, 252, 256, 260, 512} {
		table := New("t.sum")
		a, b := begin(t, table, "a", countersDef(1)), begin(t, table, "b", countersDef(1))
		update(a, 500, 2048, start, 5) // 512 ticks: where level 1 comes up
		update(b, 500, 2048+again, start, 7)
		for now := uint32(start); now <= start+2048+again+8; now += 4 {
			table.tickAll(now)
		}
		wantAll(t, table, 0, 0, start+2048+again+8)
	}
}

// TestWheelBudget: a tick that does not get through its rows at once goes on with them, and loses none.
func TestWheelBudget(t *testing.T) {
	const start = 1 << 20
	table := New("t.sum")
	a, b := begin(t, table, "a", countersDef(1)), begin(t, table, "b", countersDef(1))
	update(a, 5000, 2048, start, 5)
	update(b, 5000, 2048+252, start, 7)
	for now := uint32(start); now < start+4096; now += 4 {
		for i := range table.shards {
			s := &table.shards[i]
			s.mu.Lock()
			s.wheel.advance(s, now, 3*lookCost)
			s.unlock()
		}
	}
	wantAll(t, table, 0, 0, start+4096)
}

// TestBoundaryAfterNow: a row that is looked at with a time that was read before updates came is looked at again at their contributors' boundaries.
func TestBoundaryAfterNow(t *testing.T) {
	def := sticktable.Definition{
		Key: sticktable.IPv4, KeyLen: 4, Expire: time.Hour, Columns: []sticktable.Column{{Type: sticktable.HTTPReqRate, Elems: 1, Period: 10 * time.Second}},
	}
	table := New("t.sum")
	a, b, c, d := begin(t, table, "a", def), begin(t, table, "b", def), begin(t, table, "c", def), begin(t, table, "d", def)
	update(a, 1, 3_600_000, 1000, 19_990, 500, 300)
	update(d, 1, 3_600_000, 1000, 19_990, 500, 300)
	update(b, 1, 3_600_000, 1020, 0, 50, 900)
	update(c, 1, 3_600_000, 1020, 0, 500, 90)
	receiver := table.Subscribe(func() {})
	tick := func(now uint32) {
		table.tickAll(now)
		receiver.Collect(now, table.version.Load(), func(uint32, uint32, []byte, []uint64) bool { return true })
	}
	tick(1012) // the last boundary of a and d
	before := table.Stats().Resends
	for now := uint32(10_800); now < 11_100; now += 4 { // those of b and c are at 11020
		tick(now)
	}
	if n := table.Stats().Resends - before; n != 1 {
		t.Errorf("sent again %d times, want 1", n)
	}
}

// TestTickOfBefore: a tick whose time was read before updates put the first rows into the shards does not turn the wheels on, nearly all the way round, to that time.
func TestTickOfBefore(t *testing.T) {
	for _, start := range []uint32{1 << 20, 1<<32 - 4} { // also where the clock comes round
		table := New("t.sum")
		update(begin(t, table, "a", countersDef(1)), 500, 60_000, start+8, 5)
		table.Tick(start)
		for i := range table.shards {
			if w := &table.shards[i].wheel; w.listed > 0 && w.tick != (start+8)>>tickShift {
				t.Fatalf("the wheel of shard %d is at %d ms, the clock at %d", i, w.tick<<tickShift, start+8)
			}
		}
	}
}
