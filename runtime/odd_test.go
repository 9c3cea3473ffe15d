package runtime

import (
	"context"
	"errors"
	"net"
	"slices"
	"syscall"
	"testing"
	"time"

	"stktc/runtime/peers"
	"stktc/topology/sticktable"
)

// shape is counterDef, changed.
func shape(change func(*sticktable.Definition)) sticktable.Definition {
	d := counterDef
	d.Columns = slices.Clone(d.Columns)
	change(&d)
	return d
}

// shapeWords is an update of a key in a table of that shape: its counter is value, whatever else the table has is 1.
func shapeWords(def sticktable.Definition, id uint32, key string, value uint64) []byte {
	layout := peers.NewLayout(&peers.TableDefinition{Definition: def})
	values := make([]uint64, layout.Slots())
	for i := range values {
		values[i] = 1
	}
	if at, ok := layout.SlotOf(sticktable.GPC0); ok {
		values[at] = value
	}
	wire := []byte(key)
	if def.Key != sticktable.String {
		wire = append(wire, make([]byte, def.KeyLen)...)[:def.KeyLen]
	}
	return layout.AppendUpdateUntimed(nil, id, wire, values)
}

var rateColumn = sticktable.Column{Type: sticktable.HTTPReqRate, Elems: 1, Period: 10 * time.Second}

// redefinitions are other shapes of a table. Those with another key cannot be summed with the others' tables.
var redefinitions = []struct {
	name     string
	def      sticktable.Definition
	otherKey bool
}{
	{"key type", shape(func(d *sticktable.Definition) { d.Key, d.KeyLen = sticktable.IPv4, 4 }), true},
	{"key length", shape(func(d *sticktable.Definition) { d.KeyLen = 32 }), true},
	{"binary key", shape(func(d *sticktable.Definition) { d.Key = sticktable.Binary }), true},
	{"column more", shape(func(d *sticktable.Definition) { d.Columns = append(d.Columns, rateColumn) }), false},
	{"column before", shape(func(d *sticktable.Definition) {
		d.Columns = append([]sticktable.Column{{Type: sticktable.GPT0, Elems: 1}}, d.Columns...)
	}), false},
	{"array", shape(func(d *sticktable.Definition) {
		d.Columns = append(d.Columns, sticktable.Column{Type: sticktable.GPCRate, Elems: 100, Period: time.Second})
	}), false},
	{"life", shape(func(d *sticktable.Definition) { d.Expire = time.Minute }), false},
}

// TestRedefinition: a table that a peer defines anew in a session is summed by its new shape, or refused where the others' keys are different, and as before when it is as it was.
func TestRedefinition(t *testing.T) {
	t.Parallel()
	for _, r := range redefinitions {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			a := newArena(t)
			p := a.call(rawDefinition(1, "t.raw"), rawUpdate(1, "safe", 100))
			eventually(t, "the sum", func() bool { return a.shows(0, "safe") == 111 })
			for round := range uint32(3) {
				p.say(rawShape(1, "t.raw", r.def), shapeWords(r.def, 10+round, "safe", 200))
				want := uint64(211)
				if r.otherKey {
					want = 11
				}
				eventually(t, "the sum of the new shape", func() bool { return a.shows(0, "safe") == want && a.shows(1, "safe") == want })
				if status, _ := peerStatus(a.Aggregator, 0, "evil"); (len(status.Refused) > 0) != r.otherKey {
					t.Errorf("refused: %v", status.Refused)
				}
				p.say(rawDefinition(1, "t.raw"), rawUpdate(20+round, "safe", 100))
				eventually(t, "the sum of the old shape", func() bool { return a.shows(0, "safe") == 111 && a.shows(1, "safe") == 111 })
			}
			if p.isOver() {
				t.Error("the session ended")
			}
			a.unharmed()
		})
	}
}

// TestRedefinedAlone: the only source of a table may give it any shape.
func TestRedefinedAlone(t *testing.T) {
	t.Parallel()
	for _, r := range redefinitions {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			a := newArena(t)
			p := a.call(rawDefinition(1, "own.raw"), rawUpdate(1, "key!", 100))
			for round := range uint64(3) {
				p.say(rawShape(1, "own.raw", r.def), shapeWords(r.def, 2, "key!", 200+round))
				eventually(t, "the new shape", func() bool { return a.sumOf("own.sum", r.def, "key!") == 200+round })
				p.say(rawDefinition(1, "own.raw"), rawUpdate(3, "key!", 300+round))
				eventually(t, "the old shape", func() bool { return a.sumOf("own.sum", counterDef, "key!") == 300+round })
			}
			a.unharmed()
		})
	}
}

// sumOf is the counter of a key in a table that has that shape, 0 while it has another. Columns that were there once may stay.
func (a *arena) sumOf(table string, def sticktable.Definition, key string) uint64 {
	wire := append([]byte(key), make([]byte, def.KeyLen)...)
	if def.Key == sticktable.String {
		wire = []byte(key)
	} else {
		wire = wire[:def.KeyLen]
	}
	for _, t := range a.Tables() {
		is, _ := t.Definition()
		if t.Name() != table || is.Key != def.Key || is.KeyLen != def.KeyLen {
			continue
		}
		e, _ := t.Lookup(wire, a.Now())
		for _, c := range e.Contributions {
			at := 0
			for _, column := range is.Columns {
				if column.Type == sticktable.GPC0 {
					return c.Values[at]
				}
				at += map[sticktable.ValueKind]int{sticktable.FreqCtr: 3}[column.Type.Spec().Kind]
				if column.Type.Spec().Kind != sticktable.FreqCtr {
					at++
				}
			}
		}
	}
	return 0
}

// TestPeriodsDisagree: a source that changes a period takes that rate out of the sum, and nothing else, until it changes it back.
func TestPeriodsDisagree(t *testing.T) {
	t.Parallel()
	a := newArena(t, "other")
	with := func(period time.Duration) sticktable.Definition {
		return shape(func(d *sticktable.Definition) {
			c := rateColumn
			c.Period = period
			d.Columns = append(d.Columns, c)
		})
	}
	first, second := with(10*time.Second), with(20*time.Second)
	a.dial(rawHello("x", "other", 1), rawShape(1, "r.raw", first), shapeWords(first, 1, "k", 5))
	p := a.call(rawShape(1, "r.raw", first), shapeWords(first, 1, "k", 7))
	eventually(t, "both", func() bool { return a.mismatches("r.sum") == 0 && a.total("r.sum", "k") == 12 })
	for range 3 {
		p.say(rawShape(1, "r.raw", second), shapeWords(second, 2, "k", 8))
		eventually(t, "the rate is left out", func() bool { return a.mismatches("r.sum") == 1 && a.total("r.sum", "k") == 13 })
		p.say(rawShape(1, "r.raw", first), shapeWords(first, 3, "k", 7))
		eventually(t, "the rate is back", func() bool { return a.mismatches("r.sum") == 0 && a.total("r.sum", "k") == 12 })
	}
	a.unharmed()
}

func (a *arena) mismatches(table string) int {
	for _, t := range a.Tables() {
		if t.Name() == table {
			return len(t.Mismatches())
		}
	}
	return -1
}

// total is the sum of the first column, a counter.
func (a *arena) total(table, key string) uint64 {
	for _, t := range a.Tables() {
		if e, ok := t.Lookup([]byte(key), a.Now()); ok && t.Name() == table {
			return e.Values[0]
		}
	}
	return 0
}

// TestFlood: thousands of connections that say nothing take places from each other, not from a peer that says hello, and are gone after 5 s.
func TestFlood(t *testing.T) {
	a := newArena(t, "late")
	held := a.flood(2*maxHandshakes, 0)
	eventually(t, "all places are taken", func() bool { return a.handshakes() == maxHandshakes })
	before := heap()
	const more = 2000
	held = append(held, a.flood(more, 2*maxHandshakes)...)
	eventually(t, "what was closed leaves nothing", func() bool { return int(heap())-int(before) < more*512 }) // our own ends are in it
	a.unharmed()
	if n := a.handshakes(); n > maxHandshakes {
		t.Errorf("%d handshakes are under way", n)
	}
	for _, c := range held[:more] {
		c.Close() // as the other end is
	}
	t.Parallel() // other tests use the heap, and take their time
	eventually(t, "the flood is gone", func() bool { return a.handshakes() == 0 })
	if n := a.logged("connections closed before they said hello"); n != 1 {
		t.Errorf("said %d times", n)
	}
	if n := a.logged("peer refused"); n > 0 {
		t.Errorf("%d lines on connections that said nothing", n)
	}
}

// flood makes connections that say nothing, 64 from each address, and a peer that gets in between them. So many were made before.
func (a *arena) flood(n, before int) (held []net.Conn) {
	a.t.Cleanup(func() {
		for _, c := range held {
			c.Close()
		}
	})
	for i := before; i < before+n; i++ {
		d := net.Dialer{Timeout: 10 * time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, byte(i>>6>>8), byte(i>>6)+1)}}
		c, err := d.Dial("tcp", a.address)
		if errors.Is(err, syscall.EMFILE) {
			a.t.Skipf("no more than %d files may be open", i)
		}
		if err != nil {
			a.t.Fatal(err)
		}
		held = append(held, c)
		if i%1000 == 500 {
			p := a.dial(rawHello("x", "late", 1))
			eventually(a.t, "a peer gets in", func() bool { return p.count(peers.Control, peers.Heartbeat) > 0 })
		}
	}
	return held
}

func (a *arena) handshakes() int {
	g := &a.listeners[0].guests
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.waiting)
}

// TestFloodFromOne: one address has so many places, and no more.
func TestFloodFromOne(t *testing.T) {
	t.Parallel()
	a := newArena(t)
	var open []*rawPeer
	for range 3 * maxFromOne {
		open = append(open, a.dial())
	}
	eventually(t, "the rest is closed", func() bool {
		n := 0
		for _, p := range open {
			if p.isOver() {
				n++
			}
		}
		return n >= 2*maxFromOne
	})
	if n := a.handshakes(); n > maxFromOne {
		t.Errorf("%d handshakes are under way", n)
	}
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	conn, err := d.DialContext(context.Background(), "tcp", a.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	p := startRaw(t, conn, rawHello("x", "evil", 1))
	eventually(t, "another gets in", func() bool { return p.count(peers.Control, peers.Heartbeat) > 0 })
	a.unharmed()
}
