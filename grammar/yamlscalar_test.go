package grammar

import (
	"fmt"
	"regexp"
	"testing"

	"gopkg.in/yaml.v3"

	"stktc/grammar/diag"
)

// between writes a span as "line:column-line:column".
func between(s diag.Span) string {
	return fmt.Sprintf("%d:%d-%d:%d", s.Start.Line, s.Start.Column, s.End.Line, s.End.Column)
}

// scalars collects the scalars of a text in its order.
func scalars(t *testing.T, text string) []Scalar {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	y := newYAMLText("f", []byte(text))
	var all []Scalar
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode {
			all = append(all, y.scalar(n))
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	walk(&doc)
	return all
}

func TestScalarPositions(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		which      int // of the file's scalars
		value      string
		whole      string
		from, to   int
		want       string
	}{
		{"plain", "k: value", 1, "value", "1:4-1:9", 1, 3, "1:5-1:7"},
		{"plain key", "k: v\nlong: v", 2, "long", "2:1-2:5", 1, 4, "2:2-2:5"},
		{"plain in flow", "k: {a: b, c: [d, efg]}", 5, "efg", "1:18-1:21", 1, 2, "1:19-1:20"},
		{"plain with blanks", "k: a  b \t c   # d", 1, "a  b \t c", "1:4-1:12", 3, 4, "1:7-1:8"},
		{"plain, folded", "k: one\n  two\n\n  three", 1, "one two\nthree", "1:4-4:8", 4, 7, "2:3-2:6"},
		{"plain, behind a blank line", "k: one\n  two\n\n  three", 1, "one two\nthree", "1:4-4:8", 8, 10, "4:3-4:5"},
		{"plain, the break itself", "k: one  \n  two", 1, "one two", "1:4-2:6", 3, 4, "1:7-2:3"},
		{"plain, two bytes a letter", "é: ü, å", 1, "ü, å", "1:5-1:11", 4, 6, "1:9-1:11"},
		{"behind letters of two bytes", "k: {é: ü, å: end}", 4, "end", "1:17-1:20", 0, 3, "1:17-1:20"},
		{"single quotes", "k: 'a b'", 1, "a b", "1:4-1:9", 0, 3, "1:5-1:8"},
		{"single quotes, doubled", "k: 'it''s x'", 1, "it's x", "1:4-1:13", 2, 4, "1:7-1:10"},
		{"single quotes, folded", "k: 'a\n  b'", 1, "a b", "1:4-2:5", 2, 3, "2:3-2:4"},
		{"double quotes", `k: "a\tb"`, 1, "a\tb", "1:4-1:10", 1, 2, "1:6-1:8"},
		{"double quotes, after an escape", `k: "a\tb"`, 1, "a\tb", "1:4-1:10", 2, 3, "1:8-1:9"},
		{"double quotes, to the end", `k: "a\tb"`, 1, "a\tb", "1:4-1:10", 0, 3, "1:5-1:9"},
		{"double quotes, unicode", `k: "\u00e9x"`, 1, "éx", "1:4-1:13", 2, 3, "1:11-1:12"},
		{"double quotes, folded", "k: \"a \n\n  b\"", 1, "a\nb", "1:4-3:5", 2, 3, "3:3-3:4"},
		{"double quotes, escaped break", "k: \"a \\\n   b\"", 1, "a b", "1:4-2:6", 2, 3, "2:4-2:5"},
		{"empty quotes", `k: ""`, 1, "", "1:4-1:6", 0, 0, "1:5-1:5"},
		{"nothing", "k:\nl: v", 1, "", "1:3-1:3", 0, 0, "1:3-1:3"},
		{"literal", "k: |\n  one\n  two\n", 1, "one\ntwo\n", "1:4-3:6", 4, 7, "3:3-3:6"},
		{"literal, more indented", "k: |\n  one\n   two\n", 1, "one\n two\n", "1:4-3:7", 4, 8, "3:3-3:7"},
		{"literal, stripped", "k: |-\n  one\n\n\nl: v", 1, "one", "1:4-2:6", 0, 3, "2:3-2:6"},
		{"literal, kept", "k: |+\n  one\n\nl: v", 1, "one\n\n", "1:4-2:6", 0, 3, "2:3-2:6"},
		{"literal, stated indentation", "a:\n  k: |2\n     one\n", 2, " one\n", "2:6-3:9", 1, 4, "3:6-3:9"},
		{"literal, in a list", "k:\n- |\n one\n", 1, "one\n", "2:3-3:5", 0, 3, "3:2-3:5"},
		{"folded", "k: >\n  one\n  two\n\n  three\n", 1, "one two\nthree\n", "1:4-5:8", 4, 7, "3:3-3:6"},
		{"folded, behind a blank line", "k: >-\n  one\n\n  two\n", 1, "one\ntwo", "1:4-4:6", 4, 7, "4:3-4:6"},
		{"folded, more indented", "k: >-\n  one\n    two\n  three\n", 1, "one\n  two\nthree", "1:4-4:8", 6, 9, "3:5-3:8"},
		{"CR LF", "k: v\r\nl: 'a\r\n  b'\r\n", 3, "a b", "2:4-3:5", 2, 3, "3:3-3:4"},
		{"lone CR", "k: v\rl: abc", 3, "abc", "1:9-1:12", 1, 2, "1:10-1:11"},
		{"byte order mark", "\ufeffk: abc", 1, "abc", "1:7-1:10", 0, 3, "1:7-1:10"},
		{"line separator", "k: v\u2028l: abc", 3, "abc", "1:11-1:14", 0, 1, "1:11-1:12"},
		{"anchor and tag", "k: &a !!str abc", 1, "abc", "1:13-1:16", 1, 2, "1:14-1:15"},
		{"anchor, comment, next line", "k: &a # c\n  abc", 1, "abc", "2:3-2:6", 0, 3, "2:3-2:6"},
		{"tag on nothing", "k: !!str\nl: v", 1, "", "1:4-1:4", 0, 0, "1:4-1:4"},
	} {
		all := scalars(t, tt.text)
		if tt.which >= len(all) {
			t.Errorf("%s: only %d scalars", tt.name, len(all))
			continue
		}
		s := all[tt.which]
		if s.Value != tt.value {
			t.Errorf("%s: value %q, want %q", tt.name, s.Value, tt.value)
		}
		if got := between(s.Span); got != tt.whole {
			t.Errorf("%s: span %s, want %s", tt.name, got, tt.whole)
		}
		if got := between(s.At(tt.from, tt.to)); got != tt.want {
			t.Errorf("%s: [%d,%d) at %s, want %s", tt.name, tt.from, tt.to, got, tt.want)
		}
	}
}

// TestLongLine makes sure that a place in a long line with letters of several bytes is found, and not by counting from its start.
func TestLongLine(t *testing.T) {
	text := "["
	for i := range 5000 {
		text += fmt.Sprintf("é%d,", i)
	}
	text += "]"
	for i, s := range scalars(t, text) {
		want := fmt.Sprintf("é%d", i)
		if got := text[s.Span.Start.Offset:s.Span.End.Offset]; got != want {
			t.Fatalf("scalar %d stands at %q, want %q", i, got, want)
		}
	}
}

// commaTag is a tag with a comma or bracket, which ends it in flow context only. We do not keep count of the context: such a value has one place.
var commaTag = regexp.MustCompile(`![^\s]*[,\[\]{}]`)

// FuzzScalarTrace holds our reading of a scalar's source against the library's: they must agree on every value.
func FuzzScalarTrace(f *testing.F) {
	for _, text := range []string{
		"a: b c\n", "a: b\n  c\n\n  d\n", "- 'a''b\n c'\n- \"\\x41\\u00e9\\\n   b \\\" \\t\"\n", "a: |+2\n   b\n\n  c\n\n", "- >\n a\n b\n\n   c\n d\n",
		"{a: &x !!str b, ? c: d}", "a: |\n\n\n", "- - |1-\n   b\n", "a: b\r\n  c\rd: \u2028e\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if CheckText("f", []byte(text)) != nil || commaTag.MatchString(text) {
			t.Skip()
		}
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
			t.Skip()
		}
		y := newYAMLText("f", []byte(text))
		var walk func(n *yaml.Node)
		walk = func(n *yaml.Node) {
			if n.Kind == yaml.ScalarNode && n.Value != "" {
				start := y.offset(n)
				if y.hasProperty(start) {
					start = y.content(start)
				}
				if w := y.trace(n, start); string(w.value) != n.Value {
					t.Fatalf("at %d:%d: we read %q, the library %q", n.Line, n.Column, w.value, n.Value)
				}
			}
			for _, c := range n.Content {
				walk(c)
			}
		}
		walk(&doc)
	})
}
