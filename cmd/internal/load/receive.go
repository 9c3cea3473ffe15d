package load

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"stktc/runtime/peers"
	"stktc/topology/sticktable"
)

// define takes a table's definition. That of the sum must be the source's; what is wrong with it is kept for the report.
func (s *session) define(body []byte) error {
	r := &s.read
	r.cur = nil
	def, err := peers.ParseTableDefinition(body)
	if err != nil {
		return fmt.Errorf("definition of table `%s`: %w", def.Name, err)
	}
	t := r.tables[def.ID]
	if t == nil || !sameDefinition(&t.def, &def) {
		last := uint32(0)
		if t != nil {
			last = t.lastID
		}
		t = &remoteTable{id: def.ID, def: def, layout: peers.NewLayout(&def), lastID: last}
		if def.Expire != 0 {
			t.longest = (def.Expire + lifeSlack).Milliseconds()
		}
		t.isSum = s.n.l.To != "" && def.Name == s.n.l.Table+s.n.l.To && s.bind(t)
		t.isOwn = s.n.isReborn.Load() && def.Name == s.n.l.source.Name && s.bind(t)
		r.tables[def.ID] = t
		if in := &s.n.in; !slices.Contains(in.heard, def.Name) {
			in.heard = append(in.heard, def.Name)
		}
	}
	r.cur = t
	return nil
}

func sameDefinition(a, b *peers.TableDefinition) bool {
	return a.Name == b.Name && a.Key == b.Key && a.KeyLen == b.KeyLen && a.Expire == b.Expire && slices.Equal(a.Columns, b.Columns)
}

// bind finds the cells in a table of sums, and tells whether the keys are ours.
func (s *session) bind(t *remoteTable) bool {
	l := s.n.l
	want := &l.source.Definition
	if t.def.Key != want.Key || t.def.KeyLen != want.KeyLen {
		s.fault("keys are `%s`, expected `%s`", t.def.KeyString(), want.KeyString())
		return false
	}
	if t.def.Expire != want.Expire {
		s.fault("expire is `%s`, expected `%s`", sticktable.FormatDuration(t.def.Expire), sticktable.FormatDuration(want.Expire))
	}
	for _, c := range t.def.Columns {
		if want.Column(c.Type) == nil {
			s.fault("`%s` is stored, which no node stores", c)
		}
	}
	for i := range l.shape.cells {
		t.binding = append(t.binding, s.slotOf(t, &l.shape.cells[i]))
	}
	return true
}

// slotOf finds a cell's value in the table; -1 if it is not there.
func (s *session) slotOf(t *remoteTable, c *cell) int {
	ours, theirs := s.n.l.source.Column(c.dataType), t.def.Column(c.dataType)
	switch {
	case theirs == nil && c.arith == sticktable.NotAggregated:
		return -1
	case theirs == nil:
		s.fault("`%s` is not stored", ours)
		return -1
	case *theirs != *ours:
		s.fault("`%s` is stored, expected `%s`", theirs, ours)
		if c.elem >= max(1, theirs.Elems) {
			return -1
		}
	}
	first, _ := t.layout.SlotOf(c.dataType)
	return first + c.elem*slotsOf(c.kind)
}

// fault notes what is wrong with the table of sums, once.
func (s *session) fault(format string, args ...any) {
	in := &s.n.in
	if text := fmt.Sprintf(format, args...); !slices.Contains(in.faults, text) {
		in.faults = append(in.faults, text)
	}
}

// nextUpdate handles the message at the start of b, if it is an update of a common sort of a table that is stored, and gives its length.
func (s *session) nextUpdate(b []byte, now stamp) (n int) {
	r := &s.read
	if r.cur == nil || !r.cur.isStored() {
		return 0
	}
	r.update.Values = r.batch.room(r.cur.layout.Slots())
	if n = r.cur.layout.NextUpdate(b, &r.update); n > 0 {
		s.took(&r.update, now)
	}
	return n
}

func (s *session) handleUpdate(f peers.Frame, now stamp) error {
	r := &s.read
	if r.cur == nil {
		return errors.New("update without a table")
	}
	r.update.Values = r.batch.room(r.cur.layout.Slots())
	if err := r.cur.layout.ParseUpdate(f.Type, f.Body, &r.update); err != nil {
		return fmt.Errorf("table `%s`: %w", r.cur.def.Name, err)
	}
	s.took(&r.update, now)
	return nil
}

// took takes an update of the current table, whose values are in the batch's room.
func (s *session) took(u *peers.Update, now stamp) {
	r, n := &s.read, s.n
	t := r.cur
	r.taken++
	if t.lastID++; u.Explicit {
		t.lastID = u.ID
	}
	if !t.isStored() {
		return
	}
	index, ok := n.l.keys.index(u.Key)
	if !ok {
		if t.isSum && n.l.isCounting() && n.l.isCountedUpdate(t, u) {
			n.in.foreign++
		}
		return
	}
	if t.isSum && u.Timed && t.isWrongLife(u.Expire) {
		if n.in.badLife++; n.in.badLife == 1 {
			n.l.note("%s was sent key %s with a life of %d ms", n.name, n.l.keys.text(index), u.Expire)
		}
	}
	if t.isSum && n.isIdle && index < n.l.firstProbe {
		return
	}
	if r.batch.add(index); r.batch.n == batchSize {
		s.storeBatch(now)
	}
}

// storeBatch makes the rows show what was received since the last call, and counts it. It must be called before the current table changes.
func (s *session) storeBatch(now stamp) {
	r, n := &s.read, s.n
	t := r.cur
	if r.taken == 0 {
		return
	}
	switch t.isUnread = true; {
	case t.isOwn:
		n.in.givenBack += r.taken
		n.takeBack(t, &r.batch, now)
	case t.isSum:
		n.in.updates.Add(r.taken)
		n.store(t, &r.batch, now)
	default:
		n.in.others.Add(r.taken)
	}
	r.taken, r.batch.n = 0, 0
}

// isCountedUpdate tells whether an update has a counter that is not 0: zeros are how a target takes back what it sent of keys that are gone.
func (l *load) isCountedUpdate(t *remoteTable, u *peers.Update) bool {
	for i := range l.shape.cells {
		if slot := t.binding[i]; slot >= 0 && l.shape.cells[i].isCounter() && u.Values[slot] != 0 {
			return true
		}
	}
	return false
}

// lifeSlack is what an entry may live longer than its table's entries: a busy target may have read its clock long before it took the update.
const lifeSlack = 5 * time.Second

// isWrongLife tells whether no entry of the table can have so much left of its life, ms.
func (t *remoteTable) isWrongLife(ms uint32) bool {
	return t.longest != 0 && (ms == 0 || int64(ms) > t.longest)
}

// store makes rows show what the target says of their sums.
func (n *node) store(t *remoteTable, b *received, now stamp) {
	in, l := &n.in, n.l
	b.mark(in.rows, l.shape.words, now.tick|1)
	isCounting := l.isCounting()
	for i := range l.shape.cells {
		c := &l.shape.cells[i]
		if c == l.probeCell && t.binding[i] >= 0 {
			n.sawProbes(b, t.binding[i], now)
		}
		change := b.set(in.rows, c, t.binding[i], now.tick)
		in.totals[i] += change.added
		if !c.isCounter() {
			continue
		}
		if change.moved != 0 {
			in.changed = now.ns
		}
		if isCounting {
			in.wentBack += change.shrank
		}
	}
}

// sawProbes takes note of the probes' sums in a batch, each of which has its value at a slot.
func (n *node) sawProbes(b *received, slot int, now stamp) {
	first := n.l.firstProbe
	for k, index := range b.indices[:b.n] {
		if index >= first {
			n.l.seen(n, index-first, b.values[k*b.slots+slot], now)
		}
	}
}
