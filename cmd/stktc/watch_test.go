package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"stktc/cmd/internal/haproxy"
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

// terminal is a pseudo-terminal, and what was written to it.
type terminal struct {
	*os.File // the end that a program takes for a terminal
	mu       sync.Mutex
	text     bytes.Buffer
}

func openTerminal(t *testing.T, width, height uint16) *terminal {
	t.Helper()
	control, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { control.Close() })
	fd := int(control.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: width, Row: height})
	}
	if err != nil {
		t.Skip(err)
	}
	end, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { end.Close() })
	term := &terminal{File: end}
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := control.Read(b)
			term.mu.Lock()
			term.text.Write(b[:n])
			term.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return term
}

// written waits until something was written so many times, and gives all that was written.
func (term *terminal) written(t *testing.T, what string, times int) (all string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	if haproxy.Poll(ctx, func() bool {
		term.mu.Lock()
		defer term.mu.Unlock()
		all = term.text.String()
		return strings.Count(all, what) >= times
	}) != nil {
		t.Fatalf("not written %d times: %q, only %q", times, what, all)
	}
	return all
}

// The sequences with which a terminal's other screen is shown and left.
const (
	otherScreen = "\x1b[?1049h"
	usualScreen = "\x1b[?25h\x1b[?1049l"
)

var controls = regexp.MustCompile(`\x1b\[[?\d;]*[A-Za-z]`)

// TestWatchTerminal: on a terminal pictures are drawn in place, no line is wrapped and none scrolls it, and the last picture, in full, is left.
func TestWatchTerminal(t *testing.T) {
	const width, height = 80, 12
	var a tableAggregator
	src := a.add(t, "/t", countDef)
	for i := range 30 {
		put(src, fmt.Appendf(nil, "key%02d", i), 5000, uint64(i))
	}
	socket := serveTables(t, &a)
	term := openTerminal(t, width, height)
	cmd := watching(t, socket, term.File, term.File, "table", "/t", "--watch", "0.1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	term.written(t, "\x1b[H", 3)
	interrupt(t, cmd)
	all := term.written(t, usualScreen, 1)
	pictures, _, _ := strings.Cut(all, usualScreen)
	if !strings.HasPrefix(pictures, otherScreen) || strings.Count(pictures, otherScreen) != 1 {
		t.Errorf("begins with %q", pictures[:40])
	}
	for i, picture := range strings.Split(pictures, "\x1b[H")[1:] {
		lines := strings.Split(controls.ReplaceAllString(picture, ""), "\r\n")
		if len(lines) > height {
			t.Errorf("picture %d has %d lines", i, len(lines))
		}
		for _, line := range lines {
			if utf8.RuneCountInString(line) > width {
				t.Errorf("%q is too wide", line)
			}
		}
		if !strings.Contains(picture, "key00") || strings.Contains(picture, "key29") || !strings.Contains(picture, "…") {
			t.Errorf("picture %d is %q", i, picture)
		}
	}
	if !strings.Contains(pictures, "\x1b[1m/t\x1b[0m") {
		t.Errorf("no colours in %q", pictures)
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
