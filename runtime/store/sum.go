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
		rate := f.rate(live, now)
		v[0], v[1], v[2] = rate.value()
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
	low := live.column(firstValue + f.word)
	if f.kind == sticktable.ULongLong {
		high := live.column(firstValue + f.word + 1)[:len(low)]
		for i, w := range low {
			sum, carry := bits.Add64(total, uint64(w)|uint64(high[i])<<32, 0)
			total, carries = sum, carries+uint32(carry)
		}
		return total, carries
	}
	for _, w := range low {
		total += uint64(w)
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
	for _, w := range live.column(firstValue + f.word) {
		v = max(v, uint64(w))
	}
	return v
}

func (s *shard) totalConnected(f *field, live contributions) (total uint64) {
	numbers := live.column(who)
	for i, w := range live.column(firstValue + f.word) {
		if s.peer(uint16(numbers[i])).connected {
			total += uint64(w)
		}
	}
	return min(total, math.MaxUint32)
}

// rateColumns are the ticks of a rate's contributions, and its counts of their present and their previous period.
func (f *field) rateColumns(c contributions) (ticks, currs, prevs []uint32) {
	ticks = c.column(firstValue + f.word)
	return ticks, c.column(firstValue + f.word + 1)[:len(ticks)], c.column(firstValue + f.word + 2)[:len(ticks)]
}

// rate adds a rate's contributions.
func (f *field) rate(live contributions, now uint32) rateSum {
	sum := rateSum{period: f.period}
	ticks, currs, prevs := f.rateColumns(live)
	for i, tick := range ticks {
		sum.add(rotated(tick, currs[i], prevs[i], f.period, now))
	}
	return sum
}
