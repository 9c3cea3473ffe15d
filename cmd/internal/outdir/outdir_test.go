package outdir

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stktc/render"
)

// tree is files by path; build makes the manifest that stktc would write with them.
type tree map[string]string

func (tr tree) build() (*render.Manifest, []File) {
	m := &render.Manifest{Format: 1, Source: "topology.yaml"}
	var files []File
	for _, path := range slices.Sorted(maps.Keys(tr)) {
		node, _, _ := strings.Cut(path, "/")
		m.Files = append(m.Files, render.ManifestFile{Path: path, Node: node, SHA256: render.Hash([]byte(tr[path]))})
		if !slices.Contains(m.Rollout, node) {
			m.Rollout = append(m.Rollout, node)
		}
		files = append(files, File{Path: path, Text: []byte(tr[path])})
	}
	return m, files
}

func plan(t *testing.T, dir string, tr tree, o Options) *Plan {
	t.Helper()
	m, files := tr.build()
	p, err := NewPlan(dir, m, files, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func apply(t *testing.T, dir string, tr tree, o Options) *Plan {
	t.Helper()
	p := plan(t, dir, tr, o)
	if err := p.Apply(); err != nil {
		t.Fatal(err)
	}
	return p
}

// onDisk reads a directory, without the manifest; directories are there as names with a slash.
func onDisk(t *testing.T, dir string) tree {
	t.Helper()
	found := tree{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != ".":
			found[path+"/"] = ""
		case !d.IsDir() && path != render.ManifestName:
			text, err := os.ReadFile(filepath.Join(dir, path))
			found[path] = string(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func expect(t *testing.T, dir string, want tree) {
	t.Helper()
	if got := onDisk(t, dir); !maps.Equal(got, want) {
		t.Errorf("on disk is %q, want %q", got, want)
	}
}

func edit(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

var two = tree{"a/x.cfg": "a\n", "b/x.cfg": "b\n"}

func TestWriteAndRewrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "out")
	p := apply(t, dir, two, Options{})
	if len(p.Changes) != 2 || p.Unchanged != 0 {
		t.Errorf("first build: %d changes, %d unchanged", len(p.Changes), p.Unchanged)
	}
	expect(t, dir, tree{"a/": "", "a/x.cfg": "a\n", "b/": "", "b/x.cfg": "b\n"})

	long := time.Now().Add(-time.Hour).Truncate(time.Second)
	for _, path := range []string{"a/x.cfg", "b/x.cfg", render.ManifestName} {
		if err := os.Chtimes(filepath.Join(dir, path), long, long); err != nil {
			t.Fatal(err)
		}
	}
	if p := apply(t, dir, two, Options{}); p.Stale() || p.Unchanged != 2 {
		t.Errorf("second build: stale %v, %d unchanged", p.Stale(), p.Unchanged)
	}
	p = apply(t, dir, tree{"a/x.cfg": "a\n", "b/x.cfg": "new\n"}, Options{})
	if len(p.Changes) != 1 || string(p.Changes[0].Old) != "b\n" || string(p.Changes[0].New) != "new\n" {
		t.Errorf("third build changes %v", p.Changes)
	}
	for path, kept := range map[string]bool{"a/x.cfg": true, "b/x.cfg": false, render.ManifestName: false} {
		info, err := os.Stat(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		if info.ModTime().Equal(long) != kept {
			t.Errorf("%s: modification time kept: %v, want %v", path, !kept, kept)
		}
	}
	expect(t, dir, tree{"a/": "", "a/x.cfg": "a\n", "b/": "", "b/x.cfg": "new\n"})
}

// TestManyFiles writes so many files that they are not synced one by one.
func TestManyFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	tr, want := tree{}, tree{}
	for i := range manyFiles + 1 {
		node := fmt.Sprintf("lb%03d", i)
		tr[node+"/a.cfg"] = node + "\n"
		want[node+"/"], want[node+"/a.cfg"] = "", node+"\n"
	}
	p := apply(t, dir, tr, Options{})
	if got := onDisk(t, dir); len(p.Changes) != len(tr) || !maps.Equal(got, want) {
		t.Errorf("%d changes, on disk are %v", len(p.Changes), got)
	}
	if again := plan(t, dir, tr, Options{}); again.Stale() || again.Unchanged != len(tr) {
		t.Errorf("%d changes, %d unchanged", len(again.Changes), again.Unchanged)
	}
}

func TestConflicts(t *testing.T) {
	changed := tree{"a/x.cfg": "a2\n", "b/x.cfg": "b2\n"}
	tests := []struct {
		name string
		edit func(dir string)
		want []string // paths of conflicts
	}{
		{"edited by hand", func(dir string) { edit(t, filepath.Join(dir, "a/x.cfg"), "mine\n") }, []string{"a/x.cfg"}},
		{"emptied", func(dir string) { edit(t, filepath.Join(dir, "a/x.cfg"), "") }, []string{"a/x.cfg"}},
		{"edited to what is wanted", func(dir string) { edit(t, filepath.Join(dir, "a/x.cfg"), "a2\n") }, nil},
		{"manifest gone", func(dir string) { os.Remove(filepath.Join(dir, render.ManifestName)) }, []string{"a/x.cfg", "b/x.cfg"}},
		{"manifest of something else", func(dir string) { edit(t, filepath.Join(dir, render.ManifestName), "{}") }, []string{"manifest.json", "a/x.cfg", "b/x.cfg"}},
		{"removed", func(dir string) { os.Remove(filepath.Join(dir, "a/x.cfg")) }, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			apply(t, dir, two, Options{})
			test.edit(dir)
			before := onDisk(t, dir)
			p := plan(t, dir, changed, Options{})
			var got []string
			for _, c := range p.Conflicts {
				got = append(got, c.Path)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("conflicts %q, want %q", got, test.want)
			}
			if len(test.want) > 0 {
				if err := p.Apply(); err == nil {
					t.Error("a plan with conflicts was carried out")
				}
				expect(t, dir, before)
			}
			apply(t, dir, changed, Options{Overwrite: true})
			expect(t, dir, tree{"a/": "", "a/x.cfg": "a2\n", "b/": "", "b/x.cfg": "b2\n"})
			if p := plan(t, dir, changed, Options{}); p.Stale() {
				t.Errorf("stale after the build: %+v", p)
			}
		})
	}
}

func TestLeftNodes(t *testing.T) {
	one := tree{"a/x.cfg": "a\n"}
	dir := t.TempDir()
	apply(t, dir, two, Options{})
	for range 2 { // the second build still knows
		p := apply(t, dir, one, Options{})
		if got := p.LeftNodes(); !slices.Equal(got, []string{"b"}) {
			t.Fatalf("left: %q, want b", got)
		}
		expect(t, dir, tree{"a/": "", "a/x.cfg": "a\n", "b/": "", "b/x.cfg": "b\n"})
	}
	edit(t, filepath.Join(dir, "b/x.cfg"), "mine\n")
	if p := plan(t, dir, one, Options{Prune: true}); len(p.Conflicts) != 1 || p.Conflicts[0].New != nil {
		t.Errorf("an edited file of a node that left is no conflict: %+v", p.Conflicts)
	}
	edit(t, filepath.Join(dir, "b/x.cfg"), "b\n")
	edit(t, filepath.Join(dir, "b/notes"), "keep")
	apply(t, dir, one, Options{Prune: true})
	expect(t, dir, tree{"a/": "", "a/x.cfg": "a\n", "b/": "", "b/notes": "keep"})
	if p := plan(t, dir, one, Options{}); p.Stale() || len(p.Left) > 0 {
		t.Errorf("after pruning: %+v", p)
	}

	apply(t, dir, two, Options{}) // it comes back
	os.Remove(filepath.Join(dir, "b/notes"))
	apply(t, dir, one, Options{Prune: true})
	expect(t, dir, tree{"a/": "", "a/x.cfg": "a\n"})
}

func TestOnlySomeNodes(t *testing.T) {
	dir := t.TempDir()
	apply(t, dir, two, Options{Nodes: []string{"b"}})
	expect(t, dir, tree{"b/": "", "b/x.cfg": "b\n"})
	changed := tree{"a/x.cfg": "a2\n", "b/x.cfg": "b2\n"}
	apply(t, dir, changed, Options{Nodes: []string{"a"}})
	expect(t, dir, tree{"a/": "", "a/x.cfg": "a2\n", "b/": "", "b/x.cfg": "b\n"})
	if p := plan(t, dir, changed, Options{}); len(p.Conflicts) > 0 || len(p.Changes) != 1 {
		t.Errorf("the manifest lost what was not selected: %+v", p)
	}
}

func TestNothingHalfWritten(t *testing.T) {
	tests := []struct {
		name string
		edit func(dir string)
		want string
	}{
		{"a file where a directory must be", func(dir string) { os.RemoveAll(filepath.Join(dir, "b")); edit(t, filepath.Join(dir, "b"), "") }, "not a directory"},
		{"a directory where a file must be", func(dir string) {
			os.RemoveAll(filepath.Join(dir, "b"))
			os.MkdirAll(filepath.Join(dir, "b/x.cfg"), 0o755)
		}, "not a regular file"},
		{"a symbolic link to itself", func(dir string) { os.RemoveAll(filepath.Join(dir, "b")); os.Symlink("b", filepath.Join(dir, "b")) }, "too many levels"},
		{"a link where a file must be", func(dir string) {
			os.Remove(filepath.Join(dir, "b/x.cfg"))
			os.Symlink("../a/x.cfg", filepath.Join(dir, "b/x.cfg"))
		}, "not a regular file"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			apply(t, dir, two, Options{})
			test.edit(dir)
			m, files := tree{"0/x.cfg": "new\n", "a/x.cfg": "a2\n", "b/x.cfg": "b2\n"}.build()
			p, err := NewPlan(dir, m, files, Options{Overwrite: true})
			if err == nil {
				err = p.Apply()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("error %v, want the path and %q", err, test.want)
			}
			found := onDisk(t, filepath.Join(dir, "a"))
			if !maps.Equal(found, tree{"x.cfg": "a\n"}) {
				t.Errorf("a holds %q", found)
			}
			if _, err := os.Stat(filepath.Join(dir, "0")); err == nil {
				t.Error("a directory was made all the same")
			}
		})
	}
}

func TestOutputIsNoDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	edit(t, file, "")
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		m, files := two.build()
		if _, err := NewPlan(dir, m, files, Options{}); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: error %v", dir, err)
		}
	}
}

func TestOutsideIsRefused(t *testing.T) {
	m, files := tree{"../x.cfg": "a\n"}.build()
	if _, err := NewPlan(t.TempDir(), m, files, Options{}); err == nil {
		t.Error("a path outside of the directory was planned")
	}
}

func TestMode(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	base := filepath.Join(dir, "base.cfg")
	edit(t, base, "secret")
	for _, perm := range []fs.FileMode{0o644, 0o640, 0o600} {
		if err := os.Chmod(base, perm); err != nil {
			t.Fatal(err)
		}
		m, files := two.build()
		files[0].Base = base
		p, err := NewPlan(out, m, files, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Apply(); err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]fs.FileMode{"a/x.cfg": perm, "b/x.cfg": 0o644} {
			info, err := os.Stat(filepath.Join(out, path))
			if err != nil {
				t.Fatal(err)
			}
			if got := info.Mode().Perm(); got != want {
				t.Errorf("base %o: %s has mode %o, want %o", perm, path, got, want)
			}
		}
	}
}

// TestOwner gives the base to somebody else, which only root can.
func TestOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may give files away")
	}
	dir := t.TempDir()
	base := filepath.Join(dir, "base.cfg")
	edit(t, base, "secret")
	if err := os.Chown(base, 12345, 23456); err != nil {
		t.Fatal(err)
	}
	m, files := two.build()
	files[0].Base = base
	p, err := NewPlan(filepath.Join(dir, "out"), m, files, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Apply(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "out/a/x.cfg"))
	if err != nil {
		t.Fatal(err)
	}
	if uid, gid := owner(info); fmt.Sprint(uid, gid) != "12345 23456" {
		t.Errorf("owner %d:%d", uid, gid)
	}
}
