package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"stktc/cmd/internal/haproxy"
)

// running is a "stktc run" of its own process.
type running struct {
	t      *testing.T
	dir    string
	socket string
	file   string
	cmd    *exec.Cmd
	log    bytes.Buffer
	done   chan error
}

// startRun runs an aggregator's file whose text may name {dir} and the addresses {local} and {n1}.
func startRun(t *testing.T, text string, args ...string) *running {
	t.Helper()
	dir, err := os.MkdirTemp("", "stktc-run-") // short: a socket's path has 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	r := &running{t: t, dir: dir, socket: filepath.Join(dir, "s"), file: filepath.Join(dir, "hapee-stktagg.cfg"), done: make(chan error, 1)}
	r.write(text)
	r.cmd = exec.Command(os.Args[0], append([]string{"run", "-f", r.file}, args...)...)
	r.cmd.Env = append(os.Environ(), "STKTC_TEST_MAIN=1")
	r.cmd.Stderr = &r.log
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { r.done <- r.cmd.Wait() }()
	t.Cleanup(r.stop)
	return r
}

func (r *running) write(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.file, []byte(strings.ReplaceAll(text, "{dir}", r.dir)), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// stop ends the process with SIGTERM, which must be clean.
func (r *running) stop() {
	if r.cmd == nil {
		return
	}
	r.cmd.Process.Signal(syscall.SIGTERM)
	if err := <-r.done; err != nil {
		r.t.Errorf("SIGTERM: %v", err)
	}
	r.cmd = nil
	if r.t.Failed() {
		r.t.Logf("log of run:\n%s", &r.log)
	}
}

// eventually polls until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	if haproxy.Poll(ctx, ok) != nil {
		t.Fatalf("never: %s", what)
	}
}

// ask runs a command of stktc against the socket.
func (r *running) ask(args ...string) (out string, code int) {
	var b bytes.Buffer
	c := &command{stdin: strings.NewReader(""), stdout: &b, stderr: &b, env: func(string) string { return "" }}
	code = c.main(append(args, "--socket", r.socket))
	return b.String(), code
}

func runText(local string, more ...string) string {
	return fmt.Sprintf("global\n  stats socket {dir}/s mode 600 level admin\n\naggregations x\n  peer agg %s local\n  peer n1 127.0.0.1:1\n  from .raw to .sum\n%s",
		local, strings.Join(more, ""))
}

// TestRunReload: a file that is refused leaves everything as it was and says so in every place; one that is right takes effect.
func TestRunReload(t *testing.T) {
	local, web := freeAddress(t), freeAddress(t)
	r := startRun(t, runText(local), "--http", web)
	eventually(t, "the socket answers", func() bool { _, code := r.ask("show", "info"); return code == 0 })

	r.write(runText(local, "  from .x to .x\n"))
	r.cmd.Process.Signal(syscall.SIGHUP)
	eventually(t, "show reload says that it failed", func() bool {
		out, code := r.ask("show", "reload")
		return code == exitFindings && strings.HasPrefix(out, "failed")
	})
	if out, code := r.ask("reload"); code != exitFindings || !strings.Contains(out, "2 refused") {
		t.Errorf("reload of a wrong file: exit %d, %s", code, out)
	}
	if page := get(t, web, "/metrics"); !strings.Contains(page, "stktc_") {
		t.Errorf("metrics:\n%s", page)
	}
	r.write(runText(local, "  peer n2 127.0.0.1:2\n"))
	if out, code := r.ask("reload"); code != exitDone || !strings.HasPrefix(out, "ok") {
		t.Errorf("reload of a right file: exit %d, %s", code, out)
	}
	if out, _ := r.ask("show", "aggrs"); !strings.Contains(out, "n2") {
		t.Errorf("the new peer is not there:\n%s", out)
	}
	// What is opened at the start only is told for as long as the file differs from that, and not from the file before.
	other := strings.Replace(runText(local), "level admin", "level user", 1)
	for _, c := range []struct {
		text string
		told bool
	}{{other, true}, {other, true}, {runText(local), false}} {
		r.write(c.text)
		if out, code := r.ask("reload"); code != exitDone || strings.Contains(out, "waits for a restart: `stats socket`") != c.told {
			t.Errorf("exit %d, told of the stats socket: want %v\n%s", code, c.told, out)
		}
	}
	if page := get(t, web, "/readyz"); page == "" {
		t.Error("/readyz is empty")
	}
}

func get(t *testing.T, address, path string) string {
	t.Helper()
	resp, err := http.Get("http://" + address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestRunRefuses: what run cannot start with, and how it says so.
func TestRunRefuses(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	for _, tc := range []struct {
		name, text string
		code       int
		says       string
	}{
		{"port in use", runText(busy.Addr().String()), exitFailed, "address already in use"},
		{"file cut in the middle", "aggregations x\n  peer agg 127.0.0.1:11111 local\n  peer n1 127.0", exitConfig, "STK"},
		{"no local peer", "aggregations x\n  peer n1 127.0.0.1:1\n  from .raw to .sum\n", exitConfig, "STK"},
		{"unknown directive", runText(freeAddress(t), "  form .a to .b\n"), exitConfig, "form"},
		{"socket in a missing directory", strings.Replace(runText(freeAddress(t)), "{dir}/s", "{dir}/no/s", 1), exitFailed, "stats socket"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := startRun(t, tc.text)
			err := <-r.done
			r.cmd = nil
			exited, ok := err.(*exec.ExitError)
			if !ok || exited.ExitCode() != tc.code || !strings.Contains(r.log.String(), tc.says) {
				t.Errorf("%v, want exit %d and %q in:\n%s", err, tc.code, tc.says, &r.log)
			}
			if strings.Contains(r.log.String(), "goroutine ") {
				t.Errorf("a stack trace:\n%s", &r.log)
			}
		})
	}
	t.Run("unreadable file", func(t *testing.T) {
		var b bytes.Buffer
		c := &command{stdin: strings.NewReader(""), stdout: &b, stderr: &b, env: func(string) string { return "" }}
		if code := c.main([]string{"run", "-f", filepath.Join(t.TempDir(), "none.cfg")}); code != exitFailed || !strings.Contains(b.String(), "no such file") {
			t.Errorf("exit %d: %s", code, b.String())
		}
	})
}

// TestRunGarbage: a peer that sends garbage loses its session, and the aggregator goes on and shows what it got.
func TestRunGarbage(t *testing.T) {
	local := freeAddress(t)
	r := startRun(t, runText(local))
	eventually(t, "the socket answers", func() bool { _, code := r.ask("show", "info"); return code == 0 })
	conn, err := net.Dial("tcp", local)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "HAProxyS 2.1\nagg\nn1 1 1\n")
	conn.Write([]byte{0x0a, 0x82, 0x03, 0x01, 0x20, 'x'})
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	if reply, _ := io.ReadAll(conn); !bytes.HasPrefix(reply, []byte("200\n")) || !bytes.Contains(reply, []byte{0x01, 0x00}) {
		t.Errorf("the peer was answered % x", reply)
	}
	eventually(t, "show errors shows the bytes", func() bool {
		out, _ := r.ask("show", "errors")
		return strings.Contains(out, "0a 82 03 01 20 78")
	})
}
