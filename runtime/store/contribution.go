package store

import "math/bits"

// Columns of contributions: the peer in the lower 16 bits, its session's generation in the next 15, and a flag; the deadline; then the values' words.
const (
	who = iota
	deadline
	firstValue
)

const (
	generationShift        = 16
	generationMask  uint32 = 1<<15 - 1
	noDeadline      uint32 = 1 << 31
)

// generation is that of the session in which a contribution was made.
func generation(who uint32) uint32 { return who >> generationShift & generationMask }

// contributions are a row's, or some of them, column by column: to find one among 64 is to look at 4 cache lines, and to sum one value up at as many.
// It is 4 words: the compiler keeps no larger value in registers.
type contributions struct {
	words []uint32
	room  int32 // words of a column
	count int32
}

// contributions gives the row's; they alias it. For how many there is room follows from the row's length, of which contributions have s.contrib<<class.
func (s *shard) contributions(row []uint32) contributions {
	words := row[s.fixed:]
	if len(row) >= s.large {
		words = words[s.lay.sumWords:]
	}
	class := bits.TrailingZeros32(uint32(len(words))) - bits.TrailingZeros32(uint32(s.contrib))
	return contributions{words, 1 << (class & 31), int32(count(row))}
}

// n is how many they are.
func (c contributions) n() int { return int(c.count) }

func (c contributions) column(word int) []uint32 { return c.words[word*int(c.room):][:c.count] }

// at gives a word of the i-th contribution, and what lies behind it: the contribution's next word is c.room further.
func (c contributions) at(word, i int) []uint32 { return c.words[word*int(c.room)+i:] }

// find gives a peer's contribution; -1 if there is none.
func (c contributions) find(peer uint16) int {
	for i, w := range c.column(who) {
		if uint16(w) == peer {
			return i
		}
	}
	return -1
}

// move puts the contribution at from, of so many words, into the place to.
func (c contributions) move(to, from, words int) {
	for word := range words {
		c.words[word*int(c.room)+to] = c.words[word*int(c.room)+from]
	}
}

// clear makes the contribution's words 0.
func (c contributions) clear(i, words int) {
	for word := range words {
		c.words[word*int(c.room)+i] = 0
	}
}

// copyColumns takes over contributions that lie with another room.
func (c contributions) copyColumns(from contributions, words int) {
	for word := range words {
		copy(c.column(word), from.column(word))
	}
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
	some := contributions{s.scratch, all.count, 0}
	for i, w := range all.column(who) {
		if !s.counts(w) {
			continue
		}
		for word := range s.contrib {
			some.words[word*int(some.room)+int(some.count)] = all.words[word*int(all.room)+i]
		}
		some.count++
	}
	return some
}

// counts tells whether a contribution is part of sums.
func (s *shard) counts(who uint32) bool { return !s.peer(uint16(who)).standby }

// dropContribution removes the i-th contribution; the last takes its place.
func (s *shard) dropContribution(row []uint32, i int) {
	c := s.contributions(row)
	c.move(i, c.n()-1, s.contrib)
	c.clear(c.n()-1, s.contrib)
	row[meta]--
	row[meta] &^= summed
}
