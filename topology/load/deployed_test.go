package load

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"stktc/grammar/diag"
	"stktc/topology"
	"stktc/topology/sticktable"
)

var update = flag.Bool("update", false, "write what the tests get as what they want")

// golden compares text with a file, or writes the file.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		g, w := "no line", "no line"
		if i < len(gotLines) {
			g = gotLines[i]
		}
		if i < len(wantLines) {
			w = wantLines[i]
		}
		if g != w {
			t.Errorf("%s:%d differs (go test ./topology/load -update writes it):\ngot  %s\nwant %s", file, i+1, g, w)
			return
		}
	}
}

func TestDeployedSeed(t *testing.T) {
	hosts, err := Hosts(os.DirFS("testdata/deployed/seed"), "seed", "")
	if err != nil {
		t.Fatal(err)
	}
	c, findings, err := Deployed(hosts)
	if err != nil {
		t.Fatal(err)
	}
	if len(findings) > 0 {
		t.Errorf("findings in the seed's files: %v", findings)
	}
	golden(t, "testdata/deployed/seed.golden", dump(c, findings))
}

// TestDeployed reads the archives of testdata/deployed: their files, and what they make under the name "want".
func TestDeployed(t *testing.T) {
	archives, err := filepath.Glob("testdata/deployed/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, file := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			fsys := fstest.MapFS{}
			for _, f := range a.Files {
				if f.Name != "want" {
					fsys[f.Name] = &fstest.MapFile{Data: f.Data}
				}
			}
			hosts, err := Hosts(fsys, "top", "")
			if err != nil {
				t.Fatal(err)
			}
			c, findings, err := Deployed(hosts)
			if err != nil {
				t.Fatal(err)
			}
			checkSpans(t, c, findings)
			got := txtar.Archive{Comment: a.Comment, Files: a.Files}
			if n := len(got.Files); got.Files[n-1].Name == "want" {
				got.Files = got.Files[:n-1]
			}
			got.Files = append(got.Files[:len(got.Files):len(got.Files)], txtar.File{Name: "want", Data: []byte(dump(c, findings))})
			golden(t, file, string(txtar.Format(&got)))
		})
	}
}

// checkSpans: every span of a finding lies in a text that the cluster has.
func checkSpans(t *testing.T, c *topology.Cluster, findings diag.List) {
	t.Helper()
	for _, f := range findings {
		s := f.Primary.Span
		if s.IsZero() {
			t.Errorf("a finding points nowhere: %s", f.Summary)
			continue
		}
		text, ok := c.Files[s.File]
		if !ok || s.Start.Offset > s.End.Offset || s.End.Offset > len(text) {
			t.Errorf("a finding points outside: %v %s", s, f.Summary)
		}
		if f.Slug == "" || f.Severity == 0 {
			t.Errorf("a finding lacks its slug or severity: %+v", f)
		}
	}
}

// dump writes a cluster for reading: each value behind its place.
func dump(c *topology.Cluster, findings diag.List) string {
	d := dumper{}
	for _, n := range c.Nodes {
		d.node(n)
	}
	for _, a := range c.Absent {
		d.line(0, "absent %s", d.text(a))
	}
	for _, f := range findings {
		d.line(0, "%s %s %s: %s", d.place(f.Primary.Span), f.Severity, f.Code, f.Summary)
		for _, r := range f.Related {
			d.line(1, "%s %s", d.place(r.Span), r.Label)
		}
	}
	return d.String()
}

type dumper struct{ strings.Builder }

func (d *dumper) line(indent int, format string, args ...any) {
	fmt.Fprintf(d, strings.Repeat("  ", indent)+format+"\n", args...)
}

func (d *dumper) place(s diag.Span) string {
	if s.IsZero() {
		return "nowhere"
	}
	return fmt.Sprintf("%s:%d:%d-%d", s.File, s.Start.Line, s.Start.Column, s.End.Column)
}

func (d *dumper) text(t topology.Text) string {
	mark := ""
	if t.Unresolved {
		mark = "?"
	}
	if t.IsZero() {
		return "none"
	}
	return fmt.Sprintf("%q%s@%d:%d-%d", t.Value, mark, t.Span.Start.Line, t.Span.Start.Column, t.Span.End.Column)
}

func (d *dumper) address(a topology.Address) string {
	if a.IsZero() {
		return "none"
	}
	if a.Unresolved {
		return fmt.Sprintf("%q?@%d:%d", a.Raw, a.Span.Start.Line, a.Span.Start.Column)
	}
	if a.Unix != "" {
		return fmt.Sprintf("unix %s@%d:%d", a.Unix, a.Span.Start.Line, a.Span.Start.Column)
	}
	return fmt.Sprintf("host %q@%d-%d port %d@%d-%d", a.Host, a.HostSpan.Start.Column, a.HostSpan.End.Column, a.Port, a.PortSpan.Start.Column, a.PortSpan.End.Column)
}

var nameSources = map[topology.NameFrom]string{
	topology.NameFromLocalPeer: "localpeer", topology.NameFromLocalServer: "local server", topology.NameFromOthers: "others", topology.NameFromDir: "directory",
}

func (d *dumper) node(n *topology.Node) {
	d.line(0, "node %s from %s, directory %s, files %s", d.text(n.Name), nameSources[n.NameFrom], n.Dir, strings.Join(n.Files, " "))
	if !n.LocalPeer.IsZero() {
		d.line(1, "localpeer %s", d.text(n.LocalPeer))
	}
	for _, s := range n.Peers {
		style := map[topology.Style]string{topology.ServerStyle: "server", topology.PeerStyle: "peer"}[s.Style]
		d.line(1, "peers %s style %s, local %s, listens %s", d.text(s.Name), style, d.text(s.Local), d.address(s.Listen))
		d.peers(s.Peers)
	}
	for _, t := range n.Tables {
		d.table(t)
	}
	for _, a := range n.Aggregations {
		d.line(1, "aggregations %s height %d", d.text(a.Name), a.Height)
		if a.Local != nil {
			d.peers([]*topology.Peer{a.Local})
		}
		d.peers(a.Peers)
		for _, r := range a.Rules {
			d.line(2, "from %s any %v to %s up-only %v", d.text(r.From), r.Any, d.text(r.To), r.UpOnly)
		}
		for _, f := range a.Forwards {
			d.line(2, "forward %s", d.text(f))
		}
	}
	for _, s := range n.Stats {
		d.line(1, "stats %s mode %s level %s", d.address(s.Address), d.text(s.Mode), d.text(s.Level))
	}
}

func (d *dumper) peers(peers []*topology.Peer) {
	for _, p := range peers {
		marks := ""
		if p.Direction != topology.Unmarked {
			marks += fmt.Sprintf(" %s@%d", p.Direction, p.Role.Start.Column)
		}
		if p.Group != 0 {
			marks += fmt.Sprintf(" group %d", p.Group)
		}
		if p.TLS.On {
			marks += " tls"
		}
		if p.Replica {
			marks += " replica"
		}
		d.line(2, "%d:%d-%d peer %s %s%s", p.Span.Start.Line, p.Span.Start.Column, p.Span.End.Column, d.text(p.Name), d.address(p.Address), marks)
	}
}

func (d *dumper) table(t *topology.Table) {
	s := &t.Shape
	d.line(1, "table %s wire %s proxy %q peers %s", d.text(t.Name), t.WireName(), t.Proxy, d.text(t.Peers))
	columns := func(at diag.Span) string { return fmt.Sprintf("@%d-%d", at.Start.Column, at.End.Column) }
	key, size, expire, store := s.Definition.KeyString()+columns(s.Key), fmt.Sprint(s.Size)+columns(s.SizeSpan), "none", s.Definition.StoreString()+columns(s.Store)
	if !s.Expire.IsZero() {
		expire = sticktable.FormatDuration(s.Definition.Expire) + columns(s.Expire)
	}
	for _, u := range []struct {
		unknown bool
		text    *string
	}{{s.KeyUnknown, &key}, {s.SizeUnknown, &size}, {s.ExpireUnknown, &expire}, {s.StoreUnknown, &store}} {
		if u.unknown {
			*u.text = "unknown"
		}
	}
	d.line(2, "type %s size %s expire %s store %s", key, size, expire, store)
	var items []string
	for _, c := range s.Columns {
		items = append(items, fmt.Sprintf("%s%s", c.Type, columns(c.Span)))
	}
	sort.Strings(items)
	d.line(2, "columns %s", strings.Join(items, " "))
}
