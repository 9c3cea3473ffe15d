package store

import (
	"errors"
	"slices"
	"sync/atomic"

	"stktc/topology/sticktable"
)

// ErrRedefined says that the table's definition is no longer the one that the caller encodes for.
var ErrRedefined = errors.New("table was redefined")

// Emit takes one sum: an id that is never 0, the life left in ms (0 without an end, as HAProxy sends it), the key, and the values in slots. Key and values are only good during
// the call. It tells whether it took it; if not, the same row comes again later.
type Emit func(id, life uint32, key []byte, values []uint64) bool

// Cursor is one receiver's place in a table. A new one begins with every row. It is used by one goroutine; the table calls wake, from any
// goroutine and under a lock, when there is something again after Collect had taken everything.
type Cursor struct {
	t      *Table
	wake   func()
	dirty  atomic.Uint64 // shards that hold something, a bit each
	shards [numShards]place
	walks  atomic.Int32 // shards whose rows are being walked
}

// place is a cursor's place in one shard. It is guarded by the shard's lock.
type place struct {
	pos         uint64 // in the log
	since       uint64 // a walk sends rows that changed at or after this position
	class, next int    // of the walk
	walking     bool
}

// Subscribe makes a receiver of the table.
func (t *Table) Subscribe(wake func()) *Cursor {
	c := &Cursor{t: t, wake: wake}
	t.mu.Lock()
	defer t.mu.Unlock()
	cursors := append(slices.Clone(*t.cursors.Load()), c)
	t.cursors.Store(&cursors)
	c.rewind()
	return c
}

// Close ends the receiver.
func (c *Cursor) Close() {
	c.t.mu.Lock()
	defer c.t.mu.Unlock()
	cursors := slices.DeleteFunc(slices.Clone(*c.t.cursors.Load()), func(o *Cursor) bool { return o == c })
	c.t.cursors.Store(&cursors)
}

// Table is what the cursor reads.
func (c *Cursor) Table() *Table { return c.t }

// Rewind lets the receiver have every row again.
func (c *Cursor) Rewind() { c.rewind() }

func (c *Cursor) rewind() {
	for i := range c.shards {
		s := &c.t.shards[i]
		s.mu.Lock()
		c.walk(s, 0)
		s.mu.Unlock()
	}
	c.notifyAll()
}

// rewindLocked is rewind under all shards' locks.
func (c *Cursor) rewindLocked() {
	for i := range c.shards {
		c.walk(&c.t.shards[i], 0)
	}
	c.notifyAll()
}

// walk begins a walk over the shard's rows. What changes meanwhile is found in the log behind it, so its mark moves to the head.
func (c *Cursor) walk(s *shard, since uint64) {
	s.log.mark = s.log.head
	if !c.shards[s.number].walking {
		c.walks.Add(1)
	}
	c.shards[s.number] = place{pos: s.log.head, since: since, walking: true}
}

func (c *Cursor) notify(shard int) {
	bit := uint64(1) << shard
	if c.dirty.Load()&bit == 0 && c.dirty.Or(bit) == 0 {
		c.wake()
	}
}

func (c *Cursor) notifyAll() {
	c.dirty.Store(1<<numShards - 1)
	c.wake()
}

// Pending tells whether Collect may have something.
func (c *Cursor) Pending() bool { return c.dirty.Load() != 0 }

// Walking tells whether the receiver has not had every row yet since it began, was rewound or fell behind.
func (c *Cursor) Walking() bool { return c.walks.Load() > 0 }

// Collect gives the sums that the receiver has not had since they changed, as of now, until emit refuses one. It tells whether it gave all there were. version is
// the definition's that emit encodes for: with another one nothing is given but ErrRedefined.
func (c *Cursor) Collect(now uint32, version uint64, emit Emit) (all bool, err error) {
	for i := range c.shards {
		if c.dirty.Load()&(1<<i) == 0 {
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
	for at.walking || at.pos < s.log.base { // the ring may have run past the place again while the rows were walked
		if !at.walking {
			c.walk(s, at.pos)
		}
		if !s.collectWalk(at, now, emit) {
			return false
		}
		c.walks.Add(-1)
	}
	defer func() { s.log.mark = max(s.log.mark, at.pos) }()
	for ; at.pos < s.log.head; at.pos++ {
		r := s.log.ring[at.pos&uint64(len(s.log.ring)-1)]
		if row := s.row(r); seq(row) == at.pos && !s.emit(row, now, emit) {
			return false
		}
	}
	return true
}

func (s *shard) collectWalk(at *place, now uint32, emit Emit) bool {
	for ; at.class < numClasses; at.class, at.next = at.class+1, 0 {
		for ; at.next < s.slabs[at.class].rows; at.next++ {
			row := s.row(newRef(at.class, at.next))
			if v := seq(row); v != deadSeq && v >= at.since && !s.emit(row, now, emit) {
				return false
			}
		}
	}
	at.walking = false
	return true
}

// emit hands out a row's sum, and remembers until when its receivers will keep it. A row without contributions that count goes out as zeros with 1 ms to live, if it ever went out.
func (s *shard) emit(row []uint32, now uint32, emit Emit) bool {
	live := s.live(row)
	life := s.life(live, now)
	empty := len(live) == 0
	if empty {
		if row[meta]&sentOnce == 0 {
			return true
		}
		life = 1
	}
	wire := life
	switch life {
	case Forever:
		wire = 0
	case 0:
		wire = 1 // over, but not looked at by the wheel yet; 0 would mean for ever to a table without expire
	}
	id := uint32(seq(row))*numShards + uint32(s.number)
	if !emit(max(id, 1), wire, s.key(row), s.sum(live, now)) {
		return false
	}
	if !empty {
		s.sent(row, life, now)
	}
	return true
}

func (s *shard) sent(row []uint32, life, now uint32) {
	if life == Forever {
		row[meta] |= sentForever
	} else if row[meta]&sentOnce == 0 || int32(now+life-row[sentUntil]) > 0 {
		row[sentUntil] = now + life
	}
	row[meta] |= sentOnce
}

// CollectOwn gives what the peer itself contributed before its present session, as of now, from the given place on: what a peer that restarted
// empty has lost. The values are in the slots of GiveBack of the peer's last definition. It ends where emit refuses, and gives the place to go on
// from and whether it is through.
func (t *Table) CollectOwn(name string, from uint64, now uint32, emit Emit) (at uint64, all bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	number, p := t.knownPeer(name)
	if p == nil || !p.defined {
		return 0, true
	}
	def := GiveBack(p.def)
	values := make([]uint64, newLayout(&def).slots)
	moves := movesTo(&t.def, &def)
	for shard := int(from >> 58); shard < numShards; shard++ {
		s := &t.shards[shard]
		s.mu.Lock()
		stopped, ok := s.collectOwn(moves, number, p.generation, from&(1<<58-1), now, values, emit)
		s.mu.Unlock()
		if !ok {
			return uint64(shard)<<58 | stopped, false
		}
		from = 0
	}
	return 0, true
}

// GiveBack is the part of a definition that a node can be given back: not what is never aggregated, since that is not kept.
func GiveBack(def sticktable.Definition) sticktable.Definition {
	def.Columns = slices.DeleteFunc(slices.Clone(def.Columns), func(c sticktable.Column) bool {
		return c.Type.Spec().Arithmetic == sticktable.NotAggregated
	})
	return def
}

func (s *shard) collectOwn(moves []move, number uint16, gen uint8, from uint64, now uint32, values []uint64, emit Emit) (uint64, bool) {
	return s.eachRow(from, func(r ref, row []uint32) bool {
		i := findContribution(s, row, number)
		if i < 0 {
			return true
		}
		c := s.contribution(row, i)
		if uint8(c[who]>>generationShift) == gen {
			return true
		}
		clear(values)
		for m := range moves {
			moves[m].load(c[contribHead:], values, now)
		}
		life := uint32(0)
		if c[who]&noDeadline == 0 {
			life = max(1, clampPast(c[deadline]-now))
		}
		return emit(uint32(r)|1<<31, life, s.key(row), values)
	})
}

// eachRow calls f with every row from a place on, until f says stop. It gives the place to go on from, and whether it got through.
func (s *shard) eachRow(from uint64, f func(ref, []uint32) bool) (uint64, bool) {
	class, i := int(from>>32), int(uint32(from))
	for ; class < numClasses; class, i = class+1, 0 {
		for ; i < s.slabs[class].rows; i++ {
			r := newRef(class, i)
			if row := s.row(r); seq(row) != deadSeq && !f(r, row) {
				return uint64(class)<<32 | uint64(i), false
			}
		}
	}
	return 0, true
}
