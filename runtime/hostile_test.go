package runtime

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	goruntime "runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"stktc/runtime/node"
	"stktc/runtime/peers"
	"stktc/topology/sticktable"
)

// arena is an aggregator on a real socket with two HAProxys that mean well, n1 and n2, and a place for one that does not.
type arena struct {
	*Aggregator
	t       *testing.T
	address string
	nodes   [2]*node.Node
	probes  int
	sparse  bool // peers that are dialled from now on keep only control messages

	mu  sync.Mutex
	log bytes.Buffer
}

// Write takes the log.
func (a *arena) Write(b []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.log.Write(b)
}

func (a *arena) logged(words string) int { return strings.Count(a.said(), words) }

// said is the log so far.
func (a *arena) said() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.log.String()
}

// newArena starts an aggregator that is called x, whose peers must dial. n1 has counted 1 of the key "safe", and n2 10.
func newArena(t *testing.T, more ...string) *arena {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &arena{t: t, address: l.Addr().String()}
	refuse := func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	}
	s := inbound("a", "x", toSum, append([]string{"n1", "n2", "evil"}, more...)...)
	a.Aggregator, err = New(Config{Sections: []Section{s}}, Options{
		Logger: slog.New(slog.NewTextHandler(a, nil)), Dial: refuse, Listen: func(string, string) (net.Listener, error) { return l, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	a.run(a.Serve)
	for i := range a.nodes {
		a.nodes[i] = a.node(fmt.Sprintf("n%d", i+1))
		a.touch(i, "safe", []uint64{1, 10}[i])
	}
	eventually(t, "the nodes see their sum", func() bool { return a.shows(0, "safe") == 11 && a.shows(1, "safe") == 11 })
	return a
}

// run serves until the test is over.
func (a *arena) run(serve func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		if err := serve(ctx); err != nil {
			a.t.Error(err)
		}
	})
	a.t.Cleanup(func() { cancel(); done.Wait() })
}

func (a *arena) node(name string) *node.Node {
	n, err := node.New(node.Config{
		Name: name, Peers: []node.Peer{{Name: "x", Address: a.address}},
		Tables: []node.TableConfig{{WireName: "t.raw", Definition: counterDef}, {WireName: "t.sum", Definition: counterDef}},
	})
	if err != nil {
		a.t.Fatal(err)
	}
	a.run(n.Serve)
	return n
}

func (a *arena) touch(i int, key string, n uint64) {
	if err := a.nodes[i].Count("t.raw", []byte(key), sticktable.GPC0, n); err != nil {
		a.t.Fatal(err)
	}
}

// shows is what a node shows of a key's sum.
func (a *arena) shows(i int, key string) uint64 {
	e, _ := a.nodes[i].Lookup("t.sum", []byte(key))
	return e.Value(sticktable.GPC0)
}

// contributes is what a peer contributes to a key's sum; false for nothing.
func (a *arena) contributes(peer, key string) (uint64, bool) {
	for _, t := range a.Tables() {
		if t.Name() != "t.sum" {
			continue
		}
		e, _ := t.Lookup([]byte(key), a.Now())
		for _, c := range e.Contributions {
			if c.Peer == peer {
				return c.Values[0], true
			}
		}
	}
	return 0, false
}

// dial connects to the aggregator, and says something.
func (a *arena) dial(first ...[]byte) *rawPeer {
	conn, err := net.Dial("tcp", a.address)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { conn.Close() })
	p := &rawPeer{Conn: conn, t: a.t, over: make(chan struct{}), sparse: a.sparse}
	return p.start(first...)
}

// call begins a session as the evil peer, whose process stays the same: another would be given back first what it had.
func (a *arena) call(first ...[]byte) *rawPeer {
	return a.dial(append([][]byte{rawHello("x", "evil", 666)}, first...)...)
}

// unharmed fails if what the others contributed has changed, or a new count of theirs does not come through.
func (a *arena) unharmed() {
	a.t.Helper()
	for peer, want := range map[string]uint64{"n1": 1, "n2": 10} {
		if got, _ := a.contributes(peer, "safe"); got != want {
			a.t.Errorf("%s contributes %d, want %d", peer, got, want)
		}
	}
	a.probes++
	key := fmt.Sprintf("probe%d", a.probes)
	a.touch(0, key, 2)
	a.touch(1, key, 3)
	eventually(a.t, "a new sum", func() bool { return a.shows(0, key) == 5 && a.shows(1, key) == 5 })
	for _, n := range a.nodes {
		if c := n.Peers()[0].Counters; c.Sessions != 1 && a.logged("this process did not run") == 0 { // a machine that is too busy for that is another matter
			a.t.Errorf("a node that means well had %d sessions; the log:\n%s", c.Sessions, a.said())
		}
	}
}

// heap is the memory in use, in bytes.
func heap() uint64 {
	var m goruntime.MemStats
	goruntime.GC()
	goruntime.GC()
	goruntime.ReadMemStats(&m)
	return m.HeapAlloc
}

func long(n int) []byte { return bytes.Repeat([]byte("x"), n) }

// TestHelloLies: what is no hello gets the status that HAProxy answers, or none, and no place among the peers.
func TestHelloLies(t *testing.T) {
	t.Parallel()
	a := newArena(t)
	tests := []struct {
		name, says string
		want       peers.Status
	}{
		{"another protocol", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", peers.StatusProtocol},
		{"no space behind the protocol", "HAProxyS\nx\nevil 1 1\n", peers.StatusProtocol},
		{"no version", "HAProxyS \nx\nevil 1 1\n", peers.StatusVersion},
		{"half a version", "HAProxyS 2.\nx\nevil 1 1\n", peers.StatusVersion},
		{"newer version", "HAProxyS 2.2\nx\nevil 1 1\n", peers.StatusVersion},
		{"version beyond 32 bits", "HAProxyS 2.4294967297\nx\nevil 1 1\n", peers.StatusVersion},
		{"negative version", "HAProxyS 2.-1\nx\nevil 1 1\n", peers.StatusVersion},
		{"calls another", "HAProxyS 2.1\ny\nevil 1 1\n", peers.StatusLocalName},
		{"calls nobody", "HAProxyS 2.1\n\nevil 1 1\n", peers.StatusLocalName},
		{"unknown", "HAProxyS 2.1\nx\nstranger 1 1\n", peers.StatusRemoteName},
		{"unknown for its case", "HAProxyS 2.1\nx\nEvil 1 1\n", peers.StatusRemoteName},
		{"unknown for a NUL", "HAProxyS 2.1\nx\nevil\x00 1 1\n", peers.StatusRemoteName},
		{"nobody", "HAProxyS 2.1\nx\n 1 1\n", peers.StatusRemoteName},
		{"ourselves", "HAProxyS 2.1\nx\nx 1 1\n", peers.StatusRemoteName},
		{"no space behind the name", "HAProxyS 2.1\nx\nevil\n", peers.StatusProtocol},
		{"a first line without end", "HAProxyS " + string(long(5000)), peers.StatusProtocol},
		{"a second line without end", "HAProxyS 2.1\n" + string(long(5000)), peers.StatusProtocol},
		{"a third line without end", "HAProxyS 2.1\nx\n" + string(long(5000)), peers.StatusProtocol},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00", peers.StatusNone},
		{"pid that is none", "HAProxyS 2.1\nx\nevil -7 x\n", peers.StatusSuccess},
		{"pid beyond 64 bits", "HAProxyS 2.1\nx\nevil 99999999999999999999 1\n", peers.StatusSuccess},
		{"no pid", "HAProxyS 2.1\nx\nevil \n", peers.StatusSuccess},
		{"carriage returns", "HAProxyS 2.1\r\nx\r\nevil 1 1\r\n", peers.StatusSuccess},
		{"older version", "HAProxyS 2.0\nx\nevil 1 1\n", peers.StatusSuccess},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := a.dial([]byte(test.says))
			if test.want == peers.StatusSuccess {
				eventually(t, "a heartbeat", func() bool { return p.count(peers.Control, peers.Heartbeat) > 0 })
				return
			}
			eventually(t, "the end", p.isOver)
			if p.status != test.want {
				t.Errorf("answered %d, want %d", p.status, test.want)
			}
		})
	}
	a.unharmed()
}

// varint is an encoded integer, of which only the first bytes are there if n is not 0.
func varint(v uint64, n int) []byte {
	b := peers.AppendInt(nil, v)
	if n > 0 {
		b = b[:n]
	}
	return b
}

// define is a definition with these fields behind its name, whatever they are.
func define(name string, fields ...uint64) []byte {
	b := append(varint(1, 0), varint(uint64(len(name)), 0)...)
	b = append(b, name...)
	for _, f := range fields {
		b = peers.AppendInt(b, f)
	}
	return rawFrame(peers.DefineTable, b)
}

const (
	bitGPC0    = 1 << sticktable.GPC0
	bitKey     = 1 << sticktable.ServerKey
	bitReqRate = 1 << sticktable.HTTPReqRate
	bitGPC     = 1 << sticktable.GPC
	bitGPCRate = 1 << sticktable.GPCRate
)

// lie is something said behind a hello. A fault ends the session; all else leaves it as it was.
type lie struct {
	name  string
	says  []byte
	fault bool
}

func frameLies() []lie {
	return []lie{
		{"reserved class", []byte{0xff, 0x00}, true},
		{"length of 64 KiB", append([]byte{0x0a, 0x80}, varint(65536, 0)...), true},
		{"length of 4 GiB", append([]byte{0x0a, 0x80}, varint(1<<32-1, 0)...), true},
		{"length of 2^64-1", append([]byte{0x0a, 0x80}, varint(1<<64-1, 0)...), true},
		{"length without end", []byte{0x0a, 0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, true},
		{"control message with a long length", append([]byte{0x00, 0x85}, varint(1<<20, 0)...), true},
		{"unknown class", []byte{0x07, 0x80, 3, 1, 2, 3}, false},
		{"unknown class without body", []byte{0x63, 0x01}, false},
		{"unknown type", rawFrame(0x8f, long(100)), false},
		{"type without body", []byte{0x0a, 0x05}, false},
		{"unknown control message", []byte{0x00, 0x05, 0x00, 0x7f}, false},
		{"control message with a body", []byte{0x00, 0x84, 2, 1, 2}, false},
		{"empty body of a replica's message", []byte{0x00, 0x90, 0}, true},
		{"a replica's message from a node", []byte{0x00, 0x90, 1, 5}, false},
		{"protocol error", peers.AppendError(nil, peers.ProtocolError), true},
		{"unknown error", []byte{0x01, 0x33}, true},
		{"lesson that nobody asked for", rawFinished, false},
		{"confirmation of nothing", rawConfirm, false},
		{"empty switch", rawFrame(peers.SwitchTable, nil), true},
		{"switch cut in its id", rawFrame(peers.SwitchTable, []byte{0xff}), true},
		{"switch to a table beyond 32 bits", rawFrame(peers.SwitchTable, varint(1<<40, 0)), true},
		{"switch to no table", rawFrame(peers.SwitchTable, varint(0, 0)), false},
		{"switch to an unknown table", append(peers.AppendSwitch(nil, 77), rawUpdate(1, "safe", 5)...), false},
		{"empty ack", rawFrame(peers.AckUpdate, nil), true},
		{"ack without an id", rawFrame(peers.AckUpdate, []byte{1}), true},
		{"ack with half an id", rawFrame(peers.AckUpdate, []byte{1, 0, 0}), true},
		{"ack of a table beyond 32 bits", rawFrame(peers.AckUpdate, append(varint(1<<33, 0), 0, 0, 0, 1)), true},
		{"ack with more behind it", rawFrame(peers.AckUpdate, []byte{1, 0, 0, 0, 9, 1, 2, 3}), false},
	}
}

func definitionLies() []lie {
	name := func(length uint64, bytes string) []byte {
		return rawFrame(peers.DefineTable, append(append(varint(1, 0), varint(length, 0)...), bytes...))
	}
	return []lie{
		{"empty definition", rawFrame(peers.DefineTable, nil), true},
		{"definition cut in its id", rawFrame(peers.DefineTable, []byte{0xf0}), true},
		{"table id beyond 32 bits", rawFrame(peers.DefineTable, varint(1<<32, 0)), false},
		{"definition without a name", rawFrame(peers.DefineTable, varint(1, 0)), true},
		{"name longer than the message", name(10, "t.raw"), true},
		{"name of 2^64-1 bytes", name(1<<64-1, "t.raw"), false},
		{"name of 300 bytes", define(string(long(300))+".raw", 6, 16, bitGPC0, 0), false},
		{"empty name", define("", 6, 16, bitGPC0, 0), false},
		{"name with a NUL", define("t\x00.raw", 6, 16, bitGPC0, 0), false},
		{"definition without a key", define("t.raw"), true},
		{"definition without a key length", define("t.raw", 6), true},
		{"definition without data types", define("t.raw", 6, 16), true},
		{"key type 0", define("t.raw", 0, 16, bitGPC0, 0), false},
		{"key type 3", define("t.raw", 3, 16, bitGPC0, 0), false},
		{"key type 8", define("t.raw", 8, 16, bitGPC0, 0), false},
		{"key type 2^40", define("t.raw", 1<<40, 16, bitGPC0, 0), false},
		{"key of no bytes", define("t.raw", 6, 0, bitGPC0, 0), false},
		{"key of 2^63 bytes", define("t.raw", 7, 1<<63, bitGPC0, 0), false},
		{"integer of 8 bytes", define("t.raw", 2, 8, bitGPC0, 0), false},
		{"address of 5 bytes", define("t.raw", 4, 5, bitGPC0, 0), false},
		{"data types from the future", define("t.raw", 6, 16, bitGPC0|1<<40|1<<63, 0), false},
		{"expire beyond 2^31", define("t.raw", 6, 16, bitGPC0, 1<<31), false},
		{"array without a tail", define("t.raw", 6, 16, bitGPC), true},
		{"array without its size", define("t.raw", 6, 16, bitGPC, 0, uint64(sticktable.GPC)), true},
		{"array of nothing", define("t.raw", 6, 16, bitGPC, 0, uint64(sticktable.GPC), 0), false},
		{"array of 101", define("t.raw", 6, 16, bitGPC, 0, uint64(sticktable.GPC), 101), false},
		{"array of 2^62", define("t.raw", 6, 16, bitGPC, 0, uint64(sticktable.GPC), 1<<62), false},
		{"parameter of another type", define("t.raw", 6, 16, bitReqRate, 0, 3, 1000), false},
		{"rate without a period", define("t.raw", 6, 16, bitReqRate, 0, uint64(sticktable.HTTPReqRate)), true},
		{"period 0", define("t.raw", 6, 16, bitReqRate, 0, uint64(sticktable.HTTPReqRate), 0), false},
		{"period beyond 2^31", define("t.raw", 6, 16, bitReqRate, 0, uint64(sticktable.HTTPReqRate), 1<<31), false},
		{"array of rates without a period", define("t.raw", 6, 16, bitGPCRate, 0, uint64(sticktable.GPCRate), 2), true},
		{"more behind a definition", append(define("t.raw", 6, 16, bitGPC0, 0, 1, 2, 3, 4), rawUpdate(1, "k", 1)...), false},
	}
}

// withKey defines a table with a counter and a server's name.
func withKey(entry ...byte) []byte {
	def := define("t.raw", 6, 16, bitGPC0|bitKey, 0)
	return append(def, rawFrame(peers.IncUpdate, append([]byte{1, 'k', 5}, entry...))...)
}

func updateLies() []lie {
	update := func(typ peers.Type, body ...byte) []byte {
		return append(rawDefinition(1, "t.raw"), rawFrame(typ, body)...)
	}
	return []lie{
		{"update of no table", rawUpdate(1, "safe", 1), false},
		{"empty update", update(peers.UpdateEntry), true},
		{"update cut in its id", update(peers.UpdateEntry, 0, 0, 1), true},
		{"update without a key", update(peers.UpdateEntry, 0, 0, 0, 1), true},
		{"update cut in its life", update(peers.UpdateTimed, 0, 0, 0, 1, 0, 0), true},
		{"update without id, cut in its life", update(peers.IncUpdateTimed, 0, 0, 0), true},
		{"key longer than the message", update(peers.IncUpdate, 9, 'k', 1), true},
		{"key of 2^64-1 bytes", update(peers.IncUpdate, append(varint(1<<64-1, 0), 'k', 1)...), true},
		{"key cut in its length", update(peers.IncUpdate, 0xf0), true},
		{"update without a value", update(peers.IncUpdate, 1, 'k'), true},
		{"value cut", update(peers.IncUpdate, 1, 'k', 0xff, 0x80), true},
		{"value of 11 bytes", update(peers.IncUpdate, append([]byte{1, 'k', 0xff}, bytes.Repeat([]byte{0xff}, 11)...)...), true},
		{"value beyond 32 bits", update(peers.IncUpdate, append([]byte{1, 'k'}, varint(1<<40, 0)...)...), false},
		{"key longer than the table's", update(peers.IncUpdate, append(append([]byte{100}, long(100)...), 1)...), false},
		{"empty key", update(peers.IncUpdate, 0, 1), false},
		{"key that begins with NUL", update(peers.IncUpdate, 3, 0, 'a', 'b', 1), false},
		{"more behind the values", update(peers.IncUpdate, append([]byte{1, 'k', 1}, long(1000)...)...), false},
		{"life of 2^32-1", update(peers.UpdateTimed, 0, 0, 0, 1, 255, 255, 255, 255, 1, 'k', 1), false},
		{"no life", update(peers.UpdateTimed, 0, 0, 0, 1, 0, 0, 0, 0, 1, 'k', 1), false},
		{"no server", withKey(0), false},
		{"server with its name", withKey(6, 1, 4, 's', 'r', 'v', '1'), false},
		{"server that was never named", withKey(1, 77), false},
		{"server missing", withKey(), true},
		{"server longer than the message", withKey(9, 1, 4, 's'), true},
		{"server of 2^60 bytes", withKey(varint(1<<60, 0)...), true},
		{"place 0 in the dictionary", withKey(1, 0), true},
		{"place 129 in the dictionary", withKey(1, 129), true},
		{"place beyond 64 bits", withKey(3, 0xff, 0xff, 0xff), true},
		{"server's name longer than its entry", withKey(4, 1, 200, 's', 'r'), true},
		{"server's name without its length", withKey(2, 1, 0xf1), true},
	}
}

// TestLies says something wrong behind a hello: it ends the session, and is shown with its first bytes, where nothing behind it could be understood; else it is passed over.
func TestLies(t *testing.T) {
	t.Parallel()
	a := newArena(t)
	value := uint64(1000)
	for _, l := range append(append(frameLies(), definitionLies()...), updateLies()...) {
		t.Run(l.name, func(t *testing.T) {
			before := a.faultTotal()
			value++
			p := a.call(l.says, rawDefinition(2, "t.raw"), rawUpdate(1, "evil", value))
			if !l.fault {
				eventually(t, "the session goes on", func() bool { got, _ := a.contributes("evil", "evil"); return got == value || p.isOver() })
				if p.isOver() || a.faultTotal() != before {
					t.Errorf("the session ended: %v", a.lastFault())
				}
				return
			}
			eventually(t, "the end", p.isOver)
			f := a.lastFault()
			if a.faultTotal() != before+1 || f.Peer != "evil" || f.Err == "" || f.Kind != Reported && len(f.Bytes) == 0 {
				t.Errorf("%d faults, was %d: %+v", a.faultTotal(), before, f)
			}
			if got, _ := a.contributes("evil", "evil"); got == value {
				t.Error("what came behind the fault was taken")
			}
		})
	}
	a.unharmed()
}

func (a *arena) faultTotal() (n uint64) {
	for _, f := range a.Status().Faults {
		n += f.Count
	}
	return n
}

func (a *arena) lastFault() Fault {
	list := a.Faults()
	if len(list) == 0 {
		return Fault{Err: errors.New("no fault").Error()}
	}
	return list[len(list)-1]
}
