package runtime

import (
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

// TestEvictionsAreTold: the first keys that go for want of memory are told of at once, with the table, and what to do; those that follow, once in a while.
func TestEvictionsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		s := lower("a", []string{"n1"})
		s.Local.Address = "a"
		a, err := New(Config{Sections: []Section{s}}, Options{Logger: slog.New(slog.NewTextHandler(w, nil)), Listen: w.listen, Dial: w.dial, MaxMemory: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		w.run("a", a.Serve)
		w.node("n1", "a")
		pass(2 * time.Second)
		const told = "no memory for more keys"
		evicted := func() uint64 { return a.Tables()[0].Evicted() }
		for key := 0; key == 0 || evicted() == 0 && key < 100_000; key++ {
			if w.count("n1", fmt.Sprint("key", key), 1); key%1000 == 0 {
				pass(tickEvery)
			}
		}
		pass(seeEvictions)
		for _, words := range [][]string{{"tables=\"[t.sum ("}, {"raise --max-memory", "expire"}, {"held=", "limit-for-keys=1.0m max-memory=1.0m"}} {
			if !w.logged(append(words, told)...) {
				t.Errorf("the first eviction is not told of with %v:\n%s", words, &w.log)
			}
		}
		for key := range 20_000 {
			if w.count("n1", fmt.Sprint("other", key), 1); key%1000 == 0 {
				pass(tickEvery)
			}
		}
		if n := w.countLogged(told); n != 1 {
			t.Errorf("told of %d times at once", n)
		}
		pass(tellEvictions)
		if n := w.countLogged(told); n != 2 {
			t.Errorf("told of %d times, want a second time later", n)
		}
	})
}
