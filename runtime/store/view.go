package store

import (
	"slices"
	"strings"
)

// Entry is one key's sum at a moment. It owns its memory.
type Entry struct {
	Key           []byte
	Life          uint32   // ms left, Forever without an end, 0 when over
	Values        []uint64 // in slots of the table's definition
	Contributions []Contribution
	Partial       bool // the key was evicted, and not all who contribute have told of it again: it is not sent
}

// Contribution is what one peer counted of a key.
type Contribution struct {
	Peer      string
	Connected bool
	Standby   bool     // not part of the sum: another member of the peer's group counts
	Stale     bool     // not updated in the peer's present session
	Life      uint32   // as in Entry
	Values    []uint64 // in slots of the table's definition
}

// Lookup finds a key's sum at now, with its contributions.
func (t *Table) Lookup(key []byte, now uint32) (Entry, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	hash := t.hash(key)
	s := t.shardOf(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.find(hash, key)
	if r == noRef || count(s.row(r)) == 0 {
		return Entry{}, false
	}
	e := s.entry(s.row(r), now)
	e.Contributions = t.contributions(s, s.row(r), now)
	return e, true
}

// Range calls f with the sums of all keys at now, without their contributions, in no order, until f says stop. No lock is held meanwhile: keys that come or
// go during the walk may be missed.
func (t *Table) Range(now uint32, f func(Entry) bool) {
	for i := range t.shards {
		from, all := uint64(0), false
		for !all {
			var entries []Entry
			entries, from, all = t.shards[i].entries(from, now)
			for _, e := range entries {
				if !f(e) {
					return
				}
			}
		}
	}
}

// rangeBatch is how many entries are copied under one lock.
const rangeBatch = 256

func (s *shard) entries(from uint64, now uint32) (list []Entry, at uint64, all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, all = s.eachRow(from, func(_ ref, row []uint32) bool {
		if len(list) == rangeBatch {
			return false
		}
		if s.counting(row).n() > 0 {
			list = append(list, s.entry(row, now))
		}
		return true
	})
	return list, at, all
}

func (s *shard) entry(row []uint32, now uint32) Entry {
	counting := s.counting(row)
	return Entry{
		Key: slices.Clone(s.key(row)), Life: s.life(counting, now), Values: slices.Clone(s.sum(counting, now)), Partial: row[meta]&partial != 0,
	}
}

func (t *Table) contributions(s *shard, row []uint32, now uint32) []Contribution {
	own := movesTo(&t.def, &t.def)
	list := make([]Contribution, count(row))
	c := s.contributions(row)
	for i, who := range c.who() {
		number := uint16(who)
		p := t.peers[number]
		list[i] = Contribution{
			Peer: p.name, Connected: s.peer(number).connected, Standby: !s.counts(who), Stale: generation(who) != p.generation,
			Life: c.life(i, now), Values: make([]uint64, s.lay.slots),
		}
		for m := range own {
			own[m].load(c.record(i), list[i].Values, now)
		}
	}
	slices.SortFunc(list, func(a, b Contribution) int { return strings.Compare(a.Peer, b.Peer) })
	return list
}
