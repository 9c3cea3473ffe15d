package node

import (
	"math"
	"math/rand/v2"
	"testing"
)

// What HAProxy 2.6.12 and 3.5-dev5 displayed for a period of 10 s, given by elapsed time, current and previous count.
func TestReadRate(t *testing.T) {
	const period, now = 10_000, 5_000_000
	for _, c := range []struct{ elapsed, curr, prev, want uint32 }{
		{2500, 0, 100, 74},
		{5000, 10, 100, 59},
		{9999, 10, 100, 9},
		{15000, 10, 100, 4},
		{20001, 10, 100, 0},
		{9000, 0, 1, 1},
		{15000, 1, 0, 1},
		{math.MaxUint32 - 5000 + 1, 10, 100, 159},
	} {
		// HAProxy displayed them a millisecond after it had got them.
		rate := []uint64{tickOf(now, uint64(c.elapsed)), uint64(c.curr), uint64(c.prev)}
		if got := readRate(rate, now+1, period); got != c.want {
			t.Errorf("elapsed %d, curr %d, prev %d: reads %d, want %d", c.elapsed, c.curr, c.prev, got, c.want)
		}
	}
}

// TestAddRate compares with counting events one by one: within a period of the first event nothing is forgotten, and after two
// periods of silence nothing is left.
func TestAddRate(t *testing.T) {
	const period = 1000
	for _, start := range []uint32{0, 1, 7777, math.MaxUint32 - 500, math.MaxUint32 - 1} {
		rate := make([]uint64, rateSlots)
		rate[rateTick] = uint64(start - 10*period)
		total := uint32(0)
		for i := range uint32(10) {
			addRate(rate, start+i*50, period, i)
			total += i
			if got := readRate(rate, start+i*50, period); got != total {
				t.Errorf("start %d: after %d ms reads %d, want %d", start, i*50, got, total)
			}
		}
		if got := readRate(rate, start+2*period+2, period); got != 0 {
			t.Errorf("start %d: two periods later reads %d", start, got)
		}
	}
}

func TestAddRatePeriods(t *testing.T) {
	const period = 1000
	rate := []uint64{4000, 0, 0}
	steps := []struct {
		now, events      uint32
		tick, curr, prev uint64
	}{
		{4999, 5, 4000, 5, 0},
		{5000, 2, 5000, 2, 5}, // the next period
		{6500, 3, 6000, 3, 2}, // and the next
		{8001, 4, 8000, 4, 0}, // one without events between: nothing of the old
		{20001, 1, 20000, 1, 0},
	}
	for _, c := range steps {
		addRate(rate, c.now, period, c.events)
		if rate[rateTick] != c.tick || rate[rateCurr] != c.curr || rate[ratePrev] != c.prev {
			t.Errorf("at %d: tick, curr, prev are %v, want %v", c.now, rate, []uint64{c.tick, c.curr, c.prev})
		}
	}
}

// TestRateOverTheWire: what is sent and received without delay reads the same, up to the even tick.
func TestRateOverTheWire(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		now, there := r.Uint32(), r.Uint32()
		period := 2 + r.Uint32N(100_000)
		rate := []uint64{uint64((now - r.Uint32N(3*period)) &^ 1), uint64(r.Uint32N(1000)), uint64(r.Uint32N(1000))}
		copied := []uint64{tickOf(there, elapsedOf(now, rate[rateTick])), rate[rateCurr], rate[ratePrev]}
		a, b := readRate(rate, now, period), readRate(copied, there, period)
		if slack := 1 + 2000/period; max(a, b)-min(a, b) > slack {
			t.Fatalf("now %d there %d period %d rate %v: %d became %d", now, there, period, rate, a, b)
		}
	}
}
