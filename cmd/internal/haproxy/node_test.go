package haproxy_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"stktc/cmd/internal/haproxy"
	"stktc/cmd/internal/haproxy/haproxytest"
	"stktc/runtime/node"
	"stktc/topology/sticktable"
)

// These tests hold runtime/node to a real HAProxy: one of each, peering.

// pairTables are the tables of both ends. Each line declares the same as the definition behind it.
var pairTables = []struct {
	name, line string
	def        sticktable.Definition
}{
	{"tip", "type ip size 1k expire 1h store gpc0,gpc0_rate(1h),http_req_cnt,http_req_rate(2s),bytes_in_cnt", sticktable.Definition{
		Key: sticktable.IPv4, KeyLen: 4, Expire: time.Hour, Columns: []sticktable.Column{
			{Type: sticktable.GPC0, Elems: 1}, {Type: sticktable.GPC0Rate, Elems: 1, Period: time.Hour},
			{Type: sticktable.HTTPReqCnt, Elems: 1}, {Type: sticktable.HTTPReqRate, Elems: 1, Period: 2 * time.Second},
			{Type: sticktable.BytesInCnt, Elems: 1}}}},
	{"tint", "type integer size 1k expire 10m store gpt(2),gpc(3),gpc_rate(2,1h)", sticktable.Definition{
		Key: sticktable.Integer, KeyLen: 4, Expire: 10 * time.Minute, Columns: []sticktable.Column{
			{Type: sticktable.GPT, Elems: 2}, {Type: sticktable.GPC, Elems: 3}, {Type: sticktable.GPCRate, Elems: 2, Period: time.Hour}}}},
	{"tstr", "type string len 20 size 1k store gpc1,conn_cur", sticktable.Definition{
		Key: sticktable.String, KeyLen: 21, Columns: []sticktable.Column{
			{Type: sticktable.ConnCur, Elems: 1}, {Type: sticktable.GPC1, Elems: 1}}}},
	{"tip6", "type ipv6 size 1k expire 1h store gpc0", sticktable.Definition{
		Key: sticktable.IPv6, KeyLen: 16, Expire: time.Hour, Columns: []sticktable.Column{{Type: sticktable.GPC0, Elems: 1}}}},
}

// pair is a real HAProxy "real" and a node "ours" on two loopback addresses.
type pair struct {
	t              *testing.T
	realAt, oursAt string // where they accept peers
	httpAt         string // the real one's frontend
	real           *haproxy.Process
	ours           *node.Node
	stopOurs       func()
}

func newPair(t *testing.T) *pair {
	haproxytest.Binary(t)
	local := func() string { return fmt.Sprintf("127.0.0.1:%d", freePort(t)) }
	p := &pair{t: t, realAt: local(), oursAt: local(), httpAt: local()}
	p.startOurs() // first: what HAProxy dials in vain it dials again 1 s later, into the session that there may be by then
	p.startReal()
	return p
}

func (p *pair) startReal() {
	p.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "defaults\n  mode http\n  timeout client 5s\n")
	fmt.Fprintf(&b, "frontend fe\n  bind %s\n  http-request track-sc0 int(305419896) table p/tint\n", p.httpAt)
	fmt.Fprintf(&b, "  http-request sc-inc-gpc(1,0)\n  http-request sc-set-gpt(1,0) 6\n  http-request deny deny_status 200\n")
	fmt.Fprintf(&b, "peers p\n  bind %s\n  server real\n  server ours %s\n", p.realAt, p.oursAt)
	for _, table := range pairTables {
		fmt.Fprintf(&b, "  table %s %s\n", table.name, table.line)
	}
	p.real = haproxytest.Start(p.t, haproxy.Config{Name: "real", Text: b.String()})
}

func (p *pair) startOurs() {
	p.t.Helper()
	config := node.Config{
		Name: "ours", Listen: p.oursAt, Peers: []node.Peer{{Name: "real", Address: p.realAt}},
		Logger: slog.New(slog.NewTextHandler(p.t.Output(), nil)),
	}
	for _, table := range pairTables {
		config.Tables = append(config.Tables, node.TableConfig{WireName: "/" + table.name, Definition: table.def})
	}
	n, err := node.New(config)
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(p.t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Serve(ctx) }()
	stopped := false
	p.ours, p.stopOurs = n, func() {
		if cancel(); !stopped {
			stopped = true
			if err := <-done; err != nil {
				p.t.Error(err)
			}
		}
	}
	p.t.Cleanup(p.stopOurs)
}

// set writes at the real end.
func (p *pair) set(table, key, data string) {
	p.t.Helper()
	if err := p.real.SetTable(p.t.Context(), "p/"+table, key, data); err != nil {
		p.t.Fatal(err)
	}
}

func (p *pair) touch(table string, key []byte, changes ...node.Change) {
	p.t.Helper()
	if err := p.ours.Touch("/"+table, key, changes...); err != nil {
		p.t.Fatal(err)
	}
}

// expectation is what both ends are to show of an entry: "gpc0=7 gpc1_rate=3", elements of arrays named as HAProxy does.
type expectation struct {
	table, key string // the key as HAProxy shows it
	wire       []byte
	values     string
}

func (p *pair) wantOurs(wants ...expectation) {
	p.t.Helper()
	haproxytest.Eventually(p.t, func() error {
		for _, w := range wants {
			e, ok := p.ours.Lookup("/"+w.table, w.wire)
			if !ok {
				return fmt.Errorf("ours: %s has no %s", w.table, w.key)
			}
			if got := shownByNode(&e); !contains(got, w.values) {
				return fmt.Errorf("ours: %s %s is %s, want %s", w.table, w.key, got, w.values)
			}
		}
		return nil
	})
}

func (p *pair) wantReal(wants ...expectation) {
	p.t.Helper()
	haproxytest.Eventually(p.t, func() error {
		for _, w := range wants {
			table, err := p.real.ShowTable(p.t.Context(), "p/"+w.table)
			if err != nil {
				return err
			}
			e := table.Entry(w.key)
			if e == nil {
				return fmt.Errorf("real: %s has no %s", w.table, w.key)
			}
			if got := shownByHAProxy(e); !contains(got, w.values) {
				return fmt.Errorf("real: %s %s is %s, want %s", w.table, w.key, got, w.values)
			}
		}
		return nil
	})
}

func contains(shown, want string) bool {
	for _, w := range strings.Fields(want) {
		if !strings.Contains(" "+shown+" ", " "+w+" ") {
			return false
		}
	}
	return true
}

func shownByHAProxy(e *haproxy.Entry) string {
	var b strings.Builder
	for _, v := range e.Values {
		fmt.Fprintf(&b, "%s=%s ", v.Name, v.Text)
	}
	return b.String()
}

func shownByNode(e *node.Entry) string {
	var b strings.Builder
	for _, v := range e.Values {
		name := v.Column.String()
		if v.Column.Spec().Array {
			base, rest, isRate := strings.Cut(name, "_")
			name = fmt.Sprint(base, v.Elem)
			if isRate {
				name += "_" + rest
			}
		}
		fmt.Fprintf(&b, "%s=%d ", name, v.Value)
	}
	return b.String()
}

func ip(s string) []byte { return netip.MustParseAddr(s).AsSlice() }

func integer(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

func (p *pair) wantEstablished() {
	p.t.Helper()
	haproxytest.Eventually(p.t, func() error {
		sections, err := p.real.ShowPeers(p.t.Context())
		if err != nil {
			return err
		}
		if !sections[0].Peer("ours").IsEstablished() || !p.ours.Peers()[0].Established {
			return fmt.Errorf("no session: real has %+v, ours %+v", sections[0].Peer("ours"), p.ours.Peers()[0])
		}
		return nil
	})
}

// ofReal is counted at the real end, ofOurs at ours; conn_cur is pushed but not learned.
func (p *pair) countBoth() (ofReal, ofOurs []expectation) {
	p.set("tip", "10.0.0.1", "data.gpc0 7 data.gpc0_rate 5 data.http_req_cnt 1000 data.bytes_in_cnt 5000000000")
	if err := haproxy.Request(p.t.Context(), netip.Addr{}, p.httpAt, 4); err != nil { // the command "set table" does not know arrays
		p.t.Fatal(err)
	}
	p.set("tstr", "key\\ 1", "data.gpc1 4 data.conn_cur 2")
	p.set("tip6", "2001:db8::1", "data.gpc0 1")
	ofReal = []expectation{
		{"tip", "10.0.0.1", ip("10.0.0.1"), "gpc0=7 gpc0_rate=5 http_req_cnt=1000 http_req_rate=0 bytes_in_cnt=5000000000"},
		{"tint", "305419896", integer(305419896), "gpt0=0 gpt1=6 gpc0=0 gpc1=4 gpc2=0 gpc0_rate=0 gpc1_rate=4"},
		{"tstr", "key 1", []byte("key 1"), "gpc1=4"},
		{"tip6", "2001:db8::1", ip("2001:db8::1"), "gpc0=1"},
	}
	p.touch("tip", ip("10.0.0.2"),
		node.Change{Column: sticktable.GPC0, Delta: 3}, node.Change{Column: sticktable.GPC0Rate, Delta: 9},
		node.Change{Column: sticktable.BytesInCnt, Delta: 1 << 40})
	p.touch("tint", integer(305419897),
		node.Change{Column: sticktable.GPT, Elem: 1, Delta: 6}, node.Change{Column: sticktable.GPC, Elem: 0, Delta: 1},
		node.Change{Column: sticktable.GPC, Elem: 2, Delta: 300}, node.Change{Column: sticktable.GPCRate, Elem: 1, Delta: 44})
	p.touch("tstr", []byte("key=2"), node.Change{Column: sticktable.GPC1, Delta: 8}, node.Change{Column: sticktable.ConnCur, Delta: 5})
	p.touch("tip6", ip("2001:db8::2"), node.Change{Column: sticktable.GPC0, Delta: 2})
	ofOurs = []expectation{
		{"tip", "10.0.0.2", ip("10.0.0.2"), "gpc0=3 gpc0_rate=9 http_req_cnt=0 http_req_rate=0 bytes_in_cnt=1099511627776"},
		{"tint", "305419897", integer(305419897), "gpt0=0 gpt1=6 gpc0=1 gpc1=0 gpc2=300 gpc0_rate=0 gpc1_rate=44"},
		{"tstr", "key=2", []byte("key=2"), "gpc1=8"},
		{"tip6", "2001:db8::2", ip("2001:db8::2"), "gpc0=2"},
	}
	return ofReal, ofOurs
}

func TestNodeAndHAProxy(t *testing.T) {
	p := newPair(t)
	p.wantEstablished()
	ofReal, ofOurs := p.countBoth()
	p.wantOurs(ofReal...)
	p.wantReal(ofOurs...)
	learnedConnCur := expectation{"tstr", "key=2", nil, "conn_cur=0"}
	p.wantReal(learnedConnCur)
	e, _ := p.ours.Lookup("/tstr", []byte("key 1"))
	if got := e.Value(sticktable.ConnCur); got != 0 {
		t.Errorf("ours has learned conn_cur %d", got)
	}
	p.wantSameLife("tip", "10.0.0.2", ip("10.0.0.2"))
	p.wantSameLife("tip", "10.0.0.1", ip("10.0.0.1"))

	p.stopOurs()
	p.startOurs()
	p.wantOurs(ofReal...)
	p.wantOurs(ofOurs...)
	p.wantSynchronised() // after 5 s: real had nobody to learn from, so that its lesson was a partial one
	if c := p.ours.Peers()[0].Counters; c.ProtocolErrors > 0 || c.LessonsFinished+c.LessonsPartial != 1 {
		t.Errorf("counters %+v", c)
	}

	if err := p.real.Kill(); err != nil {
		t.Fatal(err)
	}
	p.startReal()
	p.wantReal(ofReal...)
	p.wantReal(ofOurs...)
	p.wantSynchronised()
	p.set("tip", "10.0.0.3", "data.gpc0 1") // goes on as before
	p.touch("tip", ip("10.0.0.4"), node.Change{Column: sticktable.GPC0, Delta: 1})
	p.wantOurs(expectation{"tip", "10.0.0.3", ip("10.0.0.3"), "gpc0=1"})
	p.wantReal(expectation{"tip", "10.0.0.4", nil, "gpc0=1"})
}

func (p *pair) wantSynchronised() {
	p.t.Helper()
	haproxytest.Eventually(p.t, func() error {
		sections, err := p.real.ShowPeers(p.t.Context())
		if err == nil && (!sections[0].IsSynchronised() || !p.ours.Synchronised()) {
			err = fmt.Errorf("not synchronised: real has flags %#x, ours %v", sections[0].Flags, p.ours.Synchronised())
		}
		return err
	})
}

func (p *pair) wantSameLife(table, key string, wire []byte) {
	p.t.Helper()
	t, err := p.real.ShowTable(p.t.Context(), "p/"+table)
	if err != nil {
		p.t.Fatal(err)
	}
	e, _ := p.ours.Lookup("/"+table, wire)
	if d := (t.Entry(key).Exp - e.Expire).Abs(); d > time.Second {
		p.t.Errorf("%s %s lives %v at the real end and %v at ours", table, key, t.Entry(key).Exp, e.Expire)
	}
}

// TestNodeReadsRatesLikeHAProxy compares the displayed rate of a short period, while it falls, at both ends.
func TestNodeReadsRatesLikeHAProxy(t *testing.T) {
	p := newPair(t)
	p.wantEstablished()
	p.set("tip", "10.0.0.1", "data.http_req_rate 1000")
	p.touch("tip", ip("10.0.0.2"), node.Change{Column: sticktable.HTTPReqRate, Delta: 1000})
	compared := map[string]int{}
	haproxytest.Eventually(t, func() error {
		left := uint64(0)
		for _, key := range []string{"10.0.0.1", "10.0.0.2"} {
			rate, err := p.compareRate(key)
			if err != nil {
				return err
			}
			if rate > 0 && rate < 1000 {
				compared[key]++
			}
			left += rate
		}
		if left > 0 {
			return fmt.Errorf("the rates have not fallen to 0")
		}
		return nil
	})
	if compared["10.0.0.1"] < 10 || compared["10.0.0.2"] < 10 {
		t.Errorf("too few rates were compared: %v", compared)
	}
}

// compareRate demands that the real end's rate lies between what ours shows before and after. The slack of 1 % of 1000 events a period covers
// the way of the update (up to 20 ms of 2 s) and HAProxy's clock, which stands still between wake-ups.
func (p *pair) compareRate(key string) (uint64, error) {
	const slack = 10
	before, okBefore := p.ours.Lookup("/tip", ip(key))
	e, err := p.real.ShowTableKey(p.t.Context(), "p/tip", key)
	after, okAfter := p.ours.Lookup("/tip", ip(key))
	if err != nil || e == nil || !okBefore || !okAfter {
		return 0, fmt.Errorf("%s is not at both ends yet: %v", key, err)
	}
	rate, _ := e.Uint("http_req_rate")
	least, most := after.Value(sticktable.HTTPReqRate), before.Value(sticktable.HTTPReqRate)
	if rate+slack < least || rate > most+slack {
		p.t.Errorf("%s reads %d at the real end, %d to %d at ours", key, rate, least, most)
	}
	return rate, nil
}
