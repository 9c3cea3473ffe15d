package store

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"sync/atomic"
	"unsafe"
)

// rest goes on with the receiver's walks, and tells whether they are through, or wait for a list.
func (c *Cursor) rest(out *Stretch, limit int, now uint32, enc *Encoder) (through bool, err error) {
	if c.byKey.Load() == nil && c.order() {
		return true, nil
	}
	if o := c.byKey.Load(); o != nil {
		if through, err := c.inOrder(o, out, limit, now, enc); err != nil || !through {
			return false, err
		}
	}
	for {
		walking := c.walks.Load()
		if walking == 0 {
			return true, nil
		}
		c.walker = (c.walker + bits.TrailingZeros64(bits.RotateLeft64(walking, -c.walker))) % numShards
		all, err := c.within(&c.t.shards[c.walker], enc, func(s *shard) bool { return s.walk(c, out, limit, c.t.latest(now), enc) })
		if err != nil || !all {
			return false, err
		}
		c.walker = (c.walker + 1) % numShards
	}
}

// walk gives the rows to a receiver that is to have all, or that the log's ring has run past, and what changed meanwhile; it tells whether it got through.
func (s *shard) walk(c *Cursor, out *Stretch, limit int, now uint32, enc *Encoder) bool {
	at := &c.shards[s.number]
	if at.listed {
		return s.news(c, out, limit, now, enc)
	}
	if at.next == 0 && at.pos < s.log.head {
		c.walk(s, at.since) // that gives what changed until now too
	}
	from, all := s.eachRow(at.next, func(_ ref, row []uint32) bool {
		if len(out.Bytes) >= limit {
			return false
		}
		if s.log.at(row) >= at.since {
			s.encodeRow(out, row, now, enc)
		}
		return true
	})
	at.next, at.after = from, s.pieces.made
	if !all {
		return false
	}
	c.walked(s)
	return s.news(c, out, limit, now, enc)
}

// byKey lists a table's rows in the order of their keys, for receivers that are to have all of them. HAProxy's tables are trees: an entry next to the one before costs it a fraction of one elsewhere,
// where each level of the tree is a cache miss. Receivers that begin to walk at about the same time share one. It is made by a goroutine of its own, a fifth of a second for a million rows, in which
// receivers get their news. A table has one at a time; who cannot use that walks from shard to shard.
type byKey struct {
	rows        []listedKey
	lasts       []uint64          // the greatest key of each window of rows
	begun       atomic.Uint64     // the greatest key of the windows that a receiver has begun
	heads       [numShards]uint64 // of the logs, from which on these tell what the list does not
	version     uint64            // of the table's definition
	born        uint32            // when it was made, ms
	users       atomic.Int32      // receivers
	joinedByAll atomic.Bool       // all receivers that there were
	counted     atomic.Bool       // its memory is, in the table's arena
}

// listedKey is 16 bytes of a list.
type listedKey struct {
	key   uint64 // the first 8 bytes, so that they compare as HAProxy's do
	row   ref
	shard uint32
}

const (
	leastByKey = 1 << 14 // rows: what there is of a smaller table is in the node's cache in any order
	keyWindow  = 1 << 10 // rows of about the same place in the node's tree, that are taken shard by shard
	byKeyTurn  = 8 << 10 // rows that are looked at in a turn
	byKeyLife  = 60_000  // ms: for a receiver that stands still none is kept longer
	byKeyIdle  = 1_000   // ms, without receivers
	walkFirst  = 3_000   // ms, that boundaries wait for walks by it, if all receivers began one
)

// roomFor is for how many rows a list has room, so that some may come while it is made.
func roomFor(rows int) int { return rows + rows/8 + numShards }

func (o *byKey) bytes() int { return cap(o.rows) * int(unsafe.Sizeof(listedKey{})) }

// order sees to it that a walk over the whole table goes by key, where that is worth it and there is memory for the list, and tells whether the receiver waits for that.
func (c *Cursor) order() (waits bool) {
	t := c.t
	if c.tried || !c.wantsAll() {
		return false
	}
	t.orderMu.Lock()
	defer t.orderMu.Unlock()
	c.waits.Store(false) // before any row is taken, see comesYet
	o := t.order.Load()
	switch {
	case o != nil && c.joins(o):
		return false
	case t.listing:
	case o != nil || !t.lists():
		c.tried = true
		return false
	}
	c.waits.Store(true)
	return true
}

// lists begins to list the table's rows, if that is worth it and there is memory. The caller holds t.orderMu.
func (t *Table) lists() bool {
	rows := t.Rows()
	o := &byKey{version: t.version.Load()}
	if rows < leastByKey || t.arena.budget.short(2*roomFor(rows)*int(unsafe.Sizeof(listedKey{}))) {
		return false
	}
	t.listing = true
	t.making.Store(o)
	go func() {
		o.rows = make([]listedKey, 0, roomFor(rows))
		t.arena.hold(o.bytes())
		o.counted.Store(true)
		if t.list(o) {
			o.born = t.clock.Load() // not before: of 10 million rows it takes longer than byKeyIdle
			t.order.Store(o)
		} else {
			t.revoke(o)
		}
		t.making.Store(nil)
		t.orderMu.Lock()
		defer t.orderMu.Unlock()
		t.listing = false
		for _, c := range *t.cursors.Load() {
			if c.waits.Swap(false) {
				c.wake()
			}
		}
	}()
	return true
}

// wantsAll tells whether a walk over the whole table is at its begin.
func (c *Cursor) wantsAll() bool {
	if c.walks.Load() != 1<<numShards-1 {
		return false
	}
	for i := range c.shards {
		s := &c.t.shards[i]
		s.mu.Lock()
		at := c.shards[i]
		s.mu.Unlock()
		if !at.walking || at.since != 0 || at.next != 0 || at.listed {
			return false
		}
	}
	return true
}

// joins lets the receiver walk by that list, if that still tells all that the logs do not. If it does not, shards that were let in are none the worse: their places in the logs are earlier ones.
func (c *Cursor) joins(o *byKey) bool {
	if o.version != c.t.version.Load() {
		return false
	}
	for i := range c.shards {
		s, at := &c.t.shards[i], &c.shards[i]
		s.mu.Lock()
		fits := at.walking && at.since == 0 && at.next == 0 && o.heads[i] >= s.log.base
		if fits {
			at.pos, at.byKey, at.after = o.heads[i], true, s.pieces.made // what is kept may be older than what it has had since
			c.countTaken(s)
		}
		s.mu.Unlock()
		if !fits {
			return false
		}
		c.notify(i)
	}
	if int(o.users.Add(1)) == len(*c.t.cursors.Load()) {
		o.joinedByAll.Store(true)
	}
	c.at = 0
	c.byKey.Store(o)
	return true
}

// leave is called when the receiver needs its list no more.
func (c *Cursor) leave() {
	if o := c.byKey.Swap(nil); o != nil && o.users.Add(-1) == 0 {
		c.t.revoke(o)
	}
}

// revoke takes a list away from its receivers: they walk from shard to shard.
func (t *Table) revoke(o *byKey) {
	t.order.CompareAndSwap(o, nil)
	for _, c := range *t.cursors.Load() {
		c.byKey.CompareAndSwap(o, nil)
	}
	if o.counted.Swap(false) {
		t.arena.hold(-o.bytes())
	}
}

// revokeOld takes a list away that is no longer used, or by those only who stand still.
func (t *Table) revokeOld(now uint32) {
	o := t.order.Load()
	if o == nil {
		return
	}
	if age := int32(now - o.born); age > byKeyLife || age > byKeyIdle && o.users.Load() == 0 { // it may be younger than now
		t.revoke(o)
	}
}

// list lists the table's rows; false if they became far more meanwhile.
func (t *Table) list(o *byKey) bool {
	for i := range t.shards {
		if !t.shards[i].list(o) {
			return false
		}
	}
	sortByKey(o.rows)
	for window := range slices.Chunk(o.rows, keyWindow) {
		o.lasts = append(o.lasts, window[len(window)-1].key)
		slices.SortFunc(window, func(a, b listedKey) int { return int(a.shard) - int(b.shard) })
	}
	return true
}

// list lists the shard's rows, some under one lock. One that moves or comes meanwhile has changed, and is found in the log.
func (s *shard) list(o *byKey) (fits bool) {
	s.mu.Lock()
	s.log.mark = s.log.head
	o.heads[s.number] = s.log.head
	s.mu.Unlock()
	for from, all := uint64(0), false; !all; {
		if from, all = s.listSome(o, from); len(o.rows) == cap(o.rows) {
			return false
		}
	}
	return true
}

func (s *shard) listSome(o *byKey, from uint64) (at uint64, all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.t.version.Load() != o.version {
		return 0, true // the rows lie elsewhere by now; nobody joins
	}
	budget := turnRows
	return s.eachRow(from, func(r ref, row []uint32) bool {
		if budget--; budget < 0 || len(o.rows) == cap(o.rows) {
			return false
		}
		o.rows = append(o.rows, listedKey{key: s.inTree(row), row: r, shard: uint32(s.number)})
		return true
	})
}

// comesYet tells whether all receivers walk by one list and have not come to the row, or wait for that list: whatever else it would be sent for, they get it as it is then. If it comes to no walk by
// that list they get all rows.
func (s *shard) comesYet(row []uint32) bool {
	o := s.t.order.Load()
	if o == nil {
		o = s.t.making.Load()
	}
	if o == nil || o.heads[s.number] != 0 && s.log.at(row) >= o.heads[s.number] { // 0: not listed yet
		return false
	}
	key := s.inTree(row)
	for _, c := range *s.t.cursors.Load() {
		if !c.waits.Load() && (c.byKey.Load() != o || key <= o.begun.Load()) {
			return false
		}
	}
	return true
}

// allWalk tells whether receivers walk by a new list that all have joined, or all wait for one: as after a start.
func (t *Table) allWalk(now uint32) bool {
	if o := t.order.Load(); o != nil && o.joinedByAll.Load() {
		return o.users.Load() > 0 && int32(now-o.born) <= walkFirst
	}
	if t.order.Load() == nil && t.making.Load() == nil {
		return false
	}
	for _, c := range *t.cursors.Load() {
		if !c.waits.Load() && c.byKey.Load() == nil {
			return false
		}
	}
	return true
}

// begins tells the shards that a receiver comes to the i-th row's window, before it takes any of it.
func (o *byKey) begins(i int) {
	last := o.lasts[i/keyWindow]
	for old := o.begun.Load(); old < last && !o.begun.CompareAndSwap(old, last); old = o.begun.Load() {
	}
}

// inTree is a number that compares as the row's key does in HAProxy's trees: byte by byte, integers in the order in which most machines keep them.
func (s *shard) inTree(row []uint32) uint64 {
	var key [8]byte
	copy(key[:], s.keyBytes(row))
	if s.lay.isInteger {
		return uint64(binary.LittleEndian.Uint32(key[:]))
	}
	return binary.BigEndian.Uint64(key[:])
}

// inOrder goes on with a walk by key, and tells whether it is through, or was ended by another.
func (c *Cursor) inOrder(o *byKey, out *Stretch, limit int, now uint32, enc *Encoder) (through bool, err error) {
	for turn := c.at + byKeyTurn; c.at < len(o.rows); {
		if len(out.Bytes) >= limit || c.at >= turn {
			return false, nil
		}
		o.begins(c.at)
		run := o.rows[c.at:min(len(o.rows), c.at-c.at%keyWindow+keyWindow)] // no further than it has begun
		if n := slices.IndexFunc(run, func(k listedKey) bool { return k.shard != run[0].shard }); n >= 0 {
			run = run[:n]
		}
		s := &c.t.shards[run[0].shard]
		goesOn, err := c.within(s, enc, func(s *shard) bool { return s.walkListed(c, o, run, out, c.t.latest(now), enc) })
		if err != nil || !goesOn {
			c.leave()
			return false, err
		}
		c.at += len(run)
	}
	for i := range c.shards {
		c.endOrder(&c.t.shards[i])
	}
	c.leave()
	return true, nil
}

// endOrder ends a shard's part of a walk by key: it is over when the receiver has had from the log what the list left to that.
func (c *Cursor) endOrder(s *shard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at := &c.shards[s.number]; at.byKey {
		at.byKey, at.listed, at.until = false, true, s.log.head
		c.dirty.Or(1 << s.number)
		c.endListed(s)
	}
}

// endListed ends a walk of which only that is left.
func (c *Cursor) endListed(s *shard) {
	if at := &c.shards[s.number]; at.listed && at.pos >= at.until {
		c.walked(s)
	}
}

// walkListed gives some rows of a walk by key, but for those that the log tells of; false if the walk was ended by another.
func (s *shard) walkListed(c *Cursor, o *byKey, rows []listedKey, out *Stretch, now uint32, enc *Encoder) (goesOn bool) {
	at := &c.shards[s.number]
	if !at.byKey || c.byKey.Load() != o {
		return false
	}
	for i := range rows {
		s.prefetchListed(rows[i].row)
	}
	for i := range rows {
		if row := s.listedRow(rows[i].row); row != nil && s.log.at(row) < o.heads[s.number] {
			s.encodeRow(out, row, now, enc)
		}
	}
	at.after = s.pieces.made
	return true
}
