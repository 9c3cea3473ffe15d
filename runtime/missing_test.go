package runtime

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestMissingAreNamed: the log names all sources that are missing, up to five and a count, in one line where they go one after another.
func TestMissingAreNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		nodes := []string{"n1", "n2", "n3", "n4", "n5", "n6", "n7"}
		w.aggregator(lower("a", nodes))
		pass(10 * time.Second)
		if !w.logged("sums are sent from now on", `missing="[n1 n2 n3 n4 n5]"`, "more=2") {
			t.Errorf("the start does not name whom it went without:\n%s", &w.log)
		}
		const missing = "not every source is connected and has taught"
		for _, n := range nodes {
			w.node(n, "a")
		}
		pass(10 * time.Second)
		if w.logged(missing) || !w.logged("every source is connected and has taught") {
			t.Errorf("all are there:\n%s", &w.log)
		}
		for _, n := range nodes {
			w.end(n)
			pass(20 * time.Millisecond)
		}
		pass(time.Minute)
		if w.countLogged(missing) != 1 || !w.logged(missing, `missing="[n1 n2 n3 n4 n5]"`, "more=2") {
			t.Errorf("all went:\n%s", &w.log)
		}
		for _, n := range nodes[1:] {
			w.node(n, "a")
		}
		pass(10 * time.Second)
		w.end("n6")
		pass(time.Second)
		if w.countLogged(missing) != 2 || !w.logged(missing, `missing="[n1 n6]"`) {
			t.Errorf("one went when another was away:\n%s", &w.log)
		}
	})
}
