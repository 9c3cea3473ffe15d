package house

import (
	"go/ast"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// everything is what cmd sees: both rows, the compiler's and the daemon's.
var everything = []string{"*"}

// mayImport says for each package which of ours it may import, its tests aside. A package that is not here may not be: a new one is a decision.
var mayImport = map[string][]string{
	"grammar/diag":        {},
	"grammar":             {"grammar/diag"},
	"topology/sticktable": {},
	"topology":            {"grammar/diag", "topology/sticktable"},
	"topology/load":       {"grammar", "grammar/diag", "topology", "topology/sticktable"},
	"topology/check":      {"grammar/diag", "topology", "topology/sticktable"},
	"compile":             {"grammar", "grammar/diag", "topology", "topology/check", "topology/sticktable"},
	"render":              {"compile", "grammar/diag", "topology", "topology/check", "topology/sticktable"},

	"runtime/peers":   {"topology/sticktable"},
	"runtime/store":   {"topology/sticktable"},
	"runtime/session": {"runtime/peers", "runtime/store", "topology/sticktable"},
	"runtime/node":    {"runtime/peers", "topology/sticktable"},
	"runtime":         {"runtime/peers", "runtime/session", "runtime/store", "topology/sticktable"},
	"runtime/cli":     {"runtime", "runtime/peers", "runtime/session", "runtime/store", "topology/sticktable"},
	"runtime/web":     {"runtime", "runtime/store"},

	"cmd/stktc":                        everything,
	"cmd/stktload":                     everything,
	"cmd/internal/aggregator":          everything,
	"cmd/internal/certtest":            everything,
	"cmd/internal/console":             everything,
	"cmd/internal/corpus":              everything,
	"cmd/internal/e2e":                 everything,
	"cmd/internal/flags":               {"grammar/diag"},
	"cmd/internal/haproxy":             everything,
	"cmd/internal/haproxy/haproxytest": everything,
	"cmd/internal/house":               everything,
	"cmd/internal/quit":                {},
	"cmd/internal/lab":                 everything,
	"cmd/internal/load":                everything,
	"cmd/internal/outdir":              everything,
	"cmd/internal/systemd":             everything,
}

// onlyIn says which packages may import a library, or a package of the standard library that acts on the world; tests may import all.
var onlyIn = map[string][]string{
	"github.com/alecthomas/participle/v2":     {"grammar"},
	"gopkg.in/yaml.v3":                        {"grammar"},
	"github.com/awalterschulze/gographviz":    {"render"},
	"github.com/sergi/go-diff":                {"render"},
	"github.com/urfave/cli/v2":                {"cmd/internal/flags", "cmd/stktc", "cmd/stktload"},
	"github.com/rogpeppe/go-internal/txtar":   {},
	"golang.org/x/sys":                        {"runtime", "runtime/node", "cmd"},
	"github.com/prometheus/client_golang":     {"runtime/web"},
	"github.com/HdrHistogram/hdrhistogram-go": {"cmd/internal/load"},
	"os":            {"runtime", "cmd"},
	"os/exec":       {"cmd"},
	"net":           {"runtime", "cmd", "topology"},
	"net/http":      {"runtime/web", "cmd"},
	"log/slog":      {"runtime", "cmd"},
	"math/rand/v2":  {"runtime", "cmd"},
	"text/template": {},
	"html/template": {"runtime/web"},
}

func imports(s *source) []string {
	var paths []string
	for _, i := range s.file.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			panic(err) // the parser has read it
		}
		paths = append(paths, p)
	}
	return paths
}

// TestImportDirections holds every import of ours to mayImport.
func TestImportDirections(t *testing.T) {
	all := sources(t)
	for _, s := range all {
		if s.isTest {
			continue
		}
		allowed, known := mayImport[s.dir]
		if !known {
			t.Errorf("%s: package %s is not in mayImport: where does it stand?", s.path, s.dir)
			continue
		}
		for _, p := range imports(&s) {
			if ours, ok := strings.CutPrefix(p, module+"/"); ok && !slices.Contains(allowed, ours) && !slices.Equal(allowed, everything) {
				t.Errorf("%s: %s may not import %s", s.path, s.dir, ours)
			}
		}
	}
	dirs := packages(all)
	for _, p := range slices.Sorted(maps.Keys(mayImport)) {
		if !slices.Contains(dirs, p) {
			t.Errorf("mayImport lists %s, which is not there", p)
		}
	}
}

// TestImportsHaveNoCycle proves that mayImport itself points one way, so that a row that is too generous does not hide a cycle to come.
func TestImportsHaveNoCycle(t *testing.T) {
	var visit func(p string, path []string)
	visit = func(p string, path []string) {
		if slices.Contains(path, p) {
			t.Fatalf("%v leads back to %s", path, p)
		}
		for _, next := range mayImport[p] {
			visit(next, append(path, p))
		}
	}
	for p := range mayImport {
		visit(p, nil)
	}
}

// TestLibraries holds libraries to the packages that are there for them, and the pure packages to being pure.
func TestLibraries(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest || strings.HasSuffix(s.dir, "test") {
			continue
		}
		for _, p := range imports(&s) {
			first, _, _ := strings.Cut(p, "/")
			packages, ruled := rule(p)
			if !ruled && strings.Contains(first, ".") {
				t.Errorf("%s imports %s, which is not in onlyIn: a new library needs a reason", s.path, p)
			}
			if ruled && !slices.ContainsFunc(packages, func(dir string) bool { return s.dir == dir || strings.HasPrefix(s.dir, dir+"/") }) {
				t.Errorf("%s may not import %s: only %q may", s.path, p, packages)
			}
		}
	}
}

// rule finds the entry of a package, or of the library that it is part of.
func rule(p string) (packages []string, ok bool) {
	if packages, ok = onlyIn[p]; ok {
		return packages, true
	}
	for library, packages := range onlyIn {
		if strings.Contains(library, ".") && strings.HasPrefix(p, library+"/") {
			return packages, true
		}
	}
	return nil, false
}

// TestPure keeps the clock out of what must give the same bytes for the same input.
func TestPure(t *testing.T) {
	for _, s := range sources(t) {
		row, _, _ := strings.Cut(s.dir, "/")
		if s.isTest || row == "runtime" || row == "cmd" {
			continue
		}
		calls(&s, "time", []string{"Now", "Since", "Until", "Sleep", "After", "Tick"}, func(at, what string) {
			t.Errorf("%s: %s in a package that has no clock", at, what)
		})
	}
}

// TestNoSleep holds tests to polling with a deadline, or to testing/synctest: a sleep is too short on a slow machine and too long on all others.
func TestNoSleep(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest && !slices.Contains(imports(&s), "testing/synctest") {
			calls(&s, "time", []string{"Sleep"}, func(at, what string) { t.Errorf("%s: %s in a test", at, what) })
		}
	}
}

// calls reports every use of the functions of a standard package.
func calls(s *source, pkg string, functions []string, report func(at, what string)) {
	if !slices.Contains(imports(s), pkg) {
		return
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == pkg && slices.Contains(functions, sel.Sel.Name) {
				report(s.at(n.Pos()), pkg+"."+sel.Sel.Name)
			}
		}
		return true
	})
}
