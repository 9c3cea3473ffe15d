package runtime

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stktc/runtime/store"
	"stktc/topology/sticktable"
)

// still is an aggregator's network, which can be made to stand still as that of a stopped process does.
type still struct {
	w     *world
	mu    sync.Mutex
	moves map[string]chan struct{} // by the address of the other end: closed while the connections to it move
}

// stillConn is a connection to a peer that the aggregator dialled.
type stillConn struct {
	net.Conn
	s  *still
	to string
}

func newStill(w *world, peers ...string) *still {
	s := &still{w: w, moves: map[string]chan struct{}{}}
	for _, p := range peers {
		s.moves[p] = make(chan struct{})
		close(s.moves[p])
	}
	return s
}

func (s *still) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	s.wait(addr)
	conn, err := s.w.dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &stillConn{conn, s, addr}, nil
}

func (s *still) wait(addr string) {
	s.mu.Lock()
	moves := s.moves[addr]
	s.mu.Unlock()
	<-moves
}

func (s *still) stop(peers ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range peers {
		s.moves[p] = make(chan struct{})
	}
}

func (s *still) goOn(peers ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range peers {
		close(s.moves[p])
	}
}

func (c *stillConn) Read(b []byte) (int, error) {
	c.s.wait(c.to)
	n, err := c.Conn.Read(b)
	c.s.wait(c.to)
	return n, err
}

func (c *stillConn) Write(b []byte) (int, error) {
	c.s.wait(c.to)
	return c.Conn.Write(b)
}

// TestStoppedReplica: the replica that writes stands still, with its sessions, for long enough that the other takes over. When it goes on it hears of its peers one after the other: what
// it has is less than what was written meanwhile, and must not reach a node, whichever of its goroutines runs first.
func TestStoppedReplica(t *testing.T) {
	for _, order := range [][]string{{"n1", "a2", "n2", "top"}, {"n1", "n2", "top", "a2"}, {"top", "a2", "n2", "n1"}} {
		t.Run(strings.Join(order, " "), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { stopReplica(t, order) })
		})
	}
}

func stopReplica(t *testing.T, order []string) {
	w := newWorld(t)
	defer w.endAll()
	network := newStill(w, order...)
	a1 := parallelAggregators(w, network)
	if got := w.writers(); got != "a1 " {
		t.Fatalf("%q write to the nodes, want a1", got)
	}
	load := &rising{w: w, last: map[string]uint64{}}
	said := func() uint64 { return a1.Status().Sections[0].Peers[2].Traffic.BytesOut }
	for before := said(); said() == before; {
		load.steps(1)
	}
	load.steps(220) // of 250 until the next sign of life
	stopped := time.Now()
	network.stop(order...)
	load.steps(490)
	load.caughtUp("before it goes on")
	a1.pulse.last.Store(&stopped)
	for _, peer := range order {
		network.goOn(peer)
		load.steps(200)
	}
	load.steps(500)
	load.caughtUp("in the end")
	if !w.logged("at=a1", "did not run") {
		t.Error("nothing is said of the stop")
	}
}

// parallelAggregators starts two nodes, the replicas a1, which writes, and a2, and a top that takes the sums of a2. All connections of a1 are dialled by it.
func parallelAggregators(w *world, network *still) *Aggregator {
	for _, n := range []string{"n1", "n2"} {
		w.nodeAt(n, map[string]string{"a1": "nowhere", "a2": "a2"})
	}
	pair := replicas()
	pair[1].Peers[2].Address = "nowhere"
	for i := range pair {
		pair[i].Peers = append(pair[i].Peers, Peer{Name: "top", Address: "top", Direction: Up})
		pair[i].Forwards = []string{".all"}
	}
	a1 := w.aggregatorOver(pair[0], network.dial)
	pass(5 * time.Second) // it is whole
	w.aggregator(pair[1])
	top := upper("top", "a1", "a2")
	for i := range top.Peers {
		top.Peers[i].Address, top.Peers[i].Group = "nowhere", 1
	}
	network.stop("top")
	w.aggregator(top)
	pass(10 * time.Second) // a2 counts there
	network.goOn("top")
	pass(10 * time.Second)
	return a1
}

// rising is counts on two nodes, whose sums never shrink.
type rising struct {
	w     *world
	total uint64
	last  map[string]uint64 // shown, by node and table
}

// steps counts on, a step in 10 ms.
func (r *rising) steps(n int) {
	r.w.t.Helper()
	for range n {
		r.w.count("n1", "client", 1)
		r.w.count("n2", "client", 1)
		r.total += 2
		pass(10 * time.Millisecond)
		for _, where := range []string{"n1 t.sum", "n1 t.all", "n2 t.sum", "n2 t.all"} {
			node, table, _ := strings.Cut(where, " ")
			e, _ := r.w.nodes[node].Lookup(table, []byte("client"))
			got := e.Value(sticktable.HTTPReqCnt)
			if got < r.last[where] {
				r.w.t.Errorf("%s shows %d after %d", where, got, r.last[where])
			}
			r.last[where] = got
		}
	}
}

func (r *rising) caughtUp(when string) {
	r.w.t.Helper()
	for where, got := range r.last {
		if got != r.total {
			r.w.t.Errorf("%s %s shows %d of %d", when, where, got, r.total)
		}
	}
}

// TestSleptConnection: what a process that has just woken would send does not leave it.
func TestSleptConnection(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	var p pulse
	long := time.Now().Add(-sleepLimit - time.Second)
	p.last.Store(&long)
	conn := &wakefulConn{near, &p}
	if _, err := conn.Write([]byte("old")); !errors.Is(err, errSlept) {
		t.Fatalf("write of a process that slept: %v", err)
	}
	now := time.Now()
	p.last.Store(&now)
	go conn.Write([]byte("new"))
	b := make([]byte, 8)
	if n, err := far.Read(b); err != nil || string(b[:n]) != "new" {
		t.Errorf("%q %v reached the peer", b[:n], err)
	}
}

// TestWakes: a process that did not run ends its sessions, is silent, and keeps no lease, until its sources have taught; also without a replica.
func TestWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		network := newStill(w, "n1", "n2")
		w.nodeAt("n1", map[string]string{"a1": "nowhere"})
		s := lower("a1", []string{"n1", "n2"}) // there is no n2
		s.Leases = []Lease{{Table: "t.lease", Time: time.Second}}
		a := w.aggregatorOver(s, network.dial)
		w.count("n1", "client", 10)
		pass(20 * time.Second)
		w.want("n1", "t.sum", "client", "10")
		lease := func() uint32 {
			i := slices.IndexFunc(a.Tables(), func(t *store.Table) bool { return t.Name() == "t.lease" })
			e, _ := a.Tables()[i].Lookup([]byte("low"), a.now())
			return e.Life
		}
		if lease() == 0 {
			t.Error("no lease is kept")
		}
		network.stop("n1")
		long := time.Now().Add(-8 * time.Second)
		a.pulse.last.Store(&long)
		pass(pulseEvery)
		if st := a.Status().Sections[0]; st.Released || st.Peers[0].Connected {
			t.Errorf("sums are sent: %v, the node is connected: %v", st.Released, st.Peers[0].Connected)
		}
		pass(time.Second)
		if left := lease(); left != 0 {
			t.Errorf("the lease is kept for %d ms, and nobody has taught", left)
		}
		network.goOn("n1")
		pass(10 * time.Second)
		if lease() == 0 || !a.Status().Sections[0].Released {
			t.Error("nothing is sent when the node has taught")
		}
	})
}
