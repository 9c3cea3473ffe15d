// Package house holds the rules of the tree itself: who imports whom, how long a file and a function may be, what is documented.
// It has tests only. They read the sources with go/parser, so that they speak even while a package does not compile.
package house

import (
	"bufio"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const (
	module = "stktc"
	root   = "../../.."
)

// source is one parsed file.
type source struct {
	path   string // from the module's top, with slashes
	dir    string
	isTest bool
	file   *ast.File
	lines  int
}

var files = token.NewFileSet()

// sources parses every Go file of the module, testdata aside.
func sources(t *testing.T) []source {
	t.Helper()
	all, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("only %d Go files: is %s the top of the module?", len(all), root)
	}
	return all
}

var parsed = sync.OnceValues(func() ([]source, error) {
	var all []source
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && (e.Name() == "testdata" || e.Name() == ".git") {
			return filepath.SkipDir
		}
		if e.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		s, err := parse(name)
		all = append(all, s)
		return err
	})
	return all, err
})

func parse(name string) (source, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return source{}, err
	}
	relative, err := filepath.Rel(root, name)
	if err != nil {
		return source{}, err
	}
	s := source{path: filepath.ToSlash(relative), isTest: strings.HasSuffix(name, "_test.go"), lines: strings.Count(string(text), "\n")}
	s.dir = path.Dir(s.path)
	s.file, err = parser.ParseFile(files, name, text, parser.ParseComments|parser.SkipObjectResolution)
	return s, err
}

// packages are the directories that hold Go files, sorted.
func packages(all []source) []string {
	var dirs []string
	for _, s := range all {
		dirs = append(dirs, s.dir)
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// at writes where something stands, from the module's top.
func (s *source) at(pos token.Pos) string {
	p := files.Position(pos)
	return s.path + ":" + p.String()[strings.LastIndex(p.String(), ".go:")+len(".go:"):]
}

// TestTopLevel holds the top of the tree to what it is to hold; dot-files and what .gitignore names there aside.
func TestTopLevel(t *testing.T) {
	want := []string{"README.md", "cmd", "compile", "go.mod", "go.sum", "grammar", "render", "runtime", "testdata", "topology"}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	ignored := ignoredAtTop(t)
	var got []string
	for _, e := range entries {
		if name := e.Name(); !strings.HasPrefix(name, ".") && name != "LICENSE" && !slices.Contains(ignored, name) {
			got = append(got, name)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the top level holds %q, want %q", got, want)
	}
}

func ignoredAtTop(t *testing.T) []string {
	t.Helper()
	f, err := os.Open(filepath.Join(root, ".gitignore"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var names []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if line, ok := strings.CutPrefix(lines.Text(), "/"); ok {
			names = append(names, strings.TrimSuffix(line, "/"))
		}
	}
	return names
}

// TestPackageNames keeps out packages that are named after no thing.
func TestPackageNames(t *testing.T) {
	for _, s := range sources(t) {
		for _, banned := range []string{"util", "utils", "common", "types", "helper", "helpers", "misc"} {
			if slices.Contains(strings.Split(s.dir, "/"), banned) || s.file.Name.Name == banned {
				t.Errorf("%s: a package may not be called %s", s.path, banned)
			}
		}
	}
}

// TestTestdata keeps code out of the top-level testdata: it is data only.
func TestTestdata(t *testing.T) {
	err := filepath.WalkDir(filepath.Join(root, "testdata"), func(name string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, ".go") {
			t.Errorf("%s is code", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
