package load

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"stktc/grammar"
)

func TestTopologyFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("topology.yaml", small)
	write("locked.yaml", strings.Replace(small, "base.cfg", "locked.cfg", 1))
	write("dirbase.yaml", strings.Replace(small, "base.cfg", "dir", 1))
	write("locked.cfg", "global\n")
	for _, err := range []error{
		os.Mkdir(filepath.Join(dir, "dir"), 0o755),
		os.Symlink("loop.yaml", filepath.Join(dir, "loop.yaml")),
		os.Chmod(filepath.Join(dir, "locked.cfg"), 0),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ name, want string }{
		{"nothing.yaml", "no such file"},
		{"dir", "is a directory"},
		{"loop.yaml", "too many levels of symbolic links"},
		{"../topology.yaml", "leads out of the directory"},
		{"locked.yaml", "permission denied"},
	} {
		if tt.name == "locked.yaml" && os.Geteuid() == 0 {
			continue // root reads everything
		}
		c, findings, err := Topology(os.DirFS(dir), tt.name)
		var path *fs.PathError
		if c != nil || findings != nil || err == nil || !strings.Contains(err.Error(), tt.want) || !errors.As(err, &path) {
			t.Errorf("%s: %v, %v, %v", tt.name, c, findings, err)
		}
	}
	mistakenBases(t, dir)
	big := fstest.MapFS{"f": {Data: []byte(small)}, "base.cfg": {Data: make([]byte, grammar.MaxFileSize+1)}}
	if _, findings, err := Topology(big, "f"); err != nil || len(findings) != 1 || findings[0].Code != grammar.CodeText {
		t.Errorf("a huge base: %v, %v", findings, err)
	}
	big["f"].Data = make([]byte, 100<<20)
	if _, findings, err := Topology(big, "f"); err != nil || len(findings) != 1 || findings[0].Code != grammar.CodeText {
		t.Errorf("a huge topology: %v, %v", findings, err)
	}
}

// mistakenBases: what a base's path leads to in place of a file is the user's mistake, at the line that names it.
func mistakenBases(t *testing.T, dir string) {
	t.Helper()
	for _, err := range []error{os.Symlink("round.cfg", filepath.Join(dir, "round.cfg")), syscall.Mkfifo(filepath.Join(dir, "pipe.cfg"), 0o644)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ base, want string }{
		{"dir", "base `dir` of `b1` is a directory"},
		{"none.cfg", "base `none.cfg` of `b1` is not there"},
		{"round.cfg", "base `round.cfg` of `b1` is a symbolic link that leads back to itself"},
		{"pipe.cfg", "base `pipe.cfg` of `b1` is not a regular file"},
	} {
		file := filepath.Join(dir, "mistaken.yaml")
		if err := os.WriteFile(file, []byte(strings.Replace(small, "base.cfg", tt.base, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		_, findings, err := Topology(os.DirFS(dir), "mistaken.yaml")
		if err != nil || len(findings) != 1 || !strings.HasPrefix(findings[0].Summary, tt.want) || findings[0].Primary.Span.Start.Line != 18 {
			t.Errorf("%s: %v, %v", tt.base, findings, err)
		}
	}
}
