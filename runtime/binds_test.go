package runtime

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"stktc/runtime/peers"
)

// configured starts an aggregator with a whole configuration.
func (w *world) configured(name string, cfg Config) *Aggregator {
	log := slog.New(slog.NewTextHandler(w, nil)).With("at", name)
	a, err := New(cfg, Options{Logger: log, Listen: w.listen, Dial: w.dial})
	if err != nil {
		w.t.Fatal(err)
	}
	w.aggrs[name] = a
	w.run(name, a.Serve)
	return a
}

// inbound is a section that lists nodes at an address where nobody is: they must dial.
func inbound(name, local string, r Rule, nodes ...string) Section {
	s := Section{Name: name, Local: Peer{Name: local, Address: local}, Rules: []Rule{r}}
	for _, n := range nodes {
		s.Peers = append(s.Peers, Peer{Name: n, Address: "nowhere"})
	}
	return s
}

var (
	toSum = Rule{From: ".raw", To: ".sum"}
	toAll = Rule{From: ".raw", To: ".all"}
)

// peerStatus finds a peer in a section's status.
func peerStatus(a *Aggregator, section int, name string) (PeerStatus, bool) {
	for _, p := range a.Status().Sections[section].Peers {
		if p.Name == name {
			return p, true
		}
	}
	return PeerStatus{}, false
}

// TestBinds: sections are reached through the listeners that name them, and through no others.
func TestBinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		w.configured("agg", Config{
			Sections: []Section{inbound("a", "x", toSum, "n1", "n2"), inbound("b", "y", toAll, "n2", "n3", "n4")},
			Binds:    []Bind{{Address: "first", Sections: []string{"a"}}, {Address: "both"}},
		})
		w.nodeAt("n1", map[string]string{"x": "first"})
		w.nodeAt("n2", map[string]string{"x": "both", "y": "both"})
		w.nodeAt("n3", map[string]string{"y": "first"}) // does not serve b
		w.nodeAt("n4", map[string]string{"y": "y"})     // b's own
		for i, n := range []string{"n1", "n2", "n3", "n4"} {
			w.count(n, "client", []uint64{1, 10, 100, 1000}[i])
		}
		pass(10 * time.Second)
		w.want("n1", "t.sum", "client", "11")
		w.want("n2", "t.sum", "client", "11")
		w.want("n2", "t.all", "client", "1010")
		w.want("n4", "t.all", "client", "1010")
		w.want("n3", "t.all", "client", "nothing")
		if !w.logged("peer refused", "calls=y", "caller=n3", "status=503") {
			t.Error("no word of the refusal")
		}
	})
}

// TestOneSessionTwoSections: two sections with one local name share listener and session.
func TestOneSessionTwoSections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		a, b := inbound("a", "x", toSum, "n1", "n2"), inbound("b", "x", toAll, "n1")
		agg := w.configured("agg", Config{Sections: []Section{a, b}})
		w.nodeAt("n1", map[string]string{"x": "x"})
		w.nodeAt("n2", map[string]string{"x": "x"})
		w.count("n1", "client", 1)
		w.count("n2", "client", 10)
		pass(10 * time.Second)
		w.want("n1", "t.sum", "client", "11")
		w.want("n1", "t.all", "client", "1")
		w.want("n2", "t.all", "client", "nothing")
		for section := range 2 {
			if p, _ := peerStatus(agg, section, "n1"); !p.Connected || p.Sessions != 1 {
				t.Errorf("section %d: %+v", section, p)
			}
		}
	})
}

// TestReloadBinds: a listener that goes takes no new sessions and leaves those that it took; a new one takes some at once.
func TestReloadBinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		s := inbound("a", "x", toSum, "n1", "n2")
		agg := w.configured("agg", Config{Sections: []Section{s}, Binds: []Bind{{Address: "old"}}})
		w.nodeAt("n1", map[string]string{"x": "old"})
		w.count("n1", "client", 1)
		pass(5 * time.Second)
		if err := agg.Reload(Config{Sections: []Section{s}, Binds: []Bind{{Address: "new", Sections: []string{"a"}}}}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.dial(context.Background(), "", "old"); err == nil {
			t.Error("the old listener still listens")
		}
		w.nodeAt("n2", map[string]string{"x": "new"})
		w.count("n2", "client", 10)
		pass(5 * time.Second)
		w.want("n1", "t.sum", "client", "11")
		if p, _ := peerStatus(agg, 0, "n1"); !p.Connected || p.Sessions != 1 {
			t.Errorf("n1: %+v", p)
		}
		if err := agg.Reload(Config{Sections: []Section{s}, Binds: []Bind{{Address: "new"}, {Address: "n1"}}}); err == nil {
			t.Error("an address in use was taken")
		}
		w.count("n1", "client", 1)
		pass(time.Second)
		w.want("n2", "t.sum", "client", "12")
	})
}

// TestDynamicPeers: a node that no section lists is summed, labelled, and missed by nobody when it goes.
func TestDynamicPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		cfg := Config{Sections: []Section{inbound("a", "x", toSum, "n1"), inbound("b", "y", toAll)}, DynamicPeers: true}
		agg := w.configured("agg", cfg)
		w.nodeAt("n1", map[string]string{"x": "x"})
		w.nodeAt("n2", map[string]string{"x": "x"})
		w.count("n1", "client", 1)
		w.count("n2", "client", 10)
		pass(10 * time.Second)
		w.want("n1", "t.sum", "client", "11")
		w.want("n2", "t.sum", "client", "11")
		w.want("n2", "t.all", "client", "nothing")
		for name, dynamic := range map[string]bool{"n1": false, "n2": true} {
			if p, _ := peerStatus(agg, 0, name); p.Dynamic != dynamic || !p.Connected || p.Direction != Node {
				t.Errorf("%s: %+v", name, p)
			}
		}
		if _, there := peerStatus(agg, 1, "n2"); there {
			t.Error("n2 is in a section that it did not call")
		}
		w.end("n2")
		pass(time.Second)
		if s := agg.Status().Sections[0]; !s.Whole || len(s.Missing) > 0 {
			t.Errorf("a dynamic peer is missed: %+v", s)
		}
		w.want("n1", "t.sum", "client", "11")
		w.nodeAt("n2", map[string]string{"x": "x"})
		pass(10 * time.Second)
		w.want("n2", "t.raw", "client", "10") // given back

		cfg.Sections[0].Rules = []Rule{toSum, {From: ".raw", To: ".all", UpOnly: true}}
		cfg.Sections[0].Hold = time.Minute
		if err := agg.Reload(cfg); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		w.count("n2", "client", 1)
		w.count("n1", "other", 1)
		pass(time.Second)
		w.want("n1", "t.sum", "client", "12")
		w.want("n2", "t.sum", "other", "1")
		if p, _ := peerStatus(agg, 0, "n2"); !p.Dynamic || !p.Connected {
			t.Errorf("n2 after a reload: %+v", p)
		}
		w.count("n2", "client", 1)
		w.end("n2")
		pass(2 * time.Minute) // hold
		w.want("n1", "t.sum", "client", "1")
		w.nodeAt("n2", map[string]string{"x": "x"})
		w.count("n2", "client", 10)
		pass(10 * time.Second)
		w.want("n1", "t.sum", "client", "11")

		cfg.DynamicPeers = false
		if err := agg.Reload(cfg); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		w.want("n1", "t.sum", "client", "1")
		if !w.logged("peer refused", "caller=n2", "status=504") {
			t.Error("no word of the refusal")
		}
	})
}

// TestDynamicPeerBecomesListed: a reload that lists a peer that was dynamic makes it one of the others.
func TestDynamicPeerBecomesListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		agg := w.configured("agg", Config{Sections: []Section{inbound("a", "x", toSum, "n1")}, DynamicPeers: true})
		w.nodeAt("n1", map[string]string{"x": "x"})
		w.nodeAt("n2", map[string]string{"x": "x"})
		w.count("n1", "client", 1)
		w.count("n2", "client", 10)
		pass(10 * time.Second)
		if err := agg.Reload(Config{Sections: []Section{inbound("a", "x", toSum, "n1", "n2")}}); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			pass(100 * time.Millisecond)
			w.want("n1", "t.sum", "client", "11")
		}
		w.count("n2", "client", 10)
		pass(time.Second)
		w.want("n1", "t.sum", "client", "21")
		if p, _ := peerStatus(agg, 0, "n2"); p.Dynamic || !p.Connected {
			t.Errorf("n2: %+v", p)
		}
	})
}

// TestDynamicPeersLimit: the 65th is refused, those of the configuration included, and let in when another goes.
func TestDynamicPeersLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		agg := w.configured("agg", Config{Sections: []Section{inbound("a", "x", toSum, "n1", "away")}, DynamicPeers: true})
		for i := range MaxDynamicPeers - 1 {
			name := fmt.Sprintf("n%d", i+1)
			w.nodeAt(name, map[string]string{"x": "x"})
			w.count(name, "client", 1)
		}
		pass(10 * time.Second)
		w.want("n1", "t.sum", "client", "63")
		w.nodeAt("late", map[string]string{"x": "x"})
		w.count("late", "client", 100)
		pass(20 * time.Second)
		w.want("n1", "t.sum", "client", "63")
		w.want("late", "t.sum", "client", "nothing")
		if !w.logged("peer refused: too many dynamic peers", "caller=late", "limit=64") {
			t.Error("no word of the refusal")
		}
		w.end("n2")
		pass(10 * time.Second)
		w.want("late", "t.sum", "client", "163") // what n2 counted is held
		if p, _ := peerStatus(agg, 0, "late"); !p.Connected || !p.Dynamic {
			t.Errorf("late: %+v", p)
		}
	})
}

// TestDynamicNamesAreBounded: callers with ever new names take the places of those that went first, and cost no more.
func TestDynamicNamesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		agg := w.configured("agg", Config{Sections: []Section{inbound("a", "x", toSum, "n1")}, DynamicPeers: true})
		synctest.Wait()
		for i := range 2 * maxKnown {
			name := fmt.Sprintf("stranger%d", i)
			conn, err := w.dial(t.Context(), "", "x")
			if err != nil {
				t.Fatal(err)
			}
			go conn.Write(peers.AppendHello(nil, peers.Hello{Called: "x", Caller: name, PID: 1}))
			status, err := peers.ReadStatus(bufio.NewReader(conn))
			if err != nil || status != peers.StatusSuccess {
				t.Fatalf("%s: %d, %v", name, status, err)
			}
			conn.Close()
			pass(time.Second)
		}
		listed := agg.Status().Sections[0].Peers
		if len(listed) != 1+maxKnown {
			t.Errorf("%d peers are listed, want %d", len(listed), 1+maxKnown)
		}
		if _, there := peerStatus(agg, 0, "stranger0"); there {
			t.Error("the first is still remembered")
		}
		if _, there := peerStatus(agg, 0, fmt.Sprintf("stranger%d", 2*maxKnown-1)); !there {
			t.Error("the last is forgotten")
		}
	})
}

// TestDynamicPeersDoNotCallThemselves: a peer with our own name is no other.
func TestDynamicPeersDoNotCallThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		w.configured("agg", Config{Sections: []Section{inbound("a", "x", toSum, "n1")}, DynamicPeers: true})
		synctest.Wait()
		conn, err := w.dial(t.Context(), "", "x")
		if err != nil {
			t.Fatal(err)
		}
		go conn.Write(peers.AppendHello(nil, peers.Hello{Called: "x", Caller: "x", PID: 1}))
		if status, err := peers.ReadStatus(bufio.NewReader(conn)); err != nil || status != peers.StatusRemoteName {
			t.Errorf("%d, %v", status, err)
		}
		conn.Close()
	})
}

// TestDynamicNamesAreWords: who gives himself a name that is none, or that would say something else to a terminal, is no peer.
func TestDynamicNamesAreWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		agg := w.configured("agg", Config{Sections: []Section{inbound("a", "x", toSum, "n1")}, DynamicPeers: true})
		synctest.Wait()
		for name, want := range map[string]peers.Status{
			"": peers.StatusRemoteName, "\x1b[2J": peers.StatusRemoteName, "n\x001": peers.StatusRemoteName, "n\xff": peers.StatusRemoteName, "n\u202e1": peers.StatusRemoteName,
			"lb-1.example_com": peers.StatusSuccess, "zürich": peers.StatusSuccess,
		} {
			conn, err := w.dial(t.Context(), "", "x")
			if err != nil {
				t.Fatal(err)
			}
			go conn.Write(peers.AppendHello(nil, peers.Hello{Called: "x", Caller: name, PID: 1}))
			if status, err := peers.ReadStatus(bufio.NewReader(conn)); err != nil || status != want {
				t.Errorf("%q: answered %d, want %d, %v", name, status, want, err)
			}
			conn.Close()
			pass(time.Second)
		}
		if n := len(agg.Status().Sections[0].Peers); n != 3 {
			t.Errorf("%d peers are listed, want 3", n)
		}
	})
}
