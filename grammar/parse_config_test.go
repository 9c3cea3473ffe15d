package grammar

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"stktc/grammar/diag"
)

// reprint puts a file together again from its lines.
func reprint(f *ConfigFile) []byte {
	var out []byte
	for line := range f.AllLines() {
		out = append(out, f.Text[line.Span.Start.Offset:line.End]...)
	}
	return out
}

// checkCover: the lines cover the text exactly and without overlap, and all spans lie inside their lines.
func checkCover(t testing.TB, f *ConfigFile, findings diag.List) {
	t.Helper()
	text := string(f.Text)
	number, last := 0, 0
	for line := range f.AllLines() {
		number++
		if line.Span.Start != (diag.Pos{Line: number, Column: 1, Offset: last}) || line.Span.End.Offset > line.End {
			t.Fatalf("line %d spans %+v, the one before ended at %d", number, line.Span, last)
		}
		last = line.End
		for _, w := range append(line.Words[:len(line.Words):len(line.Words)], line.Comment) {
			if w.IsZero() {
				continue
			}
			checkScalar(t, text, w)
			if w.Span.Start.Offset < line.Span.Start.Offset || w.Span.End.Offset > line.Span.End.Offset {
				t.Fatalf("line %d: word %q is outside", number, w.Value)
			}
		}
	}
	if last != len(f.Text) || !bytes.Equal(reprint(f), f.Text) {
		t.Fatalf("the lines cover %d bytes of %d", last, len(f.Text))
	}
	for _, x := range findings {
		s := x.Primary.Span
		if s.IsZero() || s.Start.Offset < 0 || s.Start.Offset > s.End.Offset || s.End.Offset > len(f.Text) {
			t.Fatalf("finding %q points at %+v", x.Summary, s)
		}
	}
}

const balancerFile = "# head\n" +
	"global\r\n  localpeer \"lb 1\" # own name\r\n" +
	"  stats socket /run/x level admin\n  stats timeout 1m\n  no such thing\n" +
	"\tlog \"${LOG}\" local0\n\n" +
	"defaults d1\n  timeout client 10s\n" +
	"frontend st.raw from d1\n  bind :80\n  bind :81,:82 ssl\n" +
	".if defined(X)\n  stick-table type ip size 1k\n.else\n  stick-table type ipv6 size 1k\n.endif\n" +
	"  http-request deny if { path_reg \"^/a(b|c)\\$\" } # why\n" +
	"peers p\n  bind :1\n  server lb1 ssl verify none\n  server agg 10.0.0.1:1 ssl\n  log global\n" +
	"cache c\n  total-max-size 4\n" +
	"program x\n  command /bin/x \\\"\n"

func TestParseConfigBalancer(t *testing.T) {
	f, findings := ParseConfig("lb.cfg", []byte(balancerFile))
	checkCover(t, f, findings)
	if len(findings) > 0 {
		t.Errorf("findings: %v", findings)
	}
	if f.IsAggregator() {
		t.Error("taken for an aggregator's")
	}
	var got []string
	for _, s := range f.Sections {
		got = append(got, s.Keyword.Value+" "+s.Name.Value)
		for i := range s.Lines {
			if st := s.Lines[i].Statement; st != nil {
				mark := ""
				if s.Lines[i].Conditional {
					mark = " conditional"
				}
				got = append(got, fmt.Sprintf("  %d %s%s", s.Lines[i].Span.Start.Line, statementText(st), mark))
			}
		}
	}
	want := `global 
  3 localpeer "lb 1"
  4 stats socket "/run/x" mode "" level "admin" []
defaults d1
frontend st.raw
  12 bind ":80" []
  13 bind ":81,:82" [ssl]
  15 table "" type "ip" size "1k" conditional
  17 table "" type "ipv6" size "1k" conditional
peers p
  21 bind ":1" []
  22 server "lb1" "" [ssl verify none]
  23 server "agg" "10.0.0.1:1" [ssl]
cache c
program x`
	if g := strings.Join(got, "\n"); g != want {
		t.Errorf("sections and statements:\n%s\nwant:\n%s", g, want)
	}
	if len(f.Preamble) != 1 || f.Preamble[0].Comment.Value != "# head" {
		t.Errorf("preamble %+v", f.Preamble)
	}
}

func values(words []Scalar) string { return "[" + lineText(words) + "]" }

// statementText writes a statement in one line.
func statementText(s Statement) string {
	switch s := s.(type) {
	case *LocalPeer:
		return fmt.Sprintf("localpeer %q", s.Name.Value)
	case *StatsSocket:
		return fmt.Sprintf("stats socket %q mode %q level %q %s", s.Address.Value, s.Mode.Value, s.Level.Value, values(s.Options))
	case *Bind:
		return fmt.Sprintf("bind %q %s", s.Address.Value, values(s.Options))
	case *Server:
		return fmt.Sprintf("%s %q %q %s", s.Keyword.Value, s.Name.Value, s.Address.Value, values(s.Options))
	case *Peer:
		return fmt.Sprintf("peer %q %q %q group %q %s", s.Name.Value, s.Address.Value, s.Direction.Value, s.Group.Value, values(s.Options))
	case *From:
		return fmt.Sprintf("from %q to %q %q", s.From.Value, s.To.Value, s.UpOnly.Value)
	case *Forward:
		return fmt.Sprintf("forward %q", s.Suffix.Value)
	case *Setting:
		return fmt.Sprintf("%s %s", s.Keyword.Value, values(s.Args))
	case *Table:
		text := fmt.Sprintf("table %q type %q size %q", s.Name.Value, s.Type.Value, s.Size.Value)
		if !s.Len.IsZero() {
			text += " len " + s.Len.Value
		}
		if !s.Expire.IsZero() {
			text += " expire " + s.Expire.Value
		}
		for _, item := range s.Store {
			text += " " + item.Type.Value + values(item.Args)
		}
		if s.StoreUnknown {
			text += " store unknown"
		}
		if !s.Peers.IsZero() {
			text += " peers " + s.Peers.Value
		}
		if len(s.Options) > 0 {
			text += " " + values(s.Options)
		}
		return text
	}
	return fmt.Sprintf("%T", s)
}

// TestStatements has a line of each section, and what it says, or the finding and where it points.
func TestStatements(t *testing.T) {
	for _, tt := range []struct {
		section, line string
		want          string
		code          diag.Code
		finding, at   string
	}{
		{section: "global", line: "localpeer", code: CodeArgument, finding: "`localpeer` ends too early", at: ""},
		{section: "global", line: "localpeer a b", code: CodeLine, finding: "`b` is not understood behind `localpeer a`", at: "b"},
		{section: "global", line: "stats socket", want: ""},
		{section: "global", line: "nbthread 4", want: ""},
		{section: "backend", line: "stick-table type string len 8 size 1k expire 10s store gpc0,gpc_rate(2,1s) store conn_cur peers p nopurge srvkey addr",
			want: `table "" type "string" size "1k" len 8 expire 10s gpc0[] gpc_rate[2 1s] conn_cur[] peers p [nopurge srvkey addr]`},
		{section: "backend", line: "stick-table type ip size", code: CodeArgument, finding: "ends too early", at: ""},
		{section: "backend", line: "stick-table size 1", want: `table "" type "" size "1"`, code: CodeArgument, finding: "`stick-table` lacks its `type`", at: "stick-table size 1"},
		{section: "backend", line: "stick-table type ip size 1 size 2", want: `table "" type "ip" size "2"`, code: CodeDuplicate, finding: "`size` stands twice", at: "2"},
		{section: "backend", line: "stick-table type ip size 1 store gpc0(", want: `table "" type "ip" size "1" store unknown`, code: CodeStore, finding: "ends too early", at: ""},
		{section: "backend", line: `stick-table type ip size 1 store "$S"`, want: `table "" type "ip" size "1" store unknown`},
		{section: "backend", line: "stick-table type ip size 1 exipre 1h", code: CodeLine, finding: "did you mean `expire`", at: "exipre"},
		{section: "backend", line: "server s1 10.0.0.1:80", want: ""},
		{section: "peers", line: "peer a 10.0.0.1:1 ssl", want: `peer "a" "10.0.0.1:1" [ssl]`},
		{section: "peers", line: "peer a", code: CodeArgument, finding: "`peer a` ends too early", at: ""},
		{section: "peers", line: "server a", want: `server "a" "" []`},
		{section: "peers", line: "server a host.name:1", want: `server "a" "host.name:1" []`},
		{section: "peers", line: "server a ssl crt /x", want: `server "a" "" [ssl crt /x]`},
		{section: "peers", line: `server a "$A" ssl`, want: `server "a" "$A" [ssl]`},
		{section: "peers", line: "server", code: CodeArgument, finding: "ends too early", at: ""},
		{section: "peers", line: "default-server ssl verify none", want: "default-server [ssl verify none]"},
		{section: "peers", line: "default-bind ssl", want: "default-bind [ssl]"},
		{section: "peers", line: "table t type ip size 1 peers p", want: `table "t" type "ip" size "1" peers p`, code: CodeLine, finding: "belongs to that section", at: "p"},
		{section: "peers", line: "shards 4", want: ""},
		{section: "aggregations", line: "peer a 10.0.0.1:1", want: `peer "a" "10.0.0.1:1" "" group "" []`},
		{section: "aggregations", line: "peer a 10.0.0.1:1 up group 2", want: `peer "a" "10.0.0.1:1" "up" group "2" []`},
		{section: "aggregations", line: "peer local 10.0.0.1:1 local", want: `peer "local" "10.0.0.1:1" "local" group "" []`},
		{section: "aggregations", line: `peer "a" '10.0.0.1:1' "d"ow\x6e`, want: `peer "a" "10.0.0.1:1" "down" group "" []`},
		{section: "aggregations", line: "peer a 10.0.0.1:1 ssl crt /x verify required replica", want: `peer "a" "10.0.0.1:1" "" group "" [ssl crt /x verify required replica]`},
		{section: "aggregations", line: "peer a 10.0.0.1:1 up down", want: `peer "a" "10.0.0.1:1" "down" group "" []`, code: CodeDuplicate, finding: "as `up` and `down`", at: "down"},
		{section: "aggregations", line: "peer a 10.0.0.1:1 lokal", code: CodeLine, finding: "did you mean `local`", at: "lokal"},
		{section: "aggregations", line: "peer a 10.0.0.1:1 group", code: CodeArgument, finding: "ends too early", at: ""},
		{section: "aggregations", line: "peer a 192.168.", want: `peer "a" "192.168." "" group "" []`}, // its address is no syntax of the line
		{section: "aggregations", line: "peer", code: CodeArgument, finding: "ends too early", at: ""},
		{section: "aggregations", line: "from .a to .b", want: `from ".a" to ".b" ""`},
		{section: "aggregations", line: "from any to .b up-only", want: `from "any" to ".b" "up-only"`},
		{section: "aggregations", line: "from .uncombined t", code: CodeLine, finding: "`t` is not understood behind `from .uncombined`; accepted is `from SUFFIX|any to SUFFIX [up-only]`", at: "t"},
		{section: "aggregations", line: "from .a to", code: CodeArgument, finding: "ends too early", at: ""},
		{section: "aggregations", line: "from .a to .b .c", code: CodeLine, finding: "`.c` is not understood", at: ".c"},
		{section: "aggregations", line: "forward .a", want: `forward ".a"`},
		{section: "aggregations", line: "forward", code: CodeArgument, finding: "ends too early", at: ""},
		{section: "aggregations", line: "forwad .a", code: CodeDirective, finding: "did you mean `forward`", at: "forwad"},
		{section: "aggregations", line: "Peer a 1.2.3.4:5", code: CodeDirective, finding: "did you mean `peer`", at: "Peer"},
		{section: "aggregations", line: "hold 10m", want: "hold [10m]"},
		{section: "aggregations", line: "pace 10ms", want: "pace [10ms]"},
		{section: "aggregations", line: "learn-timeout 3s", want: "learn-timeout [3s]"},
		{section: "aggregations", line: "give-back on", want: "give-back [on]"},
		{section: "aggregations", line: "give-back yes", code: CodeLine, finding: "`yes` is not understood", at: "yes"},
		{section: "aggregations", line: "lease t 3s", want: "lease [t 3s]"},
		{section: "aggregations", line: "lease t", code: CodeArgument, finding: "ends too early", at: ""},
		{section: "aggregations", line: "strict-names", want: "strict-names []"},
		{section: "aggregations", line: "strict-names on", code: CodeLine, finding: "`on` is not understood", at: "on"},
		{section: "aggregations", line: "hold", code: CodeArgument, finding: "ends too early", at: ""},
		{section: "aggregations", line: "hold 1s 2s", code: CodeLine, finding: "`2s` is not understood", at: "2s"},
		{section: "aggregations", line: `"${ALL[*]}" x`, want: ""},
		{section: "aggregations", line: `peer a "${ALL[*]}"`, want: ""},
	} {
		name := "x"
		if tt.section == "global" {
			name = ""
		}
		text := tt.section + " " + name + "\n  " + tt.line + "\n"
		checkStatement(t, text, tt.line, tt.want, tt.code, tt.finding, tt.at)
	}
	for line, want := range map[string]string{
		"stats socket ipv4@127.0.0.1:9999 level user mode 600 user x": `stats socket "ipv4@127.0.0.1:9999" mode "600" level "user" [user x]`,
		"source 10.0.0.1":                "source [10.0.0.1]",
		"cpu-map 1/all 0-3":              "cpu-map [1/all 0-3]",
		"trash-batch 100":                "trash-batch [100]",
		"hash-table size 12":             "hash-table [size 12]",
		"dynamic-peers":                  "dynamic-peers []",
		"bind :1 ssl crt /x use_aggrs a": `bind ":1" [ssl crt /x use_aggrs a]`,
		"hold 1h":                        "hold [1h]",
	} {
		checkStatement(t, "aggregations x\nglobal\n  "+line+"\n", line, want, "", "", "")
	}
	checkStatement(t, "aggregations x\nglobal\n  nbthread 4\n", "nbthread 4", "", CodeDirective, "`nbthread` is not known in the section `global`", "nbthread")
	checkStatement(t, "aggregations x\nglobal\n  stats timeout 1m\n", "stats timeout 1m", "", CodeDirective, "`stats` is not known", "stats")
	checkStatement(t, "aggregations x\nglobal\n  stats socket\n", "stats socket", "", CodeArgument, "ends too early", "")
}

func checkStatement(t *testing.T, text, line, want string, code diag.Code, finding, at string) {
	t.Helper()
	f, findings := ParseConfig("f", []byte(text))
	checkCover(t, f, findings)
	last := f.Sections[len(f.Sections)-1].Lines[0]
	got := ""
	if last.Statement != nil {
		got = statementText(last.Statement)
	}
	if got != want {
		t.Errorf("%s: %s, want %s", line, got, want)
	}
	if finding == "" {
		if len(findings) > 0 {
			t.Errorf("%s: findings %v", line, findings)
		}
		return
	}
	if len(findings) != 1 {
		t.Errorf("%s: findings %v, want %q", line, findings, finding)
		return
	}
	x := findings[0]
	if place := text[x.Primary.Span.Start.Offset:x.Primary.Span.End.Offset]; x.Code != code || !strings.Contains(x.Summary, finding) || place != at {
		t.Errorf("%s: %s at %q: %s", line, x.Code, place, x.Summary)
	}
}

func TestFileFindings(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		code       diag.Code
		finding    string
		line       int
	}{
		{"empty", "", "", "", 0},
		{"no line end", "global\n  maxconn 1", CodeTruncated, "no line end", 2},
		{"no line end, a section begun", "global\n  maxconn 1\nfronte", CodeTruncated, "in the middle of its last line: `fronte` is the beginning of `frontend`", 3},
		{"no line end, a directive begun", "global\n  log x local0\ndefaults\n  http-req", CodeTruncated, "`http-req` is the beginning of `http-request`", 4},
		{"no line end, a peer begun", "peers p\n  serv", CodeTruncated, "`serv` is the beginning of `server`", 2},
		{"no line end, a peer cut", "aggregations a\n  peer hape", CodeTruncated, "in the middle of its last line: `peer hape` ends too early", 2},
		{"no line end, a quote open", "global\n  log \"a", CodeTruncated, "in the middle of its last line: the quote", 2},
		{"no line end, nothing but blanks", "global\n  maxconn 1\n  ", CodeTruncated, "nothing follows its indentation", 3},
		{"no line end behind a word of one line", "global\n  daemon", CodeTruncated, "the last line has no line end; the file may have been cut, and HAProxy refuses it", 2},
		{"no line end of an aggregator", "aggregations a\n  from .a to .b", CodeTruncated, "the last line has no line end; the file may have been cut, and is not run", 2},
		{"no line end behind a comment", "global\n  maxconn 1\n  # end", CodeTruncated, "the last line has no line end", 3},
		{"a header alone", "global\n  maxconn 1\npeers p\n\n", CodeTruncated, "ends behind the header of `peers p`", 3},
		{"a header without line end", "global\n  maxconn 1\npeers a", CodeTruncated, "the last line has no line end", 3},
		{"an empty backend", "global\n  maxconn 1\nbackend none\n", "", "", 0},
		{"an empty section in front", "peers p\nglobal\n", "", "", 0},
		{"a misspelt peer", "peers p\n sever a 1.2.3.4:5\n", CodeDirective, "`sever` is not known in the section `peers`, to HAProxy neither; did you mean `server`?", 2},
		{"a misspelt table", "frontend f\n sticktable type ip size 1\n", CodeDirective, "did you mean `stick-table`?", 2},
		{"a misspelt localpeer", "global\n local-peer a\n", CodeDirective, "did you mean `localpeer`?", 2},
		{"directives of HAProxy's own", "peers p\n log global\n shards 2\nfrontend f\n stick on src\n binds\nglobal\n stat socket /x\n", "", "", 0},
		{"a misspelt header", "global\n  maxconn 1\npears p\n  server a\n", CodeDirective, "`pears` begins no section; did you mean `peers`?", 3},
		{"no misspelt header where nothing is indented", "peers p\nserver a\npeer b 1.2.3.4:5\n", "", "", 0},
		{"open quote", "global\n  log \"a\n", CodeTruncated, "not closed", 2},
		{"open .if", "global\n.if 1\n  maxconn 1\n", CodeTruncated, "`.if 1` has no `.endif`", 2},
		{"lone .endif", "global\n.endif\n", CodeLine, "`.endif` has no `.if`", 2},
		{"lone .else", "global\n.else\n", CodeLine, "`.else` has no `.if`", 2},
		{"nested", "global\n.if 1\n.if 2\n.endif\n.elif 3\n.else\n.endif\n", "", "", 0},
		{"before sections", "a\nb\nglobal\n", CodeDirective, "`a` stands before the first section", 1},
		{"misspelt section", "globl\n", CodeDirective, "did you mean `global`", 1},
		{"byte order mark", "\ufeffglobal\n", CodeDirective, "a byte order mark stands before", 1},
		{"nul", "global\n  a\x00\"b\n  \"c\n", CodeLine, "NUL byte", 2},
		{"nul in a comment", "global\n# a\x00b\n  \"c\n", CodeLine, "NUL byte", 2},
		{"nameless peers", "peers\n", CodeArgument, "`peers` has no name", 1},
		{"two names", "aggregations a b\n", CodeLine, "`b` is not understood behind `aggregations a`", 1},
		{"old Mac", "global\rpeers p\r", CodeLine, "carriage return", 1},
		{"mixed", "frontend f\naggregations a\n hold 1s\n", CodeMixed, "`aggregations` and `frontend` stand in one file", 2},
		{"second bind", "peers p\n bind :1\n bind :2\n", CodeDuplicate, "`bind` stands twice", 3},
		{"second bind apart", "peers p\n.if 1\n bind :1\n.else\n bind :2\n.endif\n", "", "", 0},
		{"second hold", "aggregations a\n hold 1s\n hold 2s\n", CodeDuplicate, "`hold` stands twice in the section `aggregations a`", 3},
		{"not UTF-8 in a name", "peers p\n server \xff 1.2.3.4:5\n", CodeText, "not UTF-8", 2},
		{"not UTF-8 elsewhere", "frontend f\n http-request deny if { path /\xff } # \xff\n", "", "", 0},
	} {
		f, findings := ParseConfig("f", []byte(tt.text))
		checkCover(t, f, findings)
		switch {
		case tt.finding == "":
			if len(findings) > 0 {
				t.Errorf("%s: findings %v", tt.name, findings)
			}
		case tt.name == "old Mac": // its only line has no end either
			if len(findings) != 2 || !strings.Contains(findings[0].Summary, tt.finding) {
				t.Errorf("%s: findings %v", tt.name, findings)
			}
		case len(findings) != 1 || findings[0].Code != tt.code || !strings.Contains(findings[0].Summary, tt.finding) || findings[0].Primary.Span.Start.Line != tt.line:
			t.Errorf("%s: findings %v", tt.name, findings)
		}
	}
}

// seedFiles are the files of the seed's hosts.
func seedFiles(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("../topology/load/testdata/deployed/seed/*/*.cfg")
	if err != nil || len(names) != 7 {
		t.Fatal(names, err)
	}
	files := map[string][]byte{}
	for _, name := range names {
		if files[name], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// TestCutAnywhere cuts the seed's files behind each byte: what is left parses, or there is a finding. A cut inside a line is always one.
func TestCutAnywhere(t *testing.T) {
	for name, text := range seedFiles(t) {
		for n := range len(text) {
			f, findings := ParseConfig(name, text[:n])
			checkCover(t, f, findings)
			header := bytes.HasSuffix(text[:n], []byte("\npeers mypeers\n")) || regexp.MustCompile(`\n(frontend|aggregations) \S+\n$`).Match(text[:n])
			if whole := n == 0 || text[n-1] == '\n'; (whole && !header) != (findings.Count(diag.Error) == 0) || !whole && !f.Incomplete {
				t.Errorf("%s cut behind byte %d, %q: findings %v", name, n, text[max(0, n-20):n], findings)
			}
		}
	}
}

// TestBalancerAsHAProxy: HAProxy takes the test's file, without the lines that are there to be left alone.
func TestBalancerAsHAProxy(t *testing.T) {
	binary := haproxyBinary(t)
	text := strings.NewReplacer("  no such thing\n", "", "\"lb 1\"", "lb1", "  command /bin/x \\\"\n", "  command /bin/x\n", " from d1", "",
		"  server lb1 ssl verify none\n  server agg 10.0.0.1:1 ssl\n", "  server lb1\n", ":81,:82 ssl", ":81,:82", "defaults d1", "defaults").Replace(balancerFile)
	for line, said := range complaints(t, binary, text) {
		t.Errorf("line %d: %s", line, said)
	}
}

func FuzzParseConfig(f *testing.F) {
	for _, text := range seedFiles(f) {
		f.Add(text)
	}
	for _, text := range corpus(f) {
		f.Add(text)
	}
	f.Add([]byte(balancerFile))
	for _, tt := range wordCases {
		f.Add([]byte("aggregations a\n" + tt.line + "\npeers b\nserver " + tt.line + "\n"))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file, findings := ParseConfig("f", text)
		checkCover(t, file, findings)
	})
}

func BenchmarkParseConfig(b *testing.B) {
	section := "frontend f%d\n  bind 10.0.0.%d:80 name x\n  http-request track-sc0 src table t\n  http-request deny if { sc_http_req_rate(0) gt 100 }\n  default_backend b\n\n"
	var text bytes.Buffer
	for i := range 1000 {
		fmt.Fprintf(&text, section, i, i%250)
	}
	for name, data := range map[string][]byte{"seed": seedFiles(b)["../topology/load/testdata/deployed/seed/hapee1/hapee-lb.cfg"], "large": text.Bytes()} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				ParseConfig("f", data)
			}
		})
	}
}
