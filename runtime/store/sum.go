package store

import (
	"math"

	"stktc/topology/sticktable"
)

const rateKind = sticktable.FreqCtr

// sum writes the aggregated values of contributions at now into s.values, in slots.
func (s *shard) sum(live contributions, now uint32) []uint64 {
	for i := range s.lay.fields {
		f := &s.lay.fields[i]
		if f.off {
			clear(s.values[f.slot : f.slot+kindSlots[f.kind]])
			continue
		}
		switch f.arith {
		case sticktable.SumRate:
			v := s.values[f.slot : f.slot+3]
			rate := f.rate(live, now)
			v[0], v[1], v[2] = rate.value()
		case sticktable.Sum:
			s.values[f.slot] = f.total(live)
		case sticktable.SumConnected:
			s.values[f.slot] = s.totalConnected(f, live)
		case sticktable.Greatest:
			s.values[f.slot] = f.greatest(live)
		default:
			s.values[f.slot] = 0
		}
	}
	return s.values
}

// total adds a counter's contributions; it stops at the type's width.
func (f *field) total(live contributions) (total uint64) {
	low := live.column(firstValue + f.word)
	if f.kind == sticktable.ULongLong {
		high := live.column(firstValue + f.word + 1)[:len(low)]
		for i, w := range low {
			total = addSaturated(total, uint64(w)|uint64(high[i])<<32)
		}
		return total
	}
	for _, w := range low {
		total += uint64(w)
	}
	return min(total, math.MaxUint32)
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
