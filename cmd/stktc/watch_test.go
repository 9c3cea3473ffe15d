package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// watching is a stktc of its own process that shows something again and again.
func watching(t *testing.T, socket string, out, errors io.Writer, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{"show", "--socket", socket}, args...)...)
	cmd.Env = append(os.Environ(), "STKTC_TEST_MAIN=1", "TERM=xterm", "NO_COLOR=")
	cmd.Stdout, cmd.Stderr = out, errors
	return cmd
}

// interrupt ends it as Ctrl-C does, which must be clean.
func interrupt(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGINT: %v", err)
	}
}

// TestWatch: without a terminal there are blocks, which an empty line separates, and no colours; the aggregator may be away for a while.
func TestWatch(t *testing.T) {
	var a tableAggregator
	put(a.add(t, "/t", countDef), []byte("k"), 5000, 7)
	socket := serveTables(t, &a)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var errors bytes.Buffer
	cmd := watching(t, socket, w, &errors, "table", "--watch", "0.1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	lines := bufio.NewScanner(r)
	next := func() string {
		if !lines.Scan() {
			t.Fatalf("no more lines: %v, %s", lines.Err(), &errors)
		}
		return lines.Text()
	}
	const head, row = "  table  section  type    keys  expire  is         store", "  /t     myaggr   string     1      1m  sum of /t  gpc0"
	for i := range 3 {
		if i > 0 {
			if got := next(); got != "" {
				t.Errorf("%q between two blocks", got)
			}
		}
		if a, b := next(), next(); a != head || b != row {
			t.Errorf("%q\n%q", a, b)
		}
	}
	moved := socket + ".away"
	if err := os.Rename(socket, moved); err != nil {
		t.Fatal(err)
	}
	for next() != "" || next() != "" { // two in a row: there was nothing to show
	}
	if err := os.Rename(moved, socket); err != nil {
		t.Fatal(err)
	}
	for next() != row {
	}
	interrupt(t, cmd)
	if !strings.HasPrefix(errors.String(), "stktc: no aggregator answers on `"+socket+"`: ") {
		t.Errorf("%s", &errors)
	}

	errors.Reset()
	cmd = watching(t, socket+".none", io.Discard, &errors, "--watch")
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != exitFailed || !strings.HasPrefix(errors.String(), "stktc: no aggregator answers") {
		t.Errorf("nobody there at the start: %v, %s", err, &errors)
	}
}

// TestShowColors: the flag, NO_COLOR and a terminal decide as for other commands.
func TestShowColors(t *testing.T) {
	var a tableAggregator
	socket := serveTables(t, &a)
	for _, tc := range []struct {
		args  []string
		color bool
	}{{nil, false}, {[]string{"--color", "always"}, true}, {[]string{"--color", "never"}, false}} {
		_, out, _ := stktc(append([]string{"show", "--socket", socket}, tc.args...)...)
		if strings.Contains(out, "\x1b[") != tc.color {
			t.Errorf("%q: %q", tc.args, out)
		}
	}
	if code, _, stderr := stktc("show", "--socket", socket, "--color", "blue"); code != exitUsage || !strings.Contains(stderr, "accepted are auto, always and never") {
		t.Errorf("%d %s", code, stderr)
	}
}

func TestFlagsFirst(t *testing.T) {
	app := (&command{}).app()
	for given, want := range map[string]string{
		"show table t data.gpc0 gt -1 --socket s": "show --socket s table t data.gpc0 gt -1",
		"show --watch table":                      "show --watch table",
		"show table --watch 0.5 t":                "show --watch=0.5 table t",
		"show --watch":                            "show --watch",
		"show --watch=3 peers --json":             "show --watch=3 --json peers",
		"clear t -1 --nodes a,b":                  "clear --nodes a,b t -1",
		"lint --fix a.yaml --only STK101 -- -x":   "lint --fix --only STK101 a.yaml -- -x",
	} {
		if got := strings.Join(flagsFirst(app, strings.Fields(given)), " "); got != want {
			t.Errorf("%s: %s, want %s", given, got, want)
		}
	}
}
