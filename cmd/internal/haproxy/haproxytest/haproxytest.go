// Package haproxytest is the tests' way to real haproxy processes: it finds the binary, skips or fails without one, stops what it started
// when the test ends, and shows configurations and logs when the test failed.
package haproxytest

import (
	"context"
	"os"
	"testing"
	"time"

	"stktc/cmd/internal/haproxy"
)

// Binary gives the binary that the environment variable HAPROXY names, default "haproxy" on PATH. Without one the test is
// skipped, or fails if STKTC_REQUIRE_HAPROXY=1.
func Binary(t testing.TB) string {
	t.Helper()
	binary, err := haproxy.Find(os.Getenv("HAPROXY"))
	switch {
	case err == nil:
		return binary
	case os.Getenv("STKTC_REQUIRE_HAPROXY") == "1":
		t.Fatal(err)
	}
	t.Skip(err)
	return ""
}

// Start runs a process until the test ends. An empty Binary is Binary(t).
func Start(t testing.TB, config haproxy.Config) *haproxy.Process {
	t.Helper()
	if config.Binary == "" {
		config.Binary = Binary(t)
	}
	p, err := haproxy.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() && p.Running() {
			peers, _ := p.Command(context.Background(), "show peers")
			t.Logf("%s\n--- show peers\n%s", p.Report(), peers)
		}
		if p.Running() {
			p.Stop()
		}
	})
	return p
}

// Timeout is how long Eventually waits: well over the 5 s after which HAProxy dials again.
const Timeout = 20 * time.Second

// Eventually polls until check gives nil, and fails the test with its last error if that does not happen in time.
func Eventually(t testing.TB, check func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Timeout)
	defer cancel()
	var last error
	if haproxy.Poll(ctx, func() bool { last = check(); return last == nil }) != nil {
		t.Fatalf("not within %v: %v", Timeout, last)
	}
}
