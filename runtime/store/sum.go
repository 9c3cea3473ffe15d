package store

import (
	"math"

	"stktc/topology/sticktable"
)

const rateKind = sticktable.FreqCtr

// counting lists the row's contributions that count. It is good until the next call.
func (s *shard) counting(row []uint32) [][]uint32 {
	list := s.scratch[:0]
	for i := range count(row) {
		if c := s.contribution(row, i); s.counts(c) {
			list = append(list, c)
		}
	}
	s.scratch = list
	return list
}

// sum writes the aggregated values of contributions at now into s.values, in slots.
func (s *shard) sum(live [][]uint32, now uint32) []uint64 {
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
func (f *field) total(live [][]uint32) (total uint64) {
	at := contribHead + f.word
	if f.kind == sticktable.ULongLong {
		for _, c := range live {
			total = addSaturated(total, uint64(c[at])|uint64(c[at+1])<<32)
		}
		return total
	}
	for _, c := range live {
		total += uint64(c[at])
	}
	return min(total, math.MaxUint32)
}

func (f *field) greatest(live [][]uint32) (v uint64) {
	for _, c := range live {
		v = max(v, uint64(c[contribHead+f.word]))
	}
	return v
}

func (s *shard) totalConnected(f *field, live [][]uint32) (total uint64) {
	for _, c := range live {
		if s.peer(uint16(c[who])).connected {
			total += uint64(c[contribHead+f.word])
		}
	}
	return min(total, math.MaxUint32)
}

// rate adds a rate's contributions.
func (f *field) rate(live [][]uint32, now uint32) rateSum {
	sum := rateSum{period: f.period}
	at := contribHead + f.word
	for _, c := range live {
		sum.add(rotated(c[at], c[at+1], c[at+2], f.period, now))
	}
	return sum
}
