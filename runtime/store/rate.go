package store

import (
	"math"
	"math/bits"
)

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

// rateSum adds FreqCtr contributions so that the sum is exact in value and slope at the moment of sending:
// curr Σc, prev Σp, and as the age the mean of the ages weighted by prev (by curr where nothing is in prev).
type rateSum struct {
	curr, prev   uint64
	currE, prevE uint64 // Σ c·e and Σ p·e: under 2⁶³ for 2¹⁶ contributors, as an age is under 2³¹ and one count under 2³²/contributors in any real sum; saturated else
}

func (s *rateSum) add(elapsed, curr, prev uint32) {
	s.curr += uint64(curr)
	s.prev += uint64(prev)
	s.currE = addSaturated(s.currE, uint64(curr)*uint64(elapsed))
	s.prevE = addSaturated(s.prevE, uint64(prev)*uint64(elapsed))
}

func addSaturated(a, b uint64) uint64 {
	sum, carry := bits.Add64(a, b, 0)
	if carry != 0 {
		return math.MaxUint64
	}
	return sum
}

// value gives the three numbers of the wire. Counts are clamped so that their sum stays in 32 bits, which is how HAProxy adds them.
func (s *rateSum) value() (elapsed, curr, prev uint64) {
	switch {
	case s.prev > 0:
		elapsed = (s.prevE + s.prev/2) / s.prev
	case s.curr > 0:
		elapsed = (s.currE + s.curr/2) / s.curr
	}
	curr = min(s.curr, math.MaxUint32)
	return elapsed, curr, min(s.prev, math.MaxUint32-curr)
}

// drift bounds how far the sum that receivers extrapolate can be from the truth if nothing is sent over this boundary: each contribution leaves
// the common slope by at most the distance of its age from the common one (peers-protocol: Σ|p−c|·|e−E|/P), with its
// next change of slope counted in.
func drift(e, c, p uint32, common uint64, period uint32) uint64 {
	distance := absDiff(uint64(e), common)
	slope := max(absDiff(uint64(p), uint64(c)), uint64(c))
	hi, lo := bits.Mul64(slope, distance)
	if hi >= uint64(period) {
		return math.MaxUint64
	}
	q, _ := bits.Div64(hi, lo, uint64(period))
	return q
}

func absDiff(a, b uint64) uint64 {
	if a > b {
		return a - b
	}
	return b - a
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
