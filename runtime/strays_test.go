package runtime

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestStrayTable: a node that counts in a table whose suffix the section does not sum is told of, once a session, in the log and in what is shown. Tables of other levels, which nodes
// teach beside the one that is summed, are nobody's mistake, also of a node that has counted nothing yet.
func TestStrayTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		s := lower("a", []string{"n1", "n2", "n3"})
		s.Rules = []Rule{{From: ".local", To: ".sum"}}
		agg := w.aggregator(s)
		const said = "ends in no suffix of its section"
		w.node("n1", "a")
		w.count("n1", "client", 1)
		pass(10 * time.Second)
		w.count("n1", "client", 1)
		pass(10 * time.Second)
		p, _ := peerStatus(agg, 0, "n1")
		for i, name := range []string{"t.all", "t.raw"} { // the sums are known: they come back
			if w.countLogged(said, "peer=n1", "table="+name, "section=low", "accepted=[.local]") != 1 {
				t.Errorf("the log does not tell once of %s:\n%s", name, &w.log)
			}
			if want := (RefusedTable{name, "it ends in no suffix of section low; accepted: .local"}); len(p.Refused) != 2 || p.Refused[i] != want {
				t.Errorf("shown is %v, want %v too", p.Refused, want)
			}
		}
		if w.countLogged(said) != 2 {
			t.Errorf("the log tells of more:\n%s", &w.log)
		}
	})
}

// TestOtherLevels: what nodes teach for others, or teach back, is no stray table.
func TestOtherLevels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		low, other := lower("a", []string{"n1", "n2"}), lower("b", []string{"n1", "n2"})
		other.Rules = []Rule{{From: ".raw", To: ".all"}}
		w.aggregator(low)
		w.aggregator(other)
		w.node("n1", "a", "b")
		w.node("n2", "a", "b") // counts nothing, and is taught the sums
		w.count("n1", "client", 1)
		pass(10 * time.Second)
		w.end("n2")
		w.node("n2", "a", "b")
		pass(10 * time.Second)
		w.end("a", "b")
		w.aggregator(low)
		w.aggregator(other)
		pass(10 * time.Second)
		w.want("n2", "t.sum", "client", "1")
		w.want("n2", "t.all", "client", "1")
		if w.logged("ends in no suffix") {
			t.Errorf("a table of another level is told of:\n%s", &w.log)
		}
	})
}
