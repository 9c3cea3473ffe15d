package node

import (
	"math"

	"stktc/runtime/peers"
	"stktc/topology/sticktable"
)

// binding is how a peer's definition of a table maps to ours.
type binding struct {
	layout *peers.Layout
	moves  []move
}

// move copies neighbouring values of an update into an entry.
type move struct {
	from, to, slots int
	isRate          bool
}

// bind compiles a peer's definition, or refuses it as peer_treat_definemsg does: type and length of the key must be ours. A data type
// that we do not store is skipped; conn_cur is only learned by recv-only tables; of an array the elements that both have are taken.
func (t *table) bind(remote *peers.TableDefinition) *binding {
	if remote.Key != t.def.Key || remote.KeyLen != t.def.KeyLen {
		return nil
	}
	b := &binding{layout: peers.NewLayout(remote)}
	for _, theirs := range remote.Columns {
		ours := t.def.Column(theirs.Type)
		from, isStored := b.layout.SlotOf(theirs.Type)
		if ours == nil || !isStored || theirs.Type == sticktable.ConnCur && !t.config.RecvOnly {
			continue
		}
		to, _ := t.layout.SlotOf(theirs.Type)
		m := move{from: from, to: to, slots: min(max(theirs.Elems, 1), max(ours.Elems, 1))}
		if theirs.Type.Spec().Kind == sticktable.FreqCtr {
			m.isRate = true
			m.slots *= rateSlots
		}
		b.moves = append(b.moves, m)
	}
	return b
}

// apply overwrites an entry with an update (peer_treat_updatemsg): no comparison, no merge; what the sender does not store stays.
func (t *table) apply(b *binding, u *peers.Update) {
	e := t.findOrCreate(t.key(u.Key))
	now := t.clock.tick()
	for _, m := range b.moves {
		src, dst := u.Values[m.from:m.from+m.slots], e.values[m.to:m.to+m.slots]
		copy(dst, src)
		if !m.isRate {
			continue
		}
		for i := rateTick; i < m.slots; i += rateSlots {
			dst[i] = tickOf(now, src[i])
		}
	}
	t.touchRemote(e, t.lifeOf(u))
}

// lifeOf is how long an updated entry lives, in milliseconds: what the update says, at most the table's expire (HAProxy 3.2; older
// ones do not cap it).
func (t *table) lifeOf(u *peers.Update) int64 {
	expire := t.def.Expire.Milliseconds()
	if !u.Timed {
		return expire
	}
	return min(int64(int32(u.Expire)), expire)
}

// wireValues writes an entry's values into buf as they go on the wire.
func (t *table) wireValues(buf []uint64, e *entry) []uint64 {
	buf = append(buf[:0], e.values...)
	now := t.clock.tick()
	for _, c := range t.def.Columns {
		if c.Type.Spec().Kind != sticktable.FreqCtr {
			continue
		}
		first, _ := t.layout.SlotOf(c.Type)
		for i := range max(c.Elems, 1) {
			slot := first + i*rateSlots
			buf[slot] = elapsedOf(now, buf[slot])
		}
	}
	return buf
}

// add changes one element of an entry by delta, in the width of its kind.
func (t *table) add(e *entry, c *sticktable.Column, elem int, delta uint64) {
	slot := t.slot(c, elem)
	switch c.Type.Spec().Kind {
	case sticktable.FreqCtr:
		addRate(e.values[slot:slot+rateSlots], t.clock.tick(), uint32(c.Period.Milliseconds()), uint32(delta))
	case sticktable.ULongLong:
		e.values[slot] += delta
	default:
		e.values[slot] = (e.values[slot] + delta) & math.MaxUint32
	}
}

// set stores one element as "set table" does: a rate begins a period now.
func (t *table) set(e *entry, c *sticktable.Column, elem int, value uint64) {
	slot := t.slot(c, elem)
	switch c.Type.Spec().Kind {
	case sticktable.FreqCtr:
		rate := e.values[slot : slot+rateSlots]
		rate[rateTick], rate[rateCurr], rate[ratePrev] = uint64(t.clock.tick()&^1), value&math.MaxUint32, 0
	case sticktable.ULongLong:
		e.values[slot] = value
	default:
		e.values[slot] = value & math.MaxUint32
	}
}

// read gives one element as "show table" shows it.
func (t *table) read(e *entry, c *sticktable.Column, elem int) uint64 {
	slot := t.slot(c, elem)
	if c.Type.Spec().Kind == sticktable.FreqCtr {
		return uint64(readRate(e.values[slot:slot+rateSlots], t.clock.tick(), uint32(c.Period.Milliseconds())))
	}
	return e.values[slot]
}

func (t *table) slot(c *sticktable.Column, elem int) int {
	first, _ := t.layout.SlotOf(c.Type)
	if c.Type.Spec().Kind == sticktable.FreqCtr {
		return first + elem*rateSlots
	}
	return first + elem
}
