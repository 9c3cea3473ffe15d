package load

import (
	"testing"
	"testing/synctest"
	"time"

	"stktc/topology/sticktable"
)

// TestAwaitRates: a look waits while rates of some keys are wrong, as long as a storm may take, and not for counters.
func TestAwaitRates(t *testing.T) {
	for _, test := range []struct {
		name          string
		rightAfter    time.Duration // 0: never
		isCounterToo  bool
		least, atMost time.Duration
	}{
		{"rates that are right in time", time.Second, false, time.Second, time.Second + 2*lookPause},
		{"rates that never are", 0, false, mostLate, mostLate + 2*lookPause},
		{"a counter is wrong as well", 0, true, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := config("lb1")
			c.setDefaults()
			l := newLoad(c)
			own, seen := l.shape.row(l.nodes[0].out.rows, sampleOf), l.shape.row(l.nodes[0].in.rows, sampleOf)
			own[0], seen[0] = 1, 1
			rate := 0
			for i := range l.shape.cells {
				if cell := &l.shape.cells[i]; cell.kind == sticktable.FreqCtr {
					rate = cell.word
				} else if test.isCounterToo {
					own[cell.word] = 5
				}
			}
			own[rate+rateTick], own[rate+rateCurr] = l.clock().tick, 100
			if test.rightAfter > 0 {
				time.AfterFunc(test.rightAfter, func() {
					l.nodes[0].in.mu.Lock()
					defer l.nodes[0].in.mu.Unlock()
					copy(seen, own)
				})
			}
			late, err := l.awaitRates(t.Context())
			if err != nil || late < test.least || late > test.atMost {
				t.Errorf("%s: waits for %v (%v), want %v to %v", test.name, late, err, test.least, test.atMost)
			}
			synctest.Wait()
		})
	}
}
