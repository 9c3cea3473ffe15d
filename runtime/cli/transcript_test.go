package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// masked are the values that differ from machine to machine.
var masked = regexp.MustCompile(`("?(?:Memory_bytes|Table_bytes|Nbthread)"?(?:: |\},"processNum":1,"tags":\{[^}]*\},"value":\{"type":"u\d\d","value":))\d+`)

// TestTranscripts holds every reply to the files in testdata. A line of theirs that begins with "$ " is a client's input, ⏎ standing for a newline, with LEVEL@
// before it where that is not admin; what follows is what the client gets on a connection of its own.
func TestTranscripts(t *testing.T) {
	fakes := map[string]func(testing.TB) *fake{"seed": seedLike, "kinds": allKinds, "starting": starting, "roles": roles}
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			kind, _, _ := strings.Cut(name, "_")
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := newServer(t, fakes[kind](t), Options{Version: "1.2.3"})
			var got strings.Builder
			for _, line := range strings.Split(string(want), "\n") {
				if input, ok := strings.CutPrefix(line, "$ "); ok {
					got.WriteString(line + "\n" + transcribe(t, s, input))
				}
			}
			if *update {
				if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got.String() != string(want) {
				t.Errorf("differs (-update rewrites it)\n%s\n--- want\n%s", got.String(), want)
			}
		})
	}
}

func transcribe(t *testing.T, s *Server, input string) string {
	level := Admin
	if word, rest, ok := strings.Cut(input, "@"); ok {
		if l, known := ParseLevel(word); known {
			level, input = l, rest
		}
	}
	reply := ask(t, s, level, strings.ReplaceAll(input, "⏎", "\n")+"\n")
	if strings.HasSuffix(input, " json") && strings.ContainsAny(reply[:1], "[{") && !json.Valid([]byte(reply)) {
		t.Errorf("%s: not JSON: %s", input, reply)
	}
	reply = masked.ReplaceAllString(reply, "${1}N")
	if reply != "" && !strings.HasSuffix(reply, "\n") {
		reply += "(no newline)\n"
	}
	return reply
}
