package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"stktc/cmd/internal/haproxy"
)

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
