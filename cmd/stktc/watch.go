package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// interval is the value of --watch: a number of seconds, which may be left out.
type interval struct{ text string }

const (
	defaultInterval = 2 * time.Second
	leastInterval   = 100 * time.Millisecond
	mostInterval    = 24 * time.Hour
)

// IsBoolFlag lets the flag stand without a value.
func (i *interval) IsBoolFlag() bool { return true }

// Set keeps what was given; "true" stands for no value.
func (i *interval) Set(text string) error {
	i.text = text
	return nil
}

// String gives what was given; empty: the flag is not there.
func (i *interval) String() string { return i.text }

func (i *interval) length() (time.Duration, error) {
	if i.text == "" || i.text == "true" {
		return defaultInterval, nil
	}
	n, err := strconv.ParseFloat(strings.TrimSuffix(i.text, "s"), 64)
	if err != nil || !(n >= leastInterval.Seconds() && n <= mostInterval.Seconds()) { // NaN is neither
		return 0, usagef("--watch %q: accepted is a number of seconds from 0.1 to 86400", i.text)
	}
	return time.Duration(n * float64(time.Second)), nil
}

// watch prints again and again until ctx ends: on a terminal in place, else in blocks that an empty line separates.
func (s *show) watch(ctx context.Context, every time.Duration) error {
	if f, ok := s.stdout.(*os.File); ok && isTerminal(f) && s.env("TERM") != "dumb" {
		return s.watchScreen(ctx, &screen{f: f}, every)
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for first := true; ; first = false {
		if !first {
			fmt.Fprintln(s.stdout)
		}
		err := s.look(ctx, s.stdout, s.terminalWidth())
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && first:
			return err
		case err != nil:
			fmt.Fprintf(s.stderr, "stktc: %v\n", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// look prints once. What it shows of a failed reload is no reason to end.
func (s *show) look(ctx context.Context, w io.Writer, width int) error {
	var found exit
	if err := s.print(ctx, w, width); !errors.As(err, &found) || found != exitFindings {
		return err
	}
	return nil
}

// watchScreen draws on the terminal's other screen, and leaves the last picture on the usual one.
func (s *show) watchScreen(ctx context.Context, on *screen, every time.Duration) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var last []byte
	defer func() { on.leave(last) }()
	for first := true; ; first = false {
		width, height := terminalSize(on.f)
		frame := &frame{room: height - 4} // the title, an empty line, "…", and the line of the cursor
		err := s.look(ctx, frame, width)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errFull):
			frame.text.WriteString("…\n")
		case err != nil && first:
			return err
		case err != nil:
			frame.text.Reset()
			fmt.Fprintf(&frame.text, "%v\n", err)
		}
		if err == nil || errors.Is(err, errFull) {
			last = frame.text.Bytes()
		}
		on.draw(fmt.Sprintf("stktc %s, every %s, %s", strings.Join(s.what, " "), every, time.Now().Format(time.TimeOnly)), frame.text.Bytes())
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// errFull ends a picture that is as high as the terminal.
var errFull = errors.New("no more lines fit the terminal")

// frame is a picture of so many lines.
type frame struct {
	text bytes.Buffer
	room int
}

// Write takes lines while there is room.
func (f *frame) Write(b []byte) (int, error) {
	if f.room <= 0 {
		return 0, errFull
	}
	f.room -= bytes.Count(b, []byte("\n"))
	return f.text.Write(b)
}

// screen is a terminal that pictures are drawn on.
type screen struct {
	f     *os.File
	begun bool
}

// draw shows a picture in place of the one before, line by line so that it does not flicker.
func (s *screen) draw(title string, picture []byte) {
	var b bytes.Buffer
	if !s.begun {
		s.begun = true
		b.WriteString("\x1b[?1049h\x1b[?25l\x1b[2J")
	}
	b.WriteString("\x1b[H\x1b[2m" + title + "\x1b[0m\x1b[K\n\x1b[K\n")
	for line := range bytes.Lines(picture) {
		b.Write(bytes.TrimSuffix(line, []byte("\n")))
		b.WriteString("\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	s.f.Write(b.Bytes())
}

// leave gives the terminal back, with the last picture.
func (s *screen) leave(last []byte) {
	if s.begun {
		s.f.WriteString("\x1b[?25h\x1b[?1049l")
		s.f.Write(last)
	}
}

// terminalWidth is that of the terminal that is printed to; 0: no terminal.
func (c *command) terminalWidth() int {
	if f, ok := c.stdout.(*os.File); ok && isTerminal(f) {
		width, _ := terminalSize(f)
		return width
	}
	return c.width()
}

// terminalSize is what the terminal says of itself, 80 by 24 where it does not.
func terminalSize(f *os.File) (width, height int) {
	if width, height = windowSize(f); width == 0 || height == 0 {
		return 80, 24
	}
	return width, height
}
