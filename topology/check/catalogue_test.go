package check_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"stktc/compile"
	"stktc/grammar/diag"
	"stktc/topology/check"
	"stktc/topology/load"
	"stktc/topology/sticktable"
)

// A mistake of the catalogue: what an operator does wrong, in words, and the finding that says so. It is made in the example that the finding's page has for
// it, unless it is another way to the same finding: then by the alterations of the cluster below.
type mistake struct {
	what string
	code string
	in   string   // the cluster that is altered: one of the archives below; "" for the page's own example
	alts []string // old, new, old, new …: each old text is replaced where it stands first
	old  string   // the oldest HAProxy that runs; "" for not stated
}

// catalogue lists every mistake that is to be found, by what it is about. What is not in it: what no file shows (a `-L` in a unit file, limits that were left at the values of
// one node), and what is no mistake of a configuration but its cost (memory, fan-out of updates).
var catalogue = []struct {
	about    string
	mistakes []mistake
}{
	{"text and schema", []mistake{
		{"a key that is not known", "STK002", "topology", []string{"suffix: .all", "sufix: .all"}, ""},
		{"a key that stands twice", "STK003", "topology", []string{"version: 1", "version: 1\nversion: 1"}, ""},
		{"a size that is none", "STK024", "topology", []string{"size: 1k", "size: lots"}, ""},
		{"a duration without unit", "STK023", "topology", []string{"expire: 1m", "expire: 10"}, ""},
		{"an anchor that is not used", "STK009", "topology", []string{"tables:", "tables: &t"}, ""},
		{"a merge that never ends", "STK001", "topology", []string{"  st: {", "  st: &s {<<: *s, "}, ""},
		{"a second document", "STK008", "topology", []string{"version: 1", "version: 1\n---\nversion: 1"}, ""},
		{"an aggregations section in the balancer's file", "STK043", "cluster", []string{"peers mypeers\n  bind 0.0.0.0:44444\n  server hapee2", "aggregations x\n  peer x 192.168.56.119:1 local\npeers mypeers\n  bind 0.0.0.0:44444\n  server hapee2"}, ""},
		{"a file that ends in the middle", "STK027", "cluster", []string{"  bind 0.0.0.0:44444\n  server hapee2\n  server aggr1 192.168.56.111:11111\n", ""}, ""},
		{"a misspelt directive", "STK021", "cluster", []string{"  forward .l2\n-- aggr3", "  foward .l2\n-- aggr3"}, ""},
		{"TLS keywords without the file that they need", "STK026", "cluster", []string{"192.168.56.111:11111 local", "192.168.56.111:11111 local ssl crt"}, ""},
		{"a listener with TLS and without a certificate", "STK026", "cluster", []string{"192.168.56.111:11111 local", "192.168.56.111:11111 local ssl"}, ""},
		{"verify required without authorities", "STK026", "cluster", []string{"113:22222 up", "113:22222 up ssl verify required"}, ""},
		{"what the vendor's daemon does not know in a file for it", "STK051", "topology", []string{"sums: [lb]}", "sums: [lb], dialect: stktagg, lease: 3s}"}, ""},
		{"a character that names cannot have", "STK012", "cluster", []string{"server aggr1 192", "server aggr!1 192"}, ""},
	}},
	{"names", []mistake{
		{"a balancer's own name has no line", "STK101", "", nil, ""},
		{"localpeer behind a peers section", "STK102", "", nil, ""},
		{"an aggregator calls a node by another name", "STK103", "", nil, ""},
		{"a node calls its aggregator by another name", "STK103", "cluster", []string{"server aggr1 192", "server agr1 192"}, ""},
		{"aggregators call each other by other names", "STK103", "cluster", []string{"peer aggr1 192.168.56.111:11111 down", "peer aggr01 192.168.56.111:11111 down"}, ""},
		{"a name that is not that of the directory", "STK104", "", nil, ""},
		{"a name twice in a section", "STK105", "", nil, ""},
		{"two hosts of one name", "STK105", "cluster", []string{"  server hapee2\n", "  server hapee1\n"}, ""},
		{"an address twice", "STK106", "", nil, ""},
		{"two peers sections on one port", "STK106", "cluster", []string{"peers mypeers\n  bind 0.0.0.0:44444\n  server hapee2", "peers other\n  bind 0.0.0.0:44444\n  server hapee2\npeers mypeers\n  bind 0.0.0.0:44444\n  server hapee2"}, ""},
		{"a host that is named and not given", "STK107", "", nil, ""},
		{"a name that is too long", "STK108", "", nil, ""},
	}},
	{"links", []mistake{
		{"a port that the other end does not listen on", "STK201", "", nil, ""},
		{"a node dials the wrong port", "STK201", "cluster", []string{"server aggr1 192.168.56.111:11111", "server aggr1 192.168.56.111:11112"}, ""},
		{"a node dials the wrong address", "STK201", "cluster", []string{"server aggr1 192.168.56.111:11111", "server aggr1 192.168.56.115:11111"}, ""},
		{"an aggregator dials a node's wrong port", "STK201", "cluster", []string{"101:44444", "101:44445"}, ""},
		{"one end does not list the other", "STK202", "", nil, ""},
		{"the own host is dialled in the place of another", "STK203", "", nil, ""},
		{"no listener", "STK204", "", nil, ""},
		{"up without down", "STK210", "", nil, ""},
		{"two ups", "STK210", "cluster", []string{"11111 down", "11111 up"}, ""},
		{"down without up", "STK211", "", nil, ""},
		{"two downs", "STK211", "cluster", []string{"22222 up", "22222 down"}, ""},
		{"two aggregators above that are not one group", "STK212", "", nil, ""},
		{"a group on one of two lines only", "STK212", "tops", []string{"22222 up group 1\n  peer aggr4", "22222 up\n  peer aggr4"}, ""},
		{"aggregators in a circle", "STK213", "", nil, ""},
		{"top aggregators that are each other's peers", "STK211", "tops", []string{"  peer aggr1  192.168.56.111:11111 down\n  from .aggr to .l2\n-- aggr4", "  peer aggr1  192.168.56.111:11111 down\n  peer aggr4  192.168.56.114:22222 down\n  from .aggr to .l2\n-- aggr4", "22222 local\n  peer aggr1  192.168.56.111:11111 down\n  from .aggr to .l2\n-- hapee1", "22222 local\n  peer aggr1  192.168.56.111:11111 down\n  peer aggr3  192.168.56.113:22222 down\n  from .aggr to .l2\n-- hapee1"}, ""},
		{"no local peer, or two", "STK214", "", nil, ""},
		{"an aggregator that dials itself", "STK214", "cluster", []string{"  peer hapee1 192.168.56.101:44444\n", "  peer hapee1 192.168.56.101:44444\n  peer myself 192.168.56.111:11111 up\n"}, ""},
		{"TLS at one end", "STK215", "", nil, ""},
		{"an island", "STK216", "", nil, ""},
		{"an unmarked aggregator", "STK217", "cluster", []string{"11111 down", "11111", "22222 up", "22222"}, ""},
		{"a mark on a node", "STK217", "", nil, ""},
		{"redundant aggregators whose files differ", "STK218", "", nil, ""},
		{"a bind line for a section that is not there", "STK219", "", nil, ""},
		{"two bind lines with one address", "STK219", "cluster", []string{"aggregations myaggr", "global\n  bind 192.168.56.111:30000 use_aggrs all\n  bind 192.168.56.111:30000 use_aggrs all\naggregations myaggr"}, ""},
		{"a listener with TLS that the own old process dials in clear text", "STK221", "", nil, ""},
		{"shards toward an aggregator", "STK222", "", nil, ""},
		{"a replica that is listed by one end", "STK223", "", nil, ""},
	}},
	{"tables", []mistake{
		{"a suffix that ends no table's name", "STK301", "", nil, ""},
		{"a destination that is missing on a node", "STK302", "", nil, ""},
		{"a table without peers", "STK303", "", nil, ""},
		{"a misspelt peers section", "STK303", "cluster", []string{"(1m) peers mypeers", "(1m) peers mypers"}, ""},
		{"a misspelt table in a rule", "STK304", "", nil, ""},
		{"a forward of what nobody makes", "STK305", "cluster", []string{"forward .l2", "forward .l3"}, ""},
		{"a missing forward that cuts the nodes off", "STK305", "", nil, ""},
		{"a table in a peers section and in a proxy", "STK306", "", nil, ""},
		{"a sum without a source on a node", "STK307", "", nil, ""},
		{"a fetch of a type that the table does not store", "STK308", "", nil, ""},
		{"names of a table and its sum that differ", "STK309", "", nil, ""},
		{"a type that differs", "STK320", "", nil, ""},
		{"a length that differs", "STK320", "cluster", []string{"type ip size 100", "type string len 32 size 100", "type ip size 200", "type string len 64 size 200"}, ""},
		{"data types that differ", "STK321", "", nil, ""},
		{"a period that differs", "STK322", "", nil, ""},
		{"an array whose length differs", "STK322", "cluster", []string{"size 100 expire 1h store http_req_rate(1m)", "size 100 expire 1h store http_req_rate(1m),gpc(2)", "size 200 expire 1h store http_req_rate(1m)", "size 200 expire 1h store http_req_rate(1m),gpc(4)"}, ""},
		{"a sum that is smaller than its source", "STK323", "", nil, ""},
		{"an expire that differs", "STK324", "", nil, ""},
		{"an expire below the period", "STK324", "cluster", []string{"size 100 expire 1h", "size 100 expire 10s"}, ""},
		{"current connections in a sum", "STK325", "", nil, ""},
		{"a sum that is tracked", "STK326", "", nil, ""},
		{"a server in a sum", "STK327", "", nil, ""},
		{"units of byte rates that differ", "STK328", "", nil, ""},
		{"no expire at all", "STK329", "", nil, ""},
		{"nodes that track different keys", "STK330", "", nil, ""},
	}},
	{"sums", []mistake{
		{"two rules with one destination", "STK401", "", nil, ""},
		{"equal from and to", "STK401", "cluster", []string{"from .uncombined to .aggr", "from .aggr to .aggr"}, ""},
		{"a destination that the source's suffix ends", "STK401", "cluster", []string{"from .uncombined to .aggr", "from .aggr to .x.aggr"}, ""},
		{"no rule", "STK401", "cluster", []string{"  from .aggr to .l2\n", ""}, ""},
		{"a node that is counted by two paths", "STK402", "", nil, ""},
		{"an own contribution that is fed back", "STK405", "", nil, ""},
		{"two aggregators with different sums in one table", "STK403", "", nil, ""},
		{"a rule that reads the source where the sum was meant", "STK404", "", nil, ""},
		{"sibling nodes in one peers section", "STK406", "", nil, ""},
		{"a sum that no rule reads", "STK407", "", nil, ""},
		{"a suffix without a dot", "STK408", "", nil, ""},
		{"from any over a table that is a sum already", "STK409", "", nil, ""},
		{"from and to swapped", "STK410", "", nil, ""},
	}},
	{"versions", []mistake{
		{"glitches before HAProxy 3.0", "STK501", "", nil, "2.6"},
		{"recv-only before 3.2", "STK501", "cluster", []string{"size 200 expire 1h store http_req_rate(1m)", "size 200 expire 1h store http_req_rate(1m) recv-only"}, "3.0"},
		{"write-to before 2.9", "STK501", "cluster", []string{"size 100 expire 1h store http_req_rate(1m)", "size 100 expire 1h store http_req_rate(1m) write-to mytable.aggr"}, "2.6"},
		{"shards before 2.7", "STK501", "cluster", []string{"peers mypeers\n  bind", "peers mypeers\n  shards 2\n  bind"}, "2.6"},
		{"type ipv4 before it was known", "STK501", "cluster", []string{"type ip size 100", "type ipv4 size 100"}, "2.6"},
		{"type ip, whose meaning is to change", "STK502", "", nil, "3.2"},
		{"a HAProxy that does not tell when entries expire", "STK503", "", nil, "1.6"},
	}},
	{"capacity and resilience", []mistake{
		{"a sum that may be too small for all sources together", "STK601", "", nil, ""},
		{"more peers than dynamic-peers takes", "STK602", "", nil, ""},
		{"a single point of failure", "STK610", "", nil, ""},
		{"an aggregator on a node's host", "STK611", "", nil, ""},
	}},
	{"exposure", []mistake{
		{"a stats socket in /tmp", "STK701", "", nil, ""},
		{"a stats socket that other hosts can reach", "STK702", "", nil, ""},
		{"a peers port that is open to the network", "STK703", "", nil, ""},
		{"a socket that everybody can write to", "STK704", "", nil, ""},
		{"clear text between sites", "STK705", "", nil, ""},
		{"a caller that is not verified", "STK706", "", nil, ""},
	}},
}

// archives are clusters without a mistake.
var archives = map[string]string{
	"cluster": `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1 192.168.56.111:11111 local
  peer hapee1 192.168.56.101:44444
  peer hapee2 192.168.56.102:44444
  peer aggr3 192.168.56.113:22222 up
  from .uncombined to .aggr
  forward .l2
-- aggr3/hapee-stktagg.cfg --
aggregations myl2
  peer aggr3 192.168.56.113:22222 local
  peer aggr1 192.168.56.111:11111 down
  from .aggr to .l2
` + node("hapee1", "aggr1 192.168.56.111:11111") + node("hapee2", "aggr1 192.168.56.111:11111"),
	"tops": `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1  192.168.56.111:11111 local
  peer hapee1 192.168.56.101:44444
  peer aggr3  192.168.56.113:22222 up group 1
  peer aggr4  192.168.56.114:22222 up group 1
  from .uncombined to .aggr
  forward .l2
-- aggr3/hapee-stktagg.cfg --
aggregations myl2
  peer aggr3  192.168.56.113:22222 local
  peer aggr1  192.168.56.111:11111 down
  from .aggr to .l2
-- aggr4/hapee-stktagg.cfg --
aggregations myl2
  peer aggr4  192.168.56.114:22222 local
  peer aggr1  192.168.56.111:11111 down
  from .aggr to .l2
` + node("hapee1", "aggr1 192.168.56.111:11111"),
	"topology": `-- topology.yaml --
version: 1
tables:
  st: {type: ip, size: 1k, expire: 1m, store: gpc0}
levels:
  - {name: nodes, suffix: .local}
  - {name: all, suffix: .all}
aggregators:
  agg: {address: "10.0.0.9:1", sums: [lb]}
balancers:
  lb: {address: 10.0.0.1, base: base.cfg, peers: {p: 1}}
-- base.cfg --
frontend web
  bind :80
  http-request track-sc0 src table st.local
  http-request deny if { src,table_gpc0(st.all) gt 100 }
`,
}

func node(name, aggregator string) string {
	return "-- " + name + `/hapee-lb.cfg --
frontend web
  bind *:80
  http-request track-sc0 src table mytable.uncombined
  http-request deny if { src,table_http_req_rate(mytable.l2) gt 100 }
backend mytable.uncombined
  stick-table type ip size 100 expire 1h store http_req_rate(1m) peers mypeers
backend mytable.aggr
  stick-table type ip size 200 expire 1h store http_req_rate(1m) peers mypeers
backend mytable.l2
  stick-table type ip size 200 expire 1h store http_req_rate(1m) peers mypeers
peers mypeers
  bind 0.0.0.0:44444
  server ` + name + `
  server ` + aggregator + "\n"
}

// TestCatalogue makes each mistake, and finds it.
func TestCatalogue(t *testing.T) {
	for name, archive := range archives {
		if got := graver(t, archive, ""); len(got) > 0 {
			t.Errorf("the cluster %q is not sound: %s", name, got)
		}
	}
	held := map[string]bool{}
	for _, part := range catalogue {
		for _, m := range part.mistakes {
			t.Run(part.about+"/"+m.what, func(t *testing.T) {
				held[m.code] = true
				found := codes(t, m.archive(t), m.old)
				if !slices.Contains(found, m.code) {
					t.Errorf("not found as %s, but as %s", m.code, found)
				}
			})
		}
	}
	for _, k := range check.Checks() {
		about := strings.HasPrefix(k.Slug, "ignore-") // of comments, not of clusters
		if !held[string(k.Code)] && !about {
			t.Errorf("%s is no mistake of the catalogue", k.Code)
		}
	}
}

// archive is the cluster with the mistake in it.
func (m *mistake) archive(t *testing.T) string {
	t.Helper()
	if m.in == "" {
		return check.Lookup(m.code).Bad
	}
	text := archives[m.in]
	for i := 0; i+1 < len(m.alts); i += 2 {
		if !strings.Contains(text, m.alts[i]) {
			t.Fatalf("the cluster does not hold %q", m.alts[i])
		}
		text = strings.Replace(text, m.alts[i], m.alts[i+1], 1)
	}
	return text
}

// codes lints an archive as the command does.
func codes(t *testing.T, archive, old string) []string {
	t.Helper()
	var list []string
	for _, f := range lint(t, archive, old) {
		list = append(list, string(f.Code))
	}
	return list
}

func graver(t *testing.T, archive, old string) []string {
	t.Helper()
	var list []string
	for _, f := range lint(t, archive, old) {
		if f.Severity > diag.Info {
			list = append(list, string(f.Code)+" "+f.Summary)
		}
	}
	return list
}

func lint(t *testing.T, archive, old string) diag.List {
	t.Helper()
	dir := t.TempDir()
	for _, f := range txtar.Parse([]byte(archive)).Files {
		file := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if strings.HasPrefix(archive, "-- topology.yaml --") {
		return lintTopology(t, dir)
	}
	hosts, err := load.Hosts(os.DirFS(dir), "top", "")
	if err != nil {
		t.Fatal(err)
	}
	cluster, findings, err := load.Deployed(hosts)
	if err != nil {
		t.Fatal(err)
	}
	cluster.HAProxy = version(old)
	findings.Add(check.Run(cluster)...)
	return check.Settle(cluster, findings).Heard()
}

func lintTopology(t *testing.T, dir string) diag.List {
	t.Helper()
	cluster, findings, err := load.Topology(os.DirFS(dir), "topology.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if findings.Worst() == diag.Error {
		return findings
	}
	_, more := compile.Compile(cluster)
	findings.Add(more...)
	return check.Settle(cluster, findings).Heard()
}

// version reads "2.6".
func version(text string) (v sticktable.Version) {
	major, minor, _ := strings.Cut(text, ".")
	for _, c := range major {
		v.Major = v.Major*10 + int(c-'0')
	}
	for _, c := range minor {
		v.Minor = v.Minor*10 + int(c-'0')
	}
	return v
}
