package main

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// TestDefaultSockets: without --socket the first of the usual paths that answers is asked, and when none does it is said which they are, and what to say.
func TestDefaultSockets(t *testing.T) {
	was := defaultSockets
	t.Cleanup(func() { defaultSockets = was })
	dir := t.TempDir()
	defaultSockets = []string{filepath.Join(dir, "init"), filepath.Join(dir, "vendor")}
	choose := func(args ...string) (path string, err error) {
		app := &cli.App{Flags: []cli.Flag{socketFlag()}, Action: func(ctx *cli.Context) (err error) { path, err = socketOf(ctx); return err }}
		return path, app.Run(append([]string{"stktc"}, args...))
	}
	if _, err := choose(); err == nil || !strings.Contains(err.Error(), "--socket") || !strings.Contains(err.Error(), defaultSockets[0]) || !strings.Contains(err.Error(), defaultSockets[1]) {
		t.Errorf("nobody answers: %v", err)
	}
	for _, path := range []string{defaultSockets[1], defaultSockets[0]} {
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if got, err := choose(); got != path || err != nil {
			t.Errorf("asked is %q, %v; want %q", got, err, path)
		}
	}
	if got, err := choose("--socket", "elsewhere"); got != "elsewhere" || err != nil {
		t.Errorf("--socket elsewhere asks %q, %v", got, err)
	}
}
