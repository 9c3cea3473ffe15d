package compile_test

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"stktc/compile"
	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/render"
	"stktc/topology"
	"stktc/topology/load"
)

var update = flag.Bool("update", false, "rewrite the outputs in testdata/compile")

// TestGoldens compiles testdata/compile/*.txtar. Of each archive the files below out/ and findings.txt are expectations, the others
// the input. A file whose bytes an archive cannot hold (CRLF, no final newline) has ".quoted" behind its name and Go string
// literals for lines.
func TestGoldens(t *testing.T) {
	archives, err := filepath.Glob("../testdata/compile/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, file := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want := unpack(t, archive)
			b := build(t, input, "topology.yaml")
			if *update {
				repack(archive, input, b.outputs())
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				want = b.outputs()
			}
			compare(t, b.outputs(), want)
			insertOnly(t, b, input)
			again := build(t, input, "topology.yaml")
			compare(t, again.outputs(), b.outputs())
			readsBack(t, b)
			confirm(t, b)
		})
	}
}

// built is a compiled topology.
type built struct {
	cluster  *topology.Cluster
	result   *compile.Result
	findings diag.List
	tree     []render.Output
	manifest []byte
}

func build(t *testing.T, fsys fs.FS, name string) *built {
	t.Helper()
	cluster, findings, err := load.Topology(fsys, name)
	if err != nil {
		t.Fatal(err)
	}
	b := &built{cluster: cluster}
	if findings.Worst() < diag.Error {
		var more diag.List
		b.result, more = compile.Compile(cluster)
		findings.Add(more...)
	}
	b.findings = findings
	if findings.Worst() == diag.Error {
		report := render.Findings{List: findings, Files: cluster.Files}
		t.Fatalf("the topology has errors:\n%s", report.Text(render.TextOptions{}))
	}
	b.tree = render.Tree(b.result)
	b.manifest = render.NewManifest(b.result, b.tree).JSON()
	return b
}

// outputs are the files that an archive holds as expectations.
func (b *built) outputs() map[string][]byte {
	out := map[string][]byte{"out/" + render.ManifestName: b.manifest}
	for _, o := range b.tree {
		out["out/"+o.File.Path] = o.Text
	}
	report := render.Findings{List: slices.DeleteFunc(slices.Clone(b.findings), func(f diag.Finding) bool { return f.Severity < diag.Warning }), Files: b.cluster.Files}
	if text := report.Compact(); len(text) > 0 {
		out["findings.txt"] = text
	}
	return out
}

const quoted = ".quoted"

func unpack(t *testing.T, a *txtar.Archive) (input fstest.MapFS, want map[string][]byte) {
	t.Helper()
	input, want = fstest.MapFS{}, map[string][]byte{}
	for _, f := range a.Files {
		name, isQuoted := strings.CutSuffix(f.Name, quoted)
		data := f.Data
		if isQuoted {
			data = unquote(t, data)
		}
		if isOutput(name) {
			want[name] = data
		} else {
			input[name] = &fstest.MapFile{Data: data}
		}
	}
	return input, want
}

func isOutput(name string) bool { return strings.HasPrefix(name, "out/") || name == "findings.txt" }

func unquote(t *testing.T, data []byte) []byte {
	t.Helper()
	var text []byte
	for _, l := range strings.Fields(strings.ReplaceAll(string(data), " ", "\x00")) {
		s, err := strconv.Unquote(strings.ReplaceAll(l, "\x00", " "))
		if err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		text = append(text, s...)
	}
	return text
}

func quoteLines(text []byte) []byte {
	var b bytes.Buffer
	for _, l := range strings.SplitAfter(string(text), "\n") {
		if l != "" {
			fmt.Fprintf(&b, "%q\n", l)
		}
	}
	return b.Bytes()
}

// repack replaces an archive's expectations.
func repack(a *txtar.Archive, input fstest.MapFS, out map[string][]byte) {
	a.Files = slices.DeleteFunc(a.Files, func(f txtar.File) bool { return isOutput(strings.TrimSuffix(f.Name, quoted)) })
	names := make([]string, 0, len(out))
	for name := range out {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f := txtar.File{Name: name, Data: out[name]}
		if bytes.ContainsRune(f.Data, '\r') || len(f.Data) > 0 && !bytes.HasSuffix(f.Data, []byte("\n")) {
			f = txtar.File{Name: name + quoted, Data: quoteLines(f.Data)}
		}
		a.Files = append(a.Files, f)
	}
}

func compare(t *testing.T, got, want map[string][]byte) {
	t.Helper()
	for name, text := range got {
		if d := render.UnifiedDiff(name+" (want)", name+" (got)", want[name], text); d != nil {
			t.Errorf("go test ./compile -update rewrites it:\n%s", d)
		}
	}
	for name := range want {
		if got[name] == nil {
			t.Errorf("%s was not made", name)
		}
	}
}

// insertOnly proves from the manifest alone that build keeps every byte of a base.
func insertOnly(t *testing.T, b *built, input fstest.MapFS) {
	t.Helper()
	m, err := render.ParseManifest(b.manifest)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range m.Files {
		text := b.tree[i].Text
		if f.Path != b.tree[i].File.Path || f.SHA256 != render.Hash(text) {
			t.Errorf("%s: the manifest's hash is not the file's", f.Path)
		}
		inserted := map[int]bool{}
		for _, run := range f.Inserted {
			for n := run.First; n <= run.Last; n++ {
				inserted[n] = true
			}
		}
		var kept []byte
		for n, l := range bytes.SplitAfter(text, []byte("\n")) {
			if !inserted[n+1] {
				kept = append(kept, l...)
			}
		}
		kept = bytes.TrimSuffix(kept, []byte(f.AddedLineEnd))
		var base []byte
		if name := b.tree[i].File.BaseName; name != "" {
			base = input[name].Data
		}
		if !bytes.Equal(kept, base) {
			t.Errorf("%s: without the inserted lines %q is left, want the base %q", f.Path, kept, base)
		}
	}
}

// readsBack holds what the grammar reads from each file's inserted lines to the lines that were compiled.
func readsBack(t *testing.T, b *built) {
	t.Helper()
	for _, o := range b.tree {
		cfg, findings := grammar.ParseConfig(o.File.Path, o.Text)
		for _, f := range findings {
			if slices.ContainsFunc(o.Lines, func(l render.MappedLine) bool { return l.Number == f.Primary.Span.Start.Line }) {
				t.Errorf("%s: a generated line is not understood: %s", f.Primary.Span, f.Summary)
			}
		}
		words := map[int][]string{}
		note := func(l *grammar.Line) {
			for _, w := range l.Words {
				words[l.Span.Start.Line] = append(words[l.Span.Start.Line], w.Value)
			}
		}
		for i := range cfg.Preamble {
			note(&cfg.Preamble[i])
		}
		for _, s := range cfg.Sections {
			note(&s.Header)
			for i := range s.Lines {
				note(&s.Lines[i])
			}
		}
		i := 0
		for _, in := range o.File.Insertions {
			for _, l := range in.Lines {
				if got := words[o.Lines[i].Number]; !slices.Equal(got, l.Words) {
					t.Errorf("%s:%d is read back as %q, want %q", o.File.Path, o.Lines[i].Number, got, l.Words)
				}
				i++
			}
		}
	}
}

// TestSeed compiles the seed's topology and compares with the seed's own seven files, white space and comments apart. The
// documents hold one slip: they let aggr1 and aggr2 dial aggr3 at 11111, while aggr3 listens on 22222.
func TestSeed(t *testing.T) {
	b := build(t, os.DirFS("../testdata/seed"), "topology.yaml")
	if len(b.tree) != 7 {
		t.Fatalf("%d files, want 7", len(b.tree))
	}
	for _, o := range b.tree {
		text, err := os.ReadFile(filepath.Join("../testdata/deployed/seed", o.File.Path))
		if err != nil {
			t.Fatal(err)
		}
		want := statements(o.File.Path, text)
		if o.Node == "aggr1" || o.Node == "aggr2" {
			i := slices.Index(want, "peer aggr3 192.168.56.113:11111 up")
			if i < 0 {
				t.Fatalf("%s has no slip", o.Node)
			}
			want[i] = "peer aggr3 192.168.56.113:22222 up"
		}
		if got := statements(o.File.Path, o.Text); !slices.Equal(got, want) {
			t.Errorf("%s:\n%s\nwant\n%s", o.File.Path, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	insertOnly(t, b, fstest.MapFS{"hapee-lb.base.cfg": {Data: b.cluster.Files["hapee-lb.base.cfg"]}})
	confirm(t, b)
}

// statements are a file's lines without comments, blank lines and surplus blanks.
func statements(name string, text []byte) []string {
	var out []string
	cfg, _ := grammar.ParseConfig(name, text)
	note := func(l *grammar.Line) {
		var words []string
		for _, w := range l.Words {
			words = append(words, w.Value)
		}
		if len(words) > 0 {
			out = append(out, strings.Join(words, " "))
		}
	}
	for _, s := range cfg.Sections {
		note(&s.Header)
		for i := range s.Lines {
			note(&s.Lines[i])
		}
	}
	return out
}
