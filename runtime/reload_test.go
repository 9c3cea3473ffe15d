package runtime

import (
	"testing"
	"testing/synctest"
	"time"
)

// reload gives a running aggregator another section; its address is its name.
func (w *world) reload(s Section) error {
	s.Local.Address = s.Local.Name
	return w.aggrs[s.Local.Name].Reload(Config{Sections: []Section{s}})
}

// sessions is how many sessions an aggregator had with a peer.
func (w *world) sessions(aggregator, peer string) int {
	for _, s := range w.aggrs[aggregator].Status().Sections {
		for _, p := range s.Peers {
			if p.Name == peer {
				return p.Sessions
			}
		}
	}
	return 0
}

// TestReloadedPeerIsAwaySince: one that a reload brings has been away since then, and not since the start.
func TestReloadedPeerIsAwaySince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		w.aggregator(lower("a", []string{"n1"}))
		pass(20 * time.Second)
		if err := w.reload(lower("a", []string{"n1", "n2"})); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Second)
		for i, want := range []time.Duration{22 * time.Second, 2 * time.Second} {
			if p := w.aggrs["a"].Status().Sections[0].Peers[i]; time.Since(p.Since) != want {
				t.Errorf("%s away for %v, want %v", p.Name, time.Since(p.Since), want)
			}
		}
	})
}

// TestReload: peers come and go, and those that nothing changes for keep their sessions and tables.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		w.aggregator(lower("a", []string{"n1", "n2"}))
		for i, name := range []string{"n1", "n2", "n3"} {
			w.node(name, "a")
			w.count(name, "client", []uint64{1, 10, 100}[i])
		}
		pass(6 * time.Second)
		w.want("n1", "t.sum", "client", "11")
		before := w.sessions("a", "n1")

		if err := w.reload(lower("a", []string{"n1", "n2", "n3"})); err != nil {
			t.Fatal(err)
		}
		pass(8 * time.Second)
		w.want("n1", "t.sum", "client", "111")
		w.want("n3", "t.sum", "client", "111")

		if err := w.reload(lower("a", []string{"n1", "n3"})); err != nil {
			t.Fatal(err)
		}
		pass(8 * time.Second)
		w.want("n1", "t.sum", "client", "101")
		if got := w.sessions("a", "n1"); got != before {
			t.Errorf("n1 had %d sessions before the reloads and %d after them", before, got)
		}
		if got := w.aggrs["a"].Reloads(); got.Successes != 2 || got.Failures != 0 {
			t.Errorf("reloads: %+v", got)
		}
	})
}

// TestReloadRefused: what cannot be carried out leaves everything as it was.
func TestReloadRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		w.aggregator(lower("a", []string{"n1", "n2"}))
		w.node("n1", "a")
		w.node("n2", "a")
		w.count("n1", "client", 1)
		pass(6 * time.Second)
		before := w.sessions("a", "n1")
		bad := lower("a", []string{"n1"})
		bad.Local.Name, bad.Local.Address = "a", "n2" // in use
		if err := w.aggrs["a"].Reload(Config{Sections: []Section{bad}}); err == nil {
			t.Fatal("a reload with an address that is in use succeeded")
		}
		twice := lower("a", []string{"n1", "n1"})
		if err := w.reload(twice); err == nil {
			t.Fatal("a reload with two peers of one name succeeded")
		}
		w.count("n2", "client", 10)
		pass(time.Second)
		w.want("n1", "t.sum", "client", "11")
		if got := w.sessions("a", "n1"); got != before {
			t.Error("a refused reload ended a session")
		}
		r := w.aggrs["a"].Reloads()
		if r.Failures != 2 || r.LastError == "" {
			t.Errorf("reloads: %+v", r)
		}
	})
}

// TestReloadRules: another rule makes another table from what the nodes have, without traffic; the old one ends.
func TestReloadRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		w.aggregator(lower("a", []string{"n1", "n2"}))
		w.node("n1", "a")
		w.node("n2", "a")
		w.count("n1", "client", 1)
		w.count("n2", "client", 2)
		pass(6 * time.Second)
		s := lower("a", []string{"n1", "n2"})
		s.Rules = []Rule{{From: ".raw", To: ".all"}}
		if err := w.reload(s); err != nil {
			t.Fatal(err)
		}
		pass(8 * time.Second)
		w.want("n1", "t.all", "client", "3")
		if tables := w.aggrs["a"].Tables(); len(tables) != 1 || tables[0].Name() != "t.all" {
			t.Errorf("tables after the reload: %v", tables)
		}
	})
}

// TestReloadAddress: a peer that moved is found at its new address.
func TestReloadAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		s := lower("a", []string{"n1"})
		s.Peers[0].Address = "nowhere"
		w.aggregator(s)
		w.nodeAt("n1", map[string]string{"a": "elsewhere"}) // it reaches nobody itself
		w.count("n1", "client", 4)
		pass(6 * time.Second)
		w.want("n1", "t.sum", "client", "nothing")
		if err := w.reload(lower("a", []string{"n1"})); err != nil {
			t.Fatal(err)
		}
		pass(6 * time.Second)
		if _, ok := w.aggrs["a"].Tables()[0].Lookup([]byte("client"), w.aggrs["a"].Now()); !ok {
			t.Error("the peer was not found at its new address")
		}
	})
}

// TestUpOnlyAndLease: sums of an up-only rule do not reach nodes; a lease does, for as long as it is renewed.
func TestUpOnlyAndLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		s := lower("a", []string{"n1"})
		s.Rules[0].UpOnly = true
		s.Leases = []Lease{{Table: "stktc.lease", Time: 3 * time.Second}}
		a := w.aggregator(s)
		w.node("n1", "a")
		w.count("n1", "client", 1)
		pass(6 * time.Second)
		w.want("n1", "t.sum", "client", "nothing")
		for range 20 {
			pass(500 * time.Millisecond)
			lease := a.Tables()[0]
			if lease.Name() != "stktc.lease" {
				lease = a.Tables()[1]
			}
			if e, ok := lease.Lookup([]byte("low"), a.Now()); !ok || e.Life < 1900 || e.Values[0] != 0 {
				t.Fatalf("the lease is %+v", e)
			}
		}
	})
}

// TestPace: a key is sent to a peer at the pace, newest value last.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		s := lower("a", []string{"n1", "n2"})
		s.Pace = time.Second
		a := w.aggregator(s)
		w.node("n1", "a")
		w.node("n2", "a")
		pass(6 * time.Second)
		sent := func() uint64 { return a.Status().Sections[0].Peers[1].UpdatesOut }
		before := sent()
		for range 100 {
			w.count("n1", "client", 1)
			pass(100 * time.Millisecond)
		}
		if got := sent() - before; got < 8 || got > 12 {
			t.Errorf("%d updates in 10 s at a pace of 1 s", got)
		}
		pass(time.Second)
		w.want("n2", "t.sum", "client", "100")
	})
}
