package store

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
	"unsafe"
)

// rest goes on with the receiver's walks, and tells whether they are through.
func (c *Cursor) rest(out *Stretch, limit int, now uint32, enc *Encoder) (through bool, err error) {
	if c.byKey == nil {
		c.order()
	}
	if c.byKey != nil {
		if through, err := c.inOrder(out, limit, now, enc); err != nil || !through {
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
	from, all := s.eachRow(at.next, func(_ ref, row []uint32) bool {
		if len(out.Bytes) >= limit {
			return false
		}
		if s.log.at(row) >= at.since {
			s.encodeRow(out, row, now, enc)
		}
		return true
	})
	at.next, at.after = from, s.made
	if !all {
		return false
	}
	c.walked(s)
	return s.news(c, out, limit, now, enc)
}

// byKey lists a table's rows in the order of their keys, for receivers that are to have all of them. HAProxy's tables are trees: an entry next to the one before costs it a sixth of one elsewhere,
// where each level of the tree is a cache miss. Receivers that begin to walk at about the same time share one.
type byKey struct {
	words []uint32 // that the rows lie in
	rows  []listedKey
	heads [numShards]uint64 // of the logs, from which on these tell what the list does not
	users int               // receivers, guarded by Table.orderMu

	version uint64 // of the table's definition
}

// listedKey is 16 bytes of a list.
type listedKey struct {
	key   uint64 // the first 8 bytes, so that they compare as HAProxy's do
	row   ref
	shard uint32
}

const (
	leastByKey  = 1 << 14 // rows: what there is of a smaller table is in the node's cache in any order
	keyWindow   = 1 << 10 // rows of about the same place in the node's tree, that are taken shard by shard
	listedWords = int(unsafe.Sizeof(listedKey{}) / 4)
)

// order sees to it that a walk over the whole table goes by key, where that is worth it and there is memory for the list.
func (c *Cursor) order() {
	t := c.t
	if !c.wantsAll() {
		return
	}
	rows := t.Rows()
	if rows < leastByKey {
		return
	}
	t.orderMu.Lock()
	defer t.orderMu.Unlock()
	if t.order != nil && c.joins(t.order) {
		return
	}
	if t.arena.budget.short(4 * listedWords * rows) {
		return
	}
	o := t.list(rows)
	switch {
	case o == nil:
	case c.joins(o):
		t.order = o // for those that come next; with another one before, its receivers keep that
	default:
		t.arena.putWords(o.words)
	}
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
		if !at.walking || at.since != 0 || at.next != 0 {
			return false
		}
	}
	return true
}

// joins lets the receiver walk by that list, if that still tells all that the logs do not.
func (c *Cursor) joins(o *byKey) bool {
	if o.version != c.t.version.Load() {
		return false
	}
	for i := range c.shards {
		s, at := &c.t.shards[i], &c.shards[i]
		s.mu.Lock()
		fits := at.walking && at.since == 0 && at.next == 0 && o.heads[i] >= s.log.base
		if fits {
			at.pos, at.byKey = o.heads[i], true
		}
		s.mu.Unlock()
		if !fits {
			return false
		}
		c.notify(i)
	}
	o.users++
	c.byKey, c.at = o, 0
	return true
}

// leaveOrder is called when the receiver needs its list no more.
func (c *Cursor) leaveOrder() {
	if c.byKey == nil {
		return
	}
	c.t.orderMu.Lock()
	defer c.t.orderMu.Unlock()
	o := c.byKey
	c.byKey = nil
	if o.users--; o.users > 0 {
		return
	}
	if c.t.order == o {
		c.t.order = nil
	}
	c.t.arena.putWords(o.words)
}

// list lists the rows, of which there are about so many; nil if they became far more meanwhile.
func (t *Table) list(rows int) *byKey {
	rows += rows/8 + numShards
	o := &byKey{version: t.version.Load(), words: t.arena.words(rows * listedWords)}
	o.rows = unsafe.Slice((*listedKey)(unsafe.Pointer(&o.words[0])), rows)[:0]
	for i := range t.shards {
		if !t.shards[i].list(o) {
			t.arena.putWords(o.words)
			return nil
		}
	}
	slices.SortFunc(o.rows, func(a, b listedKey) int { return cmp.Compare(a.key, b.key) })
	for window := range slices.Chunk(o.rows, keyWindow) {
		slices.SortFunc(window, func(a, b listedKey) int { return cmp.Compare(a.shard, b.shard) })
	}
	return o
}

// list lists the shard's rows, some under one lock. One that moves or comes meanwhile has changed, and is found in the log.
func (s *shard) list(o *byKey) (fits bool) {
	s.mu.Lock()
	s.log.mark = s.log.head
	s.countBehind()
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
	budget := tickBudget
	return s.eachRow(from, func(r ref, row []uint32) bool {
		if budget--; budget < 0 || len(o.rows) == cap(o.rows) {
			return false
		}
		o.rows = append(o.rows, listedKey{key: s.inTree(row), row: r, shard: uint32(s.number)})
		return true
	})
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
func (c *Cursor) inOrder(out *Stretch, limit int, now uint32, enc *Encoder) (through bool, err error) {
	for rows := c.byKey.rows; c.at < len(rows); {
		if len(out.Bytes) >= limit {
			return false, nil
		}
		run := rows[c.at:]
		if n := slices.IndexFunc(run, func(k listedKey) bool { return k.shard != run[0].shard }); n >= 0 {
			run = run[:n]
		}
		s := &c.t.shards[run[0].shard]
		goesOn, err := c.within(s, enc, func(s *shard) bool { return s.walkListed(c, run, out, c.t.latest(now), enc) })
		if err != nil || !goesOn {
			c.leaveOrder()
			return false, err
		}
		c.at += len(run)
	}
	for i := range c.shards {
		c.endOrder(&c.t.shards[i])
	}
	c.leaveOrder()
	return true, nil
}

// endOrder ends a shard's part of a walk by key.
func (c *Cursor) endOrder(s *shard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := &c.shards[s.number]
	if !at.byKey {
		return
	}
	if c.walked(s); at.pos < s.log.base { // the ring ran past the place meanwhile
		c.walk(s, at.pos)
	}
}

// walkListed gives some rows of a walk by key, but for those that the log tells of; false if the walk was ended by another.
func (s *shard) walkListed(c *Cursor, rows []listedKey, out *Stretch, now uint32, enc *Encoder) (goesOn bool) {
	at := &c.shards[s.number]
	if !at.byKey {
		return false
	}
	for i := range rows {
		s.prefetchListed(rows[i].row)
	}
	for i := range rows {
		if row := s.listedRow(rows[i].row); row != nil && s.log.at(row) < c.byKey.heads[s.number] {
			s.encodeRow(out, row, now, enc)
		}
	}
	at.after = s.made
	return true
}
