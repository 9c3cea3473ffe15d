package node

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"stktc/runtime/peers"
	"stktc/topology/sticktable"
)

// dialled gives a node that dials agg, and the connections as they come.
func dialled(t *testing.T) (*Node, <-chan *script) {
	conns := make(chan *script, 10)
	dial := func(context.Context, Peer) (net.Conn, error) {
		near, far := net.Pipe()
		t.Cleanup(func() { far.Close() })
		conns <- &script{t, far}
		return near, nil
	}
	n := newNode(t, Config{Name: "lb1", Peers: []Peer{{Name: "agg", Address: "x"}}, Dial: dial, Tables: []TableConfig{plain("bk")}})
	n.pid = 20349
	serve(t, n)
	return n, conns
}

const helloOfLB1 = "HAProxyS 2.1\nagg\nlb1 20349 1\n"

// dialAfter waits for the next dial and demands when it comes.
func dialAfter(t *testing.T, conns <-chan *script, want time.Duration) *script {
	t.Helper()
	start := time.Now()
	s := <-conns
	if d := time.Since(start); d != want {
		t.Errorf("dialled after %v, want %v", d, want)
	}
	return s
}

func TestRedial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, conns := dialled(t)
		s := dialAfter(t, conns, 0)
		s.wantText(helloOfLB1)
		s.conn.Close() // without a status
		s = dialAfter(t, conns, 5*time.Second)
		s.wantText(helloOfLB1)
		s.write([]byte("200\n"))
		time.Sleep(2 * time.Second)
		s.send(heartbeat)
		time.Sleep(time.Second / 2)
		s.conn.Close()
		dialAfter(t, conns, 4500*time.Millisecond) // 5 s after the last heartbeat
	})
}

// After a refusal the node is quiet until it is dialled itself.
func TestNoRedialAfterRefusal(t *testing.T) {
	for _, status := range []string{"300\n", "501\n", "502\n", "503\n", "504\n"} {
		synctest.Test(t, func(t *testing.T) {
			n, conns := dialled(t)
			s := dialAfter(t, conns, 0)
			s.wantText(helloOfLB1)
			s.write([]byte(status))
			time.Sleep(time.Hour)
			if len(conns) > 0 {
				t.Fatalf("dialled again after %q", status)
			}
			in := call(t, n, "agg")
			if n.Peers()[0].Status != peers.StatusSuccess {
				t.Errorf("status %v", n.Peers()[0].Status)
			}
			in.conn.Close()
			s = dialAfter(t, conns, 5*time.Second)
			if status == "502\n" {
				s.wantText("HAProxyS 2.1\n") // the peer's own 2.1 has told better
			}
		})
	}
}

func TestRefusedConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := newNetwork()
		n := newNode(t, Config{Name: "a", Peers: []Peer{{Name: "b", Address: "b"}}, Dial: net.dial})
		serve(t, n)
		time.Sleep(12 * time.Second)
		if got := net.dialsTo("b"); got != 3 {
			t.Errorf("%d dials in 12 s, want 3", got)
		}
	})
}

// The newest session stays; the older one's teacher duty goes to it.
func TestCollision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := lb1(t)
		first := call(t, n, "agg")
		first.want(request)
		second := call(t, n, "agg")
		if after := first.wantClosed(); after != 0 {
			t.Errorf("closed after %v", after)
		}
		second.want(request)
		second.send(partial)
		second.want(confirm)
		count(t, n, "bk", "10.0.0.1", 1)
		second.want(define(1, "bk"), entryOf(1, -1, "10.0.0.1", 1))
		if c := n.Peers()[0].Counters; c.Collisions != 1 || c.Sessions != 2 {
			t.Errorf("counters %+v", c)
		}
	})
}

// A hello that comes while our own dial waits for its answer ends the dial.
func TestCollisionWithDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, conns := dialled(t)
		out := dialAfter(t, conns, 0)
		out.wantText(helloOfLB1)
		in := call(t, n, "agg")
		in.want(request)
		out.wantClosed()
		in.send(partial)
		in.want(confirm)
		if p := n.Peers()[0]; !p.Established || p.Counters.Collisions != 1 {
			t.Errorf("%+v", p)
		}
	})
}

// A second session of the local peer is told to try later.
func TestLocalPeerTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := lb1(t)
		call(t, n, "lb1").wantSilence()
		s := connect(t, n)
		s.write([]byte("HAProxyS 2.1\nlb1\nlb1 1 1\n"))
		s.wantText("300\n")
	})
}

// Two nodes that dial each other end up with one session and the same counts, and so does a third that starts empty.
func TestMesh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newNetwork()
		names := []string{"a", "b", "c"}
		mesh := func(self string) *Node {
			c := Config{Name: self, Dial: w.dial, Tables: []TableConfig{plain("bk"), {WireName: "rates", Definition: definition(time.Hour,
				sticktable.Column{Type: sticktable.HTTPReqRate, Period: time.Hour})}}}
			for _, other := range names {
				if other != self {
					c.Peers = append(c.Peers, Peer{Name: other, Address: other})
				}
			}
			n := newNode(t, c)
			w.attach(self, n)
			return n
		}
		a, b := mesh("a"), mesh("b")
		serve(t, a)
		stopB := serve(t, b)
		time.Sleep(6 * time.Second)
		count(t, a, "bk", "10.0.0.1", 5)
		count(t, b, "bk", "10.0.0.2", 7)
		for range 11 {
			if err := b.Count("rates", ip("10.0.0.2"), sticktable.HTTPReqRate, 1); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(15 * time.Second)
		check := func(n *Node) {
			t.Helper()
			wantGPC0(t, n, "bk", "10.0.0.1", 5)
			wantGPC0(t, n, "bk", "10.0.0.2", 7)
			if e, _ := n.Lookup("rates", ip("10.0.0.2")); e.Value(sticktable.HTTPReqRate) != 11 {
				t.Errorf("%s: rate %d, want 11", n.config.Name, e.Value(sticktable.HTTPReqRate))
			}
		}
		check(a)
		check(b)

		serve(t, mesh("c"))
		stopB()
		b = mesh("b") // restarts with nothing
		serve(t, b)
		time.Sleep(20 * time.Second)
		for _, n := range w.hosts { // nobody dials any more
			check(n)
			for _, p := range n.Peers() {
				if !p.Established {
					t.Errorf("%s has no session with %s", n.config.Name, p.Name)
				}
			}
		}
	})
}

// TestHelloAfterStop: whoever says hello when the node has stopped gets no session, that nobody would end.
func TestHelloAfterStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, Config{Name: "lb1", Peers: []Peer{{Name: "agg"}}, Tables: []TableConfig{plain("bk")}})
		serve(t, n)()
		near, far := net.Pipe()
		over := make(chan struct{})
		go func() {
			defer close(over)
			n.accept(near)
		}()
		s := &script{t, far}
		s.write([]byte("HAProxyS 2.1\nlb1\nagg 1 1\n"))
		s.wantText("300\n")
		<-over
	})
}
