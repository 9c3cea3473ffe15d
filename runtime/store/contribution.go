package store

import "math/bits"

// Words of a record: the deadline, then the values'.
const (
	deadline = iota
	firstValue
)

const (
	generationShift        = 16
	generationMask  uint32 = 1<<15 - 1
	noDeadline      uint32 = 1 << 31
)

// generation is that of the session in which a contribution was made.
func generation(who uint32) uint32 { return who >> generationShift & generationMask }

// contributions are a row's, or some of them: who contributed, and then the records of what they did. To find one among 64 is to look at 4 cache lines, and to
// change it at one or two more. It is 4 words: the compiler keeps no larger value in registers.
type contributions struct {
	words []uint32
	room  uint16 // for how many there is
	count uint16
	step  uint32 // words of a record
}

// contributions gives the row's; they alias it. For how many there is room follows from the row's length, of which they have s.contrib<<class.
func (s *shard) contributions(row []uint32) contributions {
	words := row[s.fixed:]
	if len(row) >= s.large {
		words = words[s.lay.sumWords:]
	}
	class := bits.TrailingZeros32(uint32(len(words))) - s.odd
	return contributions{words, 1 << (class & 15), uint16(count(row)), uint32(s.contrib - 1)}
}

// n is how many they are.
func (c contributions) n() int { return int(c.count) }

// who gives, for each, the peer in the lower 16 bits, its session's generation in the next 15, and noDeadline.
func (c contributions) who() []uint32 { return c.words[:c.count] }

func (c contributions) record(i int) []uint32 {
	return c.words[int(c.room)+i*int(c.step):][:c.step]
}

// records gives all records, one after the other.
func (c contributions) records() []uint32 { return c.words[c.room:][:int(c.count)*int(c.step)] }

// find gives a peer's contribution; -1 if there is none.
func (c contributions) find(peer uint16) int {
	for i, w := range c.who() {
		if uint16(w) == peer {
			return i
		}
	}
	return -1
}

// counting gives those of the row's contributions that are part of sums: of a group of peers that send the same, one. They may alias the row, and are good until the next call.
func (s *shard) counting(row []uint32) contributions {
	all := s.contributions(row)
	if s.standbys == 0 {
		return all
	}
	if need := s.contrib * all.n(); len(s.scratch) < need {
		s.scratch = make([]uint32, 2*need)
	}
	some := contributions{s.scratch, all.count, 0, all.step}
	for i, w := range all.who() {
		if s.counts(w) {
			some.words[some.count] = w
			copy(some.record(some.n()), all.record(i))
			some.count++
		}
	}
	return some
}

// counts tells whether a contribution is part of sums.
func (s *shard) counts(who uint32) bool { return !s.peer(uint16(who)).standby }

// dropContribution removes the i-th contribution; the last takes its place.
func (s *shard) dropContribution(row []uint32, i int) {
	c := s.contributions(row)
	last := c.n() - 1
	c.who()[i], c.who()[last] = c.who()[last], 0
	copy(c.record(i), c.record(last))
	clear(c.record(last))
	row[meta]--
	row[meta] &^= summed
}
