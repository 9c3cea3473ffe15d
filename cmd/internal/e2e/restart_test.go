package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"stktc/cmd/internal/haproxy/haproxytest"
)

// restartGap is how long nodes may be without fresh sums when the aggregator is started again at once: it dials all nodes at its start, and one that it does not reach dials it within 5 s.
const restartGap = 5 * time.Second

// TestRestart: a restart of the aggregator is an upgrade. Under load no node ever sees less than before, nor more than was requested; the time without fresh sums is measured.
func TestRestart(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	stktc := buildStktc(t)
	agg := c.startBinary(stktc, 2)
	for range 2 {
		c.addNode(lifeTables("1h"), lifeFrontend, "")
	}
	loads := []*load{c.startLoad(c.nodes[0], 200), c.startLoad(c.nodes[1], 100)}
	c.waitLoad(loads[0], 200)
	var watches []*sumWatch
	for _, b := range c.nodes {
		haproxytest.Eventually(c.t, func() error { return c.fresherThan(b, 1) })
		watches = append(watches, c.watchSum(b, 0, loads...))
	}
	var gaps strings.Builder
	for _, way := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL, syscall.SIGTERM, syscall.SIGKILL} {
		tried := loads[0].tried.Load() + loads[1].tried.Load()
		start := time.Now()
		agg.end(way)
		ended := time.Since(start)
		agg = c.startBinary(stktc, 2)
		for _, b := range c.nodes {
			haproxytest.Eventually(c.t, func() error { return c.fresherThan(b, tried) })
		}
		gap := time.Since(start)
		fmt.Fprintf(&gaps, "  %-10v the end took %4v, fresh sums on both nodes after %5v\n", way, ended.Round(ms), gap.Round(ms))
		if most := restartGap + c.slack(); gap > most {
			c.t.Errorf("%v: no fresh sums for %v, %v is the most", way, gap, most)
		}
		c.waitLoad(loads[0], 300)
	}
	c.end(loads...)
	for _, w := range watches {
		w.stop()
	}
	for i, b := range c.nodes {
		c.lostAtMost(b, loads[i], 0)
	}
	t.Logf("gaps at restarts:\n%s", &gaps)
}

// fresherThan gives an error unless the node shows a sum of requests that were sent after so many.
func (c *cluster) fresherThan(b *balancer, requests uint64) error {
	if got := b.sum(); got <= requests {
		return fmt.Errorf("%s shows a sum of %d, want more than %d", b.name, got, requests)
	}
	return nil
}
