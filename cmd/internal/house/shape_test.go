package house

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

const (
	maxFile     = 500 // lines
	maxFunction = 80  // lines, without the body's longest literal or switch: tables and flat switches may be long
	maxMedian   = 12  // lines of the functions, tests aside
)

// longFiles may be longer than maxFile, because they are one table.
var longFiles = map[string]string{}

// longFunctions may be longer than maxFunction: "path function", and why.
var longFunctions = map[string]string{}

func TestFileLength(t *testing.T) {
	for _, s := range sources(t) {
		if _, excused := longFiles[s.path]; s.lines > maxFile && !excused {
			t.Errorf("%s has %d lines, %d are the most", s.path, s.lines, maxFile)
		} else if s.lines <= maxFile && excused {
			t.Errorf("%s is in longFiles, but is short", s.path)
		}
	}
}

func TestFunctionLength(t *testing.T) {
	var lengths []int
	found := map[string]bool{}
	for _, s := range sources(t) {
		for _, f := range functions(s.file) {
			n := lines(f)
			if !s.isTest {
				lengths = append(lengths, n)
			}
			name := s.path + " " + f.Name.Name
			if n-table(f.Body) <= maxFunction {
				continue
			}
			found[name] = true
			if longFunctions[name] == "" {
				t.Errorf("%s: %s has %d lines, %d are the most", s.at(f.Pos()), f.Name.Name, n, maxFunction)
			}
		}
	}
	for name := range longFunctions {
		if !found[name] {
			t.Errorf("longFunctions lists %s, which is not that long", name)
		}
	}
	slices.Sort(lengths)
	if median := lengths[len(lengths)/2]; median > maxMedian {
		t.Errorf("the median of %d functions has %d lines, want %d at most", len(lengths), median, maxMedian)
	}
}

func functions(f *ast.File) []*ast.FuncDecl {
	var all []*ast.FuncDecl
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
			all = append(all, fn)
		}
	}
	return all
}

func lines(n ast.Node) int {
	return files.Position(n.End()).Line - files.Position(n.Pos()).Line + 1
}

// table is the number of lines of the longest literal or switch that stands in a body.
func table(body *ast.BlockStmt) int {
	longest := 0
	ast.Inspect(body, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.CompositeLit, *ast.SwitchStmt, *ast.TypeSwitchStmt:
			longest = max(longest, lines(n))
		}
		return true
	})
	return longest
}

// TestPackageComments asks for exactly one comment a package; one that has tests only has it there.
func TestPackageComments(t *testing.T) {
	all := sources(t)
	for _, dir := range packages(all) {
		onlyTests := !slices.ContainsFunc(all, func(s source) bool { return s.dir == dir && !s.isTest })
		var commented []string
		for _, s := range all {
			if s.dir != dir || s.file.Doc == nil || s.isTest && !onlyTests {
				continue
			}
			commented = append(commented, s.path)
			want := "Package " + s.file.Name.Name + " "
			if s.file.Name.Name == "main" {
				want = "Command " + dir[strings.LastIndexByte(dir, '/')+1:] + " "
			}
			if !strings.HasPrefix(s.file.Doc.Text(), want) {
				t.Errorf("%s: the package comment begins with %.30q, not %q", s.path, s.file.Doc.Text(), want)
			}
		}
		if len(commented) != 1 {
			t.Errorf("package %s has %d package comments, want 1: %v", dir, len(commented), commented)
		}
	}
}

// TestExportedNames asks for a comment on every exported name of a package that others can import.
func TestExportedNames(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest || s.file.Name.Name == "main" {
			continue
		}
		for _, d := range s.file.Decls {
			for _, name := range undocumented(d) {
				t.Errorf("%s: %s has no comment", s.at(name.Pos()), name.Name)
			}
		}
	}
}

// undocumented lists the exported names of a declaration that nothing is said about. A comment on a group of constants or variables speaks for all of them.
func undocumented(d ast.Decl) []*ast.Ident {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && isExportedReceiver(d.Recv) {
			return []*ast.Ident{d.Name}
		}
	case *ast.GenDecl:
		var names []*ast.Ident
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if spec.Doc == nil && (d.Doc == nil || len(d.Specs) > 1) {
					names = append(names, spec.Name)
				}
			case *ast.ValueSpec:
				if d.Doc == nil && spec.Doc == nil && spec.Comment == nil {
					names = append(names, spec.Names...)
				}
			}
		}
		return slices.DeleteFunc(names, func(n *ast.Ident) bool { return !n.IsExported() })
	}
	return nil
}

// isExportedReceiver tells whether a method can be seen from outside; a function always can.
func isExportedReceiver(r *ast.FieldList) bool {
	if r == nil {
		return true
	}
	typ := r.List[0].Type
	for {
		switch x := typ.(type) {
		case *ast.StarExpr:
			typ = x.X
		case *ast.IndexExpr:
			typ = x.X
		case *ast.IndexListExpr:
			typ = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}
