package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"stktc/cmd/internal/haproxy/haproxytest"
)

// levels are aggregators on three levels over four nodes. Every node has the sums of its low, its mid and the top.
type levels struct {
	*cluster
	stktc   string
	daemons map[string]*daemon
	want    []uint64 // requests, by node
}

// levelPlace is an aggregator with who is below it. Its address ends in its number.
type levelPlace struct {
	number int
	below  []string
	above  string
	text   string // rules
}

var levelPlaces = map[string]levelPlace{
	"low1": {101, []string{"n1", "n2"}, "mid1", "  from .raw to .low\n  forward .mid\n  forward .top\n"},
	"low2": {102, []string{"n3"}, "mid1", "  from .raw to .low\n  forward .mid\n  forward .top\n"},
	"low3": {103, []string{"n4"}, "mid2", "  from .raw to .low\n  forward .mid\n  forward .top\n"},
	"mid1": {111, []string{"low1", "low2"}, "top", "  from .low to .mid\n  forward .top\n"},
	"mid2": {112, []string{"low3"}, "top", "  from .low to .mid\n  forward .top\n"},
	"top":  {121, []string{"mid1", "mid2"}, "", "  from .mid to .top\n"},
}

// levelNodes are the nodes that each node's sums are made of, by node and table.
var levelNodes = []map[string][]int{
	{"life.low": {0, 1}, "life.mid": {0, 1, 2}, "life.top": {0, 1, 2, 3}},
	{"life.low": {0, 1}, "life.mid": {0, 1, 2}, "life.top": {0, 1, 2, 3}},
	{"life.low": {2}, "life.mid": {0, 1, 2}, "life.top": {0, 1, 2, 3}},
	{"life.low": {3}, "life.mid": {3}, "life.top": {0, 1, 2, 3}},
}

func newLevels(t *testing.T) *levels {
	t.Helper()
	l := &levels{cluster: newCluster(t), stktc: buildStktc(t), daemons: map[string]*daemon{}, want: make([]uint64, 4)}
	for name := range levelPlaces {
		l.start(name)
	}
	for i, low := range []string{"low1", "low1", "low2", "low3"} {
		b := l.newBalancer(i)
		var tables []string
		for _, suffix := range []string{".raw", ".low", ".mid", ".top"} {
			tables = append(tables, "life"+suffix+" type ip size 1k expire 1h store http_req_cnt,http_req_rate(1h),bytes_in_cnt")
		}
		own := fmt.Sprintf("server %s %s", low, l.address(low))
		b.text = strings.Replace(b.configuration(tables, lifeFrontend, ""), fmt.Sprintf("server %s %s", aggregatorName, l.aggregatorAddress()), own, 1)
		l.nodes = append(l.nodes, b)
		b.start()
	}
	return l
}

func (l *levels) address(name string) string {
	return fmt.Sprintf("%s.%d:10000", l.net, levelPlaces[name].number)
}

// start runs an aggregator.
func (l *levels) start(name string) {
	l.t.Helper()
	p := levelPlaces[name]
	text := fmt.Sprintf("aggregations %s\n  peer %s %s local\n", name, name, l.address(name))
	for _, below := range p.below {
		if n, isNode := strings.CutPrefix(below, "n"); isNode {
			text += fmt.Sprintf("  peer %s %s.%s:10000\n", below, l.net, n)
			continue
		}
		text += fmt.Sprintf("  peer %s %s down\n", below, l.address(below))
	}
	if p.above != "" {
		text += fmt.Sprintf("  peer %s %s up\n", p.above, l.address(p.above))
	}
	l.daemons[name] = l.startDaemon(l.stktc, name, text+p.text)
}

// count sends requests to a node.
func (l *levels) count(node, requests int) {
	l.t.Helper()
	l.requests(l.nodes[node], requests)
	l.want[node] += uint64(requests)
}

// exact gives an error unless every node shows, of every level, what those nodes count that the sum is made of.
func (l *levels) exact() error {
	for i, b := range l.nodes {
		for table, of := range levelNodes[i] {
			for _, column := range []string{"http_req_cnt", "http_req_rate", "bytes_in_cnt"} {
				var want uint64
				for _, n := range of {
					want += l.nodes[n].value(inPeers("life.raw"), lifeKey, column)
				}
				if got := b.value(inPeers(table), lifeKey, column); got != want {
					return fmt.Errorf("%s shows %s %d in %s, want %d", b.name, column, got, table, want)
				}
			}
		}
		if got := b.raw(); got != l.want[i] {
			return fmt.Errorf("%s counts %d requests of %d", b.name, got, l.want[i])
		}
	}
	return nil
}

// settles waits until all is exact, and stays so.
func (l *levels) settles(what string) {
	l.t.Helper()
	start := time.Now()
	haproxytest.Eventually(l.t, l.exact)
	l.t.Logf("%-50s exact on all nodes after %v", what, time.Since(start).Round(ms))
	l.stays(time.Second, l.exact)
}

// TestThreeLevels: sums of three levels of aggregators are exact on every node, also of those that come down over two of them; the middle one may be killed and started again,
// idle and under load, and no node sees less than before.
func TestThreeLevels(t *testing.T) {
	t.Parallel()
	l := newLevels(t)
	for node, requests := range []int{3, 5, 7, 11} {
		l.count(node, requests)
	}
	l.settles("3, 5, 7 and 11 requests")
	for _, middle := range []string{"mid1", "mid2"} {
		l.daemons[middle].end(syscall.SIGKILL)
		l.count(0, 2)
		l.count(3, 1)
		l.start(middle)
		l.settles(middle + " killed and started again, with requests between")
	}
	l.killUnderLoad("mid1")
	l.settles("mid1 killed and started again under load")
}

// killUnderLoad kills an aggregator and starts it again while requests go to the first and the last node. The other two look at the sums.
func (l *levels) killUnderLoad(name string) {
	l.t.Helper()
	before := l.nodes[1].top()
	first, last := l.startLoad(l.nodes[0], 100), l.startLoad(l.nodes[3], 50)
	var watches []*sumWatch
	for _, b := range l.nodes[1:3] {
		watches = append(watches, l.watch(b.name+"'s top", func() uint64 { return b.top() - min(before, b.top()) }, 0, first, last))
	}
	l.waitLoad(first, 100)
	l.daemons[name].end(syscall.SIGKILL)
	l.waitLoad(first, 100)
	l.start(name)
	l.waitLoad(first, 300)
	for i, load := range map[int]*load{0: first, 3: last} {
		load.stop()
		l.want[i] += load.answered.Load()
	}
	for _, w := range watches {
		w.stop()
	}
}

func (b *balancer) top() uint64 { return b.value(inPeers("life.top"), lifeKey, "http_req_cnt") }
