package runtime

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stktc/runtime/session"
)

// TestTwoLevels: what nodes count is seen summed below and above, and again after each aggregator was restarted without traffic.
func TestTwoLevels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		a1, a2, top := lower("a1", []string{"n1", "n2"}, "top"), lower("a2", []string{"n3", "n4"}, "top"), upper("top", "a1", "a2")
		w.aggregator(a1)
		w.aggregator(a2)
		w.aggregator(top)
		for i, n := range []uint64{2, 3, 5, 7} {
			name := fmt.Sprintf("n%d", i+1)
			w.node(name, []string{"a1", "a1", "a2", "a2"}[i])
			w.count(name, "client", n)
		}
		seen := func() {
			t.Helper()
			for i, sum := range []string{"5", "5", "12", "12"} {
				w.want(fmt.Sprintf("n%d", i+1), "t.sum", "client", sum)
				w.want(fmt.Sprintf("n%d", i+1), "t.all", "client", "17")
			}
		}
		pass(8 * time.Second)
		seen()
		w.end("a1")
		w.aggregator(a1)
		seen()
		pass(8 * time.Second)
		seen()
		w.end("top")
		w.aggregator(top)
		pass(8 * time.Second)
		seen()
		w.count("n1", "client", 1)
		w.want("n1", "t.sum", "client", "6")
		w.want("n4", "t.all", "client", "18")
	})
}

// TestSilenceAfterStart: an aggregator that restarted sends nothing until every source has taught: a partial sum would overwrite a right one.
func TestSilenceAfterStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		a := lower("a", []string{"n1", "n2"})
		w.aggregator(a)
		w.node("n1", "a")
		w.node("n2", "a")
		w.count("n1", "client", 10)
		w.count("n2", "client", 20)
		pass(time.Second)
		w.want("n1", "t.sum", "client", "30")
		w.end("a")
		w.mu.Lock()
		delete(w.hosts, "n2") // n2's address no longer answers, and n2 dials only 5 s after its last sign of life
		w.hosts["n2"] = &host{conns: nil, closed: make(chan struct{}), addr: "n2"}
		w.mu.Unlock()
		w.aggregator(a)
		begin := time.Now()
		for time.Since(begin) < DefaultLearnTimeout {
			w.want("n1", "t.sum", "client", "30")
			w.count("n1", "client", 0)
			pass(100 * time.Millisecond)
		}
		pass(100 * time.Millisecond)
		w.want("n1", "t.sum", "client", "10") // the learn-timeout has passed: what is there counts
		pass(6 * time.Second)
		w.want("n1", "t.sum", "client", "30")
		if !w.logged("sums are sent from now on", "learn-timeout", "missing=[n2]") {
			t.Errorf("the log does not say who was missing:\n%s", w.log.String())
		}
	})
}

// TestGiveBackToRestartedNode: a node that lost everything has it back before it counts on, whichever end dials.
func TestGiveBackToRestartedNode(t *testing.T) {
	for _, dials := range []string{"node dials", "aggregator dials"} {
		t.Run(dials, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.endAll()
				peers := []string{"a"}
				w.aggregator(lower("a", []string{"n1", "n2"}))
				w.node("n1", peers...)
				w.node("n2", peers...)
				w.count("n1", "client", 10)
				w.count("n2", "client", 20)
				pass(6 * time.Second)
				w.end("n1")
				pass(10 * time.Second)
				w.want("n2", "t.sum", "client", "30") // a peer that is away still counts
				if dials == "aggregator dials" {
					w.mu.Lock()
					hidden := w.hosts["a"]
					w.hosts["a"] = nil
					w.mu.Unlock()
					defer func() { w.hosts["a"] = hidden }()
				}
				w.node("n1", peers...)
				pass(10 * time.Second)
				w.want("n1", "t.raw", "client", "10")
				w.count("n1", "client", 1)
				w.want("n1", "t.raw", "client", "11")
				w.want("n1", "t.sum", "client", "31")
				w.want("n2", "t.sum", "client", "31")
			})
		})
	}
}

// TestCountsDuringAwayAggregator: counts made while the aggregator is away are there when it is back.
func TestCountsDuringAwayAggregator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		a := lower("a", []string{"n1", "n2"})
		w.aggregator(a)
		w.node("n1", "a")
		w.node("n2", "a")
		w.count("n1", "client", 1)
		pass(time.Second)
		w.end("a")
		w.count("n1", "client", 5)
		w.count("n2", "client", 7)
		w.count("n2", "other", 2)
		w.aggregator(a)
		pass(7 * time.Second)
		w.want("n1", "t.sum", "client", "13")
		w.want("n2", "t.sum", "client", "13")
		w.want("n1", "t.sum", "other", "2")
	})
}

// TestClearedKey: what a node no longer has after a finished lesson no longer counts, and what it taught back of the sums never counted.
func TestClearedKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		a := lower("a", []string{"n1", "n2"})
		w.aggregator(a)
		w.node("n1", "a")
		w.node("n2", "a")
		w.count("n1", "client", 10)
		w.count("n2", "client", 20)
		pass(6 * time.Second)
		w.end("a")
		w.nodes["n1"].Clear("t.raw", []byte("client"))
		w.aggregator(a)
		pass(7 * time.Second)
		w.want("n2", "t.sum", "client", "20")
		w.want("n1", "t.sum", "client", "20")
	})
}

// TestExpiry: when a contribution's life is over the sum shrinks, and when the last is gone so is the sum, on all nodes.
func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		w.aggregator(lower("a", []string{"n1", "n2"}))
		w.node("n1", "a")
		w.node("n2", "a")
		pass(time.Second)
		w.count("n1", "client", 10)
		pass(30 * time.Minute)
		w.count("n2", "client", 20)
		w.want("n1", "t.sum", "client", "30")
		pass(30*time.Minute + time.Second)
		w.want("n1", "t.sum", "client", "20")
		w.want("n2", "t.sum", "client", "20")
		pass(30*time.Minute + time.Second)
		w.want("n1", "t.sum", "client", "nothing")
		w.want("n2", "t.sum", "client", "nothing")
	})
}

// TestWrongNames: a peer with a wrong name gets HAProxy's own answer, the log says who called whom, and nothing passes.
func TestWrongNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		w.aggregator(lower("a", []string{"n1"}))
		w.node("stranger", "a")
		w.count("stranger", "client", 10)
		pass(6 * time.Second)
		w.want("stranger", "t.sum", "client", "nothing")
		if !w.logged("peer refused", "caller=stranger", "status=504") {
			t.Errorf("log:\n%s", w.log.String())
		}
		if s := w.nodes["stranger"].Peers()[0].Status; s != 504 {
			t.Errorf("the stranger was answered %v", s)
		}
	})
}

// TestAddressInUse: a second aggregator on one address does not start, and says which address it is.
func TestAddressInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		w.aggregator(lower("a", []string{"n1"}))
		synctest.Wait()
		s := lower("a", []string{"n1"})
		s.Local.Address = "a"
		b, err := New(Config{Sections: []Section{s}}, Options{Listen: w.listen, Dial: w.dial})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Listen(); err == nil || !strings.Contains(err.Error(), "address already in use") {
			t.Errorf("second listener: %v", err)
		}
	})
}

// TestFromAny: every table that is neither a sum nor forwarded is summed.
func TestFromAny(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		s := lower("a", []string{"n1", "n2"})
		s.Rules = []Rule{{From: "", To: ".sum"}}
		a := w.aggregator(s)
		w.node("n1", "a")
		w.node("n2", "a")
		w.count("n1", "client", 1)
		pass(time.Second)
		w.end("n2")
		w.node("n2", "a")
		pass(8 * time.Second)
		var names []string
		for _, table := range a.Tables() {
			names = append(names, table.Name())
		}
		for _, name := range names {
			if strings.HasSuffix(name, ".sum.sum") {
				t.Errorf("a sum was summed: tables %v", names)
			}
		}
		if len(names) == 0 {
			t.Error("nothing was summed")
		}
	})
}

// TestNoGiveBackToSameProcess: a node that reconnects without having died has newer counts than those of its last session, and keeps them.
func TestNoGiveBackToSameProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		a := w.aggregator(lower("a", []string{"n1"}))
		w.node("n1", "a")
		w.count("n1", "client", 10)
		pass(time.Second)
		for range 5 {
			a.links[0].withSession(func(s *session.Session) { s.Stop(session.ErrReplaced) })
			w.count("n1", "client", 1)
			pass(3 * time.Second)
			w.count("n1", "client", 1)
		}
		pass(8 * time.Second)
		w.want("n1", "t.raw", "client", "20")
		w.want("n1", "t.sum", "client", "20")
	})
}
