package runtime

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestLongLesson: the silence after a start outlasts the learn-timeout while a source teaches, as a million keys take longer, and ends soon after it falls silent, and after ten
// learn-timeouts whatever it says.
func TestLongLesson(t *testing.T) {
	for _, c := range []struct {
		name          string
		teaches, ends time.Duration
	}{
		{"it ends its lesson", 8 * time.Second, 8 * time.Second},
		{"it falls silent", 8 * time.Second, 9 * time.Second},
		{"it never ends", time.Minute, 10*DefaultLearnTimeout + time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.endAll()
				w.hosts["n2"] = &host{conns: nil, closed: make(chan struct{}), addr: "n2"}
				w.node("n1", "a")
				w.aggregator(lower("a", []string{"n1", "n2"}))
				w.count("n1", "client", 10)
				began := time.Now()
				pass(100 * time.Millisecond)
				conn, err := w.dialFrom(t.Context(), "n2", "a")
				if err != nil {
					t.Fatal(err)
				}
				p := startRaw(t, conn, rawHello("a", "n2", 1), rawDefinition(1, "t.raw"))
				for i := uint32(1); time.Since(began) < c.teaches && !p.isOver(); i++ {
					p.say(rawUpdate(i, fmt.Sprint("key", i), 5), rawHeartbeat)
					pass(100 * time.Millisecond)
					if silent := time.Since(began) < c.teaches-time.Second; silent && c.teaches < time.Minute && w.logged("sums are sent from now on") {
						t.Fatalf("sums were sent after %v", time.Since(began))
					}
					if w.logged("sums are sent from now on") {
						break
					}
				}
				if c.name == "it ends its lesson" {
					p.say(rawFinished)
				}
				for !w.logged("sums are sent from now on") && time.Since(began) < time.Minute {
					pass(50 * time.Millisecond)
					p.say(rawHeartbeat)
				}
				if took := time.Since(began); took > c.ends+200*time.Millisecond {
					t.Errorf("sums were sent after %v, want %v", took, c.ends)
				}
				conn.Close()
			})
		})
	}
}

// TestInterruptedLesson: a source whose connection is lost while it teaches, and that comes back a second later, is waited for.
func TestInterruptedLesson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		w.hosts["n2"] = &host{conns: nil, closed: make(chan struct{}), addr: "n2"}
		w.aggregator(lower("a", []string{"n2"}))
		for id, until := range []time.Duration{DefaultLearnTimeout - 600*time.Millisecond, DefaultLearnTimeout + 2*time.Second} {
			pass(time.Duration(id) * time.Second)
			conn, err := w.dialFrom(t.Context(), "n2", "a")
			if err != nil {
				t.Fatal(err)
			}
			p := startRaw(t, conn, rawHello("a", "n2", 1), rawDefinition(1, "t.raw"))
			for at := time.Duration(0); at < until; at += 100 * time.Millisecond {
				p.say(rawUpdate(uint32(at/time.Millisecond)+1, "key", 5), rawHeartbeat)
				pass(100 * time.Millisecond)
			}
			if w.logged("sums are sent from now on") {
				t.Fatalf("sums were sent before the source had taught\n%s", &w.log)
			}
			if id == 1 {
				p.say(rawFinished)
				pass(time.Second)
			}
			conn.Close()
		}
		if !w.logged("sums are sent from now on", "every source has taught") {
			t.Errorf("the source has taught, and no sums are sent\n%s", &w.log)
		}
	})
}

// TestTwoTeach: while one source teaches, another that ends its lesson ends no silence.
func TestTwoTeach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		w.hosts["n1"] = &host{conns: nil, closed: make(chan struct{}), addr: "n1"}
		w.hosts["n2"] = &host{conns: nil, closed: make(chan struct{}), addr: "n2"}
		w.aggregator(lower("a", []string{"n1", "n2"}))
		began := time.Now()
		pass(100 * time.Millisecond)
		var p [2]*rawPeer
		for i := range p {
			name := fmt.Sprint("n", i+1)
			conn, err := w.dialFrom(t.Context(), name, "a")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			p[i] = startRaw(t, conn, rawHello("a", name, 1), rawDefinition(1, "t.raw"))
		}
		firstEnds := DefaultLearnTimeout + 1200*time.Millisecond
		ended := false
		for i := uint32(1); time.Since(began) < DefaultLearnTimeout+5*time.Second; i++ {
			if !ended {
				for j := uint32(0); j < 10; j++ {
					p[0].say(rawUpdate(10*i+j, fmt.Sprint("a", i, j), 5))
				}
				if time.Since(began) > firstEnds {
					p[0].say(rawFinished)
					ended = true
				}
			}
			p[1].say(rawUpdate(i, fmt.Sprint("b", i), 5), rawHeartbeat)
			p[0].say(rawHeartbeat)
			pass(100 * time.Millisecond)
			if w.logged("sums are sent from now on") {
				t.Fatalf("sums are sent after %v (learn-timeout %v, the first source ended its lesson after %v), while the second taught all the time\n%s", time.Since(began), DefaultLearnTimeout, firstEnds, &w.log)
			}
		}
	})
}
