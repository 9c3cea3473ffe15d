package store

import (
	"errors"
	"fmt"
	"hash/maphash"
	"math/bits"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"stktc/topology/sticktable"
)

const numShards = 64

// ErrKey refuses a source whose keys are of another type or length than those of the table.
var ErrKey = errors.New("key type or length differs from the table's")

// Table is one aggregated table: the contributions of its peers, and their sums. All methods may be called concurrently.
type Table struct {
	name string
	seed maphash.Seed

	arena *arena

	mu      sync.Mutex // guards what follows; taken before any shard's lock
	peers   []*peer    // a peer's number is its place
	def     sticktable.Definition
	left    []Mismatch
	version atomic.Uint64 // counts changes of def
	cursors atomic.Pointer[[]*Cursor]
	encoder *Encoder

	orderMu sync.Mutex // guards joining the list of rows by key, and what follows; taken before any shard's lock
	listing bool       // one is being made
	order   atomic.Pointer[byKey]
	making  atomic.Pointer[byKey] // that one, until it is in order

	shards  [numShards]shard
	heads   atomic.Uint64 // counts all changes, as the heads of the logs do
	taken   atomic.Uint64 // counts how often receivers took something
	waiting atomic.Int32  // sources that give way
	eased   chan struct{} // one may go on
	late    atomic.Int32  // shards whose wheels did not get through in the last Tick
	lateBy  atomic.Int32  // ms, of the one that is the furthest behind
	updates atomic.Uint64
	evicted atomic.Uint64 // keys
	clock   atomic.Uint32 // the latest time that Tick or Apply was told
	era     atomic.Uint32 // see forgetLessons

	standAt    uint32 // when Tick looked for receivers that stand still, ms; it alone uses this
	standSince uint64 // taken, then
}

// peer is one that contributes to the table, or did.
type peer struct {
	name       string
	def        sticktable.Definition
	defined    bool
	generation uint32 // of its present or last session, 15 bits: it comes round after 32,768 sessions of which none ended a lesson
	connected  bool
	asked      uint32                // when it was asked to teach everything
	source     *Source               // its way in; nil if it has none
	refused    sticktable.Definition // that it is to define again; its Key is invalid if it is not
	dropping   int                   // calls of Drop under way
	gone       bool                  // dropped, and not back: another may have its number
}

// Mismatch is a data type that is left out of the sums because sources disagree on its arguments.
type Mismatch struct {
	Type  sticktable.DataType
	Peers [2]string // who disagree
	Has   [2]sticktable.Column
}

// New makes an empty table of that wire name.
func New(name string) *Table { return NewWithin(&Budget{}, name) }

// NewWithin makes an empty table whose memory is bounded, together with that of other tables.
func NewWithin(budget *Budget, name string) *Table {
	t := &Table{name: name, seed: maphash.MakeSeed(), arena: &arena{budget: budget}, eased: make(chan struct{}, 1)}
	runtime.AddCleanup(t, (*arena).release, t.arena)
	t.cursors.Store(&[]*Cursor{})
	lay := newLayout(&t.def)
	for i := range t.shards {
		t.shards[i].t, t.shards[i].number = t, i
		t.shards[i].reset(lay)
	}
	return t
}

// Name is the table's name on the wire.
func (t *Table) Name() string { return t.name }

// Definition is the table's shape, the union of its sources', with a number that changes with it. Definition is zero, and Key
// invalid, while there is no source.
func (t *Table) Definition() (sticktable.Definition, uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.def, t.version.Load()
}

// Mismatches lists the data types that are left out of the sums.
func (t *Table) Mismatches() []Mismatch {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.left)
}

// Updates counts the updates applied since the start.
func (t *Table) Updates() uint64 { return t.updates.Load() }

func (t *Table) hash(key []byte) uint64 { return maphash.Bytes(t.seed, key) }

func (t *Table) shardOf(hash uint64) *shard { return &t.shards[hash>>58] }

// Source is one peer's way into the table, for one session and one definition. It is used by one goroutine. A peer has one at a time: with the
// next, or when the peer is dropped, it is dead and takes nothing.
type Source struct {
	t      *Table
	number uint16
	gen    uint32
	expire uint32 // ms, the longest life of its entries; Forever where they do not expire
	since  int    // updates since it gave way
	taken  uint64 // Table.taken when it was asked to
	timer  *time.Timer

	moves []move // this and dead are guarded by every shard's lock: written under all of them, read under any
	dead  bool
}

// Begin notes that a session with the peer began: what it contributes from now on can be told from what it left behind.
func (t *Table) Begin(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.peers[t.peer(name)]
	p.generation = (p.generation + 1) & generationMask
	p.refused = sticktable.Definition{}
	t.setConnected(p, true)
}

// End notes that the session with the peer ended. Its contributions stay.
func (t *Table) End(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.peers[t.peer(name)]
	p.refused = sticktable.Definition{}
	t.setConnected(p, false)
}

// Source opens the peer's way in with the definition that it sent. The table's own definition becomes the union of all sources'. The
// error is ErrKey, or that there are too many peers. A peer that is refused for its key has left the others behind: what it contributed under the old one is
// dropped and its definition forgotten, so that the table takes the new key when the last one has moved to it. See Refused.
func (t *Table) Source(name string, def sticktable.Definition) (*Source, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	number := t.peer(name)
	if number >= 1<<16 {
		return nil, errors.New("too many peers for one table")
	}
	p := t.peers[number]
	if other := t.otherKey(p, &def); other != nil {
		t.undefine(p)
		t.dropRows(uint16(number), p.generation+1, t.clock.Load(), func(*shard) {})
		p.refused = def
		return nil, fmt.Errorf("%w: %s, and %s sends %s", ErrKey, def.KeyString(), other.name, other.def.KeyString())
	}
	p.def, p.defined, p.refused = def, true, sticktable.Definition{}
	src := &Source{t: t, number: uint16(number), gen: p.generation, expire: Forever}
	if def.Expire > 0 {
		src.expire = uint32(min(def.Expire/time.Millisecond, maxLife))
	}
	t.lockShards()
	defer t.unlockShards()
	p.setSource(src)
	t.setContributes(p)
	t.redefine()
	return src, nil
}

// otherKey finds another peer that has defined the table with another key.
func (t *Table) otherKey(p *peer, def *sticktable.Definition) *peer {
	for _, other := range t.peers {
		if other != p && other.defined && !sameKey(&other.def, def) {
			return other
		}
	}
	return nil
}

// Refused lists the connected peers whose definition was refused for its key in their present session and would be taken now. As HAProxy defines a table once a
// session, and its updates since then are lost, they are to begin anew.
func (t *Table) Refused() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []string
	for _, p := range t.peers {
		if p.connected && p.refused.Key.IsValid() && t.otherKey(p, &p.refused) == nil {
			list = append(list, p.name)
		}
	}
	return list
}

// setSource makes src the peer's way in, nil for none; the one before is dead: its values come in another order. The caller holds all shards' locks.
func (p *peer) setSource(src *Source) {
	if p.source != nil {
		p.source.dead, p.source.moves = true, nil
	}
	p.source = src
}

// eachShard does something in each of some shards, a bit each, beginning with one, under its lock, which do releases. It ends where do says so, and gives the shards that are left then, that one included. A shard in
// use is come back to: who waits for a lock sleeps, and to be woken takes longer than the work of some shards. Only where all that are left are in use it waits for one.
func (t *Table) eachShard(some uint64, begin int, do func(*shard) bool) (left uint64) {
	left = bits.RotateLeft64(some, -begin)
	for waits := false; left != 0; {
		before := left
		for round := left; round != 0; round &= round - 1 {
			i := bits.TrailingZeros64(round)
			s := &t.shards[(begin+i)%numShards]
			if !s.mu.TryLock() {
				if !waits {
					continue
				}
				s.mu.Lock()
				waits = false
			}
			if !do(s) {
				return bits.RotateLeft64(left, begin)
			}
			left &^= 1 << i
		}
		waits = left == before
	}
	return 0
}

func (t *Table) lockShards() {
	for i := range t.shards {
		t.shards[i].mu.Lock()
	}
}

func (t *Table) unlockShards() {
	for i := range t.shards {
		t.shards[i].mu.Unlock()
	}
}

// peer finds or makes the peer's number. The caller holds t.mu, and no shard's lock.
func (t *Table) peer(name string) int {
	free := -1
	for i, p := range t.peers {
		if p.name == name {
			p.gone = false
			return i
		}
		if p.gone && p.dropping == 0 && free < 0 {
			free = i
		}
	}
	if free < 0 {
		t.peers = append(t.peers, &peer{name: name})
		return len(t.peers) - 1
	}
	t.peers[free] = &peer{name: name}
	t.lockShards()
	defer t.unlockShards()
	for i := range t.shards {
		*t.shards[i].peer(uint16(free)) = peerState{}
	}
	return free
}

func sameDefinition(a, b *sticktable.Definition) bool {
	return sameKey(a, b) && a.Expire == b.Expire && slices.Equal(a.Columns, b.Columns)
}

func sameKey(a, b *sticktable.Definition) bool { return a.Key == b.Key && a.KeyLen == b.KeyLen }

// redefine makes the table's definition the union of its sources', and the rows and sources fit it. The caller holds all shards' locks.
func (t *Table) redefine() {
	def, left := union(t.peers)
	sameLeft := slices.Equal(t.left, left)
	t.left = left
	for _, p := range t.peers {
		if p.source != nil {
			p.source.moves = movesTo(&def, &p.def)
		}
	}
	same := sameDefinition(&t.def, &def)
	if same && sameLeft {
		return
	}
	old := t.def
	t.def = def
	for i := range t.shards {
		if !same {
			t.shards[i].rebuild(&old, &def)
		}
		t.shards[i].lay.leaveOut(left)
	}
	t.version.Add(1)
	for _, c := range *t.cursors.Load() {
		c.rewindLocked()
	}
}

// union folds the sources' definitions into one: every data type that one of them has, the longest life. A type whose arguments differ keeps those of the first source: it is left out of the sums, and sent as 0, or
// receivers would keep what they were sent before.
func union(peers []*peer) (sticktable.Definition, []Mismatch) {
	var def sticktable.Definition
	var left []Mismatch
	var owners []*peer
	first := true
	for _, p := range peers {
		if !p.defined {
			continue
		}
		if first {
			def.Key, def.KeyLen, def.Expire = p.def.Key, p.def.KeyLen, p.def.Expire
			first = false
		}
		def.Expire = longest(def.Expire, p.def.Expire)
		for _, c := range p.def.Columns {
			at := slices.IndexFunc(def.Columns, func(o sticktable.Column) bool { return o.Type == c.Type })
			switch {
			case at < 0:
				def.Columns = append(def.Columns, c)
				owners = append(owners, p)
			case def.Columns[at] != c:
				left = append(left, Mismatch{Type: c.Type, Peers: [2]string{owners[at].name, p.name}, Has: [2]sticktable.Column{def.Columns[at], c}})
			}
		}
	}
	def.SortColumns()
	return def, left
}

// longest is the longer of two lives, where 0 is for ever.
func longest(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return 0
	}
	return max(a, b)
}

// setConnected changes whether the peer counts in data types that count connected peers only.
func (t *Table) setConnected(p *peer, connected bool) {
	number := t.peer(p.name)
	p.connected = connected
	for i := range t.shards {
		t.shards[i].setConnected(uint16(number), connected)
	}
}

// Receivers is how many receivers the table has.
func (t *Table) Receivers() int { return len(*t.cursors.Load()) }

// Receivers is how many receivers the source's table has.
func (src *Source) Receivers() int { return src.t.Receivers() }

// Rows is the number of keys, those included that are only kept to tell receivers of their end.
func (t *Table) Rows() int {
	n := 0
	for i := range t.shards {
		t.shards[i].mu.Lock()
		n += t.shards[i].rows
		t.shards[i].mu.Unlock()
	}
	return n
}

// Tick lets time pass: contributions and entries whose life is over go, and rates are sent again where they would drift. It is to be called every 5 ms or so, by one goroutine, and does
// a bounded amount of work per shard. Where that was not enough it says so, to be called again sooner, and readers are held back, see GiveWay: millions of keys that began to be counted in one second enter
// their next periods in one second too.
func (t *Table) Tick(now uint32) (isLate bool) {
	t.latest(now)
	t.forgetLessons(now)
	t.revokeOld(now)
	t.standing(now)
	late, most, budget := int32(0), int32(0), t.budget()
	for i := range t.shards {
		if ms := t.shards[i].turn(now, budget); ms > 0 {
			late++
			most = max(most, ms)
		}
	}
	t.late.Store(late)
	t.lateBy.Store(most)
	return late > 0
}

// Late is how far the last Tick was behind with the boundaries of rates' periods and the ends of entries, 0 if it did all that was due.
func (t *Table) Late() time.Duration { return time.Duration(t.lateBy.Load()) * time.Millisecond }

// turn turns the shard's wheel, by more than the budget if it is late already, and gives by how many ms it is late then, 0 if it is not.
func (s *shard) turn(now uint32, budget int) (late int32) {
	if !s.wheel.some.Load() {
		return 0
	}
	s.mu.Lock()
	defer s.unlock()
	if !s.wheel.advance(s, now, min(tickBudget, budget+budget*s.wheel.late(now)/lateDoubles)) {
		late = int32(max(1, s.wheel.late(now)))
	}
	return late
}

// latest is the latest time that the table was told, now included. A sum is made as of that, once the lock is had: as of a time that was read before the wait for the lock a rate that is sent
// again for a boundary would be that from before the boundary.
func (t *Table) latest(now uint32) uint32 {
	for {
		clock := t.clock.Load()
		if int32(clock-now) >= 0 && clock != 0 {
			return clock
		}
		if t.clock.CompareAndSwap(clock, now) {
			return now
		}
	}
}

// turnRows bounds the rows that are read in one turn with a shard's lock: about 0.4 ms of work.
const (
	turnRows   = 2000
	tickBudget = turnRows * lookCost
)

// budget is what a wheel is to do in a tick that is not late: as much as receivers can take besides what they have not taken yet. All that is sent again is sent in the end, and no sooner for standing before
// what changes just now. Clocks of HAProxy that go round, 20 s after its start, let all keys that come in the next 10 s enter their next periods in one millisecond.
func (t *Table) budget() int {
	behind, some := t.halfBehind()
	if !some {
		return tickBudget
	}
	return int(max(newsInBulk/32, newsInBulk-behind)) / numShards * lookCost
}

// lateDoubles is how late a wheel is, in ms, that does twice as much: nothing that has to be sent again waits for ever.
const lateDoubles = 200
