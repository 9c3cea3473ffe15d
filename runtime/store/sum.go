package store

import (
	"math"

	"stktc/topology/sticktable"
)

const rateKind = sticktable.FreqCtr

// sum writes the row's aggregated values at now into s.values, in slots.
func (s *shard) sum(row []uint32, now uint32) []uint64 {
	for i := range s.lay.fields {
		s.sumField(&s.lay.fields[i], row, now)
	}
	return s.values
}

func (s *shard) sumField(f *field, row []uint32, now uint32) {
	switch f.arith {
	case sticktable.SumRate:
		rate := s.rateOf(f, row, now)
		s.values[f.slot], s.values[f.slot+1], s.values[f.slot+2] = rate.value()
	case sticktable.NotAggregated:
		s.values[f.slot] = 0
	default:
		s.values[f.slot] = s.sumScalar(f, row)
	}
}

func (s *shard) sumScalar(f *field, row []uint32) uint64 {
	var total uint64
	for i := range count(row) {
		c := s.contribution(row, i)
		if !s.counts(c) {
			continue
		}
		v := uint64(c[contribHead+f.word])
		switch {
		case f.kind == sticktable.ULongLong:
			total = addSaturated(total, v|uint64(c[contribHead+f.word+1])<<32)
		case f.arith == sticktable.Greatest:
			total = max(total, v)
		case f.arith != sticktable.SumConnected || s.peer(uint16(c[who])).connected:
			total = min(total+v, math.MaxUint32)
		}
	}
	return total
}

func (s *shard) rateOf(f *field, row []uint32, now uint32) rateSum {
	sum := rateSum{period: f.period}
	for i := range count(row) {
		if c := s.contribution(row, i); s.counts(c) {
			w := c[contribHead+f.word:]
			sum.see(rotated(w[0], w[1], w[2], f.period, now))
		}
	}
	for i := range count(row) {
		if c := s.contribution(row, i); s.counts(c) {
			w := c[contribHead+f.word:]
			sum.add(rotated(w[0], w[1], w[2], f.period, now))
		}
	}
	return sum
}

// drifts tells whether receivers would go wrong from a boundary just after the given time on, if nothing is sent: with a single contributor that counts they are exact
// by themselves, and with a rate of 1 or less they cannot be wrong by more than a count.
func (s *shard) drifts(row []uint32, before uint32) bool {
	if count(row) < 2 {
		return false
	}
	for i := range s.lay.fields {
		f := &s.lay.fields[i]
		if f.kind != rateKind || f.period == 0 {
			continue
		}
		sum := s.rateOf(f, row, before)
		if e, c, p := sum.value(); sum.counting > 1 && Rate(e, c, p, f.period) > 1 {
			return true
		}
	}
	return false
}
