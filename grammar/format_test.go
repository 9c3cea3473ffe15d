package grammar

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"stktc/grammar/diag"
)

// withoutPlaces writes a value without the places in the file, for comparison.
func withoutPlaces(v any) string {
	var b strings.Builder
	var write func(reflect.Value)
	write = func(v reflect.Value) {
		if s, ok := v.Interface().(Scalar); ok {
			fmt.Fprintf(&b, "%q(%v)", s.Value, s.Unresolved)
			return
		}
		switch v.Kind() {
		case reflect.Pointer, reflect.Interface:
			if !v.IsNil() {
				fmt.Fprintf(&b, "%s ", v.Elem().Type())
				write(v.Elem())
			}
		case reflect.Slice:
			b.WriteByte('[')
			for i := range v.Len() {
				write(v.Index(i))
				b.WriteByte(' ')
			}
			b.WriteByte(']')
		case reflect.Struct:
			for i := range v.NumField() {
				if f := v.Type().Field(i); f.IsExported() && f.Name != "Text" && f.Name != "End" && f.Type != reflect.TypeFor[diag.Span]() {
					b.WriteString(f.Name + ":")
					write(v.Field(i))
				}
			}
		default:
			fmt.Fprint(&b, v.Interface())
		}
	}
	write(reflect.ValueOf(v))
	return b.String()
}

// formatted formats a topology and holds the result to what every result must be.
func formatted(t *testing.T, name string, text []byte) []byte {
	t.Helper()
	out, bad := FormatTopology(name, text)
	if len(bad) > 0 {
		t.Fatalf("%s: %s\n%s", name, bad[0].Summary, text)
	}
	again, bad := FormatTopology(name, out)
	if len(bad) > 0 || string(again) != string(out) {
		t.Fatalf("%s: formatted again, it is\n%s\nnot\n%s\n%v", name, again, out, bad)
	}
	before, _ := ParseTopology(name, text)
	after, _ := ParseTopology(name, out)
	if a, b := withoutPlaces(before), withoutPlaces(after); a != b {
		t.Fatalf("%s: read as\n%s\nbefore, as\n%s\nafterwards", name, a, b)
	}
	return out
}

// TestFormatTopologies formats every topology of the module that is YAML.
func TestFormatTopologies(t *testing.T) {
	for name, text := range topologies(t) {
		if _, bad := FormatTopology(name, text); len(bad) > 0 {
			_, said := ParseTopology(name, text)
			if said.Count(diag.Error) == 0 {
				t.Errorf("%s: %v", name, bad)
			}
			continue
		}
		formatted(t, name, text)
	}
}

func TestFormatTopology(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"nothing to do", "a: 1\nb: 2\n", "a: 1\nb: 2\n"},
		{"blanks", "a:   1   \nb :  [ 1,2 ,3 ]\t\nc: { d : e , f: g }\n", "a: 1\nb: [1, 2, 3]\nc: {d: e, f: g}\n"},
		{"last line", "a: 1", "a: 1\n"},
		{"byte order mark", "\ufeffa: 1\n", "a: 1\n"},
		{"blank lines", "\n\na: 1\n\n\n\nb: 2\n\n", "a: 1\n\nb: 2\n"},
		{"indentation", "a:\n      b:\n       - c\n       - d:  e\n         f: g\n", "a:\n  b:\n    - c\n    - d: e\n      f: g\n"},
		{"all of it indented", "   a:\n    b: c\n   d: e\n", "a:\n  b: c\nd: e\n"},
		{"list in its key's column", "a:\n- b\n- c: d\n  e: f\ng: h\n", "a:\n  - b\n  - c: d\n    e: f\ng: h\n"},
		{"list in a list", "-   - a\n    - b\n-  c\n", "- - a\n  - b\n- c\n"},
		{"value in the next line", "a:\n    b\nc:\n  {d: e}\n", "a:\n  b\nc:\n  {d: e}\n"},
		{"rows", "a:\n  one: {x: 1, y: 2}\n  three: {x: 100, y: 3}\n  two:   {x: 1,   z: 2}\n", "a:\n  one:   {x: 1,   y: 2}\n  three: {x: 100, y: 3}\n  two:   {x: 1, z: 2}\n"},
		{"rows of a list", "- {x: 1, y: 2, z: 3}\n-   {x: 100,y: 3}\n", "- {x: 1,   y: 2, z: 3}\n- {x: 100, y: 3}\n"},
		{"rows apart", "one: {x: 1, y: 2}\n\nthree: {x: 100, y: 3}\n# between\nfour: {x: 1000, y: 4}\n", "one: {x: 1, y: 2}\n\nthree: {x: 100, y: 3}\n# between\nfour: {x: 1000, y: 4}\n"},
		{"rows and other lines", "one: {x: 1, y: 2}\nb: c\nthree:   {x: 100, y: 3}\n", "one: {x: 1, y: 2}\nb: c\nthree: {x: 100, y: 3}\n"},
		{"rows of different ends", "one: {}\nthree: {x: 1}\ntwo: {x: 12, y: 1}\n", "one:   {}\nthree: {x: 1}\ntwo:   {x: 12, y: 1}\n"},
		{"a wide cell", "a: {x: 1, y: 2}\nb: {x: " + strings.Repeat("w", 60) + ", y: 2}\nc: {x: 12, y: 2}\nd: {x: 1, y: 2}\n",
			"a: {x: 1, y: 2}\nb: {x: " + strings.Repeat("w", 60) + ", y: 2}\nc: {x: 12, y: 2}\nd: {x: 1,  y: 2}\n"},
		{"wide letters", "é: {x: ü, y: 1}\nab: {x: uu, y: 2}\n", "é:  {x: ü,  y: 1}\nab: {x: uu, y: 2}\n"},
		{"braces in braces", "a: {x: {y: 1, z: 2}, w: 3}\nbb: {x: {y: 10, z: 2}, w: 3}\n", "a:  {x: {y: 1, z: 2},  w: 3}\nbb: {x: {y: 10, z: 2}, w: 3}\n"},
		{"braces over lines", "a: {x: 1,\n y: [1,\n2,\n\n3\n], z: 2\n}\nb: 1\n", "a: {x: 1,\n  y: [1,\n    2,\n\n    3\n    ], z: 2\n  }\nb: 1\n"},
		{"trailing commas and nothing", "a: [1, ]\nb: {x: , y: }\nc:\nd: ~\n", "a: [1,]\nb: {x: , y: }\nc:\nd: ~\n"},
		{"comments behind", "a: 1 # one\nbbb: 2      # two\n\nc: 3 #three\n", "a: 1    # one\nbbb: 2  # two\n\nc: 3  #three\n"},
		{"comments behind, in blocks", "a: # one\n  b: 1 # two\n  ccc: 1 # three\nd: 1 # four\n", "a:  # one\n  b: 1    # two\n  ccc: 1  # three\nd: 1  # four\n"},
		{"comments between", "# top\n\n  # indented\na:\n # of b\n    b: 1\n    # behind b\n  # still\n# of c\nc: 2\n  # end\n", "# top\n\n# indented\na:\n  # of b\n  b: 1\n  # behind b\n# still\n# of c\nc: 2\n# end\n"},
		{"comments in lists", "a:\n- b\n# of c\n- c\n# of d\nd: 1\n", "a:\n  - b\n  # of c\n  - c\n# of d\nd: 1\n"},
		{"comments in braces", "a: [1, # one\n  # of two\n  2]\n", "a: [1,  # one\n  # of two\n  2]\n"},
		{"quotes stay", "a: 'x'\nb: \"y\"\nc: z\n\"d\": \"a # b\"\n", "a: 'x'\nb: \"y\"\nc: z\n\"d\": \"a # b\"\n"},
		{"several lines of text", "a: one\n   two\n\n   three\nb: \"four\n five \\\n  six\"\n", "a: one\n  two\n\n  three\nb: \"four\n  five \\\n  six\"\n"},
		{"literal", "a:\n      b: |\n               one\n                 two\n\n               three\n      c: >-\n        x\n        y\n", "a:\n  b: |\n    one\n      two\n\n    three\n  c: >-\n    x\n    y\n"},
		{"literal that keeps its end", "a: |+\n  one\n\n\nb: |-\n  two\n\n\nc: 1\n", "a: |+\n  one\n\n\nb: |-\n  two\n\nc: 1\n"},
		{"literal with a number", "a:\n    b: |1\n        one\n     two\n", "a:\n  b: |1\n      one\n   two\n"},
		{"literal in a list", "-    |\n     one\n- x: |\n       two\n", "- |\n  one\n- x: |\n    two\n"},
		{"literal in the next line", "a:\n    |\n     one\n", "a:\n  |\n  one\n"},
		{"literal without a last line end", "a: |\n  one", "a: |\n  one"},
		{"anchors", "a: &x   {b: c}\nd:   *x\ne: {<<: *x,f: g}\n*x : h\n", "a: &x {b: c}\nd: *x\ne: {<<: *x, f: g}\n*x : h\n"},
		{"anchor of a block", "a: &x\n     b: c\nd:\n  - &y   e: f\n    g: h\n", "a: &x\n  b: c\nd:\n  - &y e: f\n    g: h\n"},
		{"anchor in front of a key", "a:\n   &x b: c\n   d: e\nf:\n -   !!map &y\n     g: h\n", "a:\n  &x b: c\n  d: e\nf:\n  - !!map &y\n    g: h\n"},
		{"tags", "a: !!str   1\nb: ! x\n", "a: !!str 1\nb: ! x\n"},
		{"keys with marks", "?   a\n:   b\n? [c,d]\n: - e\n  - f\n", "? a\n: b\n? [c, d]\n: - e\n  - f\n"},
		{"start and end", "%YAML 1.1\n---   # doc\na:   1\n...\n", "%YAML 1.1\n---  # doc\na: 1\n...\n"},
		{"CR LF", "a:   1\r\n\r\n\r\nb:\r\n   - |\r\n     c\r\n   # x\r\n   - d\r\n", "a: 1\r\n\r\nb:\r\n  - |\r\n    c\r\n  # x\r\n  - d\r\n"},
		{"mixed line ends", "a: 1\nb: 2\r\nc: |\r\n  x\n  y\r\n", "a: 1\nb: 2\nc: |\n  x\n  y\n"},
		{"tabs between", "a:\t1\t#\tx\n", "a: 1  #\tx\n"},
	} {
		if got := string(formatted(t, tt.name, []byte(tt.text))); got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

func TestFormatRefuses(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"no YAML", "a: [1\n", "lacks a `,` or its closing `]`"},
		{"nothing", "# only this\n", "the file is empty"},
		{"two documents", "a: 1\n---\nb: 1\n", "a second document"},
		{"no text", "a: \x00", "NUL"},
	} {
		out, bad := FormatTopology("f", []byte(tt.text))
		if out != nil || len(bad) == 0 || !strings.Contains(bad[0].Summary, tt.want) {
			t.Errorf("%s: %q, %v", tt.name, out, bad)
		}
	}
}

func FuzzFormatTopology(f *testing.F) {
	for _, text := range topologies(f) {
		f.Add(text)
	}
	for _, text := range []string{"a: |2+\n   x\n\n", "? a\n: - b\n", "- &x a: b\n  c: *x\n", "a: \"b\n\n c\" # d\n", "{a: [b,\n #c\n d]}", "a:\n- >\n\n  b\n # c\nd: e"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		out, bad := FormatTopology("f", text)
		if out == nil {
			if _, findings := ParseTopology("f", text); findings.Count(diag.Error) == 0 {
				t.Fatalf("%q: %s", text, bad[0].Summary)
			}
			return
		}
		if again, bad := FormatTopology("f", out); string(again) != string(out) {
			t.Fatalf("%q\n became %q\n and again %q %v", text, out, again, bad)
		}
	})
}

// aggregatorFiles are the aggregators' files in the archives of the module's testdata, by the archive's name and theirs.
func aggregatorFiles(t testing.TB) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	for _, dir := range []string{"../testdata", "../topology/load/testdata", "../compile/testdata"} {
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(name)
			if strings.HasSuffix(name, "stktagg.cfg") {
				found[name] = text
			}
			if filepath.Ext(name) == ".txtar" {
				for _, f := range txtar.Parse(text).Files {
					if strings.HasSuffix(f.Name, "stktagg.cfg") {
						found[name+":"+f.Name] = f.Data
					}
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(found) < 10 {
		t.Fatalf("%d files", len(found))
	}
	return found
}

// TestFormatAggregators: what build writes is canonical, and whatever else lies in testdata has a form that means the same.
func TestFormatAggregators(t *testing.T) {
	for name, text := range aggregatorFiles(t) {
		out, bad := FormatAggregator(name, text)
		if len(bad) > 0 {
			if _, findings := ParseConfig(name, text); findings.Count(diag.Error) == 0 {
				t.Errorf("%s: %v", name, bad)
			}
			continue
		}
		if again, _ := FormatAggregator(name, out); string(again) != string(out) {
			t.Errorf("%s: formatted again, it is\n%s", name, again)
		}
		if bytes.HasPrefix(text, []byte("# made by stktc")) && string(out) != string(text) {
			t.Errorf("%s: build writes\n%s\nfmt\n%s", name, text, out)
		}
	}
}

func TestFormatAggregator(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"columns",
			"aggregations a\npeer agg1 10.0.0.1:1 local\n  peer lb100   10.0.0.100:10000\n\tpeer x 10.0.0.3:1 down   group 1\n from   .a  to .b\n",
			"aggregations a\n  peer agg1  10.0.0.1:1 local\n  peer lb100 10.0.0.100:10000\n  peer x     10.0.0.3:1 down group 1\n  from .a to .b\n"},
		{"sections", "\n\nglobal\n\n  hold 1s\n\n\n\n  pace 1s\naggregations a\n\n  from .a to .b\n\n\naggregations b\n\n",
			"global\n  hold 1s\n\n  pace 1s\n\naggregations a\n  from .a to .b\n\naggregations b\n"},
		{"comments", "# top\n\n#of global\nglobal # behind\n# in\n    # it\n\n  hold 1s# glued\n\n# of a\n# too\naggregations a\n  from .a to .b   # why  \n    # indented\n# end\n",
			"# top\n\n#of global\nglobal # behind\n  # in\n  # it\n\n  hold 1s # glued\n\n# of a\n# too\naggregations a\n  from .a to .b # why\n  # indented\n\n# end\n"},
		{"quotes", "aggregations \"a b\"\n  peer 'x'   10.0.0.1:1   local\n  peer y\\ z \"${ADDR}\"\n", "aggregations \"a b\"\n  peer 'x'  10.0.0.1:1 local\n  peer y\\ z \"${ADDR}\"\n"},
		{"CR LF", "aggregations a\r\n\r\n   from .a to .b   \r\n\taggregations b\r\n", "aggregations a\r\n  from .a to .b\r\n\r\naggregations b\r\n"},
		{"conditions", "aggregations a\n.if defined(X)\n from .a to .b\n.endif\n", "aggregations a\n  .if defined(X)\n  from .a to .b\n  .endif\n"},
		{"unknown words", "aggregations a\n   frm  .a  to\n", "aggregations a\n  frm .a to\n"},
		{"backslash in front of a tab", "aggregations a\n peer x\\\t1 y\\\n from a\\\t#b\n", "aggregations a\n  peer x\\\\ 1 y\\\n  from a\\\\ #b\n"},
		{"no last line end", "aggregations a\n from .a to .b", "aggregations a\n  from .a to .b\n"},
	} {
		out, bad := FormatAggregator("f", []byte(tt.text))
		if len(bad) > 0 || string(out) != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s\n%v", tt.name, out, tt.want, bad)
		}
		if again, _ := FormatAggregator("f", out); string(again) != string(out) {
			t.Errorf("%s: formatted again, it is\n%s", tt.name, again)
		}
	}
}

func TestFormatAggregatorRefuses(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"balancer", "global\npeers p\n", "only an aggregator's file"},
		{"both", "peers p\naggregations a\n", "only an aggregator's file"},
		{"open quote", "aggregations a\n  peer \"x 1\n", "is not closed"},
		{"NUL", "aggregations a\n  peer x\x00\n", "NUL"},
		{"NUL in a comment", "aggregations a\n  # x\x00\n", "NUL"},
		{"carriage return", "aggregations a\n  from .a\r to .b\n", "carriage return"},
	} {
		out, bad := FormatAggregator("f", []byte(tt.text))
		if out != nil || len(bad) == 0 || !strings.Contains(bad[0].Summary, tt.want) {
			t.Errorf("%s: %q, %v", tt.name, out, bad)
		}
	}
}

func FuzzFormatAggregator(f *testing.F) {
	for _, text := range aggregatorFiles(f) {
		f.Add(text)
	}
	for _, tt := range wordCases {
		f.Add([]byte("aggregations a\n" + tt.line + "\n  # c\n#d\naggregations b\n" + tt.line + "#e\n"))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		out, bad := FormatAggregator("f", text)
		if out == nil {
			if strings.Contains(bad[0].Summary, "something else") {
				t.Fatalf("%q: %s", text, bad[0].Summary)
			}
			return
		}
		if again, bad := FormatAggregator("f", out); string(again) != string(out) {
			t.Fatalf("%q\n became %q\n and again %q %v", text, out, again, bad)
		}
	})
}
