package store

import (
	"math"
	"math/bits"

	"stktc/topology/sticktable"
)

const rateKind = sticktable.FreqCtr

// sumOf writes the row's sum at now into s.values, in slots, and gives how many contributions are in it and their life.
func (s *shard) sumOf(row []uint32, now uint32) (n int, life uint32) {
	if k := s.sums(row); k != nil {
		return s.kept(row, k, now)
	}
	c := s.counting(row)
	s.sum(c, now)
	return c.n(), s.life(c, now)
}

// sum writes the aggregated values of contributions at now into s.values, in slots.
func (s *shard) sum(live contributions, now uint32) []uint64 {
	for i := range s.lay.fields {
		f := &s.lay.fields[i]
		if f.off {
			clear(s.values[f.slot : f.slot+kindSlots[f.kind]])
			continue
		}
		s.sumField(f, live, now)
	}
	return s.values
}

func (s *shard) sumField(f *field, live contributions, now uint32) {
	switch f.arith {
	case sticktable.SumRate:
		v := s.values[f.slot : f.slot+3]
		rate, _ := f.rate(live, now)
		v[0], v[1], v[2] = rate.value(f.period)
	case sticktable.Sum:
		s.values[f.slot] = f.clamp(f.exact(live))
	case sticktable.SumConnected:
		s.values[f.slot] = s.totalConnected(f, live)
	case sticktable.Greatest:
		s.values[f.slot] = f.greatest(live)
	default:
		s.values[f.slot] = 0
	}
}

// exact adds a counter's contributions: 64 bits, and how often they overflowed.
func (f *field) exact(live contributions) (total uint64, carries uint32) {
	words := live.records()
	if f.kind == sticktable.ULongLong {
		for at := f.first(); at < uint(len(words)); at += uint(live.step) {
			sum, carry := bits.Add64(total, uint64(words[at])|uint64(words[at+1])<<32, 0)
			total, carries = sum, carries+uint32(carry)
		}
		return total, carries
	}
	for at := f.first(); at < uint(len(words)); at += uint(live.step) {
		total += uint64(words[at])
	}
	return total, 0
}

// clamp stops a counter's sum at the type's width.
func (f *field) clamp(total uint64, carries uint32) uint64 {
	switch {
	case f.kind != sticktable.ULongLong:
		return min(total, math.MaxUint32)
	case carries > 0:
		return math.MaxUint64
	}
	return total
}

func (f *field) greatest(live contributions) (v uint64) {
	for i := range live.n() {
		v = max(v, uint64(live.record(i)[firstValue+f.word]))
	}
	return v
}

func (s *shard) totalConnected(f *field, live contributions) (total uint64) {
	for i, w := range live.who() {
		if s.peer(uint16(w)).connected {
			total += uint64(live.record(i)[firstValue+f.word])
		}
	}
	return min(total, math.MaxUint32)
}

// first is where the field begins in the first of records.
func (f *field) first() uint { return uint(firstValue + f.word) }

// rateAt gives a rate's tick and its counts of the present and the previous period.
func (f *field) rateAt(words []uint32, at uint) (tick, curr, prev uint32) {
	w := words[at : at+3 : at+3]
	return w[0], w[1], w[2]
}

// rate adds a rate's contributions, and tells how many are not 0.
func (f *field) rate(live contributions, now uint32) (sum rateSum, n int) {
	words := live.records()
	for at := f.first(); at < uint(len(words)); at += uint(live.step) {
		tick, curr, prev := f.rateAt(words, at)
		e, curr, prev := rotated(tick, curr, prev, f.period, now)
		if curr|prev == 0 {
			continue
		}
		n++
		sum.curr += uint64(curr)
		sum.prev += uint64(prev)
		sum.currAge += uint64(curr) * uint64(e)
		sum.prevAge += uint64(prev) * uint64(e)
	}
	return sum, n
}
