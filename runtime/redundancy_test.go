package runtime

import (
	"testing"
	"testing/synctest"
	"time"
)

// redundantTops is two nodes under one aggregator each, with two tops that compute the same.
func redundantTops(w *world) (tops []Section) {
	for _, name := range []string{"a1", "a2"} {
		s := lower(name, []string{"n" + name[1:]}, "top1", "top2")
		for i := range s.Peers {
			if s.Peers[i].Direction == Up {
				s.Peers[i].Group = 1
			}
		}
		w.aggregator(s)
		w.node("n"+name[1:], name)
	}
	return []Section{upper("top1", "a1", "a2"), upper("top2", "a1", "a2")}
}

// TestRedundantTops: with two tops no node sees double; one of them may die, return, or lose a source, and no node sees less.
func TestRedundantTops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		tops := redundantTops(w)
		w.aggregator(tops[0])
		w.aggregator(tops[1])
		w.count("n1", "client", 10)
		w.count("n2", "client", 20)
		pass(10 * time.Second)
		sees := func(want string) {
			t.Helper()
			w.want("n1", "t.all", "client", want)
			w.want("n2", "t.all", "client", want)
		}
		sees("30")
		for i, sums := range [][2]string{{"30", "32"}, {"32", "34"}} {
			w.end(tops[i].Local.Name)
			sees(sums[0])
			w.count("n1", "client", 1)
			w.count("n2", "client", 1)
			pass(time.Second)
			sees(sums[1])
			w.aggregator(tops[i])
			for range 100 {
				pass(100 * time.Millisecond)
				sees(sums[1])
			}
		}
		w.count("n2", "client", 5)
		pass(time.Second)
		sees("39")
	})
}

// TestTopThatMissesASource: a member of a group that is alive but misses a source does not count as long as another one is whole.
func TestTopThatMissesASource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		tops := redundantTops(w)
		w.aggregator(upper("top1", "a1", "a2", "a3")) // a3 does not exist: top1 is never whole
		w.aggregator(tops[1])
		w.count("n1", "client", 10)
		w.count("n2", "client", 20)
		pass(10 * time.Second)
		w.want("n1", "t.all", "client", "30")
		for _, s := range w.aggrs["a1"].Status().Sections {
			for _, p := range s.Peers {
				if p.Direction == Up && p.Counts != (p.Name == "top2") {
					t.Errorf("a1 takes sums from %s: %v; top1 misses a source", p.Name, p.Counts)
				}
			}
		}
	})
}

// TestDownGroup: of two aggregators below that sum the same nodes one counts.
func TestDownGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		top := upper("top", "a1", "a2")
		top.Peers[0].Group, top.Peers[1].Group = 7, 7
		w.aggregator(top)
		for _, s := range replicas() {
			s.Peers = append(s.Peers, Peer{Name: "top", Address: "top", Direction: Up})
			s.Forwards = []string{".all"}
			w.aggregator(s)
		}
		w.node("n1", "a1", "a2")
		w.node("n2", "a1", "a2")
		w.count("n1", "client", 10)
		w.count("n2", "client", 20)
		pass(10 * time.Second)
		w.want("n1", "t.all", "client", "30")
		w.end("a1")
		w.count("n2", "client", 5)
		pass(6 * time.Second)
		w.want("n1", "t.all", "client", "35")
		w.want("n2", "t.sum", "client", "35")
	})
}

// replicas are two aggregators for the same nodes n1 and n2.
func replicas() []Section {
	a, b := lower("a1", []string{"n1", "n2"}), lower("a2", []string{"n1", "n2"})
	a.Peers = append(a.Peers, Peer{Name: "a2", Address: "a2", Direction: Replica})
	b.Peers = append(b.Peers, Peer{Name: "a1", Address: "a1", Direction: Replica})
	return []Section{a, b}
}

// writers lists which aggregators write to the nodes.
func (w *world) writers() (names string) {
	for _, name := range []string{"a1", "a2"} {
		if a := w.aggrs[name]; a != nil && w.up[name] != nil && a.Status().Sections[0].Writing {
			names += name + " "
		}
	}
	return names
}

// TestReplicas: of two replicas one writes; when it dies the other takes over, and goes on when the first is back.
func TestReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		pair := replicas()
		w.aggregator(pair[0])
		w.aggregator(pair[1])
		w.node("n1", "a1", "a2")
		w.node("n2", "a1", "a2")
		w.count("n1", "client", 10)
		w.count("n2", "client", 20)
		pass(10 * time.Second)
		w.want("n1", "t.sum", "client", "30")
		first := w.writers()
		if first != "a1 " && first != "a2 " {
			t.Fatalf("%q write to the nodes", first)
		}
		writer, standby := first[:2], map[string]string{"a1 ": "a2", "a2 ": "a1"}[first]
		w.end(writer)
		pass(6 * time.Second)
		w.count("n2", "client", 5)
		pass(time.Second)
		w.want("n1", "t.sum", "client", "35")
		w.aggregator(pair[map[string]int{"a1": 0, "a2": 1}[writer]])
		for range 100 {
			pass(100 * time.Millisecond)
			w.want("n1", "t.sum", "client", "35")
		}
		if got := w.writers(); got != standby+" " {
			t.Errorf("%q write to the nodes after %s came back, want %s to go on", got, writer, standby)
		}
		w.count("n1", "client", 1)
		pass(time.Second)
		w.want("n2", "t.sum", "client", "36")
	})
}

// TestReplicasNoneWhole: where a source is away none is whole, and all write: the same, or the best there is.
func TestReplicasNoneWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		for _, s := range replicas() {
			w.aggregator(s)
		}
		w.node("n1", "a1", "a2")
		w.count("n1", "client", 10)
		pass(10 * time.Second)
		w.want("n1", "t.sum", "client", "10")
		if got := w.writers(); got != "a1 a2 " {
			t.Errorf("%q write to the nodes, want both", got)
		}
	})
}
