package render

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"stktc/compile"
	"stktc/grammar"
	"stktc/grammar/diag"
)

func origin(line int) diag.Span {
	return diag.Span{File: "dir/topology.yaml", Start: diag.Pos{Line: line, Column: 1}}
}

// configLines makes lines of ours from text: indentation is counted in pairs of blanks, "#" starts a comment.
func configLines(texts ...string) []compile.Line {
	var lines []compile.Line
	for i, text := range texts {
		body, comment, _ := strings.Cut(text, "# ")
		indent := len(body) - len(strings.TrimLeft(body, " "))
		lines = append(lines, compile.Line{Indent: indent / 2, Words: strings.Fields(body), Comment: comment, Origin: origin(i + 1)})
	}
	return lines
}

func TestConfig(t *testing.T) {
	insert := func(offset int, texts ...string) compile.Insertion {
		return compile.Insertion{Offset: offset, Lines: configLines(texts...)}
	}
	tests := []struct {
		name       string
		base       string
		insertions []compile.Insertion
		want       string
		numbers    []int
	}{
		{"ours alone", "", []compile.Insertion{insert(0, "# made", "global", "  x y", "", "peers p")}, "# made\nglobal\n  x y\n\npeers p\n", []int{1, 2, 3, 4, 5}},
		{"in the middle", "a\nb\nc\n", []compile.Insertion{insert(2, "  x")}, "a\n  x\nb\nc\n", []int{2}},
		{"several places", "a\nb\nc\n", []compile.Insertion{insert(0, "1"), insert(2, "2", "3"), insert(2, "4"), insert(6, "5")}, "1\na\n2\n3\n4\nb\nc\n5\n", []int{1, 3, 4, 5, 8}},
		{"CRLF", "a\r\nb\r\n", []compile.Insertion{insert(0, "0"), insert(3, "1"), insert(6, "2")}, "0\r\na\r\n1\r\nb\r\n2\r\n", []int{1, 3, 5}},
		{"no final newline", "a\nb", []compile.Insertion{insert(3, "1", "2")}, "a\nb\n1\n2\n", []int{3, 4}},
		{"no newline at all", "a", []compile.Insertion{insert(1, "1"), insert(1, "2")}, "a\n1\n2\n", []int{2, 3}},
		{"CRLF, no final newline", "a\r\nb", []compile.Insertion{insert(4, "1")}, "a\r\nb\r\n1\r\n", []int{3}},
		{"mixed ends follow the line before", "a\r\nb\nc\n", []compile.Insertion{insert(3, "1"), insert(5, "2")}, "a\r\n1\r\nb\n2\nc\n", []int{2, 4}},
		{"nothing", "a\nb", nil, "a\nb", nil},
		{"empty base", "", nil, "", nil},
		{"columns", "", []compile.Insertion{insert(0, "aggregations x", "  peer a 1.1.1.1:1 local", "  peer longer 10.1.1.1:1", "  from .a to .b", "  peer up 10.1.1.10:22 up", "aggregations y", "  peer b 2:2 local")},
			"aggregations x\n  peer a      1.1.1.1:1    local\n  peer longer 10.1.1.1:1\n  from .a to .b\n  peer up     10.1.1.10:22 up\naggregations y\n  peer b 2:2 local\n", []int{1, 2, 3, 4, 5, 6, 7}},
		{"no room for a last word", "", []compile.Insertion{insert(0, "peers p", "  server itself.long", "  server a 1:1", "  table t.long type ip", "  table t type ip")},
			"peers p\n  server itself.long\n  server a 1:1\n  table t.long type ip\n  table t      type ip\n", []int{1, 2, 3, 4, 5}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := &compile.File{Base: []byte(test.base), Insertions: test.insertions}
			got, lines := Config(f)
			if string(got) != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			var numbers []int
			for _, l := range lines {
				numbers = append(numbers, l.Number)
			}
			if !slices.Equal(numbers, test.numbers) {
				t.Errorf("inserted lines %v, want %v", numbers, test.numbers)
			}
			if back := withoutLines(got, lines, AddedLineEnd(f)); !bytes.Equal(back, f.Base) {
				t.Errorf("without the insertions %q is left, want %q", back, f.Base)
			}
		})
	}
}

// withoutLines undoes Config from what a manifest knows: the lines' numbers, and whether the base's last line was ended.
func withoutLines(text []byte, lines []MappedLine, addedEnd string) []byte {
	var kept []byte
	next := 0
	for i, l := range splitLines(text) {
		if next < len(lines) && lines[next].Number == i+1 {
			next++
			continue
		}
		kept = append(kept, l...)
	}
	return bytes.TrimSuffix(kept, []byte(addedEnd))
}

func TestQuote(t *testing.T) {
	for word, want := range map[string]string{
		"plain":      "plain",
		"":           "''",
		"a b":        "'a b'",
		"a#b":        "'a#b'",
		`a\b`:        `'a\b'`,
		`a"b`:        `'a"b'`,
		"$HOME":      "'$HOME'",
		"it's":       `"it's"`,
		`it's "$x"\`: `"it's \"\$x\"\\"`,
		"a\nb":       `"a\x0ab"`,
		"é":          "é",
	} {
		if got := quote(word); got != want {
			t.Errorf("quote(%q) = %s, want %s", word, got, want)
		}
	}
}

// FuzzConfigReadsBack holds two promises for any base and any words: what the grammar reads back is what was rendered, and
// without the inserted lines the base is left.
func FuzzConfigReadsBack(f *testing.F) {
	f.Add("global\n", "stats", "socket", "/tmp/x", uint8(7))
	f.Add("a\r\nb", "it's", "", "a\x01\"$b", uint8(1))
	f.Add("", "\\", "#", "\u00a0x", uint8(0))
	f.Fuzz(func(t *testing.T, base, first, second, third string, where uint8) {
		words := []string{first, second, third}
		if strings.ContainsRune(first+second+third, 0) {
			t.Skip("HAProxy's words end at a NUL byte")
		}
		offset := 0
		if ends := splitLines([]byte(base)); len(ends) > 0 {
			offset = len(strings.Join(ends[:int(where)%(len(ends)+1)], ""))
		}
		file := &compile.File{Base: []byte(base), Insertions: []compile.Insertion{{Offset: offset, Lines: []compile.Line{
			{Words: []string{"peers", "p"}, Origin: origin(1)}, {Indent: 1, Words: words, Origin: origin(2)}}}}}
		text, lines := Config(file)
		if back := withoutLines(text, lines, AddedLineEnd(file)); string(back) != base {
			t.Fatalf("without the insertions %q is left, want %q", back, base)
		}
		line := splitLines(text)[lines[1].Number-1]
		cfg, _ := grammar.ParseConfig("x", []byte("peers p\n"+line))
		if len(cfg.Sections[0].Lines) != 1 && len(cfg.Sections) == 1 {
			t.Fatalf("%q is not one line", line)
		}
		read := cfg.Sections[len(cfg.Sections)-1].Header
		if len(cfg.Sections) == 1 {
			read = cfg.Sections[0].Lines[0]
		}
		var got []string
		for _, w := range read.Words {
			got = append(got, w.Value)
		}
		if !slices.Equal(got, words) {
			t.Fatalf("%q was read back as %q, want %q", line, got, words)
		}
	})
}

func TestConfigRefusesTheMiddleOfALine(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an insertion in the middle of a line went through")
		}
	}()
	Config(&compile.File{Base: []byte("ab\n"), Insertions: []compile.Insertion{{Offset: 1, Lines: configLines("x")}}})
}

func TestManifest(t *testing.T) {
	r := &compile.Result{Source: "topology.yaml", Rollout: []string{"aggr1", "lb1"}, Hosts: []compile.Host{
		{Node: "lb1", Files: []*compile.File{{Path: "lb1/hapee-lb.cfg", Install: "/etc/hapee-2.7/hapee-lb.cfg", Base: []byte("a"), BaseName: "/home/me/base.cfg",
			Insertions: []compile.Insertion{{Offset: 0, Lines: configLines("global")}, {Offset: 1, Lines: configLines("", "peers p", "  bind :1")}}}}},
		{Node: "aggr1", Files: []*compile.File{{Path: "aggr1/hapee-stktagg.cfg", Insertions: []compile.Insertion{{Lines: configLines("# <made> & kept")}}}}},
	}}
	r.Hosts[0].Files[0].Insertions[1].Lines[0].Origin = origin(2)
	m := NewManifest(r, Tree(r))
	got := m.JSON()
	golden(t, "testdata/manifest.json", got)
	back, err := ParseManifest(got)
	if err != nil {
		t.Fatal(err)
	}
	if again := back.JSON(); !bytes.Equal(again, got) {
		t.Errorf("read back and written again it is\n%s", again)
	}
	for _, secret := range []string{"/home", "dir/"} {
		if bytes.Contains(got, []byte(secret)) {
			t.Errorf("the manifest names a directory of the building machine: %s", secret)
		}
	}
}

func TestParseManifestRefuses(t *testing.T) {
	for _, text := range []string{"", "{", "[]", `{"format": 2}`, "{}"} {
		if m, err := ParseManifest([]byte(text)); err == nil {
			t.Errorf("%q was read as %v", text, m)
		}
	}
}
