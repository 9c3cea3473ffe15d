package store

import (
	"math"
	"math/bits"

	"stktc/topology/sticktable"
)

// A row with room for many contributions keeps sums of those that count between its key and them: an update changes one, and making a sum of all would be to read 2 KiB for 64.
// The sums of rates hold from a time on up to the first boundary of a contribution's periods, as in between every age grows alike; then they are made anew. So they
// are when a contribution goes, or comes to count.
const (
	sumsFrom        = 4       // the class: with room for 8, loops over them are as fast
	summed   uint32 = 1 << 30 // in meta: the sums are right, those of rates as long as they hold
)

// Words of the sums. Behind them come those of the fields: a counter's 64 bits and a word of carries; of a rate what is in rateSum, 64 bits each.
const (
	sumAsOf  = iota // the time that the rates' ages are of
	sumUntil        // when the sums of rates are right no more
	sumCount        // contributions that count
	sumEver         // those of them without an end
	sumLast         // no deadline is later
	sumLasts        // 1 if one is as late, or all have passed; of those without an end it says nothing
	sumsHead
)

const (
	counterSumWords = 3
	rateSumWords    = 8
)

// sums are those of a row with room for many; they alias it.
type sums []uint32

// sums gives the row's sums; nil if it keeps none.
func (s *shard) sums(row []uint32) sums {
	if len(row) < s.large {
		return nil
	}
	return sums(row[s.fixed : s.fixed+s.lay.sumWords])
}

func (k sums) long(at int) uint64 {
	w := k[at : at+2 : at+2] // so that it is one load
	return uint64(w[0]) | uint64(w[1])<<32
}

func (k sums) setLong(at int, v uint64) {
	w := k[at : at+2 : at+2]
	w[0], w[1] = uint32(v), uint32(v>>32)
}

// hold tells whether the sums of rates are right at a time.
func (k sums) hold(at uint32) bool { return at-k[sumAsOf] < k[sumUntil]-k[sumAsOf] }

// replace prepares the row's sums, which are right, for a change of the i-th contribution at now: they are to be told of what it is then. Nothing has to be taken out of them
// for one that is added: its record is not written yet, and all 0.
func (s *shard) replace(row []uint32, c contributions, i int, added bool, now uint32) {
	k := s.sums(row)
	if int32(now-k[sumAsOf]) < 0 {
		now = k[sumAsOf] // it was read before the wait for the lock
	}
	if !k.hold(now) {
		s.sumRates(k, s.counting(row), now)
	}
	s.ageTo(k, now)
	if !added {
		s.account(k, c, i, false)
	}
}

// ageTo makes the sums' ages those of a later time.
func (s *shard) ageTo(k sums, now uint32) {
	if k[sumAsOf] == now {
		return
	}
	for j := range s.lay.fields {
		if f := &s.lay.fields[j]; f.arith == sticktable.SumRate {
			k.setRate(f, k.rate(f).later(now-k[sumAsOf]))
		}
	}
	k[sumAsOf] = now
}

// rate gives the sum of a rate, as of when the sums are.
func (k sums) rate(f *field) rateSum {
	w := k[f.sum : f.sum+rateSumWords]
	return rateSum{w.long(0), w.long(2), w.long(4), w.long(6)}
}

func (k sums) setRate(f *field, r rateSum) {
	w := k[f.sum : f.sum+rateSumWords]
	w.setLong(0, r.curr)
	w.setLong(2, r.prev)
	w.setLong(4, r.currAge)
	w.setLong(6, r.prevAge)
}

// account adds the i-th contribution to the sums, if it counts, or takes it out of them as it was added.
func (s *shard) account(k sums, c contributions, i int, add bool) {
	w, record := c.who()[i], c.record(i)
	if s.standbys != 0 && !s.counts(w) {
		return
	}
	sign := uint64(1)
	if !add {
		sign = math.MaxUint64
	}
	k[sumCount] += uint32(sign)
	k.lasts(w, record[deadline], add)
	for j := range s.lay.fields {
		switch f := &s.lay.fields[j]; f.arith {
		case sticktable.Sum:
			k.count(f, record[firstValue+f.word:], add)
		case sticktable.SumRate:
			k.turn(f, record[firstValue+f.word:], sign)
		}
	}
}

// lasts accounts for a contribution's deadline.
func (k sums) lasts(who, deadline uint32, add bool) {
	switch {
	case who&noDeadline != 0 && add:
		k[sumEver]++
	case who&noDeadline != 0:
		k[sumEver]--
		k[sumLasts] = 0
	case add && int32(deadline-k[sumLast]) >= 0:
		k[sumLast], k[sumLasts] = deadline, 1
	case !add && deadline == k[sumLast]:
		k[sumLasts] = 0 // another may be as late
	}
}

// count accounts for a contribution to a counter.
func (k sums) count(f *field, from []uint32, add bool) {
	w := k[f.sum : f.sum+counterSumWords]
	v := uint64(from[0])
	if f.kind == sticktable.ULongLong {
		v |= uint64(from[1]) << 32
	}
	low, over := w.long(0), uint64(0)
	if add {
		low, over = bits.Add64(low, v, 0)
		w[2] += uint32(over)
	} else {
		low, over = bits.Sub64(low, v, 0)
		w[2] -= uint32(over)
	}
	w.setLong(0, low)
}

// turn accounts for a contribution to a rate, as of the sums' time, and for its next boundary.
func (k sums) turn(f *field, from []uint32, sign uint64) {
	e, curr, prev := rotated(from[0], from[1], from[2], f.period, k[sumAsOf])
	if curr|prev == 0 {
		return
	}
	c, p, r := sign*uint64(curr), sign*uint64(prev), k.rate(f)
	k.setRate(f, rateSum{r.curr + c, r.prev + p, r.currAge + c*uint64(e), r.prevAge + p*uint64(e)})
	k[sumUntil] = k[sumAsOf] + min(k[sumUntil]-k[sumAsOf], f.period-e)
}

// sumUp makes the row's sums anew.
func (s *shard) sumUp(row []uint32, k sums, now uint32) {
	clear(k)
	c := s.counting(row)
	k[sumCount] = uint32(c.n())
	for _, w := range c.who() {
		k[sumEver] += w >> 31
	}
	k.findLast(c, now)
	for j := range s.lay.fields {
		if f := &s.lay.fields[j]; f.arith == sticktable.Sum {
			low, carries := f.exact(c)
			k.setLong(f.sum, low)
			k[f.sum+2] = carries
		}
	}
	s.sumRates(k, c, now)
	row[meta] |= summed
}

// sumRates makes the sums of rates anew: those of counters are right for longer.
func (s *shard) sumRates(k sums, c contributions, now uint32) {
	wait := uint32(1) << 30 // far, and not ambiguous
	for j := range s.lay.fields {
		if f := &s.lay.fields[j]; f.arith == sticktable.SumRate {
			r, steady := f.steadyRate(c, now)
			k.setRate(f, r)
			wait = min(wait, steady)
		}
	}
	k[sumAsOf], k[sumUntil] = now, now+wait
}

// steadyRate adds a rate's contributions, and tells how long their ages grow alike: 0 if one began after now.
func (f *field) steadyRate(c contributions, now uint32) (sum rateSum, wait uint32) {
	wait = never
	words, period := c.records(), f.period
	for at := f.first(); at < uint(len(words)); at += uint(c.step) {
		tick, curr, prev := f.rateAt(words, at)
		e := now - tick
		if curr|prev == 0 || e >= 2*period && int32(e) >= 0 {
			continue
		}
		switch {
		case int32(e) < 0:
			e, wait = 0, 0
		case e >= period:
			e, curr, prev = e-period, 0, curr
		}
		wait = min(wait, period-e)
		sum.curr += uint64(curr)
		sum.prev += uint64(prev)
		sum.currAge += uint64(curr) * uint64(e)
		sum.prevAge += uint64(prev) * uint64(e)
	}
	return sum, wait
}

// kept gives what life does and the sums in s.values from what the row keeps, made anew if need be, and how many contributions count.
func (s *shard) kept(row []uint32, k sums, now uint32) (n int, life uint32) {
	switch {
	case row[meta]&summed == 0:
		s.sumUp(row, k, now)
	case !k.hold(now):
		s.sumRates(k, s.counting(row), now)
	}
	for j := range s.lay.fields {
		f := &s.lay.fields[j]
		switch {
		case f.off:
			clear(s.values[f.slot : f.slot+kindSlots[f.kind]])
		case f.arith == sticktable.SumRate:
			v := s.values[f.slot : f.slot+3]
			v[0], v[1], v[2] = k.rate(f).later(now - k[sumAsOf]).value(f.period)
		case f.arith == sticktable.Sum:
			s.values[f.slot] = f.clamp(k.long(f.sum), k[f.sum+2])
		default:
			s.sumField(f, s.counting(row), now)
		}
	}
	return int(k[sumCount]), s.keptLife(row, k, now)
}

func (s *shard) keptLife(row []uint32, k sums, now uint32) uint32 {
	if k[sumEver] > 0 {
		return Forever
	}
	if k[sumLasts] == 0 {
		k.findLast(s.counting(row), now)
	}
	if k[sumCount] == 0 {
		return 0
	}
	return min(clampPast(k[sumLast]-now), s.lay.expire)
}

// findLast looks for the latest deadline.
func (k sums) findLast(c contributions, now uint32) {
	last := now
	for i := range c.n() {
		if at := c.record(i)[deadline]; int32(at-last) > 0 {
			last = at
		}
	}
	k[sumLast], k[sumLasts] = last, 1
}
