package store

import "math"

// received turns a FreqCtr from the wire into what is kept: the local time at which its period began, and its counts. An
// age of two periods and more means an unused or dead counter (HAProxy sends its whole clock as the age of one that was never used); an age that
// is negative as a 32-bit number, by less than two periods, is a tick slightly in the future and counts as now.
func received(elapsed, curr, prev, period, now uint32) (tick, c, p uint32) {
	switch {
	case -elapsed < 2*period && int32(elapsed) < 0:
		return now, curr, prev
	case elapsed >= 2*period:
		return now, 0, 0
	}
	return now - elapsed, curr, prev
}

// rotated gives a counter's state in its current period at now.
func rotated(tick, curr, prev, period, now uint32) (elapsed, c, p uint32) {
	e := now - tick
	switch {
	case int32(e) < 0:
		return 0, curr, prev
	case e < period:
		return e, curr, prev
	case e < 2*period:
		return e - period, 0, curr
	}
	return 0, 0, 0
}

// rateSum adds FreqCtr contributions that are in their current periods. Its age is that of the oldest, so that the receiver enters its next period when the first contributor
// does; what the others have in prev and will have lost by then goes into curr. So the sum is exact in value (to half a count, by rounding) and in slope from the moment
// of sending up to that boundary, where it is sent again. With the mean of the ages instead, a receiver is wrong between the boundaries of two contributors by up to the
// difference of their counts.
type rateSum struct {
	period   uint32
	elapsed  uint32 // the oldest age
	counting int    // contributions that are not 0
	curr     uint64 // Σ curr
	prev     uint64 // Σ prev
	moved    uint64 // Σ prev·(elapsed − own age): what goes from prev to curr, times the period
}

// see takes a contribution's age into account: all are seen before the first is added.
func (s *rateSum) see(elapsed, curr, prev uint32) {
	if curr|prev != 0 {
		s.counting++
		s.elapsed = max(s.elapsed, elapsed)
	}
}

func (s *rateSum) add(elapsed, curr, prev uint32) {
	if curr|prev == 0 {
		return
	}
	s.curr += uint64(curr)
	s.prev += uint64(prev)
	s.moved = addSaturated(s.moved, uint64(prev)*uint64(s.elapsed-elapsed))
}

// value gives the three numbers of the wire. Counts are clamped so that their sum stays in 32 bits, which is how HAProxy adds them.
func (s *rateSum) value() (elapsed, curr, prev uint64) {
	if s.counting == 0 {
		return 0, 0, 0
	}
	period := uint64(s.period)
	curr = min(s.curr+(s.moved+period/2)/period, math.MaxUint32)
	return uint64(s.elapsed), curr, min(s.prev, math.MaxUint32-curr)
}

func addSaturated(a, b uint64) uint64 {
	if a+b < a {
		return math.MaxUint64
	}
	return a + b
}

// Rate reads a FreqCtr as HAProxy displays it (freq_ctr_total): events in the sliding period, of ms, that ends now. The three numbers are those of an update.
func Rate(elapsed, curr, prev uint64, period uint32) uint64 {
	p := uint64(period)
	past := prev
	remain := int64(p) - int64(elapsed)
	if remain < 0 {
		remain += int64(p)
		past = 0
		if remain >= 0 {
			past = curr
		}
		curr = 0
	}
	if remain < 0 || p == 0 {
		return 0
	}
	if curr == 0 && past <= 1 {
		return past
	}
	return (past*uint64(remain) + curr*p) / p
}
