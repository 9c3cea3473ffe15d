package cli

import (
	"slices"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for _, tc := range []struct {
		line string
		want [][]string
	}{
		{``, [][]string{nil}},
		{`show info`, [][]string{{"show", "info"}}},
		{"  show\t info \r", [][]string{{"show", "info"}}},
		{`a;b c; `, [][]string{{"a"}, {"b", "c"}, nil}},
		{`a\;b;c`, [][]string{{"a;b"}, {"c"}}},
		{`a\\;b`, [][]string{{`a\`}, {"b"}}},
		{`a\ b\=c\\d`, [][]string{{`a b=c\d`}}},
		{`\t\n\r\e\x41\x4g\q`, [][]string{{"\t\n\r\x1bAx4gq"}}},
		{`\x4`, [][]string{{"x4"}}},
		{`a\`, [][]string{{`a\`}}},
		{`"a b"`, [][]string{{`"a`, `b"`}}},
		{"\xff\x00", [][]string{{"\xff\x00"}}},
	} {
		var got [][]string
		for _, c := range splitCommands(tc.line) {
			got = append(got, splitWords(c))
		}
		if !slices.EqualFunc(got, tc.want, slices.Equal) {
			t.Errorf("%q: %q, want %q", tc.line, got, tc.want)
		}
	}
}

// FuzzQuote: what is quoted is read as the one word that it was, within any line.
func FuzzQuote(f *testing.F) {
	for _, word := range []string{"a", "a b", `\`, `;`, "\n\x1b\x7f\xff", "=", `\x41`, "é"} {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		if word == "" {
			t.Skip("cannot be written")
		}
		quoted := Quote(word)
		if strings.ContainsAny(quoted, "\n\r") {
			t.Fatalf("%q ends a line", quoted)
		}
		commands := splitCommands("x " + quoted + " y")
		if len(commands) != 1 || !slices.Equal(splitWords(commands[0]), []string{"x", word, "y"}) {
			t.Fatalf("%q is read as %q", quoted, commands)
		}
	})
}

// FuzzLine: any line of input is answered, ends in an empty line, and leaves the server able to answer the next.
func FuzzLine(f *testing.F) {
	for _, line := range []string{
		"show table", "show table tint data.gpc[1] ge 0 json", "show table tstr key \\x01", "clear table /tip key 1.2.3.1", "show contributions tint key 305419896 json",
		"prompt;help;quit", "set severity-output number;;bogus", "show table tbin data.gpc0 eq 1 data.gpc0 eq", "show peers - json", "show table tip6 key ::1%eth0",
	} {
		f.Add(line)
	}
	s := newServer(f, allKinds(f), Options{})
	f.Fuzz(func(t *testing.T, line string) {
		line, _, _ = strings.Cut(line, "\n")
		if len(line) > maxLine-2 || strings.Contains(line, "prompt") || strings.Contains(line, "quit") {
			t.Skip()
		}
		reply := ask(t, s, Operator, line+"\n")
		if !strings.HasSuffix(reply, "\n") {
			t.Fatalf("%q: %q", line, reply)
		}
		if reply := ask(t, s, User, "show cli level\n"); reply != "user\n\n" {
			t.Fatalf("then: %q", reply)
		}
	})
}
