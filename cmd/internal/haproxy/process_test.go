package haproxy_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stktc/cmd/internal/haproxy"
	"stktc/cmd/internal/haproxy/haproxytest"
	"stktc/topology/sticktable"
)

// freePort gives a port of 127.0.0.1 that was free a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestProcess(t *testing.T) {
	binary := haproxytest.Binary(t)
	port := freePort(t)
	p := haproxytest.Start(t, haproxy.Config{Binary: binary, Name: "lb1", Text: fmt.Sprintf(`
defaults
  mode http
  timeout client 5s
  timeout connect 5s
  timeout server 5s
frontend fe
  bind 127.0.0.1:%d
  stick-table type ip size 100 expire 1h store http_req_cnt,http_req_rate(1h)
  http-request track-sc0 src
  http-request deny deny_status 200
backend words
  stick-table type string len 20 size 10 expire 1m store gpc0,server_key
`, port)})

	address := fmt.Sprintf("127.0.0.1:%d", port)
	for source, n := range map[string]int{"127.0.0.7": 3, "127.0.0.8": 5} {
		if err := haproxy.Request(t.Context(), netip.MustParseAddr(source), address, n); err != nil {
			t.Fatal(err)
		}
	}
	table, err := p.ShowTable(t.Context(), "fe")
	if err != nil {
		t.Fatal(err)
	}
	for source, n := range map[string]uint64{"127.0.0.7": 3, "127.0.0.8": 5} {
		for _, column := range []string{"http_req_cnt", "http_req_rate"} {
			if got, ok := table.Entry(source).Uint(column); !ok || got != n {
				t.Errorf("%s %s = %d, want %d", source, column, got, n)
			}
		}
	}

	if err := p.SetTable(t.Context(), "words", `a\ b`, "data.gpc0 9"); err != nil {
		t.Fatal(err)
	}
	if e, err := p.ShowTableKey(t.Context(), "words", `a\ b`); err != nil || e == nil || e.Key != "a b" {
		t.Errorf("entry %+v, error %v", e, err)
	}
	if err := p.ClearTable(t.Context(), "words", ""); err != nil {
		t.Error(err)
	}
	if e, err := p.ShowTableKey(t.Context(), "words", `a\ b`); e != nil || err != nil {
		t.Errorf("entry %+v, error %v", e, err)
	}
	if err := p.SetTable(t.Context(), "words", "a", "data.gpc1 9"); err == nil || !strings.Contains(err.Error(), "not stored") {
		t.Errorf("error %v", err)
	}
	tables, err := p.ShowTables(t.Context())
	if err != nil || len(tables) != 2 {
		t.Errorf("tables %+v, error %v", tables, err)
	}

	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if p.Running() {
		t.Error("still running")
	}
	if err := p.Stop(); err == nil {
		t.Error("stopping a dead process gave no error")
	}
}

func TestStartShowsWhy(t *testing.T) {
	binary := haproxytest.Binary(t)
	_, err := haproxy.Start(t.Context(), haproxy.Config{Binary: binary, Text: "frontend fe\n  bnid 127.0.0.1:1\n"})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"ended at once", "   2    bnid 127.0.0.1:1", "unknown keyword 'bnid'"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}

func TestStartWithoutBinary(t *testing.T) {
	if _, err := haproxy.Start(t.Context(), haproxy.Config{Binary: "/nonexistent/haproxy"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	if _, err := haproxy.Find("/nonexistent/haproxy"); err == nil {
		t.Error("found")
	}
}

func TestCheckAndVersion(t *testing.T) {
	binary := haproxytest.Binary(t)
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte("frontend b\n  mode http\n  bind 127.0.0.1:1\n  stick-table type ip size 1k\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := haproxy.Check(t.Context(), binary, "lb1", file); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if err := os.WriteFile(file, []byte("backend b\n  stick-table type ip\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := haproxy.Check(t.Context(), binary, "lb1", file)
	var refused *haproxy.CheckError
	if !errors.As(err, &refused) || !strings.Contains(refused.Output, "size") {
		t.Errorf("error %v", err)
	}
	v, err := haproxy.Version(t.Context(), binary)
	if err != nil || v.Before(sticktable.Version{Major: 2}) {
		t.Errorf("version %v, error %v", v, err)
	}
}

func TestPollEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	err := haproxy.Poll(ctx, func() bool {
		if calls++; calls == 3 {
			cancel()
		}
		return false
	})
	if !errors.Is(err, context.Canceled) || calls < 3 {
		t.Errorf("error %v after %d calls", err, calls)
	}
}
