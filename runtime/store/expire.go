package store

// tombstoneLife is how long a row without contributions is kept when receivers were told that it lives for ever: in that time they all hear of its end.
const tombstoneLife = 3_600_000

// life is how long a row has to live at now, by its longest contribution that counts: Forever without an end, 0 when it is over. It is never
// longer than the table's expire, which now may miss by the time that the caller waited for the lock: HAProxy before 3.2 would keep the entry for longer.
func (s *shard) life(live [][]uint32, now uint32) uint32 {
	var longest uint32
	for _, c := range live {
		if c[who]&noDeadline != 0 {
			return Forever
		}
		if left := int32(c[deadline] - now); left > 0 {
			longest = max(longest, uint32(left))
		}
	}
	return min(longest, s.lay.expire)
}

// rearm sees to it that the wheel looks at the row in time: at its first deadline, and where contributions of several peers go through different
// periods at the next boundary. A row that is looked at early enough is left alone.
func (s *shard) rearm(r ref, row []uint32, now uint32) {
	at, ok := s.nextEvent(row, now)
	if !ok {
		return
	}
	if row[meta]&armed != 0 {
		if int32(row[due]-at) <= 0 {
			return
		}
		s.wheel.disarm(s, r, row)
	}
	s.wheel.arm(s, r, row, at, now)
}

// nextEvent is when something about the row will change without an update: a contribution dies, or a rate enters its next period; or when a resend may be made up for.
func (s *shard) nextEvent(row []uint32, now uint32) (at uint32, ok bool) {
	wait := uint32(1<<32 - 1)
	if row[meta]&owed != 0 {
		wait = s.untilGain(now)
	}
	n := count(row)
	for i := range n {
		c := s.contribution(row, i)
		if c[who]&noDeadline == 0 {
			wait = min(wait, clampPast(c[deadline]-now))
		}
		if n > 1 && s.lay.rates {
			wait = min(wait, s.nextBoundary(c, now))
		}
	}
	return now + wait, wait != 1<<32-1
}

// clampPast makes a wait that has passed 0.
func clampPast(wait uint32) uint32 {
	if int32(wait) < 0 {
		return 0
	}
	return wait
}

// nextBoundary is the time until a rate of the contribution enters its next period, or the one after.
func (s *shard) nextBoundary(c []uint32, now uint32) uint32 {
	wait := uint32(1<<32 - 1)
	for i := range s.lay.fields {
		f := &s.lay.fields[i]
		if f.kind != rateKind || f.period == 0 {
			continue
		}
		w := c[contribHead+f.word:]
		if w[1]|w[2] == 0 {
			continue
		}
		switch e := now - w[0]; {
		case int32(e) < 0:
		case e < f.period:
			wait = min(wait, f.period-e)
		case e < 2*f.period:
			wait = min(wait, 2*f.period-e)
		}
	}
	return wait
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
		row[meta] &^= owed
		s.changed = s.log.touch(row, r, s.rows) || s.changed
	case s.resends(row, now):
		s.changed = s.log.touch(row, r, s.rows) || s.changed
		s.counted.resends++
	}
	if at, ok := s.nextEvent(row, now); ok {
		s.wheel.arm(s, r, row, at, now)
	}
}

func (s *shard) dropDead(row []uint32, now uint32) bool {
	lost := false
	for i := count(row) - 1; i >= 0; i-- {
		c := s.contribution(row, i)
		if c[who]&noDeadline == 0 && int32(c[deadline]-now) <= 0 {
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
		s.changed = s.log.touch(row, r, s.rows) || s.changed
	}
	s.wheel.arm(s, r, row, row[sentUntil], now)
}

// dropped is called after contributions were taken from a row other than by time.
func (s *shard) dropped(r ref, row []uint32, now uint32) {
	s.wheel.disarm(s, r, row)
	if count(row) == 0 {
		s.bury(r, row, now, true)
		return
	}
	s.changed = s.log.touch(row, r, s.rows) || s.changed
	s.rearm(r, row, now)
}
