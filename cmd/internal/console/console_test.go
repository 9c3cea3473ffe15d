package console

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

// replies are real ones, of the stats socket's own tests: by the command, without "json".
func replies(t *testing.T, transcript string) (commands []string, reply map[string]string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../../runtime/cli/testdata", transcript))
	if err != nil {
		t.Fatal(err)
	}
	reply = map[string]string{}
	for _, part := range strings.Split(string(text), "\n$ ")[1:] {
		command, answer, _ := strings.Cut(part, "\n")
		if words, ok := strings.CutSuffix(command, " json"); ok && strings.HasPrefix(answer, "[") || strings.HasPrefix(answer, "{\"ok\"") {
			commands = append(commands, words)
			reply[words] = strings.NewReplacer(`"value":N`, `"value":0`).Replace(answer)
		}
	}
	return commands, reply
}

// write lets the printer write a reply.
func write(p *Printer, command, reply string) error {
	r := strings.NewReader(reply)
	words := strings.Fields(command[strings.Index(command, "@")+1:])
	switch words[1] {
	case "aggrs":
		return p.Aggregations(r)
	case "peers":
		return p.Peers(r)
	case "info":
		return p.Info(r)
	case "contributions":
		return p.Contributions(r)
	case "errors":
		return p.Errors(r)
	case "reload":
		_, err := p.Reload(r)
		return err
	}
	if len(words) == 2 {
		return p.Tables(r)
	}
	return p.Entries(r)
}

var escapes = regexp.MustCompile("\x1b\\[\\d*m")

// TestViews holds what people see to the files in testdata, for a terminal of 100 and one of 60 characters, and sees that no line is wider.
func TestViews(t *testing.T) {
	for _, transcript := range []string{"seed_aggrs.txt", "seed_peers.txt", "seed_info.txt", "roles_peers.txt", "kinds_table.txt", "kinds_mistakes.txt", "starting.txt"} {
		commands, reply := replies(t, transcript)
		var got strings.Builder
		for _, command := range commands {
			if !strings.HasPrefix(command[strings.Index(command, "@")+1:], "show ") {
				continue
			}
			for _, width := range []int{100, 60} {
				var plain, colored strings.Builder
				if err := errors.Join(write(&Printer{Out: &plain, Width: width}, command, reply[command]), write(&Printer{Out: &colored, Width: width, Color: true}, command, reply[command])); err != nil {
					t.Errorf("%s: %v", command, err)
				}
				if escapes.ReplaceAllString(colored.String(), "") != plain.String() {
					t.Errorf("%s: colours change the text", command)
				}
				fmt.Fprintf(&got, "$ %s, %d wide\n%s\n", command, width, plain.String())
				for line := range strings.Lines(plain.String()) {
					if line = strings.TrimSuffix(line, "\n"); utf8.RuneCountInString(line) > width || strings.HasSuffix(line, " ") {
						t.Errorf("%s, %d wide: %q", command, width, line)
					}
				}
			}
		}
		golden(t, filepath.Join("testdata", transcript), got.String())
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (-update rewrites it); got:\n%s", name, got)
	}
}

// TestFaultsAndReloads: what the transcripts do not have.
func TestFaultsAndReloads(t *testing.T) {
	for _, tc := range []struct{ command, reply, want string }{
		{"show errors", `[]`, "no message broke the protocol\n"},
		{
			"show errors", `[{"time":"2026-11-22T04:50:48Z","age_seconds":192.4,"peer":"n1","remote":"10.0.0.1:4711","kind":"malformed","error":"peer sent a malformed message: update of table t","bytes":"` +
				strings.Repeat("0a80", 20) + `"}]`,
			"n1 (10.0.0.1:4711), malformed, 3m12s ago, 2026-11-22 04:50:48\n  peer sent a malformed message: update of table t\n  " +
				strings.TrimSuffix(strings.Repeat("0a 80 ", 16), " ") + "\n  0a 80 0a 80 0a 80 0a 80\n",
		},
		{"show reload", `{"ok":true,"successes":0,"failures":0,"age_seconds":0}`, "ok: not reloaded since the start\n"},
		{"show reload", `{"ok":true,"successes":1,"failures":0,"last":"2026-11-22T04:50:48Z","age_seconds":0.01}`, "ok: reloaded just now (1 succeeded, 0 refused)\n"},
		{"show reload", `{"ok":true,"successes":2,"failures":1,"last":"2026-11-22T04:50:48Z","age_seconds":90061}`, "ok: reloaded 1d1h ago (2 succeeded, 1 refused)\n"},
		{
			"show reload", `{"ok":true,"successes":1,"failures":0,"last":"2026-11-22T04:50:48Z","age_seconds":0.01,"waits_for_restart":["stats socket"]}`,
			"ok: reloaded just now (1 succeeded, 0 refused)\n  waits for a restart: `stats socket`, which is taken over at the start only\n",
		},
		{
			"show reload", `{"ok":false,"successes":2,"failures":1,"last":"2026-11-22T04:50:48Z","age_seconds":3,"error":"first line\nsecond line"}`,
			"failed: refused 3.0s ago, everything is as it was before (2 succeeded, 1 refused)\n  first line\n  second line\n",
		},
	} {
		var got strings.Builder
		if err := write(&Printer{Out: &got}, tc.command, tc.reply); err != nil || got.String() != tc.want {
			t.Errorf("%s: %v\n%s--- want\n%s", tc.command, err, &got, tc.want)
		}
	}
}

// TestTones: a peer that is down is red, one that has not taught yellow, a good one green.
func TestTones(t *testing.T) {
	for state, want := range map[string]string{
		`"connected":true`:                 "\x1b[32mconnected\x1b[0m",
		`"connected":true,"missing":true`:  "\x1b[33mconnected\x1b[0m",
		`"connected":false,"missing":true`: "\x1b[31maway\x1b[0m",
		`"connected":false,"dynamic":true`: "\x1b[2maway\x1b[0m",
	} {
		var got strings.Builder
		p := Printer{Out: &got, Color: true}
		if err := p.Aggregations(strings.NewReader(`[{"name":"a","condition":"whole","whole":true,"peers":[{"name":"n1",` + state + `}]}]`)); err != nil || !strings.Contains(got.String(), want) {
			t.Errorf("%s: %v, no %q in %q", state, err, want, &got)
		}
	}
}

// TestEvictedKeys: keys that went for want of memory are told of before all else, in a line with what to do.
func TestEvictedKeys(t *testing.T) {
	var got strings.Builder
	reply := `[{"name":"a","condition":"whole","whole":true,"local":"agg","listen":":1","tables":[{"name":"t.sum","evicted":1234},{"name":"u.sum"},{"name":"v.sum","evicted":1}]}]`
	if err := (&Printer{Out: &got, Width: 160}).Aggregations(strings.NewReader(reply)); err != nil {
		t.Fatal(err)
	}
	const want = "  evicted for want of memory since the start: 1,234 keys of t.sum, 1 key of v.sum; raise --max-memory, or shorten expire\n"
	if before, _, found := strings.Cut(got.String(), want); !found || strings.Contains(before, "u.sum") {
		t.Errorf("no %q at the beginning of\n%s", want, &got)
	}
}

// TestHostileNames: what comes over the wire moves no cursor and changes no colour.
func TestHostileNames(t *testing.T) {
	name, _ := json.Marshal("n\x1b[2J\a1\u202e\u0085\xff")
	var got strings.Builder
	reply := fmt.Sprintf(`[{"name":%s,"condition":%s,"peers":[{"name":%s,"last_error":%s,"address":%s}],"tables":[{"name":%s,"store":%s}],"mismatches":[%s]}]`, name, name, name, name, name, name, name, name)
	if err := (&Printer{Out: &got}).Aggregations(strings.NewReader(reply)); err != nil {
		t.Fatal(err)
	}
	for _, r := range got.String() {
		if r != '\n' && unprintable(r) {
			t.Fatalf("%q is written: %q", r, got.String())
		}
	}
	if !strings.Contains(got.String(), `n\x1b[2J\a1\u202e\u0085\ufffd`) {
		t.Errorf("%q", got.String())
	}
}

// TestLongTable: a table of any length is written as it comes, in columns that stay, and what is cut off is an error.
func TestLongTable(t *testing.T) {
	r, w := io.Pipe()
	const keys = 50_000
	go func() {
		io.WriteString(w, `[{"name":"t","section":"s","type":"integer","key_len":4,"expire_ms":1000,"store":"gpc0","used":50000,"kind":"sum","forwarded":false,"source":"x","entries":[`)
		for i := range keys {
			fmt.Fprintf(w, `%s{"key":"%d","exp_ms":1000,"data":{"gpc0":%d}}`, map[bool]string{true: ","}[i > 0], i, i)
		}
		io.WriteString(w, "]}]\n")
		w.Close()
	}()
	var got strings.Builder
	if err := (&Printer{Out: &got}).Entries(r); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(got.String(), "\n"); n != keys+2 {
		t.Errorf("%d lines", n)
	}
	if !strings.HasSuffix(got.String(), "  49999     1.0s  49,999\n") {
		t.Errorf("ends in %q", got.String()[got.Len()-60:])
	}
	for _, reply := range []string{`[{"name":"t","store":"gpc0","entries":[{"key":"1","exp_ms":1,"data":{"gpc0":1}},`, `[{"name":"t"`, `[`, `{}`, `[{"name":"t","store":"gpc0","entries":[{"key":"1","data":{"gpc0":1,"gpc1":2}}]}]`} {
		if err := (&Printer{Out: io.Discard}).Entries(strings.NewReader(reply)); err == nil {
			t.Errorf("%s is taken", reply)
		}
	}
}

// TestFullPaper: an error of the writer is the printer's, and ends it.
func TestFullPaper(t *testing.T) {
	full := errors.New("full")
	_, reply := replies(t, "seed_aggrs.txt")
	if err := (&Printer{Out: &paper{room: 3, full: full}}).Aggregations(strings.NewReader(reply["show aggrs"])); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
	_, reply = replies(t, "kinds_table.txt")
	if err := (&Printer{Out: &paper{room: 3, full: full}}).Entries(strings.NewReader(reply["show table /tip"])); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
}

type paper struct {
	room int
	full error
}

func (p *paper) Write(b []byte) (int, error) {
	if p.room--; p.room < 0 {
		return 0, p.full
	}
	return len(b), nil
}

func TestColumns(t *testing.T) {
	for store, want := range map[string]string{
		"":                              "",
		"gpc0":                          "gpc0",
		"server_id,http_req_rate(10s)":  "server_id http_req_rate(10s)",
		"gpt(2),gpc(1),gpc_rate(2,90s)": "gpt0 gpt1 gpc0 gpc0_rate(90s) gpc1_rate(90s)",
	} {
		if got := strings.Join(columns(store), " "); got != want {
			t.Errorf("%s: %s, want %s", store, got, want)
		}
	}
}

func TestValues(t *testing.T) {
	for data, want := range map[string]string{
		`{}`: "", `{"a":1,"b":[2,3000],"c":null,"d":-7000,"e":18446744073709551615}`: "1 2 3,000 - -7,000 18,446,744,073,709,551,615",
		`{"a":`: "error", `[`: "error", ``: "error",
	} {
		list, err := values(json.RawMessage(data))
		if got := strings.Join(list, " "); got != want && (want != "error" || err == nil) {
			t.Errorf("%s: %s, %v, want %s", data, got, err, want)
		}
	}
}

func TestUnits(t *testing.T) {
	for got, want := range map[string]string{
		count(0): "0", count(999): "999", count(1000): "1,000", count(1<<64 - 1): "18,446,744,073,709,551,615",
		size(0): "0 B", size(999): "999 B", size(1000): "1.0 kB", size(999_949): "1.0 MB", size(99_940): "99.9 kB", size(123_456_789): "123 MB", size(1<<64 - 1): "18.4 EB",
		span(0): "0.0s", span(-1): "0.0s", span(9.94): "9.9s", span(9.96): "10s", span(59.4): "59s", span(59.6): "1m", span(192): "3m12s", span(3600): "1h", span(3661): "1h1m",
		span(86399.6): "1d", span(1e6): "11d13h",
		plural(1, "key", "keys"): "1 key", plural(1000, "key", "keys"): "1,000 keys",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "one two three": "one two|three", "gpc0,gpc1,gpc2": "gpc0,|gpc1,|gpc2", "wonderfullylong x": "wonderfullylong|x", "a  b": "a  b", "1234567 890": "1234567|890", "123456, 890": "123456,|890",
	} {
		if got := strings.Join(wrap(text, 7), "|"); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestAskEndsWithItsContext: whoever waits for an aggregator that says nothing can be interrupted.
func TestAskEndsWithItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		io.ReadFull(conn, make([]byte, 5))
		cancel()
		io.Copy(io.Discard, conn)
	}()
	if err := Ask(ctx, l.Addr().String(), "show info", func(io.Reader) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
