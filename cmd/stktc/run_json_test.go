package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// TestRunJSON: with --log-format json, whatever is said is a line of JSON, findings and the reason of an end included.
func TestRunJSON(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		name, text string
		args       []string
		code       int
		want       []string // of a line: level, code, msg, at behind the file's name, err
	}{
		{"refused", runText("127.0.0.1:2", "  from .x to .x\n  nonsense\n"), nil, exitConfig, []string{"ERROR STK401 ", ":8:14", "WARN STK021 `nonsense`", ":9:3"}},
		{"checked", runText("127.0.0.1:2"), []string{"-c"}, exitDone, []string{"INFO STK701 ", ":2:16", "INFO ok"}},
		{"cannot listen", runText(taken.Addr().String()), nil, exitFailed, []string{"ERROR cannot run", "in use"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "hapee-stktagg.cfg")
			(&running{t: t, dir: dir, file: file}).write(c.text)
			var b bytes.Buffer
			command := &command{stdin: strings.NewReader(""), stdout: &b, stderr: &b, env: func(string) string { return "" }}
			if code := command.main(append([]string{"run", "-f", file, "--log-format", "json"}, c.args...)); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			said := jsonLines(t, b.String())
			for _, want := range c.want {
				if !strings.Contains(said, want) {
					t.Errorf("%q is not in\n%s", want, said)
				}
			}
		})
	}
	t.Run("reload", func(t *testing.T) {
		r := startRun(t, runText(freeAddress(t)), "--log-format", "json")
		eventually(t, "the socket answers", func() bool { _, code := r.ask("show", "info"); return code == 0 })
		r.write(runText("127.0.0.1:2", "  from .x to .x\n"))
		if _, code := r.ask("reload"); code != exitFindings {
			t.Errorf("reload of a wrong file: exit %d", code)
		}
		r.stop()
		if said := jsonLines(t, r.log.String()); !strings.Contains(said, "ERROR STK401 ") {
			t.Errorf("the finding is not in\n%s", said)
		}
	})
}

// jsonLines writes lines of JSON as level, code, message, place and error.
func jsonLines(t *testing.T, log string) string {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(log) {
		var l struct{ Time, Level, Code, Msg, At, Err string }
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.Time == "" || l.Msg == "" {
			t.Errorf("no line of a log in JSON: %s (%v)", line, err)
		}
		fmt.Fprintln(&b, strings.Join(strings.Fields(strings.Join([]string{l.Level, l.Code, l.Msg, l.At, l.Err}, " ")), " "))
	}
	return b.String()
}
