package store

import "testing"

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
			s.wheel.advance(s, now, 3)
			s.unlock()
		}
	}
	wantAll(t, table, 0, 0, start+4096)
}
