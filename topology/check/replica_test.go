package check

import (
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"stktc/grammar/diag"
)

// archived makes a file system of an archive.
func archived(archive string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for _, f := range txtar.Parse([]byte(archive)).Files {
		fsys[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	return fsys
}

// marked lists the findings above info that are heard, each as its code and what its primary marks.
func marked(t *testing.T, fsys fstest.MapFS) string {
	t.Helper()
	c, findings := linted(t, fsys)
	var list []string
	for _, f := range findings.Heard() {
		if at := f.Primary.Span; f.Severity > diag.Info {
			list = append(list, string(f.Code)+" "+path.Dir(at.File)+":"+string(c.Files[at.File][at.Start.Offset:at.End.Offset]))
		}
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// TestReplicas makes one mistake at a time in two aggregators that stand in for each other.
func TestReplicas(t *testing.T) {
	const to2, to1 = "  peer aggr2  192.168.56.112:11111 replica\n", "  peer aggr1  192.168.56.111:11111 replica\n"
	for _, c := range []struct {
		name  string
		edits []edit
		want  string
	}{
		{"nothing", nil, ""},
		{"neither says so", []edit{{a1, to2, ""}, {a2, to1, ""}}, ""}, // the vendor's way
		{"one does not list the other", []edit{{a2, to1, ""}}, "STK223 aggr1:" + strings.TrimSpace(to2)},
		{"one lists the other as a node", []edit{{a2, "11111 replica", "11111"}}, "STK223 aggr1:" + strings.TrimSpace(to2)},
		{"one lists the other as down", []edit{{a2, "11111 replica", "11111 down"}}, "STK211 aggr2:down"},
		{"a node is listed as replica", []edit{{a1, "101:44444", "101:44444 replica"}}, "STK217 aggr1:peer hapee1 192.168.56.101:44444 replica"},
		{"port", []edit{{a1, "112:11111 replica", "112:11112 replica"}}, "STK201 aggr1:11112"},
		{"name", []edit{{a1, "peer aggr2 ", "peer aggr-2 "}}, "STK103 aggr1:aggr-2"},
		{"TLS", []edit{{a1, "112:11111 replica", "112:11111 ssl verify none replica"}}, "STK215 aggr1:peer aggr2  192.168.56.112:11111 ssl verify none replica"},
		{"other members", []edit{{a2, "  peer hapee2 192.168.56.102:44444\n", ""}, {h2, "  server aggr2 192.168.56.112:11111\n", ""}}, "STK218 aggr2:aggregations myaggr"},
		{"other rules", []edit{{a2, "to .aggr", "to .aggr up-only"}}, "STK218 aggr2:aggregations myaggr"},
		{"another destination", []edit{{a2, "to .aggr", "to .agg"}}, "STK218 aggr2:aggregations myaggr"},
		{"another source", []edit{{a2, "from .uncombined", "from .uncombine"}}, "STK218 aggr2:aggregations myaggr"},
		{"swapped suffixes", []edit{{a2, "from .uncombined to .aggr", "from .aggr to .uncombined"}}, "STK410 aggr2:from .aggr to .uncombined"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fsys := archived(replicas("replica", to1))
			for _, e := range c.edits {
				e.apply(t, fsys)
			}
			if got := marked(t, fsys); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			mendAll(t, fsys)
		})
	}
}
