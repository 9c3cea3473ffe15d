package store

// index finds rows by key: open addressing with linear probing. A slot holds 32 bits of the hash above the row's reference plus one, 0 when it is
// free, so that a probe or a resize seldom touches a row.
type index struct {
	slots []uint64
	used  int
}

// indexTag is the part of the hash that slots keep. The shard is chosen by other bits.
func indexTag(hash uint64) uint32 { return uint32(hash) }

func (x *index) mask() int             { return len(x.slots) - 1 }
func (x *index) first(hash uint64) int { return int(indexTag(hash)) & x.mask() }
func (x *index) after(at int) int      { return (at + 1) & x.mask() }

// at gives a slot's tag and row; noRef when the slot is free.
func (x *index) at(i int) (tag uint32, r ref) {
	if len(x.slots) == 0 {
		return 0, noRef
	}
	v := x.slots[i]
	return uint32(v >> 32), ref(uint32(v) - 1)
}

func (x *index) insert(hash uint64, r ref) {
	if x.used+1 > len(x.slots)-len(x.slots)/8 {
		x.resize()
	}
	x.put(indexTag(hash), r)
	x.used++
}

func (x *index) put(tag uint32, r ref) {
	i := int(tag) & x.mask()
	for x.slots[i] != 0 {
		i = x.after(i)
	}
	x.slots[i] = uint64(tag)<<32 | uint64(uint32(r)+1)
}

// resize doubles the slots. With 64 shards a table of 10 million keys moves 160,000 slots at a time.
func (x *index) resize() {
	old := x.slots
	x.slots = make([]uint64, max(8, 2*len(old)))
	for _, v := range old {
		if v != 0 {
			x.put(uint32(v>>32), ref(uint32(v)-1))
		}
	}
}

func (x *index) slotOf(hash uint64, r ref) int {
	i := x.first(hash)
	for {
		if _, at := x.at(i); at == r {
			return i
		}
		i = x.after(i)
	}
}

func (x *index) replace(hash uint64, old, r ref) {
	x.slots[x.slotOf(hash, old)] = uint64(indexTag(hash))<<32 | uint64(uint32(r)+1)
}

// remove frees the row's slot and closes the gap, so that no probe ends too early.
func (x *index) remove(hash uint64, r ref) {
	hole := x.slotOf(hash, r)
	x.used--
	for i := x.after(hole); x.slots[i] != 0; i = x.after(i) {
		home := int(uint32(x.slots[i]>>32)) & x.mask()
		if (i-home)&x.mask() >= (i-hole)&x.mask() {
			x.slots[hole] = x.slots[i]
			hole = i
		}
	}
	x.slots[hole] = 0
}
