package store

// boundariesAPeriod bounds how often a row is sent again in any period for its contributors' boundaries: each contributor has one a period and rate. The row has a bucket with 8
// resends, which gains one every twelfth of the shortest period. The last 4 in it are for boundaries that cannot wait.
const (
	boundariesAPeriod = 20
	bucketSize        = 8
	gainsAPeriod      = boundariesAPeriod - bucketSize
	bucketReserve     = 4
)

// The bucket is kept in meta: what is out of it, and when that was, in twelfths of a period. After 21 periods without a resend that is ambiguous, and the bucket may be taken for emptier than it is.
const (
	spentShift = 16
	spentMask  = 0xf
	whenShift  = 20
	whenMask   = 0xff

	owed     uint32 = 1 << 28 // a boundary went by without a resend
	pressing uint32 = 1 << 29 // and that cannot wait
)

// gain is the time, in ms, in which a bucket gains a resend.
func (s *shard) gain() uint32 { return max(1, s.lay.shortestPeriod/gainsAPeriod) }

// spacing is the least time between two looks at the boundaries of a row, in ms: one that has more of them than it may be sent again for is looked at as often as that.
func (s *shard) spacing(row []uint32) uint32 {
	if count(row) <= boundariesAPeriod {
		return 0
	}
	return s.lay.shortestPeriod / boundariesAPeriod
}

func (s *shard) untilGain(now uint32) uint32 { return s.gain() - now%s.gain() }

// spent is how many resends are out of the row's bucket.
func (s *shard) spent(row []uint32, now uint32) uint32 {
	spent := row[meta] >> spentShift & spentMask
	return spent - min(spent, (now/s.gain()-row[meta]>>whenShift)&whenMask)
}

// resends tells whether the row is to be sent again because of boundaries that its contributors went through since it was due, and takes that out of the bucket.
func (s *shard) resends(row []uint32, now uint32) bool {
	drifts, urgent := s.drifts(row, row[due]-s.spacing(row)-uint32(s.lay.slack)-1, now)
	if !drifts && row[meta]&owed == 0 {
		return false
	}
	spent := s.spent(row, now)
	if urgent {
		row[meta] |= pressing
	}
	if s.t.allWalk(now) {
		row[meta] |= owed // what the receivers have is old for as long, and what they have not is worse
		return false
	}
	if spent == bucketSize || spent >= bucketSize-bucketReserve && row[meta]&pressing == 0 {
		row[meta] |= owed
		return false
	}
	row[meta] &^= owed | pressing | spentMask<<spentShift | whenMask<<whenShift
	row[meta] |= (spent+1)<<spentShift | (now/s.gain()&whenMask)<<whenShift
	return true
}

// drifts tells whether receivers go wrong from a boundary after the given time on if nothing is sent, and whether they do so by more than 1 % and 1 count before the bucket
// gains a resend. With a single contributor that counts they are exact by themselves, and with a rate below 1 they cannot be wrong by more than a count.
// The look goes back to before the boundaries that the row was due for, however late the wheel is: past them a contributor may count no more.
func (s *shard) drifts(row []uint32, before, now uint32) (drifts, urgent bool) {
	counting := s.counting(row)
	if counting.n() < 2 {
		return false, false
	}
	for i := range s.lay.fields {
		f := &s.lay.fields[i]
		if f.kind != rateKind || f.period == 0 {
			continue
		}
		sum, n := f.rate(counting, before)
		e, c, p := sum.value(f.period)
		rate := Rate(e, c, p, f.period)
		if n < 2 || rate < 1 {
			continue
		}
		bend, found := f.bend(counting, before, now)
		drifts = drifts || found
		urgent = urgent || 2*bend*uint64(s.gain()) > uint64(f.period)*max(1, rate/100)
	}
	return drifts, urgent
}

// bend gives by how many counts a period the slope of the sum changes at boundaries between two times, and whether there are any.
func (f *field) bend(counting contributions, before, now uint32) (total uint64, found bool) {
	words := counting.records()
	for at := f.first(); at < uint(len(words)); at += uint(counting.step) {
		tick, curr, prev := f.rateAt(words, at)
		if curr|prev == 0 {
			continue
		}
		if passed(tick+f.period, before, now) {
			total, found = total+uint64(max(curr, prev)-min(curr, prev)), true
		}
		if passed(tick+2*f.period, before, now) {
			total, found = total+uint64(curr), true
		}
	}
	return total, found
}

// passed tells whether a time lies after one and not after the other.
func passed(at, before, now uint32) bool { return int32(at-before) > 0 && int32(at-now) <= 0 }
