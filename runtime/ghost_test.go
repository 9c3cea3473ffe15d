package runtime

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestGhost: a hello whose sender hangs up without waiting for the answer costs a session that we dialled nothing; one that waits takes its place.
func TestGhost(t *testing.T) {
	for _, c := range []struct {
		name  string
		waits bool
	}{
		{"it hangs up", false},
		{"it waits", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.endAll()
				w.nodeAt("n1", map[string]string{"a": "elsewhere"}) // it does not reach us
				w.aggregator(lower("a", []string{"n1"}))
				pass(time.Second)
				if !w.logged("peer connected", "inbound=false") {
					t.Fatal("the aggregator did not dial the node")
				}
				conn, err := w.dialFrom(t.Context(), "n1", "a")
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				if _, err := conn.Write(rawHello("a", "n1", 1)); err != nil {
					t.Fatal(err)
				}
				if !c.waits {
					conn.Close()
				} else {
					go conn.Read(make([]byte, 1<<10))
				}
				pass(time.Second)
				if took := w.logged("a newer session took over"); took != c.waits {
					t.Errorf("the newer session took over: %v, want %v\n%s", took, c.waits, &w.log)
				}
			})
		})
	}
}
