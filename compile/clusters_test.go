package compile_test

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/render"
	"stktc/topology"
	"stktc/topology/check"
	"stktc/topology/load"
)

// clusters is a directory with one directory for each cluster that the schema is proved on: a topology with its bases, and
// below out/ what is built of it.
const clusters = "../testdata/clusters"

// TestClusters builds every cluster, checks the topology and what was built as if it were deployed, and lets an aggregator and a
// real HAProxy read each its own files.
func TestClusters(t *testing.T) {
	entries, err := os.ReadDir(clusters)
	if err != nil || len(entries) < 8 {
		t.Fatalf("%d clusters: %v", len(entries), err)
	}
	for _, e := range entries {
		t.Run(e.Name(), func(t *testing.T) {
			dir := filepath.Join(clusters, e.Name())
			input := inputs(t, os.DirFS(dir))
			b := build(t, input, "topology.yaml")
			if *update {
				rewrite(t, dir, b.outputs())
			}
			compare(t, b.outputs(), files(t, os.DirFS(dir), "out"))
			compare(t, build(t, input, "topology.yaml").outputs(), b.outputs())
			insertOnly(t, b, input)
			readsBack(t, b)
			aggregators(t, b)
			deployed(t, b)
			confirm(t, b)
		})
	}
}

// TestClusterOfTheSeed holds the seed among the clusters to the one that everything else is tested with.
func TestClusterOfTheSeed(t *testing.T) {
	for _, name := range []string{"topology.yaml", "hapee-lb.base.cfg"} {
		want, err1 := os.ReadFile(filepath.Join("../testdata/seed", name))
		got, err2 := os.ReadFile(filepath.Join(clusters, "seed", name))
		if err := errors.Join(err1, err2); err != nil || string(got) != string(want) {
			t.Errorf("%s is not the seed's: %v", name, err)
		}
	}
}

// TestClusterOfTheProduct: the three sites build to the letter of their description, of which nothing may be left out.
func TestClusterOfTheProduct(t *testing.T) {
	b := build(t, os.DirFS(filepath.Join(clusters, "product")), "topology.yaml")
	agg := string(b.outputs()["out/agg-nyc/hapee-stktagg.cfg"])
	for _, want := range []string{
		"\n  from .local to .site up-only\n", "\n  forward .all\n", "203.0.113.9:10443 up ssl crt /etc/hapee/agg-nyc.pem ca-file /etc/hapee/ca.pem verify required",
	} {
		if !strings.Contains(agg, want) {
			t.Errorf("agg-nyc lacks %q:\n%s", want, agg)
		}
	}
	both := string(b.outputs()["out/agg-par/hapee-stktagg.cfg"])
	if strings.Count(both, "aggregations ") != 2 || !strings.Contains(both, "\n  peer login 10.1.0.5:11112 local ssl crt /etc/hapee/agg-par.pem") {
		t.Errorf("agg-par has not the two sections:\n%s", both)
	}
	edge, node := string(b.outputs()["out/edge1/hapee-lb.cfg"]), string(b.outputs()["out/nyc07/hapee-lb.cfg"])
	if strings.Contains(edge, "st.site") || strings.Count(edge, "\npeers ") != 2 || strings.Count(node, "\npeers ") != 1 || strings.Contains(node, "logins") {
		t.Errorf("edge1:\n%s\nnyc07:\n%s", edge, node)
	}
	if len(b.tree) != 47 {
		t.Errorf("%d files, want those of 3 aggregators and 44 balancers", len(b.tree))
	}
}

// inputs are the files of a cluster without those that were built.
func inputs(t *testing.T, fsys fs.FS) fstest.MapFS {
	t.Helper()
	in := fstest.MapFS{}
	for name, text := range files(t, fsys, ".") {
		if !isOutput(name) {
			in[name] = &fstest.MapFile{Data: text}
		}
	}
	return in
}

// files reads all files below a directory; none when it is not there.
func files(t *testing.T, fsys fs.FS, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := fs.WalkDir(fsys, dir, func(name string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return fs.SkipAll
		}
		if err != nil || e.IsDir() {
			return err
		}
		all[name], err = fs.ReadFile(fsys, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func rewrite(t *testing.T, dir string, out map[string][]byte) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	for name, text := range out {
		if !strings.HasPrefix(name, "out/") {
			continue // findings, which a cluster must not have
		}
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, text, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

// aggregators reads every aggregator's file as "run -c" does. In a dialect of the vendor's there may be directives that ours passes over.
func aggregators(t *testing.T, b *built) {
	t.Helper()
	for _, o := range b.tree {
		if !o.File.Aggregator {
			continue
		}
		n, findings := load.Aggregator(nil, o.File.Path, o.Text)
		own := &topology.Cluster{Source: topology.FromDeployed, File: o.File.Path, Nodes: []*topology.Node{n}, Files: diag.Files{o.File.Path: o.Text}}
		findings.Add(check.Structure(own)...)
		if vendors := b.node(o.Node).Build.Dialect != topology.DialectStktc; vendors {
			findings = slices.DeleteFunc(findings, func(f diag.Finding) bool { return f.Code == grammar.CodeExecuted && f.Severity == diag.Warning })
		}
		if findings.Worst() > diag.Info {
			t.Errorf("%s:\n%s", o.File.Path, (&render.Findings{List: findings, Files: own.Files}).Compact())
		}
	}
}

// deployed checks what was built as lint does with the files of all hosts: nothing above an info may be found.
func deployed(t *testing.T, b *built) {
	t.Helper()
	fsys := fstest.MapFS{}
	for _, n := range b.cluster.Nodes {
		for _, f := range b.laid(n) {
			fsys[path.Join(n.Name.Value, f.name)] = &fstest.MapFile{Data: f.text}
		}
	}
	hosts, err := load.Hosts(fsys, "out", "")
	if err != nil {
		t.Fatal(err)
	}
	c, findings, err := load.Deployed(hosts)
	if err != nil {
		t.Fatal(err)
	}
	findings.Add(check.Run(c)...)
	if findings = check.Settle(c, findings).Heard(); findings.Worst() > diag.Info {
		t.Errorf("what was built has findings:\n%s", (&render.Findings{List: findings, Files: c.Files}).Compact())
	}
	if len(c.Nodes) != len(b.cluster.Nodes) {
		t.Errorf("%d hosts are read back, want %d", len(c.Nodes), len(b.cluster.Nodes))
	}
}

// laidFile is a file as it stands on a host.
type laidFile struct {
	name string
	text []byte
}

// laid are a node's files in the order in which HAProxy reads them: a fragment comes behind the bases that it is for.
func (b *built) laid(n *topology.Node) []laidFile {
	var all []laidFile
	if n.Build.Fragment {
		for _, base := range n.Build.Base {
			all = append(all, laidFile{path.Base(base.Name), b.cluster.Files[base.Name]})
		}
	}
	for _, o := range b.tree {
		if o.Node == n.Name.Value {
			all = append(all, laidFile{path.Base(o.File.Path), o.Text})
		}
	}
	return all
}

func (b *built) node(name string) *topology.Node {
	i := slices.IndexFunc(b.cluster.Nodes, func(n *topology.Node) bool { return n.Name.Value == name })
	return b.cluster.Nodes[i]
}

// balancers are the nodes that HAProxy runs on.
func (b *built) balancers() []*topology.Node {
	return slices.DeleteFunc(slices.Clone(b.cluster.Nodes), func(n *topology.Node) bool { return !n.IsBalancer() })
}
