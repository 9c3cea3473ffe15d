package node

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"stktc/runtime/peers"
	"stktc/topology/sticktable"
)

// Change is an amount to count in one column.
type Change struct {
	Column sticktable.DataType
	Elem   int // of an array
	Delta  uint64
}

// Count counts in one column of an entry, which it creates if need be, and has the entry pushed to the peers. Keys are as on the wire: 4
// or 16 bytes of an address, 4 bytes of an integer, most significant first, the characters of a string.
func (n *Node) Count(table string, key []byte, column sticktable.DataType, delta uint64) error {
	return n.Touch(table, key, Change{Column: column, Delta: delta})
}

// Touch counts in several columns of one entry at once, as one request does in HAProxy. It fails, and changes nothing, if the table or a
// column is not there.
func (n *Node) Touch(table string, key []byte, changes ...Change) error {
	return n.change(table, key, changes, (*nodeTable).add)
}

// Set stores values, as the command "set table" does. A rate then reads Delta.
func (n *Node) Set(table string, key []byte, changes ...Change) error {
	return n.change(table, key, changes, (*nodeTable).set)
}

// nodeTable names table where a parameter hides it.
type nodeTable = table

func (n *Node) change(name string, key []byte, changes []Change, do func(*nodeTable, *entry, *sticktable.Column, int, uint64)) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := n.byName[name]
	if t == nil {
		return fmt.Errorf("node `%s` has no table `%s`", n.config.Name, name)
	}
	for _, c := range changes {
		if err := t.accepts(c); err != nil {
			return err
		}
	}
	e := t.findOrCreate(t.key(key))
	for _, c := range changes {
		do(t, e, t.def.Column(c.Column), c.Elem, c.Delta)
	}
	t.touchLocal(e)
	for _, p := range n.peers {
		if p.session != nil {
			p.session.wakeUp()
		}
	}
	return nil
}

func (t *table) accepts(c Change) error {
	column := t.def.Column(c.Column)
	switch {
	case column == nil || c.Column.Spec().Kind == sticktable.Dict:
		return fmt.Errorf("table `%s` does not store `%s`", t.def.Name, c.Column)
	case c.Elem < 0 || c.Elem >= max(column.Elems, 1):
		return fmt.Errorf("table `%s` has no element `%d` of `%s`", t.def.Name, c.Elem, column)
	}
	return nil
}

// Entry is what a table says of one key.
type Entry struct {
	Key    []byte
	Expire time.Duration // rest of its life; 0 in tables without expire
	Values []Value       // in wire order, elements of arrays one after the other
}

// Value is one displayed number.
type Value struct {
	Column sticktable.DataType
	Elem   int
	Value  uint64 // of a rate: events per period, as HAProxy displays them
}

// Value gives the value of a column, of an array the first element; 0 if it is not stored.
func (e *Entry) Value(column sticktable.DataType) uint64 { return e.ElemValue(column, 0) }

// ElemValue gives an element of an array; 0 if it is not stored.
func (e *Entry) ElemValue(column sticktable.DataType, elem int) uint64 {
	for _, v := range e.Values {
		if v.Column == column && v.Elem == elem {
			return v.Value
		}
	}
	return 0
}

// Lookup reads one entry; false if the table or the key is not there.
func (n *Node) Lookup(table string, key []byte) (Entry, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := n.byName[table]
	if t == nil {
		return Entry{}, false
	}
	e := t.find(t.key(key))
	if e == nil {
		return Entry{}, false
	}
	return t.show(e), true
}

// Entries reads a whole table, in the order of keys.
func (n *Node) Entries(table string) []Entry {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := n.byName[table]
	if t == nil {
		return nil
	}
	t.sweep()
	all := make([]Entry, 0, len(t.entries))
	for _, e := range t.entries {
		all = append(all, t.show(e))
	}
	slices.SortFunc(all, func(a, b Entry) int { return strings.Compare(string(a.Key), string(b.Key)) })
	return all
}

func (t *table) show(e *entry) Entry {
	shown := Entry{Key: []byte(e.key), Expire: time.Duration(t.remain(e)) * time.Millisecond}
	for i := range t.def.Columns {
		c := &t.def.Columns[i]
		if c.Type.Spec().Kind == sticktable.Dict {
			continue
		}
		for elem := range max(c.Elems, 1) {
			shown.Values = append(shown.Values, Value{Column: c.Type, Elem: elem, Value: t.read(e, c, elem)})
		}
	}
	return shown
}

// Clear removes an entry, as the command "clear table" does: peers are not told.
func (n *Node) Clear(table string, key []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if t := n.byName[table]; t != nil {
		if e := t.find(t.key(key)); e != nil {
			t.remove(e)
		}
	}
}

// PeerState is what "show peers" says of a peer.
type PeerState struct {
	Name        string
	Status      peers.Status // of the last hello
	Established bool         // has a session past the hello
	Learning    bool         // is the assigned teacher, and has not ended its lesson
	Teaching    bool         // is being taught, or has not confirmed the lesson's end
	Counters    Counters
}

// Counters count since the node's start.
type Counters struct {
	Sessions         uint64 // past the hello
	Collisions       uint64 // sessions and dials that a newer session ended
	ProtocolErrors   uint64
	UpdatesSent      uint64 // within lessons and without
	UpdatesReceived  uint64 // applied
	UpdatesIgnored   uint64 // of tables that are not ours
	AcksSent         uint64
	AcksReceived     uint64
	ConfirmsSent     uint64
	HeartbeatsSent   uint64
	HeartbeatsGotten uint64
	LessonsTaught    uint64 // up to the peer's confirmation
	LessonsFinished  uint64 // received that ended with RESYNCFINISHED
	LessonsPartial   uint64
}

// Peers tells the state of the remote peers, in the configuration's order.
func (n *Node) Peers() []PeerState {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []PeerState
	for _, p := range n.peers {
		if p.isLocal {
			continue
		}
		s := PeerState{Name: p.Name, Status: p.status, Established: p.session != nil, Counters: p.counters}
		if p.session != nil {
			s.Learning = p.session.isLearning
			s.Teaching = p.session.teaching != notTeaching
		}
		all = append(all, s)
	}
	return all
}

// Synchronised tells whether the node's resync is over: a lesson was finished, or nobody gave one in time.
func (n *Node) Synchronised() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.resync.isFinished
}
