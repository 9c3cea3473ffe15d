package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"stktc/cmd/internal/haproxy"
	"stktc/cmd/internal/haproxy/haproxytest"
	"stktc/runtime"
	statscli "stktc/runtime/cli"
	"stktc/runtime/store"
	"stktc/topology/sticktable"
)

// tableAggregator is an aggregator that has tables and no peers.
type tableAggregator struct{ tables []runtime.TableStatus }

func (a *tableAggregator) Faults() []runtime.Fault { return nil }

func (a *tableAggregator) Now() uint32 { return 1000 }

func (a *tableAggregator) Status() runtime.Status {
	return runtime.Status{Started: time.Now(), Sections: []runtime.SectionStatus{{Name: "myaggr", Local: runtime.Peer{Name: "aggr1", Address: "127.0.0.1:1"}, Released: true, Writing: true, Whole: true, Tables: a.tables}}}
}

// add makes a table that one peer fills.
func (a *tableAggregator) add(t *testing.T, name string, def sticktable.Definition) *store.Source {
	t.Helper()
	table := store.New(name)
	table.Begin("n1")
	src, err := table.Source("n1", def)
	if err != nil {
		t.Fatal(err)
	}
	a.tables = append(a.tables, runtime.TableStatus{Table: table, Source: name})
	return src
}

func put(src *store.Source, key []byte, life uint32, values ...uint64) {
	var b store.Batch
	b.Add(key, life, values)
	src.Apply(&b, 1000)
}

// serveTables runs a stats socket over the aggregator until the test ends, and gives its path.
func serveTables(t *testing.T, a *tableAggregator) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "show") // a socket's path has room for 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "stats")
	s := statscli.New(a, statscli.Options{Version: "1.2.3"})
	if err := s.Listen(statscli.Address{Network: "unix", Address: path}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.Serve(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return path
}

func stktc(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	c := &command{stdin: strings.NewReader(""), stdout: &out, stderr: &err, env: func(string) string { return "" }}
	code = c.main(args)
	return code, out.String(), err.String()
}

var countDef = sticktable.Definition{
	Key: sticktable.String, KeyLen: 32, Expire: time.Minute, Columns: []sticktable.Column{{Type: sticktable.GPC0, Elems: 1}},
}

func TestShow(t *testing.T) {
	var a tableAggregator
	src := a.add(t, "/t", countDef)
	put(src, []byte("a b;c"), 5000, 7)
	put(src, []byte("json"), 5000, 8)
	socket := serveTables(t, &a)
	const header = "# table: /t, type: string, size:2147483647, used:2\n"
	for _, tc := range []struct {
		args   []string
		code   int
		stdout string // all of it, or with a closing … its beginning
		stderr string
	}{
		{[]string{}, exitDone, "myaggr: whole, every source is connected and has taught\n…", ""},
		{[]string{"aggrs", "myaggr"}, exitDone, "myaggr: whole…", ""},
		{[]string{"aggrs", "--raw"}, exitDone, "aggregations myaggr: whole…", ""},
		{[]string{"info"}, exitDone, "Name               stktc\nVersion            1.2.3\n…", ""},
		{[]string{"info", "--raw"}, exitDone, "Name: stktc\nVersion: 1.2.3\n…", ""},
		{[]string{"peers", "--json"}, exitDone, `[{"name":"myaggr",…`, ""},
		{[]string{"table"}, exitDone, "  table  section  type    keys  expire  is         store\n  /t     myaggr   string     2      1m  sum of /t  gpc0\n", ""},
		{[]string{"table", "--raw"}, exitDone, header, ""},
		{[]string{"table", "/t"}, exitDone, "/t (sum of /t), type string: 2 keys\n  key     expires  gpc0\n  a\\ b;c     5.0s     7\n  json       5.0s     8\n", ""},
		{[]string{"table", "/t", "data.gpc0", "gt", "9", "--raw"}, exitDone, header, ""},
		{[]string{"table", "/t", "data.gpc0", "lt", "-1", "data.gpc0", "lt", "9"}, exitDone, "/t (sum of /t), type string: 2 keys\n  none of them matches\n", ""},
		{[]string{"table", "/t", "key", "nobody"}, exitDone, "/t (sum of /t), type string: 2 keys\n  none of them matches\n", ""},
		{[]string{"contributions", "/t", "a b;c", "--json"}, exitDone, `[{"table":"/t","section":"myaggr","store":"gpc0","key":"a\\ b;c",…`, ""},
		{[]string{"contributions", "/t", "key", "json"}, exitDone, "json in /t (myaggr): 1 contribution\n…", ""},
		{[]string{"contributions", "/t", "key", "nobody"}, exitDone, "nobody contributes to that key\n", ""},
		{[]string{"errors"}, exitDone, "no message broke the protocol\n", ""},
		{[]string{"reload"}, exitDone, "ok: not reloaded since the start\n", ""},
		{[]string{"table", "nope"}, exitFailed, "", "stktc: there is no table `nope`; there are `/t`\n"},
		{[]string{"contributions", "nope", "a"}, exitFailed, "", "stktc: there is no table `nope`; there are `/t`\n"},
		{[]string{"peers", "nope"}, exitFailed, "", "stktc: show peers nope: No such peers\n"},
		{[]string{"table", "nope", "--raw"}, exitFailed, "", "stktc: No such table\n"},
		{[]string{"table", "nope", "--json"}, exitFailed, `{"error":"No such table"}` + "\n", ""},
		{[]string{"table", "/t", "data.gpc0", "xx"}, exitFailed, "", `stktc: show table /t data.gpc0 xx: Filter entry #1: Require and operator among "eq", "ne", "le", "ge", "lt", "gt"` + "\n"},
		{[]string{"bogus"}, exitUsage, "", `stktc: show "bogus": accepted are aggrs, peers, info, table, contributions, errors and reload` + "\n"},
		{[]string{"info", "x"}, exitUsage, "", `stktc: show info: too many arguments, from "x" on` + "\n"},
		{[]string{"info", "--raw", "--json"}, exitUsage, "", "stktc: --json and --raw exclude each other\n"},
		{[]string{"table", ""}, exitUsage, "", "stktc: show table: an argument is empty\n"},
		{[]string{"info", "--watch", "NaN"}, exitUsage, "", "stktc: --watch \"NaN\": accepted is a number of seconds from 0.1 to 86400\n"},
	} {
		code, stdout, stderr := stktc(append(append([]string{"show"}, tc.args...), "--socket", socket)...)
		begin, open := strings.CutSuffix(tc.stdout, "…")
		if code != tc.code || stderr != tc.stderr || stdout != begin && !(open && strings.HasPrefix(stdout, begin)) {
			t.Errorf("%q: %d\n%s%s", tc.args, code, stdout, stderr)
		}
		if slices.Contains(tc.args, "--json") && !slices.Contains(tc.args, "--raw") && !json.Valid([]byte(stdout)) {
			t.Errorf("%q: not JSON: %s", tc.args, stdout)
		}
	}
}

// TestShowSource: who asks for the table that nodes count in is told of the sum.
func TestShowSource(t *testing.T) {
	var a tableAggregator
	a.add(t, "t.sum", countDef)
	a.tables[0].Source = "t.raw"
	code, _, stderr := stktc("show", "table", "t.raw", "--socket", serveTables(t, &a))
	const want = "stktc: `t.raw` is what nodes count in: here is the sum of it, `t.sum`, and `stktc show contributions t.sum KEY`\n"
	if code != exitFailed || stderr != want {
		t.Errorf("%d: %s", code, stderr)
	}
}

// TestShowLargeReply: long lines and many of them arrive as they are.
func TestShowLargeReply(t *testing.T) {
	var a tableAggregator
	src := a.add(t, "/t", countDef)
	for i := range 5000 {
		put(src, fmt.Appendf(nil, "key%d", i), 5000, uint64(i))
	}
	socket := serveTables(t, &a)
	if code, stdout, stderr := stktc("show", "table", "/t", "--socket", socket); code != exitDone || strings.Count(stdout, "\n") != 5002 {
		t.Errorf("%d: %d lines, %s", code, strings.Count(stdout, "\n"), stderr)
	}
	code, stdout, _ := stktc("show", "table", "/t", "--socket", socket, "--json")
	var tables []struct{ Entries []struct{ Key string } }
	if err := json.Unmarshal([]byte(stdout), &tables); err != nil || code != exitDone || len(tables[0].Entries) != 5000 {
		t.Errorf("%d: %v", code, err)
	}
}

// TestShowBadEnds: nobody answers, something else answers, or the answer breaks off.
func TestShowBadEnds(t *testing.T) {
	code, stdout, stderr := stktc("show", "--socket", filepath.Join(t.TempDir(), "none"))
	if code != exitFailed || stdout != "" || !strings.HasPrefix(stderr, "stktc: no aggregator answers on `") {
		t.Errorf("nobody: %d %q %q", code, stdout, stderr)
	}
	for answer, want := range map[string]string{
		"":                      "the reply was cut off",
		"200 OK\n":              "is not what a stats socket says",
		"\nName: stktc\nVers":   "the reply was cut off",
		"\nName: stktc\n":       "the reply was cut off",
		"\n[3]: Permission\n\n": "Permission",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			if conn, err := l.Accept(); err == nil {
				io.ReadFull(conn, make([]byte, len("set severity-output number;show aggrs\n")))
				io.WriteString(conn, answer)
				conn.Close()
			}
		}()
		code, _, stderr := stktc("show", "--raw", "--socket", "ipv4@"+l.Addr().String())
		if code != exitFailed || !strings.Contains(stderr, want) {
			t.Errorf("%q: %d %q", answer, code, stderr)
		}
		l.Close()
	}
}

// haproxyTables declares what twins makes of ours.
const haproxyTables = `global
defaults
	timeout client 5s
	timeout server 5s
	timeout connect 1s
peers p
	peer twin 127.0.0.1:0
	table tip type ip size 1k expire 60s store gpc0,gpc0_rate(10s),http_req_cnt,http_req_rate(10s),bytes_in_cnt
	table tint type integer size 1k expire 60s store gpc(3),gpc_rate(2,5s),gpt(2)
	table tstr type string len 20 size 1k expire 1d store server_id,server_key,gpt0
	table tip6 type ipv6 size 1k store gpc0
`

// twins starts a real HAProxy and a stats socket of ours whose tables hold the same, and gives a function that asks both the same.
func twins(t *testing.T) (ask func(line string) (theirs, ours string)) {
	config := strings.Replace(haproxyTables, "127.0.0.1:0", freeAddress(t), 1)
	p := haproxytest.Start(t, haproxy.Config{Text: config, Name: "twin"})
	for table, entries := range map[string][]string{
		"p/tip":  {"1.2.3.4 data.gpc0 7 data.http_req_cnt 1000 data.http_req_rate 50 data.bytes_in_cnt 5000000000", "10.0.0.1 data.gpc0 1", "9.9.9.9 data.gpc0 4000000000"},
		"p/tint": {"305419896 data.gpt0 1"},
		"p/tstr": {`a\=b\ c\\ data.gpt0 9`, "plain data.gpt0 1", "\xc3\xa9\x7f\x01 data.gpt0 3"},
		"p/tip6": {"2001:db8::1 data.gpc0 1", "::ffff:1.2.3.4 data.gpc0 2", "::1.2.3.4 data.gpc0 3", "::1 data.gpc0 4", "1:0:0:2:0:0:0:3 data.gpc0 5", "1:0:2:3:4:5:6:7 data.gpc0 6"},
	} {
		for _, e := range entries {
			key, data, _ := strings.Cut(e, " data.")
			p.Command(t.Context(), "set table "+table+" key "+key+" data."+data) // refuses gpt0 of an array, but makes the entry
		}
	}
	socket := serveTables(t, ourTwin(t))
	return func(line string) (string, string) {
		theirs, err := p.Command(t.Context(), line)
		ours, err2 := haproxy.Command(t.Context(), "unix", socket, line)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		return theirs, ours
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func ourTwin(t *testing.T) *tableAggregator {
	column := func(typ sticktable.DataType, elems int, period time.Duration) sticktable.Column {
		return sticktable.Column{Type: typ, Elems: elems, Period: period}
	}
	var a tableAggregator
	tip := a.add(t, "p/tip", sticktable.Definition{Key: sticktable.IPv4, KeyLen: 4, Expire: time.Minute, Columns: []sticktable.Column{
		column(sticktable.GPC0, 1, 0), column(sticktable.GPC0Rate, 1, 10*time.Second), column(sticktable.HTTPReqCnt, 1, 0),
		column(sticktable.HTTPReqRate, 1, 10*time.Second), column(sticktable.BytesInCnt, 1, 0),
	}})
	put(tip, []byte{1, 2, 3, 4}, 60_000, 7, 0, 0, 0, 1000, 0, 0, 50, 5_000_000_000)
	put(tip, []byte{10, 0, 0, 1}, 60_000, 1, 0, 0, 0, 0, 0, 0, 0, 0)
	put(tip, []byte{9, 9, 9, 9}, 60_000, 4_000_000_000, 0, 0, 0, 0, 0, 0, 0, 0)
	tint := a.add(t, "p/tint", sticktable.Definition{Key: sticktable.Integer, KeyLen: 4, Expire: time.Minute, Columns: []sticktable.Column{
		column(sticktable.GPT, 2, 0), column(sticktable.GPC, 3, 0), column(sticktable.GPCRate, 2, 5*time.Second),
	}})
	put(tint, []byte{0x12, 0x34, 0x56, 0x78}, 60_000, make([]uint64, 11)...)
	tstr := a.add(t, "p/tstr", sticktable.Definition{Key: sticktable.String, KeyLen: 21, Expire: 24 * time.Hour, Columns: []sticktable.Column{
		column(sticktable.ServerID, 1, 0), column(sticktable.GPT0, 1, 0), column(sticktable.ServerKey, 1, 0),
	}})
	put(tstr, []byte(`a=b c\`), 86_400_000, 0, 9)
	put(tstr, []byte("plain"), 86_400_000, 0, 1)
	put(tstr, []byte("\xc3\xa9\x7f\x01"), 86_400_000, 0, 3)
	tip6 := a.add(t, "p/tip6", sticktable.Definition{Key: sticktable.IPv6, KeyLen: 16, Columns: []sticktable.Column{column(sticktable.GPC0, 1, 0)}})
	for i, key := range [][]byte{
		{0x20, 1, 0xd, 0xb8, 15: 1}, {10: 0xff, 11: 0xff, 12: 1, 13: 2, 14: 3, 15: 4}, {12: 1, 13: 2, 14: 3, 15: 4}, {15: 1}, {1: 1, 7: 2, 15: 3},
		{1: 1, 5: 2, 7: 3, 9: 4, 11: 5, 13: 6, 15: 7},
	} {
		put(tip6, key, store.Forever, uint64(i+1))
	}
	return &a
}

// tableLine reads any line that "show table" may print of a table or an entry; its groups are what must be equal.
var tableLine = regexp.MustCompile(`^(?:# table: (\S+), type: (\S+), size:\d+, used:(\d+)|0x[0-9a-f]+: key=((?:\\.|[^\\ ])*) use=(\d+) exp=\d+((?: shard=0)?)((?: [a-z0-9_]+(?:\(\d+\))?=\S+)*))$`)

func readTable(t *testing.T, reply string) []string {
	t.Helper()
	var lines []string
	for _, line := range strings.Split(strings.TrimRight(reply, "\n"), "\n") {
		m := tableLine.FindStringSubmatch(line)
		if m == nil && line != "" {
			t.Fatalf("cannot read %q", line)
		}
		if m != nil {
			m[6] = "" // shard=0 is there since HAProxy 2.7
			lines = append(lines, strings.Join(m[1:], "|"))
		}
	}
	slices.Sort(lines) // the order of entries and tables is HAProxy's own affair
	return lines
}

// TestShowTableAsHAProxy asks a real HAProxy and our socket the same of the same content, and reads both with one expression.
func TestShowTableAsHAProxy(t *testing.T) {
	ask := twins(t)
	for _, line := range []string{
		"show table", "show table p/tip", "show table p/tint", "show table p/tstr", "show table p/tip6", "show table p/tip key 1.2.3.4", "show table p/tip key 8.8.8.8",
		"show table p/tint key 305419896", `show table p/tstr key a\=b\ c\\`, "show table p/tstr key plain", "show table p/tip6 key 2001:DB8::1",
		"show table p/tip data.gpc0 ge 7", "show table p/tip data.gpc0 gt 1 data.bytes_in_cnt gt 4294967296", "show table p/tip data.http_req_rate le 0",
		"show table p/tip data.gpc0 gt -1", "show table p/tstr data.server_key eq 0 data.gpt0 ne 9", "show table p/tint data.gpc lt 1",
		"show table p/tip data.gpc0 gt -9223372036854775808", "show table p/tip data.gpc0 le 9223372036854775807 data.gpc0 ne 1 data.gpc0 ne 7 data.http_req_cnt eq 0",
		"show table p/tip6 key 1:0:0:2::3", "show table p/tip6 key 2001:0DB8:0::1", "show table p/tip6 data.gpc0 lt 4", "show table p/tstr key A",
		"show table p/tip key 1.2.3.4 and more", "  show   table p/tip6  ",
	} {
		theirs, ours := ask(line)
		want, got := readTable(t, theirs), readTable(t, ours)
		if !slices.Equal(got, want) {
			t.Errorf("%s\n--- ours\n%s--- haproxy\n%s", line, ours, theirs)
		}
	}
}

// TestMistakesAsHAProxy: what is wrong with a question is said in HAProxy's words.
func TestMistakesAsHAProxy(t *testing.T) {
	ask := twins(t)
	for _, line := range []string{
		"show table nope", "show table p/tip key", "show table p/tint key abc", "show table p/tint key 4294967296", "show table p/tip6 key ::g",
		"show table p/tip data.foo eq 1", "show table p/tip data.gpt0 eq 1", "show table p/tint data.gpc1 eq 1", "show table p/tip data.gpc0", "show table p/tip data.gpc0 xx 1",
		"show table p/tip data.gpc0 eq", "show table p/tip data.gpc0 eq x", "show table p/tip data.gpc0 eq 7abc", "show table p/tip data.gpc0 eq 0x7",
		"show table p/tip data.gpc0 eq 7 zzz", "show table p/tip data.gpc0 eq 7 data.gpc0 ge 1 data.gpc0 le 9 data.gpc0 ne 3 data.gpc0 lt 9",
		"show table nope;show table nope", "set severity-output number;show table nope", "clear table nope key 1", "clear table p/tip key", "clear table p/tip key 8.8.8.8",
		"clear table p/tip data.gpc0 ge", "show peers nope", "user;operator;show cli level", "set severity-output bogus",
		"show table p/tip data.gpc0 gt +5", "show table p/tip data.gpc0 gt 99999999999999999999", "show table p/tip data.gpc0 gt -99999999999999999999", "show table p/tip data.gpc0 == 7",
		"show table p/tip data. eq 7", "show table p/tip data.gpc0 gt 1 data.http_req_cnt foo 1", "show table p/tip data.gpc0 gt 1 data.http_req_cnt", "show table p/tip data.gpc0 EQ 7",
	} {
		theirs, ours := ask(line)
		if strings.Contains(line, "p/tint key") && theirs == "" {
			theirs = "Invalid key\n" // HAProxy 3 does not look at what it takes for a number
		}
		if ours != theirs {
			t.Errorf("%s\n--- ours\n%s--- haproxy\n%s", line, ours, theirs)
		}
	}
}

// comparable is a reply without what differs from process to process and from version to version: addresses, sizes, times, who looks just now, the order of entries, and
// whether there is a prompt between two commands of one line.
func comparable(reply string) string {
	reply = regexp.MustCompile(`0x[0-9a-f]+|size:\d+|use=\d+|exp=\d+|shard=0 |> `).ReplaceAllString(reply, "")
	lines := strings.Split(reply, "\n")
	if strings.HasPrefix(reply, "# table: ") {
		slices.Sort(lines)
	}
	return strings.Join(lines, "\n")
}

// TestLevelsAsHAProxy: who may do what, and how a conversation goes, is as on a real HAProxy's sockets of the three levels.
func TestLevelsAsHAProxy(t *testing.T) {
	dir, err := os.MkdirTemp("", "level")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	config := strings.Replace(haproxyTables, "127.0.0.1:0", freeAddress(t), 1)
	ours := statscli.New(ourTwin(t), statscli.Options{})
	for name, level := range map[string]statscli.Level{"user": statscli.User, "operator": statscli.Operator, "admin": statscli.Admin} {
		config = strings.Replace(config, "global\n", fmt.Sprintf("global\n\tstats socket %s/%s mode 600 level %s\n", dir, name, name), 1)
		if err := ours.Listen(statscli.Address{Network: "unix", Address: filepath.Join(dir, "our-"+name), Level: level}); err != nil {
			t.Fatal(err)
		}
	}
	go ours.Serve(t.Context())
	p := haproxytest.Start(t, haproxy.Config{Text: config, Name: "twin"})
	for _, key := range []string{"1.2.3.4 data.gpc0 7 data.http_req_cnt 1000 data.http_req_rate 50 data.bytes_in_cnt 5000000000", "10.0.0.1 data.gpc0 1", "9.9.9.9 data.gpc0 4000000000"} {
		p.Command(t.Context(), "set table p/tip key "+key)
	}
	for _, line := range []string{
		"show cli level", "operator;show cli level", "user;show cli level;operator;show cli level", "show table p/tip", "show table p/tip data.gpc0 gt 1", "show table p/tip data.gpc0 xx 1",
		"show table p/tip key 1.2.3.4", "show table p/tip key", "show table nope", "clear table p/tip key 8.8.8.8", "clear table nope", "show peers nope",
		"show cli level;show table nope;show cli level", "show cli level;quit;show cli level", "prompt\nshow cli level\nshow table nope;show cli level\nquit", "prompt\nuser\nshow cli level\nquit",
		"prompt\nset severity-output string\nshow table nope\nquit", "show table p/tip data.gpc0 eq 1;show cli level",
	} {
		for _, level := range []string{"user", "operator", "admin"} {
			theirs, err := haproxy.Command(t.Context(), "unix", filepath.Join(dir, level), line)
			ours, err2 := haproxy.Command(t.Context(), "unix", filepath.Join(dir, "our-"+level), line)
			if err := errors.Join(err, err2); err != nil {
				t.Fatal(err)
			}
			ours = regexp.MustCompile(`# cleared .*\n`).ReplaceAllString(ours, "") // what we say on top
			if want, got := comparable(theirs), comparable(ours); got != want {
				t.Errorf("%s: %q\n--- ours\n%s--- haproxy\n%s", level, line, got, want)
			}
		}
	}
}
