package node

import (
	"slices"

	"stktc/runtime/peers"
	"stktc/topology/sticktable"
)

// table is a stick table (HAProxy's struct stktable).
type table struct {
	config  TableConfig
	def     peers.TableDefinition
	layout  *peers.Layout
	clock   clock
	entries map[string]*entry

	local, learned updateLog
	update         uint64 // last id given, to a local touch or to a learned entry
	localUpdate    uint64 // last id given to a local touch
	committed      uint64 // greatest id that any peer was sent (commitupdate)
}

// entry is HAProxy's struct stksess.
type entry struct {
	key       string
	seq       uint64 // update id; 0: not among the updates
	isLearned bool   // in the log of learned entries
	expireAt  int64  // milliseconds of the clock; unused in tables without expire
	values    []uint64
}

func newTable(c TableConfig, id uint32, clock clock) *table {
	c.Definition.Columns = slices.Clone(c.Definition.Columns)
	c.Definition.SortColumns()
	t := &table{config: c, clock: clock, entries: map[string]*entry{}}
	t.def = peers.TableDefinition{ID: id, Name: c.WireName, Definition: c.Definition}
	t.layout = peers.NewLayout(&t.def)
	return t
}

// key is the form in which the table keeps a key: cut or filled with zeros to its length; a string ends at a NUL.
func (t *table) key(key []byte) string {
	if t.def.Key == sticktable.String {
		if i := slices.Index(key, 0); i >= 0 {
			key = key[:i]
		}
		return string(key[:min(len(key), t.def.KeyLen-1)])
	}
	if len(key) >= t.def.KeyLen {
		return string(key[:t.def.KeyLen])
	}
	return string(append(slices.Clone(key), make([]byte, t.def.KeyLen-len(key))...))
}

// find gives a live entry.
func (t *table) find(key string) *entry {
	e := t.entries[key]
	if e != nil && t.isExpired(e) {
		t.remove(e)
		return nil
	}
	return e
}

// findOrCreate also makes room when the table is full.
func (t *table) findOrCreate(key string) *entry {
	if e := t.find(key); e != nil {
		return e
	}
	if t.config.Size > 0 && len(t.entries) >= t.config.Size {
		t.trashOldest(t.config.Size>>8 + 1)
	}
	e := &entry{key: key, values: make([]uint64, t.layout.Slots())}
	t.entries[key] = e
	return e
}

func (t *table) isExpired(e *entry) bool {
	return t.def.Expire > 0 && e.expireAt <= t.clock.millis()
}

// remain is the rest of an entry's life as sent in timed updates; 0 in tables without expire.
func (t *table) remain(e *entry) uint32 {
	if t.def.Expire == 0 {
		return 0
	}
	return uint32(max(e.expireAt-t.clock.millis(), 0))
}

func (t *table) setExpire(e *entry, millis int64) { e.expireAt = t.clock.millis() + millis }

func (t *table) remove(e *entry) {
	delete(t.entries, e.key)
	t.leaveLog(e)
}

func (t *table) leaveLog(e *entry) {
	if e.seq == 0 {
		return
	}
	e.seq = 0
	if e.isLearned {
		t.learned.dead++
	} else {
		t.local.dead++
	}
}

// trashOldest removes the n entries that expire first (stktable_trash_oldest); HAProxy takes 1/256 of the size at a time too.
func (t *table) trashOldest(n int) {
	oldest := make([]*entry, 0, len(t.entries))
	for _, e := range t.entries {
		oldest = append(oldest, e)
	}
	slices.SortFunc(oldest, func(a, b *entry) int { return int(a.expireAt - b.expireAt) })
	for _, e := range oldest[:min(n, len(oldest))] {
		t.remove(e)
	}
}

// sweep removes what has expired.
func (t *table) sweep() {
	for _, e := range t.entries {
		if t.isExpired(e) {
			t.remove(e)
		}
	}
}

// touchLocal renews an entry's life and puts it among the updates to push (stktable_touch_local). An entry that waits to be pushed keeps
// its place, unless a peer has it already or it is the last one.
func (t *table) touchLocal(e *entry) {
	t.setExpire(e, t.def.Expire.Milliseconds())
	if e.seq != 0 && !e.isLearned && e.seq > t.committed && e.seq < t.localUpdate {
		return
	}
	t.leaveLog(e)
	t.update++
	t.localUpdate = t.update
	e.isLearned = false
	t.local.add(t.update, e)
}

// touchRemote renews an entry's life as the update says, and if the entry is new among the updates puts it where only lessons find it
// (stktable_touch_remote).
func (t *table) touchRemote(e *entry, millis int64) {
	t.setExpire(e, millis)
	if e.seq != 0 {
		return
	}
	t.update++
	e.isLearned = true
	t.learned.add(t.update, e)
}

// learnedBit is what HAProxy adds to the ids of entries that it learned.
const learnedBit = 1 << 31

// wireID is the update id that an entry has on the wire.
func (e *entry) wireID() uint32 {
	if e.isLearned {
		return uint32(e.seq) + learnedBit
	}
	return uint32(e.seq)
}

// cursor is the place in the local log that an acked id stands for: from there on a new session pushes. An id that is ahead of
// what was ever given stands for the start: everything is pushed (init_connected_peer).
func (t *table) cursor(acked uint32) uint64 {
	behind := int32(uint32(t.localUpdate) - acked)
	if behind < 0 || uint64(behind) > t.localUpdate {
		return 0
	}
	return t.localUpdate - uint64(behind)
}
