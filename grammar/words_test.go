package grammar

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"stktc/grammar/diag"
)

// wordCases are lines and what HAProxy makes of them. Words that hold variables are marked with "?".
var wordCases = []struct {
	line  string
	words []string
	bad   string // part of the finding's summary
	at    string // the text that the finding points at
}{
	{line: `a b c`, words: []string{"a", "b", "c"}},
	{line: "  a\t\tb  ", words: []string{"a", "b"}},
	{line: "a\v\fb", words: []string{"a", "b"}},
	{line: `a#b c`, words: []string{"a"}},
	{line: `a # b`, words: []string{"a"}},
	{line: `a \#b`, words: []string{"a", "#b"}},
	{line: `a "#b" '#c'`, words: []string{"a", "#b", "#c"}},
	{line: `a "b c"d`, words: []string{"a", "b cd"}},
	{line: `x"y z"'"'w`, words: []string{`xy z"w`}},
	{line: `a 'b "c" d'`, words: []string{"a", `b "c" d`}},
	{line: `a "b 'c' d"`, words: []string{"a", "b 'c' d"}},
	{line: `a b\ c`, words: []string{"a", "b c"}},
	{line: `a \\ \' \"`, words: []string{"a", `\`, "'", `"`}},
	{line: `a "\" \\ \#"`, words: []string{"a", `" \ #`}},
	{line: `a '\'`, words: []string{"a", `\`}},
	{line: `a '\ \x41'`, words: []string{"a", `\ \x41`}},
	{line: `a \x41\x2fb`, words: []string{"a", "A/b"}},
	{line: `a "\x20"`, words: []string{"a", " "}},
	{line: `a \q\1`, words: []string{"a", `\q\1`}},
	{line: `a b\`, words: []string{"a", `b\`}},
	{line: `a $b ${c}`, words: []string{"a", "$b", "${c}"}},
	{line: `a '$b'`, words: []string{"a", "$b"}},
	{line: `a "\$b"`, words: []string{"a", "$b"}},
	{line: `a "$b"`, words: []string{"a", "$b?"}},
	{line: `a x"${b}y"z`, words: []string{"a", "x${b}yz?"}},
	{line: `a "${b-1 2}"`, words: []string{"a", "${b-1 2}?"}},
	{line: `a "${b[*]}"`, words: []string{"a", "${b[*]}?"}},
	{line: `a "$_b1.c"`, words: []string{"a", "$_b1.c?"}},
	{line: `a é\ ü`, words: []string{"a", "é ü"}},
	{line: "a b\rc d", words: []string{"a", "b"}, bad: "carriage return", at: "\rc d"},
	{line: "a \rb", words: []string{"a", "b"}},
	{line: `a "b`, words: []string{"a"}, bad: "quote `\"` is not closed", at: `"`},
	{line: `a 'b "c`, words: []string{"a"}, bad: "quote `'` is not closed", at: `'`},
	{line: `a b"`, words: []string{"a"}, bad: "quote `\"` is not closed", at: `"`},
	{line: `a "b\"`, words: []string{"a"}, bad: "quote `\"` is not closed", at: `"`},
	{line: `a \x4g b`, words: []string{"a"}, bad: "two hexadecimal digits", at: `\x4g`},
	{line: `a \x`, words: []string{"a"}, bad: "two hexadecimal digits", at: `\x`},
	{line: `a \x4`, words: []string{"a"}, bad: "two hexadecimal digits", at: `\x4`},
	{line: `a "$1"`, words: []string{"a"}, bad: "not followed by a variable's name", at: `$1`},
	{line: `a "${"`, words: []string{"a"}, bad: "not followed by a variable's name", at: `${"`},
	{line: `a "$"`, words: []string{"a"}, bad: "not followed by a variable's name", at: `$"`},
	{line: `a "${b"`, words: []string{"a"}, bad: "brace of", at: `${b"`},
	{line: `a "${b-c"`, words: []string{"a"}, bad: "brace of", at: `${b-c"`},
	{line: `a "${b:c}"`, words: []string{"a"}, bad: "brace of", at: `${b:c}"`},
}

func TestSplitLine(t *testing.T) {
	const before = "first line\n"
	for _, tt := range wordCases {
		text := before + tt.line + "\nnext"
		line, bad := (&configParser{file: &ConfigFile{Name: "f"}, text: text, memory: &Memory{}}).splitLine(2, len(before), len(before)+len(tt.line))
		var got []string
		for _, w := range line.Words {
			mark := ""
			if w.Unresolved {
				mark = "?"
			}
			got = append(got, w.Value+mark)
			checkScalar(t, text, w)
		}
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", tt.words) {
			t.Errorf("%q: words %q, want %q", tt.line, got, tt.words)
		}
		if (bad == nil) != (tt.bad == "") {
			t.Errorf("%q: finding %v", tt.line, bad)
			continue
		}
		if bad != nil {
			s := bad.Primary.Span
			if at := text[s.Start.Offset:s.End.Offset]; !strings.Contains(bad.Summary, tt.bad) || at != tt.at || s.Start.Column != s.Start.Offset-len(before)+1 {
				t.Errorf("%q: finding %q at %q", tt.line, bad.Summary, at)
			}
		}
	}
}

// checkScalar: a word's parts point at text that stands inside the word's own.
func checkScalar(t testing.TB, text string, s Scalar) {
	t.Helper()
	from, to := s.Span.Start.Offset, s.Span.End.Offset
	if from < 0 || from > to || to > len(text) {
		t.Fatalf("word %q spans %d to %d of %d bytes", s.Value, from, to, len(text))
	}
	if s.source == nil && text[from:to] != s.Value {
		t.Fatalf("word %q stands as %q", s.Value, text[from:to])
	}
	last := from
	for i := range len(s.Value) + 1 {
		at := s.At(i, i).Start.Offset
		if at < last || at > to {
			t.Fatalf("word %q: byte %d points at %d, behind %d, in %d to %d", s.Value, i, at, last, from, to)
		}
		last = at
	}
}

func TestAtInsideQuotes(t *testing.T) {
	text := `peer aggr1 "10.0.0."1:\x31'1111' local`
	line, bad := (&configParser{file: &ConfigFile{Name: "f"}, text: text, memory: &Memory{}}).splitLine(1, 0, len(text))
	if bad != nil || len(line.Words) != 4 || line.Words[2].Value != "10.0.0.1:11111" {
		t.Fatal(line.Words, bad)
	}
	a, bad := ParseAddress(line.Words[2])
	if bad != nil || a.Host.Value != "10.0.0.1" || a.Port != 11111 {
		t.Fatal(a, bad)
	}
	if got := text[a.Host.Span.Start.Offset:a.Host.Span.End.Offset]; got != `10.0.0."1` {
		t.Errorf("host stands as %q", got)
	}
	if got := text[a.PortAt.Start.Offset:a.PortAt.End.Offset]; got != `\x31'1111'` {
		t.Errorf("port stands as %q", got)
	}
}

// haproxyBinary finds the real HAProxy. Without one the test is skipped, unless the environment says that there must be one.
func haproxyBinary(t *testing.T) string {
	t.Helper()
	name := os.Getenv("HAPROXY")
	if name == "" {
		name = "haproxy"
	}
	binary, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("STKTC_REQUIRE_HAPROXY") == "1" {
			t.Fatal(err)
		}
		t.Skip("no haproxy: ", err)
	}
	return binary
}

var complaint = regexp.MustCompile(`parsing \[[^\]]*:(\d+)\]: (.*)`)

// complaints runs haproxy -c on a configuration and gives what it says of each line.
func complaints(t *testing.T, binary, config string) map[int]string {
	return complaintsIn(t, map[string]string{"b": "B", "_b1": "B1", "HOME": "/"}, binary, config)
}

func complaintsIn(t *testing.T, env map[string]string, binary, config string) map[int]string {
	t.Helper()
	t.Helper()
	file := filepath.Join(t.TempDir(), "t.cfg")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-c", "-f", file)
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, _ := cmd.CombinedOutput()
	said := map[int]string{}
	for _, m := range complaint.FindAllSubmatch(out, -1) {
		n, _ := strconv.Atoi(string(m[1]))
		said[n] += string(m[2])
	}
	return said
}

// TestSplitLineAsHAProxy has HAProxy itself say what the words of each case are: .notice prints its only argument, or names the
// second one as too many. What we refuse it must refuse, and what it takes we must take.
func TestSplitLineAsHAProxy(t *testing.T) {
	binary := haproxyBinary(t)
	var config bytes.Buffer
	for _, tt := range wordCases {
		fmt.Fprintf(&config, ".notice %s\n", strings.TrimPrefix(tt.line, "a"))
	}
	said := complaints(t, binary, config.String())
	for i, tt := range wordCases {
		got := said[i+1]
		text := ".notice " + strings.TrimPrefix(tt.line, "a")
		line, bad := (&configParser{file: &ConfigFile{Name: "f"}, text: text, memory: &Memory{}}).splitLine(1, 0, len(text))
		refused := regexp.MustCompile(`unmatched|forbidden|truncated or invalid`).MatchString(got)
		if refused != (bad != nil && bad.Severity == diag.Error) {
			t.Errorf("%s: HAProxy says %q, we %v", text, got, bad)
		}
		if refused {
			continue
		}
		want := "''."
		switch args := line.Words[1:]; {
		case len(args) > 1:
			want = fmt.Sprintf("Unexpected argument '%s'", expand(args[1]))
		case len(args) == 1:
			want = fmt.Sprintf("'%s'.", expand(args[0]))
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s: HAProxy says %q, we have words %q, so it should say %q", text, got, lineText(line.Words), want)
		}
	}
}

// TestVariablesAsHAProxy: with an environment, words are what HAProxy makes of them in the same one.
func TestVariablesAsHAProxy(t *testing.T) {
	binary := haproxyBinary(t)
	environment := map[string]string{"b": "B", "_b1": "B1", "HOME": "/", "e": "", "l": "one two", "w": "  one \t two ", "q": `'"\ #$b`}
	lines := []string{
		`"$b"`, `"${b}"`, `x"${b}y"z`, `"$b" "$_b1"`, `"$b$_b1"`, `'$b'`, `$b`, `"\$b"`, `"${u}"`, `"${u}" "$b"`, `x"$u"y`, `"${u-d}"`, `"${u-d e}"`, `"${u-}"`, `"${b-d}"`,
		`"${e}"`, `"${e-d}"`, `"$l"`, `"${l}"`, `"${l[*]}"`, `x"${l[*]}"`, `x"y${l[*]}"z`, `"${b[*]}" z`, `x"${b[*]}y${b[*]}"`, `"${w[*]}"`, `x"${w[*]}"`, `"${w}"`, `"${u[*]}"`, `"${u[*]}" z`,
		`"${u[*]-d e}"`, `x"${u[*]-d e}y" z`, `"$q"`, `"${q[*]}"`,
	}
	var config bytes.Buffer
	for _, l := range lines {
		fmt.Fprintf(&config, ".notice %s\n", l)
	}
	said := complaintsIn(t, environment, binary, config.String())
	env := func(name string) (string, bool) { v, ok := environment[name]; return v, ok }
	for i, l := range lines {
		text := ".notice " + l
		p := configParser{file: &ConfigFile{Name: "f"}, text: text, env: env, memory: &Memory{}}
		line, bad := p.splitLine(1, 0, len(text))
		if bad != nil {
			t.Errorf("%s: %v", l, bad)
		}
		want := "''."
		switch args := line.Words[1:]; {
		case len(args) > 1:
			want = fmt.Sprintf("Unexpected argument '%s'", args[1].Value)
		case len(args) == 1:
			want = fmt.Sprintf("'%s'.", args[0].Value)
		}
		if !strings.HasPrefix(said[i+1], want) {
			t.Errorf("%s: HAProxy says %q, we have words %q", l, said[i+1], lineText(line.Words))
		}
		for _, w := range line.Words {
			checkScalar(t, text, w)
		}
		if unset := strings.Contains(l, "u") && !strings.Contains(l, "-"); unset != (len(p.findings) == 1) || len(p.findings) == 1 && p.findings[0].Severity != diag.Warning {
			t.Errorf("%s: findings %v", l, p.findings)
		}
	}
}

// expand replaces the variables that the cases use, as HAProxy does with the test's environment.
func expand(s Scalar) string {
	if !s.Unresolved {
		return s.Value
	}
	return strings.NewReplacer("${b-1 2}", "B", "${b[*]}", "B", "${b}", "B", "$_b1", "B1", "$b", "B").Replace(s.Value)
}

// TestScalarsAsHAProxy has HAProxy judge sizes, durations, store lists and types: it must refuse what we refuse and take what we take.
func TestScalarsAsHAProxy(t *testing.T) {
	binary := haproxyBinary(t)
	type row struct {
		line string
		bad  bool
	}
	var rows []row
	for _, v := range []string{"1", "100", "1k", "200K", "2m", "3G", "4294967295", "4294967296", "4g", "0", "0k", "k", "10t", "10kb", "-5"} {
		_, bad := ParseSize(word(v))
		rows = append(rows, row{"type ip size " + v, bad != nil})
	}
	for _, v := range []string{"0", "1000", "1us", "10s", "5m", "1h", "24d", "25d", "2147483647", "2147483648", "h", "10S", "-1s", "1.5s"} {
		_, bad := ParseDuration(word(v))
		rows = append(rows, row{"type ip size 1 expire " + v, bad != nil})
	}
	for _, v := range []string{"gpc0", "http_req_rate(10s),gpc0", "gpc_rate(3,10s)", "gpc0,", ",gpc0", "gpc0,,gpc1", "http_req_rate(10s", "http_req_rate()"} {
		_, bad := ParseStore(word(v))
		rows = append(rows, row{"type ip size 1 store " + v, len(bad) > 0})
	}
	for _, v := range []string{"type ip", "size 1", "type ip size 1 exipre 1h", "type ip size 1 expire", "type ip size 1 peers", "type ip size 1 nopurge", "size 1 type string len 5 expire 1m"} {
		_, findings := ParseConfig("f", []byte("backend b\n stick-table "+v+"\n"))
		rows = append(rows, row{v, findings.Count(diag.Error) > 0})
	}
	var config bytes.Buffer
	for i, r := range rows {
		fmt.Fprintf(&config, "backend b%d\n stick-table %s\n", i, r.line)
	}
	said := complaintsOfTables(t, binary, config.String())
	for i, r := range rows {
		if refused := said[2*i+2]; refused != r.bad {
			t.Errorf("stick-table %s: HAProxy refuses it: %v, we: %v", r.line, refused, r.bad)
		}
	}
}

var tableComplaint = regexp.MustCompile(`ALERT.*parsing \[[^\]]*:(\d+)\] ?: stick-table`)

func complaintsOfTables(t *testing.T, binary, config string) map[int]bool {
	t.Helper()
	file := filepath.Join(t.TempDir(), "t.cfg")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	out, _ := exec.Command(binary, "-c", "-f", file).CombinedOutput()
	refused := map[int]bool{}
	for _, m := range tableComplaint.FindAllSubmatch(out, -1) {
		n, _ := strconv.Atoi(string(m[1]))
		refused[n] = true
	}
	return refused
}

// TestSizesAndPeriodsAsShown starts HAProxy with tables of several sizes and periods, and compares what its "show table" says with what we read.
func TestSizesAndPeriodsAsShown(t *testing.T) {
	binary := haproxyBinary(t)
	dir := t.TempDir()
	socket, file := filepath.Join(dir, "s"), filepath.Join(dir, "t.cfg")
	sizes := []string{"1", "100", "1k", "200K", "2m", "3M"}
	periods := []string{"1us", "1001us", "250ms", "1000", "10s", "5m", "1h", "24d"}
	config := fmt.Sprintf("global\n  stats socket %s level admin\ndefaults\n  timeout server 1s\n  timeout connect 1s\n", socket)
	for i, size := range sizes {
		config += fmt.Sprintf("backend s%d\n  stick-table type ip size %s\n", i, size)
	}
	for i, period := range periods {
		config += fmt.Sprintf("backend p%d\n  stick-table type ip size 1 store http_req_rate(%s)\n", i, period)
	}
	if err := os.WriteFile(file, []byte(config+"frontend f\n  bind unix@"+socket+".f\n  timeout client 1s\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	startHAProxy(t, binary, file, socket)
	for i, size := range sizes {
		n, bad := ParseSize(word(size))
		if answer := ask(t, socket, fmt.Sprintf("show table s%d", i)); bad != nil || !strings.Contains(answer, fmt.Sprintf("size:%d,", n)) {
			t.Errorf("size %s is %d, %v; HAProxy says %s", size, n, bad, answer)
		}
	}
	for i, period := range periods {
		d, bad := ParseDuration(word(period))
		table := fmt.Sprintf("p%d", i)
		ask(t, socket, "set table "+table+" key 1.2.3.4 data.http_req_rate 1")
		if answer := ask(t, socket, "show table "+table); bad != nil || !strings.Contains(answer, fmt.Sprintf("http_req_rate(%d)=", d.Milliseconds())) {
			t.Errorf("period %s is %v, %v; HAProxy says %s", period, d, bad, answer)
		}
	}
}

// startHAProxy runs HAProxy until the test ends, and waits until its socket answers.
func startHAProxy(t *testing.T, binary, file, socket string) {
	t.Helper()
	var log bytes.Buffer
	cmd := exec.Command(binary, "-db", "-f", file)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-exited
	})
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for {
		if conn, err := net.Dial("unix", socket); err == nil {
			conn.Close()
			return
		}
		select {
		case err := <-exited:
			exited <- err
			t.Fatalf("haproxy ended: %v\n%s", err, log.String())
		case <-deadline:
			t.Fatal("haproxy does not listen")
		case <-tick.C:
		}
	}
}

// ask sends one command to the stats socket.
func ask(t *testing.T, socket, command string) string {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprintln(conn, command)
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}
