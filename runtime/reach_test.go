package runtime

import (
	"context"
	"fmt"
	"net"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"stktc/runtime/peers"
)

// TestBindLimitsSession: a session that came by a listener for one section belongs to that alone, also where another lists the same names, until a reload opens the other to it.
func TestBindLimitsSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		cfg := Config{
			Sections: []Section{inbound("a", "x", toSum, "n1", "n2"), inbound("b", "x", toAll, "n1", "n2")},
			Binds:    []Bind{{Address: "first", Sections: []string{"a"}}},
		}
		agg := w.configured("agg", cfg)
		w.nodeAt("n1", map[string]string{"x": "first"})
		w.nodeAt("n2", map[string]string{"x": "x"})
		w.count("n1", "client", 1)
		w.count("n2", "client", 10)
		pass(10 * time.Second)
		w.want("n1", "t.sum", "client", "11")
		w.want("n2", "t.sum", "client", "11")
		w.want("n1", "t.all", "client", "nothing")
		w.want("n2", "t.all", "client", "10")
		for section, connected := range []bool{true, false} {
			if p, _ := peerStatus(agg, section, "n1"); p.Connected != connected {
				t.Errorf("section %d: connected %v", section, p.Connected)
			}
		}
		if missing := agg.Status().Sections[1].Missing; !slices.Equal(missing, []string{"n1"}) {
			t.Errorf("section b misses %v", missing)
		}
		w.count("n1", "client", 1)
		w.count("n1", "other", 1)
		w.want("n2", "t.sum", "client", "12")
		w.want("n2", "t.all", "other", "nothing")

		cfg.Binds = []Bind{{Address: "first"}}
		if err := agg.Reload(cfg); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		w.want("n1", "t.all", "client", "12")
		w.want("n2", "t.all", "other", "1")
		if p, _ := peerStatus(agg, 1, "n2"); p.Sessions != 1 {
			t.Errorf("n2, whose listener serves what it served, had %d sessions", p.Sessions)
		}

		cfg.Binds = []Bind{{Address: "first", Sections: []string{"b"}}}
		if err := agg.Reload(cfg); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		w.count("n1", "client", 100)
		w.want("n2", "t.all", "client", "112")
		w.want("n2", "t.sum", "client", "12")
	})
}

// TestSectionsApart: two sections with one local name and listeners of their own have a session each with a peer that is in both, and leave each other's alone.
func TestSectionsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		a, b := inbound("a", "x", toSum, "n1", "n2"), inbound("b", "x", toAll, "n1", "n2")
		a.Local.Address, b.Local.Address = "xa", "xb"
		cfg := Config{Sections: []Section{a, b}}
		agg := w.configured("agg", cfg)
		for i, name := range []string{"n1", "n2"} { // an HAProxy with two peers sections
			for _, at := range []string{"a", "b"} {
				key := name + at
				w.nodeCalled(key, name, map[string]string{"x": "x" + at})
				w.count(key, "client", []uint64{1, 10}[i])
			}
		}
		pass(time.Minute)
		check := func(sessions int) {
			t.Helper()
			w.want("n1a", "t.sum", "client", "11")
			w.want("n1b", "t.all", "client", "11")
			w.want("n1a", "t.all", "client", "nothing")
			w.want("n1b", "t.sum", "client", "nothing")
			for section := range agg.Status().Sections {
				if p, _ := peerStatus(agg, section, "n1"); !p.Connected || p.Sessions != sessions {
					t.Errorf("section %d: connected %v, %d sessions, want %d", section, p.Connected, p.Sessions, sessions)
				}
			}
		}
		check(1)
		if err := agg.Reload(cfg); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		check(1)
		cfg.Sections = []Section{b} // which loses the section that comes first
		if err := agg.Reload(cfg); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if p, _ := peerStatus(agg, 0, "n1"); !p.Connected || p.Sessions != 1 {
			t.Errorf("section b: connected %v, %d sessions", p.Connected, p.Sessions)
		}
		w.want("n1b", "t.all", "client", "11")
	})
}

// TestReloadDuringHandshake: a peer whose hello was taken before a reload, and whose answer is on its way, gets no place that the reload took away.
func TestReloadDuringHandshake(t *testing.T) {
	a, b := inbound("a", "x", toSum, "n1"), inbound("b", "y", toAll, "n1")
	before := Config{Sections: []Section{a, b}, Binds: []Bind{{Address: "first"}}}
	after := map[string]Config{
		"bind for another section": {Sections: []Section{a, b}, Binds: []Bind{{Address: "first", Sections: []string{"b"}}}},
		"bind gone":                {Sections: []Section{a, b}},
		"peer gone":                {Sections: []Section{inbound("a", "x", toSum, "n2"), b}, Binds: before.Binds},
		"certificates wanted":      {Sections: []Section{strict(a), b}, Binds: before.Binds},
	}
	for name, cfg := range after {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.endAll()
				agg := w.configured("agg", before)
				synctest.Wait()
				conn, err := w.dial(t.Context(), "", "first")
				if err != nil {
					t.Fatal(err)
				}
				conn.Write(rawHello("x", "n1", 1)) // the answer waits until somebody reads
				synctest.Wait()
				if err := agg.Reload(cfg); err != nil {
					t.Fatal(err)
				}
				p := startRaw(t, conn)
				pass(time.Second)
				if !p.isOver() {
					t.Error("the session goes on")
				}
				if p, there := peerStatus(agg, 0, "n1"); there && p.Connected {
					t.Error("it is connected")
				}
				if !w.logged("peer refused", "caller=n1", "the configuration of the peer changed") && !w.logged("peer refused", "nothing proves") {
					t.Errorf("no word of it:\n%s", w.log.String())
				}
			})
		})
	}
}

func strict(s Section) Section {
	s.StrictNames = true
	return s
}

// TestReloadDuringDial: a dial that was under way when a reload gave the peer another address does not come to a session with the old one.
func TestReloadDuringDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		s := inbound("a", "x", toSum, "n1")
		s.Peers[0].Address = "old"
		old, _ := w.listen("", "old")
		agg := w.configured("agg", Config{Sections: []Section{s}})
		conn, err := old.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		hello := make([]byte, 100)
		conn.Read(hello)
		moved := s
		moved.Peers = []Peer{{Name: "n1", Address: "new"}}
		if err := agg.Reload(Config{Sections: []Section{moved}}); err != nil {
			t.Fatal(err)
		}
		conn.Write(peers.AppendStatus(nil, peers.StatusSuccess))
		pass(100 * time.Millisecond)
		if p, _ := peerStatus(agg, 0, "n1"); p.Connected {
			t.Errorf("connected to %s", p.Remote)
		}
	})
}

// TestDialsSpread: many peers that are away are each tried every 5 s at least, and not all at one time, also not after something has brought all dials into step.
func TestDialsSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		s := Section{Name: "a", Local: Peer{Name: "x", Address: "x"}, Rules: []Rule{toSum}}
		for i := range 64 {
			s.Peers = append(s.Peers, Peer{Name: fmt.Sprintf("n%d", i), Address: fmt.Sprintf("n%d", i)})
		}
		start := time.Now()
		dials := map[string][]time.Duration{}
		const hang, end = 2 * time.Minute, 3 * time.Minute
		dial := func(_ context.Context, _, address string) (net.Conn, error) {
			if at := time.Since(start); hang < at && at < end {
				time.Sleep(end - at)
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			dials[address] = append(dials[address], time.Since(start))
			return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
		}
		a, err := New(Config{Sections: []Section{s}}, Options{Listen: w.listen, Dial: dial})
		if err != nil {
			t.Fatal(err)
		}
		w.run("x", a.Serve)
		pass(5 * time.Minute)
		w.mu.Lock()
		defer w.mu.Unlock()
		perSlot := map[time.Duration]int{}
		for name, times := range dials {
			for i, at := range times {
				if at > end+4*time.Second {
					perSlot[at/(100*time.Millisecond)]++
				}
				if i > 0 && at != end && at-times[i-1] > redialMost+redialLeast+redialSpread {
					t.Errorf("%s waited %v for its dial %d", name, at-times[i-1], i)
				}
			}
			if len(times) < 45 || len(times) > 5*60 {
				t.Errorf("%s was dialled %d times in 5 minutes", name, len(times))
			}
		}
		most := 0
		for _, n := range perSlot {
			most = max(most, n)
		}
		if most > 12 { // 64 dials in 4.25 s are 1.5 in 0.1 s
			t.Errorf("%d of 64 peers were dialled within 0.1 s", most)
		}
	})
}

// TestHungUpAtOnce: a peer that takes every session and ends it at once is not dialled without a pause.
func TestHungUpAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		l, _ := w.listen("", "n1")
		defer l.Close()
		s := inbound("a", "x", toSum, "n1")
		s.Peers[0].Address = "n1"
		w.configured("agg", Config{Sections: []Section{s}})
		dials := 0
		go func() {
			for conn, err := l.Accept(); err == nil && dials < 1000; conn, err = l.Accept() {
				dials++
				conn.Read(make([]byte, 100))
				conn.Write(peers.AppendStatus(nil, peers.StatusSuccess))
				conn.Close()
			}
		}()
		pass(time.Minute)
		if dials < 60/5 || dials > 2*60 {
			t.Errorf("dialled %d times in a minute", dials)
		}
	})
}

// TestNothingHeld: a node of which nothing is kept is asked at once what it has; only one that may get something back is given time to ask first.
func TestNothingHeld(t *testing.T) {
	for _, held := range []bool{false, true} {
		t.Run(fmt.Sprintf("held %v", held), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.endAll()
				w.configured("agg", Config{Sections: []Section{inbound("a", "x", toSum, "n1", "n2")}})
				synctest.Wait()
				call := func(pid int, more ...[]byte) *rawPeer {
					conn, err := w.dial(t.Context(), "", "x")
					if err != nil {
						t.Fatal(err)
					}
					p := startRaw(t, conn, append([][]byte{rawHello("x", "n1", pid)}, more...)...)
					t.Cleanup(func() { conn.Close() })
					return p
				}
				p := call(1, rawDefinition(1, "t.raw"))
				if held {
					p.say(rawUpdate(1, "client", 5))
				}
				pass(time.Second)
				p.Close()
				pass(time.Second)
				p = call(2) // an HAProxy that was reloaded asks nobody
				pass(100 * time.Millisecond)
				if asked := p.count(peers.Control, peers.ResyncRequest) > 0; asked == held {
					t.Errorf("asked %v", asked)
				}
				pass(time.Second)
				if p.count(peers.Control, peers.ResyncRequest) != 1 {
					t.Error("not asked once")
				}
			})
		})
	}
}

// TestTwoProcessesOneName: two HAProxys with one name take the session from each other. The sum holds one of them at a time, and the log and "show peers" name both
// addresses, now and then.
func TestTwoProcessesOneName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		agg := w.configured("agg", Config{Sections: []Section{inbound("a", "x", toSum, "lb", "n2")}})
		w.nodeAt("n2", map[string]string{"x": "x"})
		w.nodeCalled("first", "lb", map[string]string{"x": "x"})
		w.count("n2", "client", 100)
		w.count("first", "client", 1)
		pass(time.Minute)
		if w.logged("two processes") {
			t.Fatal("one process is taken for two")
		}
		w.nodeCalled("second", "lb", map[string]string{"x": "x"})
		w.count("second", "client", 10)
		for range 600 {
			w.count("n2", "client", 0)
			pass(500 * time.Millisecond)
			if got := w.shows("n2", "t.sum", "client"); got != "101" && got != "110" {
				t.Fatalf("the sum is %s, want 101 or 110", got)
			}
		}
		p, _ := peerStatus(agg, 0, "lb")
		if p.Sessions < 10 {
			t.Errorf("%d sessions: they do not take them from each other", p.Sessions)
		}
		if !w.logged("two processes use the peer's name", "peer=lb", "addresses=", "first", "second", "takeovers=") {
			t.Error("the log does not name both addresses")
		}
		if n := w.countLogged("two processes use the peer's name"); n < 3 || n > 6 {
			t.Errorf("said %d times in 5 minutes", n)
		}
		if p.LastError == "" || !p.Connected {
			t.Errorf("connected %v, last error %q", p.Connected, p.LastError)
		}
		w.end("second")
		pass(10 * time.Minute)
		w.want("n2", "t.sum", "client", "101")
		if p, _ := peerStatus(agg, 0, "lb"); p.LastError != "" {
			t.Errorf("long after one has gone: %s", p.LastError)
		}
	})
}
