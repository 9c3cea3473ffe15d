package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"stktc/compile"
	"stktc/grammar/diag"
	"stktc/render"
	"stktc/topology/load"
)

// compiled gives the hosts of a topology in a directory.
func compiled(t *testing.T, dir string) []Host {
	t.Helper()
	cluster, findings, err := load.Topology(os.DirFS(dir), "topology.yaml")
	if err != nil {
		t.Fatal(err)
	}
	result, more := compile.Compile(cluster)
	findings.Add(more...)
	if findings.Worst() == diag.Error {
		t.Fatal(findings)
	}
	var hosts []Host
	for _, o := range render.Tree(result) {
		if n := len(hosts); n == 0 || hosts[n-1].Name != o.Node {
			hosts = append(hosts, Host{Name: o.Node})
		}
		h := &hosts[len(hosts)-1]
		h.Files = append(h.Files, File{Name: filepath.Base(o.File.Path), Text: o.Text})
	}
	return hosts
}

func seed(t *testing.T) []Host { return compiled(t, "../../../testdata/seed") }

// modelOf reads hosts whose files are given as "name: text".
func modelOf(t *testing.T, hosts []Host) *model {
	t.Helper()
	files := fstest.MapFS{}
	var deployed []load.Host
	for _, h := range hosts {
		d := load.Host{Dir: h.Name, FS: files}
		for _, f := range h.Files {
			path := h.Name + "/" + f.Name
			files[path] = &fstest.MapFile{Data: f.Text}
			d.Paths = append(d.Paths, path)
		}
		deployed = append(deployed, d)
	}
	cluster, _, err := load.Deployed(deployed)
	if err != nil {
		t.Fatal(err)
	}
	return newModel(hosts, cluster)
}

// describe writes what a node's tables are: "t.aggr = a:t b:t" for a sum, "t counts".
func describe(m *model, hosts []Host, name string) string {
	var lines []string
	for i, h := range hosts {
		if h.Name != name {
			continue
		}
		for _, r := range m.roles(i) {
			text := r.table.WireName()
			if r.counts {
				text += " counts"
			} else {
				text += " ="
			}
			for _, s := range r.sources {
				text += fmt.Sprintf(" %s:%s", hosts[s.node].Name, s.table)
			}
			lines = append(lines, text)
		}
	}
	return strings.Join(lines, "\n")
}

func TestModelOfSeed(t *testing.T) {
	hosts := seed(t)
	m := modelOf(t, hosts)
	const all = "mytable.l2 = hapee1:mytable.uncombined hapee2:mytable.uncombined hapee3:mytable.uncombined hapee4:mytable.uncombined"
	for name, want := range map[string]string{
		"hapee1": "mytable.uncombined counts\nmytable.aggr = hapee1:mytable.uncombined hapee2:mytable.uncombined\n" + all,
		"hapee4": "mytable.uncombined counts\nmytable.aggr = hapee3:mytable.uncombined hapee4:mytable.uncombined\n" + all,
	} {
		if got := describe(m, hosts, name); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
}

func host(name, text string) Host { return Host{Name: name, Files: []File{{"f.cfg", []byte(text)}}} }

// What a topology cannot say yet, or says differently: from any, groups, up-only rules, tables in peers sections, two sections of a node.
func TestModel(t *testing.T) {
	tables := func(names ...string) string {
		s := ""
		for _, n := range names {
			s += "  table " + n + " type ip size 1k store gpc0\n"
		}
		return s
	}
	hosts := []Host{
		host("lb1", "peers p\n  bind :1\n  server lb1\n  server agg 10.0.0.9:1\n"+tables("t", "t.agg", "t.top", "t.hidden", "other.top")+
			"peers q\n  bind :2\n  server lb1\n  server second 10.0.0.9:2\n"+tables("u.raw", "u.sum", "u.else")+
			"backend alone\n  stick-table type ip size 1k store gpc0\n"),
		host("lb2", "peers p\n  bind :1\n  server lb2\n  server agg 10.0.0.9:1\n"+tables("t")),
		host("a", "aggregations s\n  peer agg 10.0.0.9:1 local\n  peer lb1 10.0.0.1:1\n  peer lb2 10.0.0.2:1\n  from any to .agg\n  from .agg to .hidden up-only\n"+
			"  peer top1 10.0.0.8:1 up group 1\n  peer top2 10.0.0.7:1 up group 1\n  forward .top\n"+
			"aggregations s2\n  peer second 10.0.0.9:2 local\n  peer lb1 10.0.0.1:2\n  from .raw to .sum\n"),
		host("top1", "aggregations s\n  peer top1 10.0.0.8:1 local\n  peer agg 10.0.0.9:1 down group 1\n  peer agg-twin 10.0.0.6:1 down group 1\n  from .agg to .top\n"),
		host("twin", "aggregations s\n  peer agg-twin 10.0.0.6:1 local\n  peer lb1 10.0.0.1:1\n  peer lb2 10.0.0.2:1\n  from any to .agg\n"),
	}
	m := modelOf(t, hosts)
	for name, want := range map[string]string{
		"lb1": "/t counts\n/t.agg = lb1:/t lb2:/t\n/t.top = lb1:/t lb2:/t\n/u.raw counts\n/u.sum = lb1:/u.raw",
		"lb2": "/t counts",
	} {
		if got := describe(m, hosts, name); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestCellNames(t *testing.T) {
	m := modelOf(t, []Host{host("lb", "peers p\n  bind :1\n  server lb\n  table t type ip size 1k store server_id,conn_cur,gpt(2),gpc(2),gpc_rate(2,1s),http_req_rate(1s),server_key\n")})
	var got []string
	for _, c := range cells(&m.nodes[0].Tables[0].Shape.Definition) {
		got = append(got, c.name())
	}
	if want := "http_req_rate gpt0 gpt1 gpc0 gpc1 gpc0_rate gpc1_rate"; strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, " "), want)
	}
}

// Keys and amounts must differ where a mix-up is to be seen.
func TestTrafficIsDistinct(t *testing.T) {
	for client := range clients {
		var seen []uint64
		for node := range 20 {
			seen = append(seen, amount(node, client))
		}
		slices.Sort(seen)
		if len(slices.Compact(seen)) != 20 {
			t.Errorf("client %d: amounts %v repeat", client, seen)
		}
	}
	for node := range 100 {
		if amount(node, 0) == amount(node, 1) || amount(node, 1) == amount(node, 2) || amount(node, 0) == amount(node, 2) {
			t.Errorf("node %d: two clients are alike", node)
		}
	}
}
