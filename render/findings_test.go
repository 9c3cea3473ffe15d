package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"

	"stktc/grammar/diag"
)

// at finds the n-th text (from 1) in a file and gives its span.
func at(t *testing.T, files diag.Files, file, text string, n int) diag.Span {
	t.Helper()
	src, offset := files[file], -1
	for range n {
		i := bytes.Index(src[offset+1:], []byte(text))
		if i < 0 {
			t.Fatalf("%s has no %q number %d", file, text, n)
		}
		offset += 1 + i
	}
	return diag.Span{File: file, Start: position(src, offset), End: position(src, offset+len(text))}
}

func position(src []byte, offset int) diag.Pos {
	line := 1 + bytes.Count(src[:offset], []byte("\n"))
	return diag.Pos{Line: line, Column: offset - bytes.LastIndexByte(src[:offset], '\n'), Offset: offset}
}

func portMismatch(t *testing.T) *Findings {
	files := diag.Files{
		"aggr1/stktagg.cfg": []byte("global\n\naggregations data\n    peer aggr1 10.0.0.1:11111 local\n    peer aggr3 10.0.0.3:11111 up\n"),
		"aggr3/stktagg.cfg": []byte("aggregations top\n    peer aggr3 10.0.0.3:22222 local\n    peer aggr1 10.0.0.1:11111 down\n"),
	}
	port := at(t, files, "aggr1/stktagg.cfg", "11111", 2)
	return &Findings{Files: files, Nodes: 2, Version: "0.1.0", List: diag.List{{
		Code: "STK201", Slug: "peer-address-mismatch", Severity: diag.Error,
		Summary: "aggr1 dials aggr3 on port 11111, but aggr3 listens on 22222",
		Primary: diag.Note{Span: port, Label: "dialled port"},
		Related: []diag.Note{
			{Span: at(t, files, "aggr3/stktagg.cfg", "22222", 1), Label: "aggr3's own address (`local` decides)"},
			{Span: at(t, files, "aggr1/stktagg.cfg", "aggr1", 1), Label: "the node"},
		},
		Notes:   []string{"vote: 1 of 2 files that mention aggr3 say 22222 (aggr3 itself)", "something else"},
		Impact:  "nothing from lb1 reaches aggr3",
		RunTime: &diag.RunTime{Command: "show peers", On: "aggr1", Symptom: "last_status=CONN"},
		Fixes: []diag.Fix{
			{Title: "dial 22222", Safe: true, Edits: []diag.Edit{{Span: port, NewText: "22222"}}},
			{Title: "list it", Edits: []diag.Edit{{Span: diag.Span{File: port.File, Start: port.End, End: port.End}, NewText: "\n    peer x 1.2.3.4:5"}}},
		},
		Nodes: []string{"aggr1", "aggr3"}, Edges: []string{"aggr1->aggr3"}, Tables: []string{"st_src"},
	}}}
}

// awkward is what no terminal and no editor likes: tabs, wide and combining characters, escape sequences, broken UTF-8,
// CR LF, a very long line, places behind the end, several lines, no place at all.
func awkward(t *testing.T) *Findings {
	files := diag.Files{
		"a.cfg": []byte("\tpeer\tüber 1.2.3.4:5 # tab\r\n  peer 日本語 x\n  peer e\u0301cole y\n  \x1b[31mred \xff z\n" +
			"  " + strings.Repeat("word ", 60) + "HERE " + strings.Repeat("more ", 60) + "\nlast"),
	}
	find := func(text string, n int) diag.Note {
		return diag.Note{Span: at(t, files, "a.cfg", text, n), Label: "here"}
	}
	end := position(files["a.cfg"], len(files["a.cfg"]))
	lines := diag.Span{File: "a.cfg", Start: find("peer", 2).Span.Start, End: find("peer", 3).Span.End}
	behind := diag.Span{File: "a.cfg", Start: diag.Pos{Line: 99, Column: 7}, End: diag.Pos{Line: 99, Column: 9}}
	return &Findings{Files: files, List: diag.List{
		{Code: "STK020", Severity: diag.Error, Summary: "a \x1b[31mred\x1b[0m herring\nand a \u202eline", Primary: find("über", 1),
			Related: []diag.Note{find("peer", 1), find("日本語", 1), find("x", 1), find("cole", 1), find("z", 1), find("HERE", 1)}},
		{Code: "STK021", Severity: diag.Warning, Summary: "cut", Primary: find("HERE", 1)},
		{Code: "STK022", Severity: diag.Warning, Summary: "end of file", Primary: diag.Note{Span: diag.Span{File: "a.cfg", Start: end, End: end}}},
		{Code: "STK023", Severity: diag.Info, Summary: "several lines", Primary: diag.Note{Span: lines, Label: "from here on"}},
		{Code: "STK024", Severity: diag.Info, Summary: "behind the end", Primary: diag.Note{Span: behind, Label: "nowhere"}},
		{Code: "STK025", Severity: diag.Error, Summary: "a whole file", Primary: diag.Note{Span: diag.Span{File: "b.cfg"}}},
		{Severity: diag.Error, Summary: "no place"},
	}}
}

// compared sets two tables side by side, among findings that are silenced and infos.
func compared(t *testing.T) *Findings {
	files := diag.Files{"lb1/haproxy.cfg": []byte("backend st.uncombined\n  stick-table type ip size 1m\nbackend st.aggr\n  stick-table type string len 32 size 100k\n")}
	key := at(t, files, "lb1/haproxy.cfg", "string len 32", 1)
	quiet := diag.Finding{Code: "STK323", Severity: diag.Warning, Summary: "not shown", Primary: diag.Note{Span: key}}
	ignored, known := quiet, quiet
	ignored.Silenced = &diag.Silence{Reason: "a canary", At: key}
	known.Silenced = &diag.Silence{Reason: "baseline"}
	return &Findings{Files: files, Nodes: 1, List: diag.List{ignored, known,
		{Code: "STK610", Severity: diag.Info, Summary: "an info", Primary: diag.Note{Span: key, Label: "not shown"}, Impact: "not shown"},
		{Code: "STK320", Severity: diag.Error, Summary: "two tables differ", Primary: diag.Note{Span: key, Label: "here"}, Impact: "much",
			Compared: &diag.Comparison{Left: "st.uncombined", Right: "st.aggr", Rows: []diag.ComparisonRow{
				{What: "type", Left: "ip", Right: "string len 32", Code: "STK320", Severity: diag.Error, Effect: "HAProxy ignores the whole table"},
				{What: "store", Left: "gpc0", Right: "–", Code: "STK321", Severity: diag.Warning, Effect: "is dropped"},
				{Left: "http_req_rate(10s)", Right: "http_req_rate(10s)"},
				{What: "size", Left: "1m", Right: "100k", Code: "STK323", Severity: diag.Warning, Effect: "the oldest keys are evicted"}}},
		}}}
}

// TestTextCap: a wall of text is read by nobody; what is not shown is counted.
func TestTextCap(t *testing.T) {
	f := &Findings{Files: diag.Files{"f": []byte("x\n")}}
	for i := range maxFindings + 7 {
		f.List.Add(diag.Finding{Code: "STK020", Severity: diag.Warning, Summary: fmt.Sprint("number ", i)})
	}
	f.List.Add(diag.Finding{Code: "STK021", Severity: diag.Error, Summary: "the gravest"})
	out := string(f.Text(TextOptions{}))
	if !strings.HasPrefix(out, "error[STK021]: the gravest") || strings.Count(out, "warning[") != maxFindings-1 || !strings.Contains(out, "\n8 findings more, not shown; --format compact lists all\n1 error, 57 warnings") {
		t.Errorf("got\n%s", out)
	}
}

func TestFindingsGoldens(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(*testing.T) *Findings
	}{{"port", portMismatch}, {"awkward", awkward}, {"compared", compared}} {
		t.Run(c.name, func(t *testing.T) {
			f := c.make(t)
			got := &txtar.Archive{Files: []txtar.File{
				{Name: "text", Data: f.Text(TextOptions{Width: 100})},
				{Name: "compact", Data: f.Compact()},
				{Name: "json", Data: f.JSON()},
				{Name: "sarif", Data: f.SARIF()},
				{Name: "github", Data: f.GitHub()},
			}}
			golden(t, filepath.Join("testdata", "findings_"+c.name+".txtar"), txtar.Format(got))
		})
	}
}

// TestTextAligns proves that a mark stands under its text on a terminal, whatever precedes it on the line.
func TestTextAligns(t *testing.T) {
	for _, before := range []string{"", "\t", " \t ", "日本", "e\u0301", "\xff\xfe", "\x1b[1m", "😀", strings.Repeat("日", 200), strings.Repeat("\t", 90)} {
		files := diag.Files{"f": []byte(before + "MARK" + strings.Repeat(" tail", 50))}
		span := at(t, files, "f", "MARK", 1)
		f := &Findings{Files: files, List: diag.List{{Severity: diag.Error, Primary: diag.Note{Span: span, Label: "l"}}}}
		lines := strings.Split(string(f.Text(TextOptions{Width: 80})), "\n")
		i := slices.IndexFunc(lines, func(s string) bool { return strings.Contains(s, "^") })
		above, under := layOut(lines[i-1], 0, 1000), layOut(lines[i], 0, 1000)
		want := above.column(strings.Index(lines[i-1], "MARK"))
		if got := under.column(strings.Index(lines[i], "^^^^ l")); got != want {
			t.Errorf("before %q: mark at column %d, text at %d:\n%s\n%s", before, got, want, lines[i-1], lines[i])
		}
		if w := above.width(); w > 80 {
			t.Errorf("before %q: line is %d columns wide", before, w)
		}
	}
}

// TestLongLine bounds what the excerpt of a line costs that is as long as a file may be, and proves that the mark stands under its text.
func TestLongLine(t *testing.T) {
	const long = 1 << 20
	for _, fill := range []string{"x", "\x00", "\xbf", "日", "\t"} {
		files := diag.Files{"f": []byte(strings.Repeat(fill, long/2) + " MARK " + strings.Repeat(fill, long/2))}
		span := at(t, files, "f", "MARK", 1)
		f := &Findings{Files: files, List: diag.List{{Severity: diag.Error, Primary: diag.Note{Span: span, Label: "l"}}}}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		text := string(f.Text(TextOptions{Width: 80}))
		runtime.ReadMemStats(&after)
		if taken := after.TotalAlloc - before.TotalAlloc; taken > 8*long {
			t.Errorf("%q: %d MiB allocated", fill, taken>>20)
		}
		lines := strings.Split(text, "\n")
		i := slices.IndexFunc(lines, func(s string) bool { return strings.Contains(s, "^^^^ l") })
		if i < 1 || utf8.RuneCountInString(lines[i-1][:strings.Index(lines[i-1], "MARK")]) > strings.Index(lines[i], "^^^^") {
			t.Errorf("%q: %s", fill, text)
		}
	}
}

func TestTextColor(t *testing.T) {
	f := portMismatch(t)
	plain, colored := f.Text(TextOptions{}), f.Text(TextOptions{Color: true})
	if bytes.Contains(plain, []byte("\x1b")) {
		t.Error("text without color holds escape sequences")
	}
	if !bytes.Contains(colored, []byte("\x1b[1;31merror[STK201]\x1b[0m")) {
		t.Errorf("the head is not red:\n%s", colored)
	}
}

// TestNothingHarmful proves that no control character of a user's file reaches the output.
func TestNothingHarmful(t *testing.T) {
	f := awkward(t)
	for name, out := range map[string][]byte{"text": f.Text(TextOptions{}), "compact": f.Compact()} {
		if i := bytes.IndexAny(out, "\x1b\r\u202e"); i >= 0 {
			t.Errorf("%s holds %q", name, out[i])
		}
	}
	if !json.Valid(f.JSON()) {
		t.Error("JSON is not valid")
	}
}

func TestNoFindings(t *testing.T) {
	f := &Findings{Files: diag.Files{"a": nil}, Nodes: 1}
	if out := f.Text(TextOptions{}); len(out) != 0 {
		t.Errorf("text of no findings: %q", out)
	}
	if out := f.Compact(); len(out) != 0 {
		t.Errorf("compact of no findings: %q", out)
	}
	if out := string(f.JSON()); !strings.Contains(out, `"diagnostics": []`) {
		t.Errorf("JSON of no findings lacks the empty list:\n%s", out)
	}
}

func FuzzText(f *testing.F) {
	f.Add("a\tb\n日本", 1, 2, 1, 4)
	f.Add("\xff\r\n", 2, 9, 1, 1)
	f.Fuzz(func(t *testing.T, text string, l1, c1, l2, c2 int) {
		span := diag.Span{File: "f", Start: diag.Pos{Line: abs(l1), Column: abs(c1)}, End: diag.Pos{Line: abs(l2), Column: abs(c2)}}
		out := (&Findings{Files: diag.Files{"f": []byte(text)}, List: diag.List{{Severity: diag.Error, Summary: text, Primary: diag.Note{Span: span}}}}).Text(TextOptions{})
		if strings.ContainsRune(string(out), '\x1b') {
			t.Errorf("escape in %q", out)
		}
	})
}

func abs(n int) int { return 1 + max(n, -n, 0)%1000 }
