package compile

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"stktc/grammar/diag"
	"stktc/topology"
	"stktc/topology/sticktable"
)

// TestOrder holds the table of passes to the reasons for its order.
func TestOrder(t *testing.T) {
	place := map[string]int{}
	for i, p := range passes {
		if _, twice := place[p.name]; twice {
			t.Errorf("two passes are called %s", p.name)
		}
		if p.why == "" {
			t.Errorf("pass %s does not say why it is there", p.name)
		}
		place[p.name] = i
	}
	mentioned := map[string]bool{}
	for _, o := range order {
		before, ok1 := place[o.before]
		after, ok2 := place[o.after]
		if !ok1 || !ok2 {
			t.Errorf("%s before %s: there is no such pass", o.before, o.after)
		}
		if before >= after {
			t.Errorf("%s must run before %s: %s", o.before, o.after, o.because)
		}
		if o.because == "" {
			t.Errorf("%s before %s: no reason", o.before, o.after)
		}
		mentioned[o.before], mentioned[o.after] = true, true
	}
	for _, p := range passes {
		if !mentioned[p.name] {
			t.Errorf("pass %s could run anywhere: order says nothing of it", p.name)
		}
	}
	if !passes[len(passes)-2].gate || passes[len(passes)-1].name != "merge" {
		t.Error("merge must come last, behind a gate: nothing is merged while there are errors")
	}
}

// TestDocs holds every code of the package to a page.
func TestDocs(t *testing.T) {
	codes := []diag.Code{CodeOwnPeers, CodeOwnTable, CodeOwnPort, CodeLocalPeer, CodeConditional, CodeTableName, CodeUntracked, CodeReadsSource, CodeDisabledProxy, CodeOutputNames, CodeFragment, CodeDialect, CodeVersion}
	var documented []diag.Code
	slugs := map[string]bool{}
	for _, d := range Docs() {
		documented = append(documented, d.Code)
		if d.Slug == "" || d.Title == "" || d.Text == "" || d.Severity == 0 || slugs[d.Slug] {
			t.Errorf("the page of %s is not whole, or its slug is not unique", d.Code)
		}
		slugs[d.Slug] = true
	}
	if !slices.Equal(codes, documented) {
		t.Errorf("documented: %v, want %v", documented, codes)
	}
}

// at is a place in the topology of the tests, which exists in the imagination only.
func at(line int) diag.Span {
	p := diag.Pos{Line: line, Column: 1}
	return diag.Span{File: "dir/topology.yaml", Start: p, End: p}
}

func text(s string, line int) topology.Text { return topology.Text{Value: s, Span: at(line)} }

func address(host string, port int) topology.Address {
	return topology.Address{Host: host, Port: port, Raw: fmt.Sprintf("%s:%d", host, port), Span: at(3)}
}

// cluster is one aggregator over one balancer with a table of two suffixes; bases are the balancer's files.
func cluster(bases ...string) (*topology.Cluster, *topology.Node) {
	c := &topology.Cluster{Source: topology.FromTopology, File: "dir/topology.yaml", HAProxy: sticktable.Version{Major: 2, Minor: 6}, Files: diag.Files{}}
	lb := &topology.Node{Name: text("lb1", 30), NameFrom: topology.NameFromTopology,
		Build: &topology.Build{LocalPeer: topology.LocalPeerExternal, Style: topology.ServerStyle, Output: "hapee-lb.cfg"}}
	for i, b := range bases {
		name := fmt.Sprintf("base%d.cfg", i)
		c.Files[name] = []byte(b)
		lb.Build.Base = append(lb.Build.Base, topology.BaseFile{Path: text(name, 8), Name: name})
	}
	lb.Peers = []*topology.PeersSection{{Name: text("mypeers", 9), Header: at(9), Local: text("lb1", 30), Listen: address("0.0.0.0", 44444), Style: topology.ServerStyle,
		Peers: []*topology.Peer{{Name: text("aggr1", 20), Address: address("10.0.0.9", 11111), Span: at(20)}}}}
	for i, suffix := range []string{".u", ".a"} {
		lb.Tables = append(lb.Tables, &topology.Table{Name: text("t"+suffix, 5), Peers: text("mypeers", 9), Span: at(5 + i), Shape: topology.Shape{Size: 100,
			Definition: sticktable.Definition{Key: sticktable.IPv4, KeyLen: 4, Expire: time.Hour,
				Columns: []sticktable.Column{{Type: sticktable.HTTPReqRate, Elems: 1, Period: time.Hour}}}}})
	}
	aggr := &topology.Node{Name: text("aggr1", 20), Build: &topology.Build{}, Aggregations: []*topology.Aggregations{{
		Name: text("sum", 7), Header: at(7), Height: 1, Local: &topology.Peer{Name: text("aggr1", 20), Address: address("10.0.0.9", 11111), Direction: topology.Local, Span: at(20)},
		Peers: []*topology.Peer{{Name: text("lb1", 30), Address: address("10.0.0.1", 44444), Span: at(30)}},
		Rules: []*topology.Rule{{From: text(".u", 6), To: text(".a", 7), Span: at(7)}},
	}}}
	c.Nodes = []*topology.Node{lb, aggr}
	return c, lb
}

// inPeers moves the tables of a node into its peers section.
func inPeers(n *topology.Node) {
	for _, t := range n.Tables {
		t.InPeers = true
	}
}

const goodBase = "frontend t.u\n  bind :80\n  http-request track-sc0 src\n"

func TestFindings(t *testing.T) {
	emit := func(n *topology.Node) { n.Build.LocalPeer = topology.LocalPeerEmit }
	both := func(n *topology.Node) { inPeers(n); emit(n) }
	none := func(*topology.Node) {}
	fragment := func(change func(*topology.Node)) func(*topology.Node) {
		return func(n *topology.Node) { n.Build.Fragment = true; change(n) }
	}
	track := "frontend f\n  bind :80\n  http-request track-sc0 src table mypeers/t.u\n"
	tests := []struct {
		name   string
		change func(*topology.Node)
		bases  []string
		want   []string // "CODE file:line:column"
	}{
		{"good", none, []string{goodBase}, nil},
		{"good in peers", inPeers, []string{track}, nil},
		{"own peers section", none, []string{goodBase + "peers mypeers\n  server x\n"}, []string{"STK030 base0.cfg:4:1"}},
		{"own table", none, []string{"frontend t.u\n  stick-table type ip size 1\n  http-request track-sc0 src\n"}, []string{"STK031 base0.cfg:2:3"}},
		{"own table in other peers", none, []string{goodBase + "peers other\n  server x\n  table t.a type ip size 1\n"}, []string{"STK031 base0.cfg:6:3"}},
		{"proxy has the table that is declared in peers", inPeers, []string{track + "backend t.a\n  stick-table type ip size 1\n"}, []string{"STK031 base0.cfg:5:3"}},
		{"port of peers", none, []string{goodBase + "peers other\n  bind :44444\n"}, []string{"STK032 base0.cfg:5:8"}},
		{"port of old peers", none, []string{goodBase + "peers other\n  peer lb1 10.0.0.1:44444\n  peer lb2 10.0.0.2:44444\n"}, []string{"STK032 base0.cfg:5:12"}},
		{"port of frontend in a range", none, []string{goodBase + "frontend x\n  bind :443,10.1.1.1:44000-44500\n"}, []string{"STK032 base0.cfg:5:8"}},
		{"other ports", none, []string{goodBase + "frontend x\n  bind :4444,:44445-44450\n  bind /44444\n  bind \"${A}:44444\"\n"}, nil},
		{"port of another address", func(n *topology.Node) { n.Peers[0].Listen = address("10.0.0.1", 44444) }, []string{goodBase + "frontend x\n  bind 127.0.0.1:44444\n"}, nil},
		{"emit twice", emit, []string{"global\n  localpeer lb1\n" + goodBase}, []string{"STK033 base0.cfg:2:13"}},
		{"emit behind peers", emit, []string{"peers p\n  bind :1\nglobal\n" + goodBase}, []string{"STK033 base0.cfg:3:1"}},
		{"other name in base", none, []string{"global\n  localpeer lb7\n" + goodBase}, []string{"STK033 base0.cfg:2:13"}},
		{"name in base", none, []string{"global\n  localpeer lb1\n" + goodBase}, []string{"STK033 base0.cfg:2:13"}},
		{"unresolved name in base", none, []string{"global\n  localpeer \"${HOST}\"\n" + goodBase}, nil},
		{"conditional proxy", none, []string{".if defined(X)\n" + goodBase + ".endif\n"}, []string{"STK034 base0.cfg:2:1"}},
		{"track without section", inPeers, []string{"frontend f\n  bind :80\n  http-request track-sc0 src table t.u\n"}, []string{"STK035 base0.cfg:3:36"}},
		{"track own", inPeers, []string{"frontend t.u\n  bind :80\n  http-request track-sc0 src if TRUE\n"}, []string{"STK035 base0.cfg:3:16"}},
		{"section without need", none, []string{track}, []string{"STK035 base0.cfg:3:36"}},
		{"fetch of a table in two sections", func(n *topology.Node) {
			inPeers(n)
			other, again := *n.Peers[0], *n.Tables[1]
			other.Name.Value, other.Listen.Port, again.Peers.Value = "second", 44445, "second"
			n.Peers, n.Tables = append(n.Peers, &other), append(n.Tables, &again)
		}, []string{track + "  http-request deny if { src,table_http_req_rate(t.a) gt 1 } { src,in_table(second/t.a) }\n"}, []string{"STK035 base0.cfg:4:50"}},
		{"fetch without section", inPeers, []string{track + "  http-request deny if { src,table_http_req_rate(t.a) gt 1 }\n"}, []string{"STK035 base0.cfg:4:50"}},
		{"fetch in format", inPeers, []string{track + "  http-request set-header A %[src,ipmask(24),table_http_req_rate(t.a)]\n"}, []string{"STK035 base0.cfg:4:66"}},
		{"counter fetch without section", inPeers, []string{track + "  http-request deny if { sc_http_req_rate(0,t.a) gt 1 } || { sc0_get_gpc0(t.a) gt 1 }\n"},
			[]string{"STK035 base0.cfg:4:45", "STK035 base0.cfg:4:75"}},
		{"good fetches", both, []string{"global\n" + track + "  http-request deny if { sc_http_req_rate(0,mypeers/t.a) gt 1 } { hdr(t.a) x } { src,in_table(mypeers/t.a) }\n"}, nil},
		{"untracked", none, []string{"frontend x\n  bind :80\n"}, []string{"STK036 dir/topology.yaml:5:1"}},
		{"tracked elsewhere", none, []string{"frontend x\n  bind :80\n  tcp-request connection track-sc1 src table t.u\n"}, nil},
		{"stick counts", none, []string{"backend t.u\n  stick store-request src\n"}, nil},
		{"reads the source", none, []string{goodBase + "  http-request deny if { sc_http_req_rate(0) gt 5 }\n"}, []string{"STK037 base0.cfg:4:26"}},
		{"reads the source by name", none, []string{goodBase + "frontend y\n  acl fast src_http_req_rate(t.u) gt 5\n"}, []string{"STK037 base0.cfg:5:30"}},
		{"reads both", none, []string{goodBase + "  http-request deny if { sc0_http_req_rate gt 5 }\n  http-request deny if { src,table_http_req_rate(t.a) gt 5 }\n"}, nil},
		{"reads another counter", none, []string{goodBase + "  http-request deny if { sc1_http_req_rate gt 5 }\n"}, nil},
		{"counter of another proxy", none, []string{goodBase + "frontend y\n  http-request track-sc0 src table other\n  http-request deny if { sc0_http_req_rate gt 5 }\n"}, nil},
		{"counter tracked before", none, []string{goodBase + "backend y\n  http-request deny if { sc0_http_req_rate gt 5 }\n"}, []string{"STK037 base0.cfg:5:26"}},
		{"node called as the manifest", func(n *topology.Node) { n.Name.Value = "Manifest.json" }, []string{goodBase}, []string{"STK039 dir/topology.yaml:30:1"}},
		{"disabled proxy", none, []string{goodBase + "  disabled\n"}, []string{"STK038 base0.cfg:4:3"}},
		{"bases out of order", func(n *topology.Node) { n.Build.Base[0].Path.Value = "z.cfg" }, []string{goodBase, "# nothing\n"}, []string{"STK039 dir/topology.yaml:8:1"}},
		{"bases of one name", func(n *topology.Node) { n.Build.Base[0].Path.Value = "x/base1.cfg" }, []string{goodBase, "# nothing\n"}, []string{"STK039 dir/topology.yaml:8:1"}},
		{"fragment", fragment(inPeers), []string{track}, nil},
		{"fragment, a proxy that bears a table", fragment(none), []string{goodBase}, []string{"STK050 base0.cfg:1:1"}},
		{"fragment, localpeer behind peers", fragment(both), []string{track + "peers other\n  server x\n"}, []string{"STK033 base0.cfg:4:1"}},
		{"fragment without a base", fragment(func(n *topology.Node) { n.Build.Base = nil }), nil, nil},
		{"fragment of bases of one name", fragment(func(n *topology.Node) { inPeers(n); n.Build.Base[0].Path.Value = "x/base1.cfg" }), []string{track, "# nothing\n"}, nil},
		{"NUL byte", none, []string{goodBase + "a\x00\n"}, []string{"STK020 base0.cfg:4:2"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, lb := cluster(test.bases...)
			test.change(lb)
			_, findings := Compile(c)
			var got []string
			for _, f := range findings {
				if f.Code < "STK1" { // the rest is what package check found
					got = append(got, fmt.Sprintf("%s %s", f.Code, f.Primary.Span))
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("found %q, want %q\n%v", got, test.want, findings)
			}
		})
	}
}

// TestDialect has what each of the vendor's daemons would not understand.
func TestDialect(t *testing.T) {
	timing := topology.Timing{Value: time.Minute, Span: at(50)}
	for _, test := range []struct {
		name   string
		change func(*topology.Node)
		want   []string // parts of summaries; for "gpe" and "stktagg" alike, unless "stktagg:" stands before
	}{
		{"nothing", func(*topology.Node) {}, nil},
		{"several levels", func(n *topology.Node) {
			n.Aggregations[0].Peers = append(n.Aggregations[0].Peers, &topology.Peer{Name: text("up", 1), Direction: topology.Up, Group: 1})
			n.Aggregations[0].Forwards = []topology.Text{text(".x", 1)}
		}, nil},
		{"TLS", func(n *topology.Node) {
			for _, p := range append(n.Aggregations[0].Peers, n.Aggregations[0].Local) {
				p.TLS = topology.TLS{On: true, Span: at(60)}
			}
		}, []string{"TLS on `peer` lines"}},
		{"replica", func(n *topology.Node) { n.Aggregations[0].Peers[0].Replica = true }, []string{"`replica` peers"}},
		{"group below", func(n *topology.Node) {
			n.Aggregations[0].Peers[0].Group, n.Aggregations[0].Peers[0].Direction = 1, topology.Down
		}, []string{"`group` on `down` peers"}},
		{"not delivered", func(n *topology.Node) { n.Aggregations[0].Rules[0].UpOnly = true }, []string{"`up-only` rules"}},
		{"settings", func(n *topology.Node) {
			n.Aggregations[0].Settings = topology.Settings{Hold: timing, Pace: timing, LearnTimeout: timing, GiveBack: topology.Switch{Span: at(51)}, Leases: []topology.Lease{{Table: text("t", 52), Span: at(52)}}}
		}, []string{"`give-back`", "`hold`", "`learn-timeout`", "`lease`", "`pace`"}},
		{"extra", func(n *topology.Node) {
			n.Build.Extra = []topology.Text{text("trash-batch 5", 70), text("strict-names", 71), text("# hold", 72)}
		}, []string{"`strict-names`"}},
		{"of the newer daemon", func(n *topology.Node) { n.Build.Extra = []topology.Text{text("dynamic-peers", 70)} }, []string{"stktagg:`dynamic-peers`"}},
	} {
		for _, dialect := range []topology.Dialect{topology.DialectStktc, topology.DialectGPE, topology.DialectStktagg} {
			c, _ := cluster(goodBase)
			aggr := c.Nodes[1]
			aggr.Build.Dialect, aggr.Build.DialectAt = dialect, at(40)
			test.change(aggr)
			_, findings := Compile(c)
			var got []string
			for _, f := range findings {
				if f.Code == CodeDialect {
					got = append(got, f.Summary)
				}
			}
			slices.Sort(got)
			var want []string
			for _, w := range test.want {
				name, ofOne, one := strings.Cut(w, ":")
				if dialect == topology.DialectStktc || one && name != dialect.String() {
					continue
				}
				if one {
					w = ofOne
				}
				want = append(want, fmt.Sprintf("the file of `aggr1` needs %s, which dialect `%s` has not", w, dialect))
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s, %s: found %q, want %q", test.name, dialect, got, want)
			}
		}
	}
}

// TestVersion has what needs a newer HAProxy than the topology states.
func TestVersion(t *testing.T) {
	store := func(types ...sticktable.DataType) func(*topology.Node) {
		return func(n *topology.Node) {
			for _, table := range n.Tables {
				table.Shape.Columns = nil
				table.Shape.Definition.Columns = nil
				for i, d := range types {
					table.Shape.Columns = append(table.Shape.Columns, topology.ColumnSpan{Type: d, Span: at(80 + i)})
					table.Shape.Definition.Columns = append(table.Shape.Definition.Columns, sticktable.Column{Type: d, Elems: 1})
				}
			}
		}
	}
	for _, test := range []struct {
		change func(*topology.Node)
		major  int
		minor  int
		want   []string
	}{
		{func(*topology.Node) {}, 2, 0, nil},
		{func(*topology.Node) {}, 1, 9, []string{"a peers section of `bind` and `server` lines needs HAProxy 2.0, but the oldest among the nodes is 1.9"}},
		{func(n *topology.Node) { n.Peers[0].Style = topology.PeerStyle }, 1, 8, nil},
		{func(n *topology.Node) { n.Peers[0].Style = topology.PeerStyle; inPeers(n) }, 1, 8, []string{"a `table` line in a peers section needs HAProxy 2.0, but the oldest among the nodes is 1.8"}},
		{func(n *topology.Node) { n.Build.LocalPeer = topology.LocalPeerEmit }, 2, 1, []string{"a `localpeer` line needs HAProxy 2.2, but the oldest among the nodes is 2.1"}},
		{store(sticktable.GPC, sticktable.GlitchCnt), 2, 7, []string{"data type `glitch_cnt` needs HAProxy 3.0, but the oldest among the nodes is 2.7"}},
		{store(sticktable.GPC, sticktable.GlitchCnt), 3, 0, nil},
		{store(sticktable.GPC, sticktable.HTTPFailCnt), 2, 4, []string{"data type `gpc` needs HAProxy 2.5, but the oldest among the nodes is 2.4"}},
		{store(sticktable.GlitchCnt), 0, 0, nil},
	} {
		c, lb := cluster(goodBase)
		c.HAProxy = sticktable.Version{Major: test.major, Minor: test.minor}
		test.change(lb)
		_, findings := Compile(c)
		var got []string
		for _, f := range findings {
			if f.Code == CodeVersion {
				got = append(got, f.Summary)
			}
		}
		if got = slices.Compact(got); !slices.Equal(got, test.want) {
			t.Errorf("%s: found %q, want %q", c.HAProxy, got, test.want)
		}
	}
}

// TestFix applies the fixes of table names.
func TestFix(t *testing.T) {
	tests := []struct{ rule, want string }{
		{"http-request track-sc0 src if TRUE", "http-request track-sc0 src table mypeers/t.u if TRUE"},
		{"http-request track-sc0 src table t.u", "http-request track-sc0 src table mypeers/t.u"},
		{`http-request track-sc0 src table "t.u"`, "http-request track-sc0 src table mypeers/t.u"},
		{"http-request deny if { src_http_req_rate gt 1 }", "http-request deny if { src_http_req_rate(mypeers/t.u) gt 1 }"},
		{"http-request set-var(txn.x) src,table_http_req_rate(t.a),add(1)", "http-request set-var(txn.x) src,table_http_req_rate(mypeers/t.a),add(1)"},
	}
	for _, test := range tests {
		base := "frontend t.u\n" + test.rule + "\n"
		c, lb := cluster(base)
		inPeers(lb)
		_, findings := Compile(c)
		fixed := base
		for _, f := range findings {
			if f.Code == CodeTableName && len(f.Fixes) == 1 {
				e := f.Fixes[0].Edits[0]
				fixed = fixed[:e.Span.Start.Offset] + e.NewText + fixed[e.Span.End.Offset:]
			}
		}
		if want := "frontend t.u\n" + test.want + "\n"; fixed != want {
			t.Errorf("fixed to %q, want %q", fixed, want)
		}
	}
}

// TestSharedBase makes one finding of what twenty nodes have in common.
func TestSharedBase(t *testing.T) {
	c, lb := cluster(goodBase + "peers mypeers\n")
	for i := range 19 {
		n := *lb
		n.Name.Value = fmt.Sprintf("lb%02d", i+2)
		c.Nodes = append(c.Nodes, &n)
	}
	_, findings := Compile(c)
	findings = slices.DeleteFunc(findings, func(f diag.Finding) bool { return f.Code != CodeOwnPeers })
	if len(findings) != 1 || len(findings[0].Nodes) != 20 {
		t.Errorf("want one finding about 20 nodes, got %d about %v", len(findings), findings)
	}
}

// TestErrorsStop checks that no file is made while there are errors.
func TestErrorsStop(t *testing.T) {
	c, _ := cluster(goodBase + "peers mypeers\n")
	r, findings := Compile(c)
	if findings.Worst() != diag.Error {
		t.Fatal("want an error")
	}
	for _, h := range r.Hosts {
		if len(h.Files) > 0 {
			t.Errorf("%s got files", h.Node)
		}
	}
}

func TestRollout(t *testing.T) {
	c, _ := cluster(goodBase)
	for i, height := range []int{2, 1, 3} {
		c.Nodes = append(c.Nodes, &topology.Node{Name: text(fmt.Sprint("x", i), 1), Build: &topology.Build{}, Aggregations: []*topology.Aggregations{{Height: height}}})
	}
	r, _ := Compile(c)
	if got, want := strings.Join(r.Rollout, " "), "x2 x0 aggr1 x1 lb1"; got != want {
		t.Errorf("rollout %q, want %q", got, want)
	}
}

func TestFormatSize(t *testing.T) {
	for n, want := range map[int64]string{1: "1", 100: "100", 1000: "1000", 1024: "1k", 200 << 10: "200k", 1 << 20: "1m", 3 << 30: "3g", 1<<20 + 1: "1048577"} {
		if got := formatSize(n); got != want {
			t.Errorf("formatSize(%d) = %q, want %q", n, got, want)
		}
	}
}
