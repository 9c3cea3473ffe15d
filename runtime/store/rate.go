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

// rateSum adds FreqCtr contributions that are in their current periods. Its age is the mean of theirs, weighted by what is in prev (by what is in curr where
// there is nothing): then value and slope are exact from the moment of sending up to the first contributor's boundary, where it is sent again. A
// boundary that is found δ ms late costs at most |prev − curr|·δ/period of that contributor alone. With the age of the oldest instead, the receiver would itself enter its next period
// there, and be wrong by what all others have between their ages. It is 4 words: the compiler keeps no larger value in registers.
type rateSum struct {
	curr    uint64 // Σ curr
	prev    uint64 // Σ prev
	currAge uint64 // Σ curr·age
	prevAge uint64 // Σ prev·age
}

// later is the sum after a while in which no contribution enters another period.
func (s rateSum) later(ms uint32) rateSum {
	return rateSum{s.curr, s.prev, s.currAge + s.curr*uint64(ms), s.prevAge + s.prev*uint64(ms)}
}

// value gives the three numbers of the wire, for a period in ms. The age is rounded up, and what prev loses by that goes into curr, so that the value is exact to half a count. Counts are
// clamped so that their sum stays in 32 bits, which is how HAProxy adds them.
func (s rateSum) value(ms uint32) (elapsed, curr, prev uint64) {
	curr = s.curr
	period := uint64(ms)
	switch {
	case s.curr|s.prev == 0:
		return 0, 0, 0
	case s.prev == 0:
		elapsed = s.currAge / curr
	default:
		elapsed = (s.prevAge + s.prev - 1) / s.prev
		curr += (elapsed*s.prev - s.prevAge + period/2) / period
	}
	curr = min(curr, math.MaxUint32)
	return elapsed, curr, min(s.prev, math.MaxUint32-curr)
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
