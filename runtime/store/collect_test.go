package store

// emit hands a row's sum out, and tells whether it was taken.
func (s *shard) emit(row []uint32, now uint32, emit Emit) bool {
	u, some := s.outgoing(row, now)
	if !some {
		return true
	}
	if !emit(u.id, u.life, s.key(row), s.values) {
		return false
	}
	s.sent(row, u.lasts, now)
	return true
}

// Collect gives a receiver's sums to emit, one by one and made for it alone, until emit refuses one: what Encode does for receivers that share an encoder.
func (c *Cursor) Collect(now uint32, version uint64, emit Emit) (all bool, err error) {
	for i := range c.shards {
		if (c.dirty.Load()|c.walks.Load())&(1<<i) == 0 {
			continue
		}
		s := &c.t.shards[i]
		s.mu.Lock()
		if c.t.version.Load() != version {
			s.mu.Unlock()
			return false, ErrRedefined
		}
		done := s.collect(&c.shards[i], c, now, emit)
		if done {
			c.dirty.And(^(uint64(1) << i))
		}
		s.mu.Unlock()
		if !done {
			return false, nil
		}
	}
	return true, nil
}

func (s *shard) collect(at *place, c *Cursor, now uint32, emit Emit) bool {
	for at.walking || at.pos < s.log.base {
		if !at.walking {
			c.walk(s, at.pos)
		}
		from, all := s.eachRow(at.next, func(_ ref, row []uint32) bool {
			return s.log.at(row) < at.since || s.emit(row, now, emit)
		})
		if at.next = from; !all {
			return false
		}
		c.walked(s)
	}
	defer func() { s.log.mark = max(s.log.mark, at.pos) }()
	for ; at.pos < s.log.head; at.pos++ {
		if row := s.listedRow(s.log.row(at.pos)); row != nil && s.log.at(row) == at.pos {
			if !s.emit(row, now, emit) {
				return false
			}
			row[meta] &^= owed | pressing
		}
	}
	return true
}
