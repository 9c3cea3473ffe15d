package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"stktc/cmd/internal/haproxy/haproxytest"
	"stktc/runtime"
	"stktc/topology/sticktable"
)

// disagreement is a table that two nodes declare differently.
type disagreement struct {
	name   string
	raw    [2]string // at each node
	sum    [2]string
	refuse bool     // what the second node sends cannot be summed at all
	left   []string // data types that are left out of the sum
}

var disagreements = []disagreement{
	{name: "good", raw: [2]string{"integer store gpc0", "integer store gpc0"}, sum: [2]string{"integer store gpc0", "integer store gpc0"}},
	{name: "key", raw: [2]string{"ip store gpc0", "ipv6 store gpc0"}, sum: [2]string{"ip store gpc0", "ipv6 store gpc0"}, refuse: true},
	{name: "length", raw: [2]string{"string len 10 store gpc0", "string len 20 store gpc0"},
		sum: [2]string{"string len 10 store gpc0", "string len 20 store gpc0"}, refuse: true},
	{name: "period", raw: [2]string{"integer store gpc0,http_req_cnt,http_req_rate(1h),sess_rate(1h)", "integer store gpc0,http_req_cnt,http_req_rate(2h),sess_rate(1h)"},
		sum: [2]string{"integer store gpc0,http_req_cnt,http_req_rate(1h),sess_rate(1h)", "integer store http_req_cnt"}, left: []string{"http_req_rate"}},
	{name: "array", raw: [2]string{"integer store gpt(2),gpc(3),bytes_in_cnt", "integer store gpt(2),gpc(2),bytes_in_cnt"},
		sum: [2]string{"integer store gpt(2),gpc(3),bytes_in_cnt", "integer store gpt(1),gpc(3),bytes_in_cnt"}, left: []string{"gpc"}},
	{name: "union", raw: [2]string{"integer store gpc0,conn_cnt", "integer store conn_cnt,bytes_out_cnt,gpc1"},
		sum: [2]string{"integer store gpc0,conn_cnt,bytes_out_cnt,gpc1", "integer store gpc0,conn_cnt,bytes_out_cnt,gpc1"}},
}

func declarations(n int) []string {
	var lines []string
	for _, d := range disagreements {
		for suffix, shape := range map[string]string{".raw": d.raw[n], ".sum": d.sum[n]} {
			keyType, store, _ := strings.Cut(shape, " store ")
			lines = append(lines, fmt.Sprintf("%s%s type %s size 1k expire 1h store %s", d.name, suffix, keyType, store))
		}
	}
	slices.Sort(lines)
	return lines
}

// shown is what a node is to show of an entry.
type shown struct {
	node          int
	table, key    string
	column        string
	before, after uint64 // while the nodes disagree, and when the second has come back with the first one's declarations
}

// After its restart, the second node has back what was summed; what was refused or left out it counts anew.
var shownAmidDisagreement = []shown{
	{0, "good.sum", "1", "gpc0", 3, 3}, {1, "good.sum", "1", "gpc0", 3, 3},
	{0, "key.sum", "10.0.0.1", "gpc0", 1, 3}, {1, "key.sum", "10.0.0.1", "gpc0", 0, 3},
	{0, "length.sum", "k", "gpc0", 1, 3}, {1, "length.sum", "k", "gpc0", 0, 3},
	{0, "period.sum", "1", "gpc0", 3, 3}, {0, "period.sum", "1", "http_req_cnt", 30, 30}, {1, "period.sum", "1", "http_req_cnt", 30, 30},
	{0, "period.sum", "1", "sess_rate", 7, 7}, {0, "period.sum", "1", "http_req_rate", 0, 70},
	{0, "array.sum", "1", "gpt0", 9, 9}, {1, "array.sum", "1", "gpt0", 9, 9}, {0, "array.sum", "1", "gpc0", 0, 11},
	{0, "array.sum", "1", "bytes_in_cnt", 12_000_000_000, 12_000_000_000}, {1, "array.sum", "1", "bytes_in_cnt", 12_000_000_000, 12_000_000_000},
	{0, "union.sum", "1", "gpc0", 1, 1}, {0, "union.sum", "1", "conn_cnt", 5, 5}, {0, "union.sum", "1", "gpc1", 4, 4},
	{1, "union.sum", "1", "gpc0", 1, 1}, {1, "union.sum", "1", "conn_cnt", 5, 5}, {1, "union.sum", "1", "bytes_out_cnt", 6, 6},
}

// TestDisagreeingSources: what two nodes declare alike is summed, what they do not is left out or refused, and said; no session ends for it. When they agree
// again everything is summed.
func TestDisagreeingSources(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	s := c.section(2)
	s.LearnTimeout = 100 * time.Millisecond
	c.startAggregator(s)
	first := c.addNode(declarations(0), nil, "")
	c.taught(first)
	second := c.addNode(declarations(1), nil, "")
	c.connected()
	countDifferently(first, second)

	amid := func(w shown) uint64 { return w.before }
	haproxytest.Eventually(c.t, func() error { return c.show(shownAmidDisagreement, amid) })
	c.stays(time.Second, func() error { return c.show(shownAmidDisagreement, amid) })
	c.wantDisagreementSaid(second)

	second.kill()
	second.text = second.configuration(declarations(0), nil, "")
	second.start()
	c.connected()
	second.set(inPeers("key.raw"), "10.0.0.1", "data.gpc0 2")
	second.set(inPeers("length.raw"), "k", "data.gpc0 2")
	second.set(inPeers("period.raw"), "1", "data.http_req_rate 50")
	second.set(inPeers("array.raw"), "1", "data.gpc 6")
	haproxytest.Eventually(c.t, func() error { return c.show(shownAmidDisagreement, func(w shown) uint64 { return w.after }) })
}

func countDifferently(first, second *balancer) {
	first.set(inPeers("good.raw"), "1", "data.gpc0 1")
	first.set(inPeers("key.raw"), "10.0.0.1", "data.gpc0 1")
	first.set(inPeers("length.raw"), "k", "data.gpc0 1")
	first.set(inPeers("period.raw"), "1", "data.gpc0 1 data.http_req_cnt 10 data.http_req_rate 20 data.sess_rate 3")
	first.set(inPeers("array.raw"), "1", "data.gpt 9 data.gpc 5 data.bytes_in_cnt 5000000000")
	first.set(inPeers("union.raw"), "1", "data.gpc0 1 data.conn_cnt 2")

	second.set(inPeers("key.raw"), "2001:db8::1", "data.gpc0 2")
	second.set(inPeers("length.raw"), "k", "data.gpc0 2")
	second.set(inPeers("period.raw"), "1", "data.gpc0 2 data.http_req_cnt 20 data.http_req_rate 50 data.sess_rate 4")
	second.set(inPeers("array.raw"), "1", "data.gpt 4 data.gpc 6 data.bytes_in_cnt 7000000000")
	second.set(inPeers("union.raw"), "1", "data.gpc1 4 data.conn_cnt 3 data.bytes_out_cnt 6")
	second.set(inPeers("good.raw"), "1", "data.gpc0 2") // last: the session is still there
}

// taught waits until a node has taught the aggregator, and sums are sent.
func (c *cluster) taught(b *balancer) {
	c.t.Helper()
	haproxytest.Eventually(c.t, func() error {
		s := c.agg.Status().Sections[0]
		for _, p := range s.Peers {
			if p.Name == b.name && p.Lesson != "none" && s.Released {
				return nil
			}
		}
		return fmt.Errorf("%s has not taught, or sums are not sent: %v", b.name, s.Released)
	})
}

func (c *cluster) show(wants []shown, want func(shown) uint64) error {
	for _, w := range wants {
		b := c.nodes[w.node]
		if got := b.value(inPeers(w.table), w.key, w.column); got != want(w) {
			return fmt.Errorf("%s shows %s %s %s=%d, want %d", b.name, w.table, w.key, w.column, got, want(w))
		}
	}
	return nil
}

// wantDisagreementSaid sees that each disagreement is in the log once, that the status names it, and that the session is still the first.
func (c *cluster) wantDisagreementSaid(second *balancer) {
	c.t.Helper()
	section := c.agg.Status().Sections[0]
	for _, p := range section.Peers {
		if p.Name != second.name {
			continue
		}
		if !p.Connected || p.Sessions != 1 {
			c.t.Errorf("%s: connected %v, %d sessions, want the first", p.Name, p.Connected, p.Sessions)
		}
		for _, d := range disagreements {
			named := slices.ContainsFunc(p.Refused, func(r runtime.RefusedTable) bool { return r.Name == "/"+d.name+".raw" })
			if named != d.refuse {
				c.t.Errorf("status of %s names %v as refused, want %s there: %v", p.Name, p.Refused, d.name, d.refuse)
			}
		}
	}
	for _, d := range disagreements {
		if n := c.logged("table refused", "table=/"+d.name+".raw"); n > 1 || d.refuse != (n == 1) {
			c.t.Errorf("the log refuses table %s %d times", d.name, n)
		}
		if n := c.logged("data type left out", "table=/"+d.name+".sum"); n != len(d.left) {
			c.t.Errorf("the log leaves out %d data types of %s, want %v", n, d.name, d.left)
		}
		var left []string
		for _, t := range section.Tables {
			if t.Table.Name() == "/"+d.name+".sum" {
				for _, m := range t.Table.Mismatches() {
					left = append(left, m.Type.String())
				}
			}
		}
		if !slices.Equal(left, d.left) {
			c.t.Errorf("status of %s leaves out %v, want %v", d.name, left, d.left)
		}
	}
}

// logged counts the lines of the log that hold all words.
func (c *cluster) logged(words ...string) int {
	n := 0
	for _, line := range strings.Split(c.log.String(), "\n") {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			n++
		}
	}
	return n
}

// TestLongArrays sums arrays of the greatest length, of which each update is some 1.5 KB, at their ends and in the middle.
func TestLongArrays(t *testing.T) {
	t.Parallel()
	const shape = "type integer size 1k expire 1h store gpt(100),gpc(100),gpc_rate(100,1h)"
	frontend := []string{"http-request track-sc0 req.hdr(x-key) table " + inPeers("long.raw")}
	for _, i := range []int{0, 1, 50, 98, 99} {
		frontend = append(frontend, fmt.Sprintf("http-request sc-inc-gpc(%d,0)", i), fmt.Sprintf("http-request sc-set-gpt(%d,0) req.hdr_val(x-tag),add(%d)", i, i))
	}
	frontend = append(frontend, "http-request return status 200")
	c := newCluster(t)
	c.startAggregator(c.section(2))
	for range 2 {
		c.addNode([]string{"long.raw " + shape, "long.sum " + shape}, frontend, "")
	}
	c.connected()
	for n, b := range c.nodes {
		for range 3 * (n + 1) {
			if err := c.requestOnce(http.DefaultClient, b, "/200", "4294967295", 20+n); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := c.sources(inPeers("long.raw"))
	if e := want["4294967295"]; len(e) != 2 || len(e[0].Values) != 300 || e[1].Values[99].Text != "120" {
		t.Fatalf("the nodes do not show what was counted: %v", want)
	}
	haproxytest.Eventually(c.t, func() error {
		for _, b := range c.nodes {
			if err := want.compare(b.table(inPeers("long.sum")), false); err != nil {
				return fmt.Errorf("%s: %w", b.name, err)
			}
		}
		return nil
	})
}

// TestReceiveOnly: nodes show the sum of conn_cur in a recv-only table, of the nodes that are connected.
func TestReceiveOnly(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	if c.version.Before(sticktable.Version{Major: 3, Minor: 2}) {
		t.Skipf("HAProxy %s has no recv-only tables", c.version)
	}
	const shape = "type string len 20 size 1k expire 1h store conn_cur,conn_cnt"
	c.startAggregator(c.section(2))
	for range 2 {
		c.addNode([]string{"cur.raw " + shape, "cur.sum " + shape + " recv-only"}, nil, "")
	}
	c.connected()
	c.nodes[0].set(inPeers("cur.raw"), "k", "data.conn_cur 3 data.conn_cnt 30")
	c.nodes[1].set(inPeers("cur.raw"), "k", "data.conn_cur 4 data.conn_cnt 40")
	want := c.sources(inPeers("cur.raw"))
	haproxytest.Eventually(c.t, func() error {
		for _, b := range c.nodes {
			if err := want.compare(b.table(inPeers("cur.sum")), true); err != nil {
				return fmt.Errorf("%s: %w", b.name, err)
			}
		}
		return nil
	})
	c.nodes[1].kill()
	haproxytest.Eventually(c.t, func() error {
		return c.show([]shown{{0, "cur.sum", "k", "conn_cur", 3, 0}, {0, "cur.sum", "k", "conn_cnt", 70, 0}}, func(w shown) uint64 { return w.before })
	})
}
