package store

import (
	"math/bits"

	"stktc/topology/sticktable"
)

// knownPeer finds a peer that the table has heard of. The caller holds t.mu.
func (t *Table) knownPeer(name string) (uint16, *peer) {
	for i, p := range t.peers {
		if p.name == name {
			return uint16(i), p
		}
	}
	return 0, nil
}

// peerState is what a shard knows of a peer, by the peer's number. All shards know the same, each under its own lock.
type peerState struct {
	connected bool
	standby   bool // another member of its group counts instead

	contributes bool   // it has defined the table
	taught      bool   // everything, in a lesson
	asked       uint32 // when it was asked for that lesson
}

func (s *shard) peer(number uint16) *peerState {
	for len(s.peers) <= int(number) {
		s.peers = append(s.peers, peerState{})
	}
	return &s.peers[number]
}

// setConnected changes whether the peer is connected. Where that changes sums, they are sent.
func (s *shard) setConnected(number uint16, connected bool) {
	s.mu.Lock()
	defer s.unlock()
	p := s.peer(number)
	if p.connected != connected {
		p.connected = connected
		if s.lay.connCur {
			s.touchAll(number)
		}
		s.reviewAll(s.t.clock.Load())
	}
}

// touchAll notes that every row that the peer contributes to changed.
func (s *shard) touchAll(number uint16) {
	s.eachRow(0, func(r ref, row []uint32) bool {
		if s.contributions(row).find(number) >= 0 {
			row[meta] &^= summed
			s.changed = s.touch(r, row) || s.changed
		}
		return true
	})
}

// SetStandbys takes peers' contributions out of the sums, or in again: of a group of peers that send the same, one counts. What the others send is kept. No receiver sees a
// sum with both, or with none.
func (t *Table) SetStandbys(standby map[string]bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	numbers := map[uint16]bool{}
	for name, is := range standby {
		numbers[uint16(t.peer(name))] = is
	}
	for i := range t.shards {
		t.shards[i].setStandbys(numbers)
	}
}

func (s *shard) setStandbys(standby map[uint16]bool) {
	s.mu.Lock()
	defer s.unlock()
	for number, is := range standby {
		if p := s.peer(number); p.standby != is {
			p.standby = is
			s.countStandbys()
			s.touchAll(number)
		}
	}
}

func (s *shard) countStandbys() {
	s.standbys = 0
	for i := range s.peers {
		if s.peers[i].standby {
			s.standbys++
		}
	}
}

// LastDefinition is the definition that the peer sent last; its Key is invalid if it sent none.
func (t *Table) LastDefinition(name string) sticktable.Definition {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, p := t.knownPeer(name); p != nil {
		return p.def
	}
	return sticktable.Definition{}
}

// Stale gives what drops the peer's contributions that it did not make in the session that is the present one now, and tells how many: a lesson that ended as finished
// named everything that the peer has. It is to be called once, and takes its time, see giveWay.
func (t *Table) Stale(name string) (drop func(now uint32) int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	number, p := t.presentPeer(name)
	if p == nil {
		return func(uint32) int { return 0 }
	}
	p.dropping++
	from, asked := p.generation, p.asked
	return func(now uint32) int {
		n := t.dropRows(number, from, now, (*shard).giveWay)
		t.taught(number, asked, now)
		t.leave(number, p)
		return n
	}
}

// Drop drops all of the peer's contributions, and what it said of the table's shape. It takes its time, see giveWay; what the peer contributes meanwhile, in a new session, stays.
func (t *Table) Drop(name string, now uint32) int {
	return t.drop(name, now, func(*peer) bool { return true })
}

// DropAway drops them only if the peer is not connected.
func (t *Table) DropAway(name string, now uint32) int {
	return t.drop(name, now, func(p *peer) bool { return !p.connected })
}

func (t *Table) drop(name string, now uint32, may func(*peer) bool) int {
	t.mu.Lock()
	number, p := t.presentPeer(name)
	if p == nil || !may(p) {
		t.mu.Unlock()
		return 0
	}
	t.undefine(p)
	p.dropping++
	from := p.generation + 1
	t.mu.Unlock()
	n := t.dropRows(number, from, now, (*shard).giveWay)
	t.leave(number, p)
	return n
}

// presentPeer finds a peer whose number nobody else may have. The caller holds t.mu.
func (t *Table) presentPeer(name string) (uint16, *peer) {
	number, p := t.knownPeer(name)
	if p != nil && p.gone {
		return 0, nil
	}
	return number, p
}

// leave lets another peer have the number of one that was dropped, if it did not come back meanwhile: who comes under ever other names must not use them up. One that stands
// by keeps its number, which tells that.
func (t *Table) leave(number uint16, p *peer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.dropping--; p.dropping > 0 || p.connected || p.defined {
		return
	}
	s := &t.shards[0]
	s.mu.Lock()
	defer s.mu.Unlock()
	p.gone = !s.peer(number).standby
}

// undefine takes what the peer said of the table's shape out of it, and its way in.
func (t *Table) undefine(p *peer) {
	p.def, p.defined = sticktable.Definition{}, false
	t.lockShards()
	defer t.unlockShards()
	t.setContributes(p)
	p.setSource(nil)
	if t.defined() {
		t.redefine()
	}
}

// setContributes tells the shards whether the peer has defined the table. The caller holds all their locks.
func (t *Table) setContributes(p *peer) {
	number, _ := t.knownPeer(p.name)
	for i := range t.shards {
		t.shards[i].peer(number).contributes = p.defined
	}
}

// defined tells whether some peer has defined the table: if none has, it keeps the shape that it had.
func (t *Table) defined() bool {
	for _, p := range t.peers {
		if p.defined {
			return true
		}
	}
	return false
}

// dropRows drops what a peer contributed before its session of the generation from, some rows at a time with a pause between them, and tells how many. The caller sees to it that the
// peer keeps its number.
func (t *Table) dropRows(number uint16, from, now uint32, pause func(*shard)) (n int) {
	for i := range t.shards {
		s := &t.shards[i]
		at, all := OwnPlace{}, false
		for !all {
			var k int
			if k, all = s.drop(number, from, &at, now); k > 0 {
				pause(s)
			}
			n += k
		}
	}
	return n
}

// dropBudget is how many rows are looked at under one lock.
const dropBudget = 500

// drop handles some rows from a place on, under one lock; all of the shard's from the begin, if they were laid out anew meanwhile.
func (s *shard) drop(number uint16, from uint32, at *OwnPlace, now uint32) (n int, all bool) {
	s.mu.Lock()
	defer s.unlock()
	if v := s.t.version.Load(); at.version != v {
		*at = OwnPlace{version: v}
	}
	budget := dropBudget
	at.from, all = s.eachRow(at.from, func(r ref, row []uint32) bool {
		if budget--; budget < 0 {
			return false
		}
		c := s.contributions(row)
		i := c.find(number)
		if i < 0 || isSince(generation(c.who()[i]), from) {
			return true
		}
		s.dropContribution(row, i)
		s.dropped(r, row, now)
		n++
		return true
	})
	return n, all
}

// sessionsMeanwhile is how many sessions a peer may have while its contributions are dropped.
const sessionsMeanwhile = 1 << 10

// isSince tells whether a generation is that of a session, or of one of the next.
func isSince(gen, from uint32) bool { return (gen-from)&generationMask < sessionsMeanwhile }

// Clear drops all contributions to a key, and tells whether there were any. Receivers are sent zeros.
func (t *Table) Clear(key []byte, now uint32) bool {
	hash := t.hash(key)
	s := t.shardOf(hash)
	s.mu.Lock()
	defer s.unlock()
	r := s.find(hash, key)
	if r == noRef || count(s.row(r)) == 0 {
		return false
	}
	row := s.row(r)
	for count(row) > 0 {
		s.dropContribution(row, count(row)-1)
	}
	s.dropped(r, row, now)
	return true
}

// rebuild lays the shard's rows out for another definition. With another key nothing can be kept.
func (s *shard) rebuild(old, def *sticktable.Definition) {
	before := &shard{t: s.t, lay: s.lay, fixed: s.fixed, large: s.large, contrib: s.contrib, odd: s.odd, slabs: s.slabs, evicted: s.evicted}
	defer before.empty()
	s.slabs = [numClasses]slab{}
	s.reset(newLayout(def))
	if !sameKey(old, def) {
		return
	}
	s.evicted = before.evicted
	moves := wordMoves(old, def)
	before.eachRow(0, func(r ref, row []uint32) bool {
		s.adopt(before, row, moves)
		before.freeRow(r) // or a shard would take its memory twice
		return true
	})
	s.index.move(s, len(s.index.before.buckets)) // or two tables would be held until keys come, of memory that other shards need
}

// empty gives the memory of all rows back.
func (s *shard) empty() {
	for c := range s.slabs {
		s.slabs[c].empty(s.t.arena)
	}
}

// wordMove copies words of contributions from the old layout to the new one.
type wordMove struct{ from, to, n int }

func wordMoves(old, def *sticktable.Definition) []wordMove {
	a, b := newLayout(old), newLayout(def)
	moves := []wordMove{{n: firstValue}} // the deadline
	for i, from := 0, 0; i < len(old.Columns); i++ {
		for j, to := 0, 0; j < len(def.Columns); j++ {
			if old.Columns[i] == def.Columns[j] {
				for k := range fieldsOf(old.Columns[i]) {
					f, t := a.fields[from+k], b.fields[to+k]
					moves = append(moves, wordMove{firstValue + f.word, firstValue + t.word, kindWords[f.kind]})
				}
			}
			to += fieldsOf(def.Columns[j])
		}
		from += fieldsOf(old.Columns[i])
	}
	return moves
}

// adopt takes a row over from the shard as it was before. There may be no memory for it, or for others then: it may be longer now.
func (s *shard) adopt(before *shard, row []uint32, moves []wordMove) {
	key, now := before.key(row), s.t.clock.Load()
	hash := s.t.hash(key)
	class := bits.Len(uint(max(1, count(row)) - 1))
	r := noRef
	if s.makeWay(class, noRef, now) {
		r = s.create(class, hash, key)
	}
	if r == noRef {
		s.evicted.add(hash, before.rows, s.lay.expire, now)
		s.t.evicted.Add(1)
		return
	}
	to := s.row(r)
	to[sentUntil] = row[sentUntil]
	to[meta] |= row[meta] & (countMask | sentOnce | sentForever | partial)
	if row[meta]&partial != 0 {
		s.counted.partial++
	}
	a, b := before.contributions(row), s.contributions(to)
	copy(b.who(), a.who())
	for i := range a.n() {
		for _, m := range moves {
			copy(b.record(i)[m.to:][:m.n], a.record(i)[m.from:])
		}
	}
	s.touch(r, to)
	if row[meta]&armed != 0 {
		s.wheel.arm(s, r, to, row[due], s.wheel.tick<<tickShift)
	}
}
