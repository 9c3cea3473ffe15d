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
		t.isSum = s.n.l.To != "" && def.Name == s.n.l.Table+s.n.l.To && s.bind(t)
		t.isOwn = s.n.isReborn.Load() && def.Name == s.n.l.source.Name && s.bind(t)
		r.tables[def.ID] = t
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

func (s *session) handleUpdate(f peers.Frame, now stamp) error {
	r, in := &s.read, &s.n.in
	if r.cur == nil {
		return errors.New("update without a table")
	}
	t, u := r.cur, &r.update
	if err := t.layout.ParseUpdate(f.Type, f.Body, u); err != nil {
		return fmt.Errorf("table `%s`: %w", t.def.Name, err)
	}
	t.isUnread = true
	if t.lastID++; u.Explicit {
		t.lastID = u.ID
	}
	if t.isOwn {
		s.n.takeBack(t, u, now)
		in.givenBack++
		return nil
	}
	if !t.isSum {
		in.others.Add(1)
		return nil
	}
	in.updates.Add(1)
	index, ok := s.n.l.keys.index(u.Key)
	if !ok {
		if s.n.l.isCounting() && s.n.l.isCountedUpdate(t, u) {
			in.foreign++
		}
		return nil
	}
	if u.Timed && t.def.Expire != 0 && (u.Expire == 0 || time.Duration(u.Expire)*time.Millisecond > t.def.Expire+lifeSlack) {
		if in.badLife++; in.badLife == 1 {
			s.n.l.note("%s was sent key %s with a life of %d ms", s.n.name, s.n.l.keys.text(index), u.Expire)
		}
	}
	if s.n.isIdle && index < s.n.l.firstProbe {
		return nil
	}
	r.batch.add(index, u.Values)
	if r.batch.n == batchSize {
		s.storeBatch(now)
	}
	return nil
}

// received is a batch of updates of the current table that are decoded and not yet stored: their rows' cache misses overlap (200 ns an update at 1 million keys
// when each row was written as it came, 70 ns so).
type received struct {
	n       int
	indices [batchSize]uint32
	values  []uint64 // of each update, one after the other
	touched uint32   // keeps the touching of rows from being optimised away
}

func (b *received) add(index uint32, values []uint64) {
	if b.n == 0 {
		b.values = b.values[:0]
	}
	b.indices[b.n] = index
	b.values = append(b.values, values...)
	b.n++
}

// storeBatch makes the rows show what was received since the last call. It must be called before the current table changes.
func (s *session) storeBatch(now stamp) {
	b, n := &s.read.batch, s.n
	if b.n == 0 {
		return
	}
	for _, index := range b.indices[:b.n] {
		b.touched += n.in.rows[int(index)*n.l.shape.words]
	}
	slots := len(b.values) / b.n
	for i, index := range b.indices[:b.n] {
		n.store(s.read.cur, index, b.values[i*slots:(i+1)*slots], now)
	}
	b.n = 0
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

// store makes a row show what the target says.
func (n *node) store(t *remoteTable, index uint32, values []uint64, now stamp) {
	in, shape := &n.in, n.l.shape
	row := shape.row(in.rows, index)
	isCounting := n.l.isCounting()
	row[0] = now.tick | 1
	for i := range shape.cells {
		c := &shape.cells[i]
		slot := t.binding[i]
		if slot < 0 || c.kind == sticktable.FreqCtr {
			continue
		}
		old, v := c.scalar(row), values[slot]
		if v == old {
			continue
		}
		if c.isCounter() {
			in.changed = now.ns
			if v < old && isCounting {
				in.wentBack++
			}
		}
		in.totals[i] += v - old
	}
	shape.set(row, t.binding, values, now)
	if first := n.l.firstProbe; index >= first {
		n.l.seen(n, index-first, row, now)
	}
}
