package runtime

import (
	"context"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// refusing is how an aggregator dials whose peers' addresses are wrong: nobody listens there.
func refusing(context.Context, string, string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
}

// TestRefusedDialIsNotAway: sources that refuse our dial, or let it go unanswered, and dial in themselves are waited for, as long as HAProxy may take to dial again after a session: no part of a sum is ever
// sent. When all are there, no time is lost.
func TestRefusedDialIsNotAway(t *testing.T) {
	unanswered := func(ctx context.Context, _, _ string) (net.Conn, error) {
		if !sleep(ctx, dialTimeout) {
			return nil, ctx.Err()
		}
		return nil, &net.OpError{Op: "dial", Err: context.DeadlineExceeded}
	}
	for name, dial := range map[string]func(context.Context, string, string) (net.Conn, error){"refused": refusing, "unanswered": unanswered} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.endAll()
				w.aggregatorOver(lower("a", []string{"n1", "n2", "n3"}), dial)
				begun := time.Now()
				for i, at := range []time.Duration{50 * time.Millisecond, time.Second, 2 * time.Second} {
					name := []string{"n1", "n2", "n3"}[i]
					for time.Since(begun) < at {
						pass(10 * time.Millisecond)
						if w.logged("sums are sent from now on") {
							t.Fatalf("sums are sent after %v, before %s dialled in:\n%s", time.Since(begun), name, &w.log)
						}
					}
					w.node(name, "a")
					w.count(name, "client", 10)
				}
				pass(100 * time.Millisecond)
				w.want("n1", "t.sum", "client", "30")
				if !w.logged("sums are sent from now on", "missing=[]") {
					t.Errorf("all have taught:\n%s", &w.log)
				}
			})
		})
	}
}

// TestRefusedDialIsAway: a source that does not dial in either is away as soon as HAProxy would have dialled again, and a source that is known to be away by then is not waited for again.
func TestRefusedDialIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		s := lower("a", []string{"n1", "n2"})
		agg := w.aggregatorOver(s, refusing)
		w.node("n1", "a")
		pass(redialWait - 100*time.Millisecond)
		if w.logged("sums are sent from now on") {
			t.Errorf("n2 was not waited for:\n%s", &w.log)
		}
		pass(200 * time.Millisecond)
		if !w.logged("sums are sent from now on", "is away", "missing=[n2]") {
			t.Errorf("n2 is waited for still:\n%s", &w.log)
		}
		s.Local.Address = "a"
		s.Peers = append(s.Peers, Peer{Name: "n3", Address: "n3"})
		if err := agg.Reload(Config{Sections: []Section{s}}); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		w.node("n3", "a")
		pass(100 * time.Millisecond)
		if n := w.countLogged("sums are sent from now on"); n != 2 {
			t.Errorf("sums are sent from now on, said %d times, want 2:\n%s", n, &w.log)
		}
	})
}
