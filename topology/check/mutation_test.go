package check

import (
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"stktc/grammar/diag"
	"stktc/topology"
	"stktc/topology/load"
)

// mended is the seed without its slip, as a file system that tests may change.
func mended(t *testing.T) fstest.MapFS {
	t.Helper()
	fsys := fstest.MapFS{}
	seed := os.DirFS("../../testdata/deployed/seed")
	err := fs.WalkDir(seed, ".", func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := fs.ReadFile(seed, p)
		fsys[p] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(string(text), "113:11111", "113:22222"))}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return fsys
}

// edit is a change of one file: all of old becomes new.
type edit struct{ file, old, new string }

func (e edit) apply(t *testing.T, fsys fstest.MapFS) {
	t.Helper()
	f := fsys[e.file]
	if f == nil || !strings.Contains(string(f.Data), e.old) {
		t.Fatalf("%s does not hold %q", e.file, e.old)
	}
	fsys[e.file] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(string(f.Data), e.old, e.new))}
}

// mend applies the edits of the first fix of a finding.
func mend(fsys fstest.MapFS, f diag.Finding) bool {
	if len(f.Fixes) == 0 || len(f.Fixes[0].Edits) == 0 {
		return false
	}
	edits := slices.Clone(f.Fixes[0].Edits)
	slices.SortFunc(edits, func(a, b diag.Edit) int { return b.Span.Compare(a.Span) }) // from the end, so that places stay
	for _, e := range edits {
		text := string(fsys[e.Span.File].Data)
		fsys[e.Span.File] = &fstest.MapFile{Data: []byte(text[:e.Span.Start.Offset] + e.NewText + text[e.Span.End.Offset:])}
	}
	return true
}

// graver loads and checks, and gives the findings above info.
func graver(t *testing.T, fsys fs.FS) (*topology.Cluster, diag.List) {
	t.Helper()
	hosts, err := load.Hosts(fsys, "top", "")
	if err != nil {
		t.Fatal(err)
	}
	c, findings, err := load.Deployed(hosts)
	if err != nil {
		t.Fatal(err)
	}
	findings.Add(Run(c)...)
	return c, slices.DeleteFunc(findings, func(f diag.Finding) bool { return f.Severity == diag.Info })
}

// linted loads and checks, as lint does, and gives all findings.
func linted(t *testing.T, fsys fs.FS) (*topology.Cluster, diag.List) {
	t.Helper()
	hosts, err := load.Hosts(fsys, "top", "")
	if err != nil {
		t.Fatal(err)
	}
	c, findings, err := load.Deployed(hosts)
	if err != nil {
		t.Fatal(err)
	}
	findings.Add(Run(c)...)
	return c, Settle(c, findings)
}

// outcome lists the findings above info, each as its code and the text that its primary marks.
func outcome(t *testing.T, fsys fs.FS) []string {
	t.Helper()
	c, findings := graver(t, fsys)
	list := []string{}
	for _, f := range findings {
		at := f.Primary.Span
		list = append(list, string(f.Code)+" "+path.Dir(at.File)+":"+string(c.Files[at.File][at.Start.Offset:at.End.Offset]))
	}
	slices.Sort(list)
	return list
}

const (
	a1, a2, a3     = "aggr1/hapee-stktagg.cfg", "aggr2/hapee-stktagg.cfg", "aggr3/hapee-stktagg.cfg"
	h1, h2, h3, h4 = "hapee1/hapee-lb.cfg", "hapee2/hapee-lb.cfg", "hapee3/hapee-lb.cfg", "hapee4/hapee-lb.cfg"
)

// TestMutations makes one mistake at a time in a sound cluster: there is one finding for it, at the place to mend, and none
// that follows from it; what is right in another way has none.
func TestMutations(t *testing.T) {
	l2 := "backend mytable.l2\n  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers\n"
	inPeers := "peers mypeers\n  table mytable.uncombined type ip size 100 expire 1h store http_req_rate(1h)\n  table mytable.aggr type ip size 100 expire 1h store http_req_rate(1h)\n  table mytable.l2 type ip size 100 expire 1h store http_req_rate(1h)\n"
	moved := func(file string) []edit {
		return []edit{
			{file, "  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers\n", ""},
			{file, "peers mypeers\n", inPeers},
			{file, "track-sc0 src", "track-sc0 src table mypeers/mytable.uncombined"},
		}
	}
	for _, c := range []struct {
		name  string
		edits []edit
		want  []string
	}{
		{"nothing", nil, nil},

		{"own name misspelt", []edit{{h1, "server hapee1", "server hapee01"}}, []string{"STK103 aggr1:hapee1"}},
		{"name misspelt by the aggregator", []edit{{a1, "peer hapee1", "peer hapee-1"}}, []string{"STK103 aggr1:hapee-1"}},
		{"capitals", []edit{{a1, "peer hapee1", "peer Hapee1"}}, []string{"STK103 aggr1:Hapee1"}},
		{"full host name", []edit{{a1, "peer hapee1", "peer hapee1.example.com"}}, []string{"STK103 aggr1:hapee1.example.com"}},
		{"aggregator misspelt by a node", []edit{{h1, "server aggr1", "server agr1"}}, []string{"STK103 hapee1:agr1"}},
		{"aggregator misspelt by the one above", []edit{{a3, "peer aggr1", "peer aggr01"}}, []string{"STK103 aggr3:aggr01"}},
		{"aggregator's own name, outvoted", []edit{{a1, "peer aggr1", "peer aggregator1"}}, []string{"STK103 aggr1:aggregator1"}},
		{"file copied from another node", []edit{{h2, "server hapee2", "server hapee1"}}, []string{"STK105 hapee2:hapee1"}},
		{"localpeer of another node", []edit{{h1, "global\n", "global\n  localpeer hapee2\n"}}, []string{"STK101 hapee1:hapee2"}},
		{"localpeer", []edit{{h1, "global\n", "global\n  localpeer hapee1\n"}}, nil},
		{"no server line for itself", []edit{{h1, "  server hapee1\n", ""}}, []string{"STK101 hapee1:peers mypeers"}},
		{"own server line with an address", []edit{{h1, "server hapee1\n", "server hapee1 192.168.56.101:44444\n"}}, []string{"STK101 hapee1:peers mypeers"}},
		{"own server line with an address, and localpeer", []edit{{h1, "global\n", "global\n  localpeer hapee1\n"}, {h1, "server hapee1\n", "server hapee1 192.168.56.101:44444\n"}}, []string{"STK101 hapee1:192.168.56.101:44444"}},
		{"name from the environment", []edit{{h1, "server hapee1\n", "server \"${HOSTNAME}\"\n"}}, nil},
		{"old style", []edit{{h1, "  bind 0.0.0.0:44444\n", ""}, {h1, "server hapee1\n", "peer hapee1 192.168.56.101:44444\n"}, {h1, "server aggr1", "peer aggr1"}}, nil},
		{"old style, wrong address", []edit{{h1, "  bind 0.0.0.0:44444\n", ""}, {h1, "server hapee1\n", "peer hapee1 192.168.56.110:44444\n"}, {h1, "server aggr1", "peer aggr1"}}, []string{"STK201 aggr1:192.168.56.101"}},

		{"port of a node", []edit{{h1, "0.0.0.0:44444", "0.0.0.0:44445"}}, []string{"STK201 aggr1:44444"}},
		{"port dialled by a node", []edit{{h1, "111:11111", "111:11112"}}, []string{"STK201 hapee1:11112"}},
		{"host dialled by a node", []edit{{h1, "56.111:", "56.115:"}}, []string{"STK201 hapee1:192.168.56.115"}},
		{"both dialled by a node", []edit{{h1, "56.111:11111", "56.115:1"}}, []string{"STK201 hapee1:192.168.56.115:1"}},
		{"both ends dial wrongly", []edit{{h1, "111:11111", "111:11112"}, {a1, "101:44444", "101:44445"}}, []string{"STK201 aggr1:44445", "STK201 hapee1:11112"}},
		{"the slip", []edit{{a1, "22222", "11111"}, {a2, "22222", "11111"}}, []string{"STK201 aggr1:11111"}},
		{"listener outvoted", []edit{{a1, "111:11111 local", "111:11110 local"}}, []string{"STK201 aggr1:11110"}},
		{"listener of another host", []edit{{a1, "56.111:11111 local", "56.112:11111 local"}}, []string{"STK201 aggr1:192.168.56.112"}},
		{"listener on any address", []edit{{a1, "192.168.56.111:11111 local", "*:11111 local"}}, nil},
		{"other ways to say any", []edit{{h1, "0.0.0.0:44444", ":44444"}, {h2, "0.0.0.0:44444", "[::]:44444"}, {h3, "0.0.0.0:44444", "ipv4@*:44444"}}, nil},
		{"host name against address", []edit{{h1, "192.168.56.111:", "aggr1.example.com:"}}, nil},
		{"host name, wrong port", []edit{{h1, "192.168.56.111:11111", "aggr1.example.com:1"}}, []string{"STK201 hapee1:1"}},
		{"address from the environment", []edit{{h1, "192.168.56.111:11111", "\"${AGGR1}\""}}, nil},
		{"port from the environment", []edit{{h1, "0.0.0.0:44444", "\"0.0.0.0:${PORT}\""}}, nil},

		{"dialled by a bind line", []edit{{a3, "aggregations myl2", "  bind 192.168.56.113:30000 use_aggrs myl2\naggregations myl2"}, {a1, "113:22222", "113:30000"}}, nil},
		{"bind line of another section", []edit{{a3, "aggregations myl2", "  bind 192.168.56.113:30000 use_aggrs other\naggregations myl2"}, {a1, "113:22222", "113:30000"}}, []string{"STK201 aggr1:30000", "STK219 aggr3:other"}},
		{"a node that need not be listed", []edit{{a1, "  peer hapee1 192.168.56.101:44444\n", ""}, {a1, "aggregations myaggr", "  dynamic-peers\naggregations myaggr"}}, nil},
		{"loopback of another host", []edit{{a1, "192.168.56.111:11111 local", "*:11111 local"}, {h1, "56.111:11111", "56.111:11111"}, {h1, "192.168.56.111:", "127.0.0.1:"}}, []string{"STK203 hapee1:127.0.0.1:11111"}},
		{"node not listed", []edit{{a1, "  peer hapee1 192.168.56.101:44444\n", ""}}, []string{"STK202 hapee1:aggr1"}},
		{"aggregator not listed", []edit{{h1, "  server aggr1 192.168.56.111:11111\n", ""}}, []string{"STK202 aggr1:hapee1"}},
		{"no down", []edit{{a3, "  peer aggr1     192.168.56.111:11111 down\n", ""}}, []string{"STK210 aggr1:up"}},
		{"no up", []edit{{a1, "  peer aggr3  192.168.56.113:22222 up\n", ""}}, []string{"STK211 aggr3:down"}},
		{"both up", []edit{{a3, "111:11111 down", "111:11111 up"}}, []string{"STK210 aggr1:up"}},
		{"both down", []edit{{a1, "113:22222 up", "113:22222 down"}}, []string{"STK211 aggr1:down"}},
		{"up left out", []edit{{a1, "113:22222 up", "113:22222"}}, []string{"STK211 aggr3:down"}},
		{"down left out", []edit{{a3, "111:11111 down", "111:11111"}}, []string{"STK210 aggr1:up"}},
		{"both marks left out", []edit{{a3, "111:11111 down", "111:11111"}, {a1, "113:22222 up", "113:22222"}}, []string{"STK217 aggr1:aggr3"}},
		{"node marked down", []edit{{a1, "101:44444", "101:44444 down"}}, []string{"STK217 aggr1:down"}},
		{"TLS on one side", []edit{{h1, "111:11111", "111:11111 ssl verify none"}}, []string{"STK215 hapee1:server aggr1 192.168.56.111:11111 ssl verify none"}},

		{"no listener", []edit{{h1, "  bind 0.0.0.0:44444\n", ""}}, []string{"STK204 hapee1:peers mypeers"}},
		{"node as replica", []edit{{a1, "101:44444", "101:44444 replica"}}, []string{"STK217 aggr1:peer hapee1 192.168.56.101:44444 replica"}},
		{"replica of other nodes", []edit{{a1, "  from", "  peer aggr2 192.168.56.112:11111 replica\n  from"}, {a2, "  from", "  peer aggr1 192.168.56.111:11111 replica\n  from"}}, []string{"STK218 aggr2:aggregations myaggr"}},
		{"linked to nobody", []edit{{a1, "  peer hapee1 192.168.56.101:44444\n", ""}, {h1, "  server aggr1 192.168.56.111:11111\n", ""}}, []string{"STK216 hapee1:mytable.uncombined"}},

		{"from and to swapped", []edit{{a1, "from .uncombined to .aggr", "from .aggr to .uncombined"}}, []string{"STK410 aggr1:from .aggr to .uncombined"}},
		{"from and to swapped below", []edit{{a1, "from .uncombined to .aggr", "from .aggr to .uncombined"}, {a2, "from .uncombined to .aggr", "from .aggr to .uncombined"}}, []string{"STK410 aggr1:from .aggr to .uncombined"}},
		{"from and to swapped above", []edit{{a3, "from .aggr to .l2", "from .l2 to .aggr"}}, []string{"STK410 aggr3:from .l2 to .aggr"}},
		{"the aggregate counted in", []edit{{h1, "track-sc0 src", "track-sc0 src table mytable.aggr"}, {h2, "track-sc0 src", "track-sc0 src table mytable.aggr"}}, []string{"STK326 hapee1:track-sc0"}},
		{"the aggregate counted in everywhere", []edit{{h1, "track-sc0 src", "track-sc0 src table mytable.aggr"}, {h2, "track-sc0 src", "track-sc0 src table mytable.aggr"}, {h3, "track-sc0 src", "track-sc0 src table mytable.aggr"}, {h4, "track-sc0 src", "track-sc0 src table mytable.aggr"}}, []string{"STK326 hapee1:track-sc0"}},
		{"from misspelt", []edit{{a1, "from .uncombined", "from .uncombine"}}, []string{"STK301 aggr1:.uncombine"}},
		{"from misspelt above", []edit{{a3, "from .aggr", "from .agr"}}, []string{"STK301 aggr3:.agr"}},
		{"table misspelt on one node", []edit{{h1, "mytable.uncombined", "mytable.uncombine"}}, []string{"STK301 hapee1:mytable.uncombine"}},
		{"an aggregate misspelt on one node", []edit{{h1, "mytable.aggr", "mytabel.aggr"}}, []string{"STK309 hapee1:mytabel.aggr"}},
		{"an aggregate in capitals", []edit{{h1, "mytable.aggr", "Mytable.aggr"}}, []string{"STK309 hapee1:Mytable.aggr"}},
		{"an aggregate with a dash", []edit{{h1, "mytable.aggr", "mytable-aggr"}}, []string{"STK309 hapee1:mytable-aggr"}},
		{"an aggregate without a dot", []edit{{h1, "mytable.aggr", "mytableaggr"}}, []string{"STK309 hapee1:mytableaggr"}},
		{"a suffix misspelt in an aggregate", []edit{{h1, "mytable.aggr", "mytable.agr"}}, []string{"STK309 hapee1:mytable.agr"}},
		{"an upper aggregate misspelt", []edit{{h1, "mytable.l2", "my.table.l2"}}, []string{"STK309 hapee1:my.table.l2"}},
		{"an aggregate misspelt on all nodes", []edit{{h1, "mytable.aggr", "my_table.aggr"}, {h2, "mytable.aggr", "my_table.aggr"}, {h3, "mytable.aggr", "my_table.aggr"}, {h4, "mytable.aggr", "my_table.aggr"}}, []string{"STK309 hapee1:my_table.aggr"}},
		{"a source misspelt on one node", []edit{{h1, "mytable.uncombined", "mytabel.uncombined"}}, []string{"STK309 hapee1:mytabel.uncombined"}},
		{"a source in capitals", []edit{{h1, "mytable.uncombined", "MyTable.uncombined"}}, []string{"STK309 hapee1:MyTable.uncombined"}},
		{"a source with a dash", []edit{{h1, "mytable.uncombined", "mytable-uncombined"}}, []string{"STK309 hapee1:mytable-uncombined"}},
		{"a source misspelt on all nodes", []edit{{h1, "mytable.uncombined", "mytabel.uncombined"}, {h2, "mytable.uncombined", "mytabel.uncombined"}, {h3, "mytable.uncombined", "mytabel.uncombined"}, {h4, "mytable.uncombined", "mytabel.uncombined"}}, []string{"STK309 hapee1:mytabel.uncombined"}},
		{"a table by another number", []edit{{h1, "mytable.aggr", "mytable2.aggr"}}, []string{"STK302 hapee1:mytable.uncombined"}},
		{"aggregate missing on one node", []edit{{h3, "backend mytable.aggr\n", "backend other\n"}}, []string{"STK302 hapee3:mytable.uncombined"}},
		{"upper aggregate missing on one node", []edit{{h3, l2, ""}}, []string{"STK302 hapee3:mytable.uncombined"}},
		{"upper aggregate on no node", []edit{{h1, l2, ""}, {h2, l2, ""}, {h3, l2, ""}, {h4, l2, ""}}, []string{"STK302 aggr1:.l2", "STK302 aggr2:.l2"}},
		{"source not attached", []edit{{h1, "(1h) peers mypeers\n  http-request track", "(1h)\n  http-request track"}}, []string{"STK303 hapee1:stick-table type ip size 100 expire 1h store http_req_rate(1h)"}},
		{"aggregates not attached", []edit{{h1, "(1h) peers mypeers\n\n", "(1h)\n\n"}}, []string{"STK303 hapee1:stick-table type ip size 100 expire 1h store http_req_rate(1h)"}},
		{"no forward", []edit{{a1, "  forward .l2\n", ""}}, []string{"STK305 aggr1:aggregations myaggr"}},
		{"kept from the nodes", []edit{{a1, "to .aggr", "to .aggr up-only"}}, []string{"STK305 aggr1:from .uncombined to .aggr up-only"}},
		{"forward misspelt", []edit{{a1, "forward .l2", "forward .l3"}}, []string{"STK305 aggr1:.l3"}},
		{"tables in the peers section of all nodes", slices.Concat(moved(h1), moved(h2), moved(h3), moved(h4)), nil},
		{"tables in the peers section of one node", moved(h1), []string{"STK306 hapee1:mytable.uncombined"}},

		{"key of one node", []edit{{h3, "type ip ", "type ipv6 "}}, []string{"STK320 hapee3:ipv6"}},
		{"period of a source", []edit{{h3, "http_req_rate(1h) peers mypeers\n  http", "http_req_rate(10s) peers mypeers\n  http"}}, []string{"STK322 hapee3:http_req_rate(10s)"}},
		{"other words for the same period", []edit{{h3, "http_req_rate(1h)", "http_req_rate(3600s)"}}, nil},
		{"store of one node", []edit{{h3, "store http_req_rate(1h) peers mypeers\n  http", "store gpc0,http_req_rate(1h) peers mypeers\n  http"}}, []string{"STK321 hapee3:gpc0,http_req_rate(1h)"}},
		{"size of a source", []edit{{h3, "size 100 expire 1h store http_req_rate(1h) peers mypeers\n  http", "size 50 expire 1h store http_req_rate(1h) peers mypeers\n  http"}}, nil},
		{"size of one node", []edit{{h3, "size 100", "size 50"}}, []string{"STK323 hapee3:50"}},
		{"expire of one node", []edit{{h3, "expire 1h", "expire 2h"}}, []string{"STK324 hapee3:2h"}},
		{"expire of one node below the period", []edit{{h3, "expire 1h", "expire 1m"}}, []string{"STK324 hapee3:1m"}},
		{"size and expire of one node", []edit{{h3, "size 100 expire 1h store http_req_rate(1h) peers mypeers\n\n", "size 10 expire 1m store http_req_rate(1h) peers mypeers\n\n"}}, []string{"STK323 hapee3:10"}},
		{"size and expire of the aggregates", []edit{{h1, "size 100 expire 1h store http_req_rate(1h) peers mypeers\n\n", "size 10 expire 1m store http_req_rate(1h) peers mypeers\n\n"}, {h2, "size 100 expire 1h store http_req_rate(1h) peers mypeers\n\n", "size 10 expire 1m store http_req_rate(1h) peers mypeers\n\n"}, {h3, "size 100 expire 1h store http_req_rate(1h) peers mypeers\n\n", "size 10 expire 1m store http_req_rate(1h) peers mypeers\n\n"}, {h4, "size 100 expire 1h store http_req_rate(1h) peers mypeers\n\n", "size 10 expire 1m store http_req_rate(1h) peers mypeers\n\n"}}, []string{"STK323 hapee1:10"}},
		{"expire below the period", []edit{{h1, "expire 1h", "expire 1m"}, {h2, "expire 1h", "expire 1m"}, {h3, "expire 1h", "expire 1m"}, {h4, "expire 1h", "expire 1m"}}, []string{"STK324 hapee1:1m"}},

		{"into itself", []edit{{a1, "to .aggr", "to .uncombined"}}, []string{"STK401 aggr1:.uncombined"}},
		{"no rule", []edit{{a3, "  from .aggr to .l2\n", ""}}, []string{"STK401 aggr3:aggregations myl2"}},
		{"node at two aggregators", []edit{{a2, "  from", "  peer hapee1 192.168.56.101:44444\n  from"}, {h1, "server aggr1", "server aggr2 192.168.56.112:11111\n  server aggr1"}}, []string{"STK402 aggr3:aggr2", "STK403 aggr2:.aggr"}},
		{"nodes in a mesh", []edit{{h1, "  server aggr1", "  server hapee2 192.168.56.102:44444\n  server aggr1"}, {h2, "  server aggr1", "  server hapee1 192.168.56.101:44444\n  server aggr1"}}, []string{"STK406 hapee1:hapee2"}},
		{"mesh in a section of its own", []edit{{h1, "\npeers mypeers\n", "\npeers mesh\n  bind *:5\n  server hapee1\n  server hapee2 192.168.56.102:5\npeers mypeers\n"}, {h2, "\npeers mypeers\n", "\npeers mesh\n  bind *:5\n  server hapee2\n  server hapee1 192.168.56.101:5\npeers mypeers\n"}}, nil},
		{"two sections on one port", []edit{{h1, "\npeers mypeers\n", "\npeers mesh\n  bind *:44444\n  server hapee1\n  server hapee9 192.168.56.109:5\npeers mypeers\n"}}, []string{"STK106 hapee1:44444"}},
		{"command line on all addresses", []edit{{h1, "/var/run/hapee-2.7/hapee-lb.sock", "ipv4@0.0.0.0:9999 level admin"}}, []string{"STK702 hapee1:ipv4@0.0.0.0:9999"}},
		{"stats on all addresses", []edit{{a1, "/tmp/stktagg.socket", "ipv4@0.0.0.0:9999"}}, []string{"STK702 aggr1:ipv4@0.0.0.0:9999"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fsys := mended(t)
			for _, e := range c.edits {
				e.apply(t, fsys)
			}
			if got := outcome(t, fsys); !slices.Equal(got, c.want) && len(got)+len(c.want) > 0 {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
			}
			mendAll(t, fsys)
		})
	}
}

// mendAll applies fixes until none has edits. Each must take its finding away, and safe ones must leave no other behind.
func mendAll(t *testing.T, fsys fstest.MapFS) {
	t.Helper()
	for range 10 {
		_, before := graver(t, fsys)
		i := slices.IndexFunc(before, func(f diag.Finding) bool { return len(f.Fixes) > 0 && len(f.Fixes[0].Edits) > 0 })
		if i < 0 {
			return
		}
		mended := before[i]
		mend(fsys, mended)
		_, after := graver(t, fsys)
		if slices.ContainsFunc(after, func(f diag.Finding) bool {
			return f.Fingerprint() == mended.Fingerprint() && f.Summary == mended.Summary
		}) {
			t.Fatalf("%s: the fix `%s` does not take it away", mended.Summary, mended.Fixes[0].Title)
		}
		if len(after) >= len(before) && mended.Fixes[0].Safe {
			t.Fatalf("%s: the safe fix `%s` leaves %d findings of %d", mended.Summary, mended.Fixes[0].Title, len(after), len(before))
		}
	}
	t.Error("fixes go round in circles")
}

// TestAbsent proves that nothing is said about hosts whose files are not there: any part of a sound cluster is sound.
func TestAbsent(t *testing.T) {
	dirs := []string{"aggr1", "aggr2", "aggr3", "hapee1", "hapee2", "hapee3", "hapee4"}
	for set := 1; set < 1<<len(dirs); set++ {
		fsys := mended(t)
		for i, dir := range dirs {
			if set&(1<<i) == 0 {
				delete(fsys, dir+"/hapee-stktagg.cfg")
				delete(fsys, dir+"/hapee-lb.cfg")
			}
		}
		if got := outcome(t, fsys); len(got) > 0 {
			t.Errorf("set %b: %s", set, got)
		}
	}
}

// TestDeterministic proves that neither maps nor repetition change anything.
func TestDeterministic(t *testing.T) {
	for _, k := range Checks() {
		first := found(t, k.Bad, k.Code)
		for range 10 {
			if again := found(t, k.Bad, k.Code); !slices.Equal(first, again) {
				t.Fatalf("%s: %q, then %q", k.Code, first, again)
			}
		}
	}
}

// TestSeverities holds what is an error only under some circumstances.
func TestSeverities(t *testing.T) {
	alone := []edit{{a1, "  peer hapee1 192.168.56.101:44444\n", ""}, {h1, "  server aggr1 192.168.56.111:11111\n", ""}}
	for _, c := range []struct {
		name  string
		edits []edit
		code  diag.Code
		want  diag.Severity
	}{
		{"a node that waits for the sum", alone, "STK216", diag.Error},
		{"a node that has nothing but the name of a table in common", append(slices.Clone(alone), edit{h1, "backend mytable.aggr", "backend other.x"}, edit{h1, "backend mytable.l2", "backend other.y"}), "STK216", diag.Warning},
		{"the sum is counted in and its source is not", []edit{{h1, "track-sc0 src", "track-sc0 src table mytable.aggr"}}, "STK326", diag.Error},
		{"the sum is counted in too", []edit{{h1, "track-sc0 src", "track-sc0 src\n  http-request track-sc1 src table mytable.aggr"}}, "STK326", diag.Warning},
	} {
		fsys := mended(t)
		for _, e := range c.edits {
			e.apply(t, fsys)
		}
		_, findings := linted(t, fsys)
		i := slices.IndexFunc(findings, func(f diag.Finding) bool { return f.Code == c.code })
		if i < 0 || findings[i].Severity != c.want {
			t.Errorf("%s: %v", c.name, findings)
		}
	}
}

// TestMissingLines: what is to be added is written as the section that it is to be added to is.
func TestMissingLines(t *testing.T) {
	for _, c := range []struct {
		name  string
		edits []edit
		want  string
	}{
		{"an aggregator", []edit{{a1, "  peer hapee1 192.168.56.101:44444\n", ""}}, "add `peer hapee1 ADDRESS:44444` to aggr1"},
		{"a balancer", []edit{{h1, "  server aggr1 192.168.56.111:11111\n", ""}}, "add `server aggr1 192.168.56.111:11111` to hapee1"},
		{"a balancer of several sections", []edit{{h1, "  server aggr1 192.168.56.111:11111\n", ""}, {h1, "\npeers mypeers\n", "\npeers own\n  bind :5\n  server hapee1\npeers mypeers\n"}}, "add `server aggr1 192.168.56.111:11111` to hapee1"},
		{"a balancer without a section", []edit{{h1, "\npeers mypeers\n  bind 0.0.0.0:44444\n  server hapee1\n  server aggr1 192.168.56.111:11111\n", "\n"}, {h1, " peers mypeers", ""}}, "add `server aggr1 192.168.56.111:11111` to hapee1"},
		{"a balancer in the old style", []edit{{h1, "  bind 0.0.0.0:44444\n  server hapee1\n  server aggr1 192.168.56.111:11111\n", "  peer hapee1 192.168.56.101:44444\n"}}, "add `peer aggr1 192.168.56.111:11111` to hapee1"},
	} {
		fsys := mended(t)
		for _, e := range c.edits {
			e.apply(t, fsys)
		}
		_, findings := linted(t, fsys)
		i := slices.IndexFunc(findings, func(f diag.Finding) bool { return f.Code == oneWay.Code })
		if i < 0 || findings[i].Fixes[0].Title != c.want {
			t.Errorf("%s: %v", c.name, findings)
		}
	}
}
