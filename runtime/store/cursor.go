package store

import (
	"errors"
	"math/bits"
	"slices"
	"sync/atomic"

	"stktc/topology/sticktable"
)

// ErrRedefined says that the table's definition is no longer the one that the caller encodes for.
var ErrRedefined = errors.New("table was redefined")

// Emit takes one sum: an id that is never 0, the life left in ms (0 without an end, as HAProxy sends it), the key, and the values in slots. Key and values are only good during
// the call. It tells whether it took it; if not, the same row comes again later.
type Emit func(id, life uint32, key []byte, values []uint64) bool

// Cursor is one receiver's place in a table. A new one begins with every row. Encode is called by one goroutine, Rewind by any; the table calls wake, from any
// goroutine and under a lock, when there is something again after Encode had given everything.
type Cursor struct {
	t      *Table
	wake   func()
	shards [numShards]place
	dirty  atomic.Uint64 // shards whose logs hold something, a bit each
	walks  atomic.Uint64 // shards whose rows are being walked, a bit each

	taken  atomic.Uint64 // see countTaken
	came   atomic.Uint64 // Table.taken when it took something
	stands atomic.Bool   // it took nothing for a while
	rests  atomic.Bool   // nor while somebody gave way to it

	turn   int // the shard that news are taken from next, the first that was left: none starves
	walker int // the shard that is walked next

	byKey atomic.Pointer[byKey] // the rows of a walk over the whole table; nil: there is none, or it goes from shard to shard
	at    int                   // in byKey
	tried bool                  // none could be had for the present walks
	waits atomic.Bool           // for one that is being made
}

// place is a cursor's place in one shard. It is guarded by the shard's lock.
type place struct {
	pos     uint64 // in the log
	counted uint64 // that as it is counted, see countTaken
	since   uint64 // a walk sends rows that changed at or after this position
	next    uint64 // of the walk, see eachRow
	walking bool
	byKey   bool // the walk is that over the whole table
	listed  bool // and is over when the receiver has had the log up to the next
	until   uint64
	piece   uint32 // the number that the next one probably has
	after   uint64 // pieces made up to this one may be older than what the walk gave
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
	c.leave()
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
	c.shards[s.number] = place{pos: s.log.head, counted: c.shards[s.number].counted, since: since, walking: true, after: s.pieces.made}
	c.countTaken(s)
	c.walks.Or(1 << s.number)
}

// walked ends it.
func (c *Cursor) walked(s *shard) {
	at := &c.shards[s.number]
	at.walking, at.byKey, at.listed = false, false, false
	c.walks.And(^(uint64(1) << s.number))
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

// Pending tells whether Encode may have something.
func (c *Cursor) Pending() bool { return c.dirty.Load() != 0 || c.Walking() && !c.waits.Load() }

// Walking tells whether the receiver has not had every row yet since it began, was rewound or fell behind.
func (c *Cursor) Walking() bool { return c.walks.Load() != 0 }

// walkShare is the part of what a walking receiver is sent that is left to its walk: news do not wait until millions of rows are through.
const walkShare = 4

// Encode appends the sums that the receiver has not had since they changed, as of now, to the stretch, until that holds limit bytes or somewhat more. It tells whether it gave all
// there were when it began: while it is Walking more comes, and the receiver is woken for that. If enc is not of the table's present definition nothing is given but ErrRedefined.
func (c *Cursor) Encode(out *Stretch, limit int, now uint32, enc *Encoder) (all bool, err error) {
	c.comes()
	defer c.went()
	if !c.Walking() {
		c.tried = false
		return c.news(out, limit, now, enc)
	}
	if _, err := c.news(out, limit-(limit-len(out.Bytes))/walkShare, now, enc); err != nil {
		return false, err
	}
	if through, err := c.rest(out, limit, now, enc); err != nil || !through {
		return false, err
	}
	return !c.Pending(), nil
}

// news gives what changed since the receiver came by, or began to walk.
func (c *Cursor) news(out *Stretch, limit int, now uint32, enc *Encoder) (all bool, err error) {
	left := c.t.eachShard(c.dirty.Load(), c.turn, func(s *shard) bool {
		all, err = c.locked(s, enc, func(s *shard) bool { return s.news(c, out, limit, c.t.latest(now), enc) })
		return all
	})
	if left != 0 {
		c.turn = (c.turn + bits.TrailingZeros64(bits.RotateLeft64(left, -c.turn))) % numShards
	}
	return left == 0 && !c.Walking(), err
}

// within does something under a shard's lock, if enc is of the table's present definition.
func (c *Cursor) within(s *shard, enc *Encoder, do func(*shard) bool) (done bool, err error) {
	s.mu.Lock()
	return c.locked(s, enc, do)
}

// locked does as well under the lock that the caller holds, and releases it.
func (c *Cursor) locked(s *shard, enc *Encoder, do func(*shard) bool) (done bool, err error) {
	defer s.mu.Unlock()
	if c.t.version.Load() != enc.version {
		return false, ErrRedefined
	}
	return do(s), nil
}

// news gives what a receiver has not had of the shard's log, and tells whether that was all. One that the ring has run past walks the rows instead.
func (s *shard) news(c *Cursor, out *Stretch, limit int, now uint32, enc *Encoder) bool {
	at := &c.shards[s.number]
	if at.walking && at.next == 0 && !at.byKey && !at.listed && s.rows <= fewRows {
		c.seen(s)
		return true // with the rest, soon
	}
	if at.pos < s.log.base {
		if at.walking && !at.listed {
			c.seen(s)
			return true // once more after that
		}
		c.walk(s, at.pos)
	}
	defer func() {
		c.countTaken(s)
		c.endListed(s)
	}()
	for at.pos < s.log.head {
		if len(out.Bytes) >= limit {
			return false
		}
		s.pass(at, out, now, enc)
	}
	s.log.mark = max(s.log.mark, at.pos)
	c.seen(s)
	return true
}

// seen notes that the receiver has nothing to take from the shard until that changes, or the receiver's walk of it ends.
func (c *Cursor) seen(s *shard) { c.dirty.And(^(uint64(1) << s.number)) }

// outgoing is a row's sum as its receivers get it, but for the values.
type outgoing struct {
	id    uint32
	life  uint32 // ms, 0 without an end
	lasts uint32 // the same, Forever without an end; 0 if the receivers are to forget it
}

// outgoing makes a row's sum, its values in s.values, and tells whether there is something to send. A row without contributions that count goes out as zeros with 1 ms to live, if it ever went out.
func (s *shard) outgoing(row []uint32, now uint32) (u outgoing, some bool) {
	if row[meta]&partial != 0 {
		return u, false
	}
	n, lasts := s.sumOf(row, now)
	if n == 0 && row[meta]&sentOnce == 0 {
		return u, false
	}
	u.id, u.life = max(1, row[seq]*numShards+uint32(s.number)), 1
	if n > 0 {
		u.lasts, u.life = lasts, max(1, lasts) // over, but not looked at by the wheel yet; 0 would mean for ever to a table without expire
	}
	if u.lasts == Forever {
		u.life = 0
	}
	return u, true
}

// encodeRow appends a row's sum.
func (s *shard) encodeRow(out *Stretch, row []uint32, now uint32, enc *Encoder) {
	u, some := s.outgoing(row, now)
	if !some {
		return
	}
	out.Bytes = enc.Append(out.Bytes, u.id, u.life, s.key(row), s.values)
	out.Updates++
	out.LastID = u.id
	s.sent(row, u.lasts, now)
}

// sent remembers until when receivers keep the row.
func (s *shard) sent(row []uint32, lasts, now uint32) {
	switch {
	case lasts == 0:
		return
	case lasts == Forever:
		row[meta] |= sentForever
	case row[meta]&sentOnce == 0 || int32(now+lasts-row[sentUntil]) > 0:
		row[sentUntil] = now + lasts
	}
	row[meta] |= sentOnce
}

// OwnPlace is how far CollectOwn has come; its zero value is the begin.
type OwnPlace struct {
	version uint64 // of the table's definition: with another one the rows lie elsewhere, and all are gone through again
	from    uint64
}

// CollectOwn gives what the peer itself contributed before its present session, as of now, from a place on: what a peer that restarted
// empty has lost. The values are in the slots of as, whatever the peer defines meanwhile. It ends where emit refuses, notes the place to go on
// from, and tells whether it is through.
func (t *Table) CollectOwn(name string, as sticktable.Definition, at *OwnPlace, now uint32, emit Emit) (all bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	number, p := t.knownPeer(name)
	if p == nil || !p.defined || !sameKey(&t.def, &as) {
		return true
	}
	if v := t.version.Load(); at.version != v {
		*at = OwnPlace{version: v}
	}
	values := make([]uint64, newLayout(&as).slots)
	moves := movesTo(&t.def, &as)
	for shard := int(at.from >> 58); shard < numShards; shard++ {
		s := &t.shards[shard]
		s.mu.Lock()
		stopped, ok := s.collectOwn(moves, number, p.generation, at.from&(1<<58-1), now, values, emit)
		s.mu.Unlock()
		if !ok {
			at.from = uint64(shard)<<58 | stopped
			return false
		}
		at.from = 0
	}
	return true
}

// GiveBack is the part of a definition that a node can be given back: not what is never aggregated, since that is not kept.
func GiveBack(def sticktable.Definition) sticktable.Definition {
	def.Columns = slices.DeleteFunc(slices.Clone(def.Columns), func(c sticktable.Column) bool {
		return c.Type.Spec().Arithmetic == sticktable.NotAggregated
	})
	return def
}

func (s *shard) collectOwn(moves []move, number uint16, gen uint32, from uint64, now uint32, values []uint64, emit Emit) (uint64, bool) {
	return s.eachRow(from, func(r ref, row []uint32) bool {
		c := s.contributions(row)
		i := c.find(number)
		if i < 0 || generation(c.who()[i]) == gen {
			return true
		}
		clear(values)
		for m := range moves {
			moves[m].load(c.record(i), values, now)
		}
		life := uint32(0)
		if left := c.life(i, now); left != Forever {
			life = max(1, left)
		}
		return emit(uint32(r)|1<<31, life, s.key(row), values)
	})
}
