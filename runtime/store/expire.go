package store

// tombstoneLife is how long a row without contributions is kept when receivers were told that it lives for ever: in that time they all hear of its end.
const tombstoneLife = 3_600_000

// life is how long a row has to live at now, by its longest contribution that counts: Forever without an end, 0 when it is over. It is never
// longer than the table's expire, which now may miss by the time that the caller waited for the lock: HAProxy before 3.2 would keep the entry for longer.
func (s *shard) life(counting contributions, now uint32) uint32 {
	longest := int32(0)
	for _, w := range counting.who() {
		if w&noDeadline != 0 {
			return Forever
		}
	}
	words := counting.records()
	for at := uint(deadline); at < uint(len(words)); at += uint(counting.step) {
		longest = max(longest, int32(words[at]-now))
	}
	return min(uint32(longest), s.lay.expire)
}

// life is how long the i-th contribution has to live at now: Forever without an end, 0 when it is over.
func (c contributions) life(i int, now uint32) uint32 {
	if c.who()[i]&noDeadline != 0 {
		return Forever
	}
	return clampPast(c.record(i)[deadline] - now)
}

// arm sees to it that the wheel looks at the row in time after the i-th contribution changed. What the others need was armed before.
func (s *shard) arm(r ref, row []uint32, c contributions, i int, now uint32) {
	if wait := s.nextEvent(row, c, i, now); wait != never {
		s.wheel.arm(s, r, row, now+wait, now)
	}
}

// rearm sees to it that the wheel looks at the row in time.
func (s *shard) rearm(r ref, row []uint32, now uint32) {
	wait := never
	if row[meta]&owed != 0 {
		wait = s.untilGain(now)
	}
	c := s.contributions(row)
	for i := range c.n() {
		wait = min(wait, s.nextEvent(row, c, i, now))
	}
	if wait != never {
		s.wheel.arm(s, r, row, now+wait, now)
	}
}

// never is a wait without an end.
const never = Forever

// nextEvent is the time until something about the contribution changes without an update: it dies, or, among others, a rate of it enters its next period, that no sooner than
// after the row's spacing.
// A rate that does not die is looked at when it has become 0: by then it must be, or it would come back when the clock has gone round.
func (s *shard) nextEvent(row []uint32, c contributions, i int, now uint32) uint32 {
	wait := c.life(i, now)
	if wait == never && s.lay.rates {
		wait = s.nextBoundary(c, i, now, true)
	}
	if s.lay.rates && (count(row) > 1 || s.class > 0) { // where others are to be expected the wheel need not list the row twice
		wait = min(wait, max(s.nextBoundary(c, i, now, false), s.spacing(row)))
	}
	return wait
}

// clampPast makes a wait that has passed 0.
func clampPast(wait uint32) uint32 {
	if int32(wait) < 0 {
		return 0
	}
	return wait
}

// nextBoundary is the time until a rate of the i-th contribution enters its next period, or the one after; with last only the latter, until all of it is 0.
func (s *shard) nextBoundary(c contributions, i int, now uint32, last bool) uint32 {
	wait := never
	record := c.record(i)
	for j := range s.lay.fields {
		f := &s.lay.fields[j]
		if f.kind != rateKind || f.period == 0 {
			continue
		}
		w := record[firstValue+f.word:]
		if w[1]|w[2] == 0 {
			continue
		}
		switch e := now - w[0]; {
		case int32(e) < int32(f.period) && !last: // the tick may lie after now: others' clocks were read before they waited for the lock
			wait = min(wait, f.period-e)
		case int32(e) < 0:
			wait = min(wait, 2*f.period)
		case e < 2*f.period:
			wait = min(wait, 2*f.period-e)
		}
	}
	return wait
}

// settle makes rates 0 that have become so.
func (s *shard) settle(row []uint32, now uint32) {
	c := s.contributions(row)
	words := c.records()
	for j := range s.lay.fields {
		f := &s.lay.fields[j]
		if f.kind != rateKind {
			continue
		}
		for at := f.first(); at < uint(len(words)); at += uint(c.step) {
			if e := now - words[at]; e >= 2*f.period && int32(e) >= 0 {
				words[at], words[at+1], words[at+2] = now, 0, 0
				row[meta] &^= summed
			}
		}
	}
}

// expire is the wheel's call: the row's time has come, or may have.
func (s *shard) expire(r ref, now uint32) {
	row := s.row(r)
	lost := s.dropDead(row, now)
	if count(row) == 0 {
		s.bury(r, row, now, lost)
		return
	}
	switch {
	case lost:
		row[meta] &^= owed | pressing
		s.changed = s.touch(r, row) || s.changed
	case s.log.at(row) >= s.log.mark || s.comesYet(row): // it waits to be sent, and will be as of then
	case s.resends(row, now):
		s.changed = s.touch(r, row) || s.changed
		s.counted.resends++
	}
	if s.lay.rates {
		s.settle(row, now)
	}
	s.rearm(r, row, now)
}

func (s *shard) dropDead(row []uint32, now uint32) bool {
	lost := false
	c := s.contributions(row)
	for i := c.n() - 1; i >= 0; i-- {
		if c.life(i, now) == 0 {
			s.dropContribution(row, i)
			lost = true
		}
	}
	return lost
}

// bury ends a row that has no contribution left. Receivers that would keep it for longer are sent zeros with no life left (the protocol has no
// delete), and the row stays until they have forgotten it by themselves. fresh tells that the last contribution died just now.
func (s *shard) bury(r ref, row []uint32, now uint32, fresh bool) {
	wait := clampPast(row[sentUntil] - now)
	if row[meta]&sentForever != 0 && fresh {
		row[meta] &^= sentForever
		row[sentUntil] = now + tombstoneLife
		wait = tombstoneLife
	}
	if row[meta]&sentOnce == 0 || wait == 0 {
		s.remove(r)
		return
	}
	if fresh {
		s.changed = s.touch(r, row) || s.changed
	}
	s.wheel.arm(s, r, row, row[sentUntil], now)
}

// dropped is called after contributions were taken from a row other than by time.
func (s *shard) dropped(r ref, row []uint32, now uint32) {
	if count(row) == 0 {
		s.bury(r, row, now, true)
		return
	}
	s.changed = s.touch(r, row) || s.changed
	s.rearm(r, row, now)
}
