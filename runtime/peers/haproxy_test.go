package peers

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"text/template"
	"time"
)

// patience is how long the other side may take for anything.
const patience = 10 * time.Second

// haproxyBinary finds the binary, or skips the test, or fails it if STKTC_REQUIRE_HAPROXY is 1.
func haproxyBinary(t *testing.T) string {
	t.Helper()
	name := os.Getenv("HAPROXY")
	if name == "" {
		name = "haproxy"
	}
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("STKTC_REQUIRE_HAPROXY") == "1" {
		t.Fatal(err)
	}
	t.Skip(err)
	return ""
}

func haproxyVersion(t *testing.T) string {
	t.Helper()
	out, err := exec.Command(haproxyBinary(t), "-v").Output()
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`version (\d+\.\d+(?:\.\d+|-dev\d+)?)`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("no version in %q", out)
	}
	return string(m[1])
}

// haproxy is a real one, which has dialled us. All its sockets are files in one folder.
type haproxy struct {
	t      *testing.T
	dir    string
	conn   net.Conn
	hello  Hello
	frames chan Frame    // what it sends, in order; closed when the connection ends
	ours   *time.Ticker  // our heartbeats
	seen   func(f Frame) // called for each frame
}

// startHAProxy runs a configuration, a template in which {{.}} is the folder, and accepts the peer "lb1" as "agg".
func startHAProxy(t *testing.T, config string) *haproxy {
	t.Helper()
	binary := haproxyBinary(t)
	dir, err := os.MkdirTemp("", "peers") // t.TempDir can be too long for a UNIX socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	var text bytes.Buffer
	if err := template.Must(template.New("").Parse(config)).Execute(&text, dir); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(dir, "agg"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var log bytes.Buffer
	cmd := exec.Command(binary, "-db", "-L", "lb1", "-f", file)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("configuration:\n%s\nlog:\n%s", text.Bytes(), log.Bytes())
		}
	})
	h := &haproxy{t: t, dir: dir, frames: make(chan Frame, 100), ours: time.NewTicker(2 * time.Second)}
	t.Cleanup(h.ours.Stop)
	h.accept(listener)
	return h
}

func (h *haproxy) accept(listener net.Listener) {
	h.t.Helper()
	listener.(*net.UnixListener).SetDeadline(time.Now().Add(patience))
	conn, err := listener.Accept()
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	h.conn = conn
	conn.SetDeadline(time.Now().Add(3 * patience))
	r := bufio.NewReader(conn)
	hello, status, err := ReadHello(r)
	if err != nil || status != StatusSuccess {
		h.t.Fatal(hello, status, err)
	}
	h.hello = hello
	h.write(AppendStatus(nil, StatusSuccess))
	go h.read(r)
}

// read cuts the stream into frames that do not share memory.
func (h *haproxy) read(r io.Reader) {
	defer close(h.frames)
	var buf []byte
	for chunk := make([]byte, 4096); ; {
		n, err := r.Read(chunk)
		if err != nil {
			return
		}
		for buf = append(buf, chunk[:n]...); ; {
			f, n, err := ParseFrame(buf, MaxFrame)
			if err != nil {
				h.t.Errorf("%x: %v", buf, err)
				return
			}
			if n == 0 {
				break
			}
			f.Body = bytes.Clone(f.Body)
			select {
			case h.frames <- f:
			case <-h.t.Context().Done():
				return
			}
			buf = buf[n:]
		}
	}
}

func (h *haproxy) write(b []byte) {
	h.t.Helper()
	if _, err := h.conn.Write(b); err != nil {
		h.t.Fatal(err)
	}
}

// await handles frames until done; it answers what has to be answered so that HAProxy goes on.
func (h *haproxy) await(what string, done func() bool) {
	h.t.Helper()
	deadline := time.After(patience)
	for !done() {
		select {
		case f, ok := <-h.frames:
			if !ok {
				h.t.Fatalf("the connection ended before %s", what)
			}
			h.handle(f)
		case <-h.ours.C:
			h.write(AppendControl(nil, Heartbeat))
		case <-deadline:
			h.t.Fatalf("no %s within %s", what, patience)
		}
	}
}

func (h *haproxy) handle(f Frame) {
	h.t.Helper()
	h.seen(f)
	if f.Class != Control {
		return
	}
	switch f.Type {
	case ResyncRequest:
		h.write(AppendControl(nil, ResyncPartial))
	case ResyncFinished, ResyncPartial:
		h.write(AppendControl(nil, ResyncConfirm))
	}
}

// cli runs a command on the stats socket and gives the answer.
func (h *haproxy) cli(format string, args ...any) string {
	h.t.Helper()
	conn, err := net.Dial("unix", filepath.Join(h.dir, "stats"))
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintf(conn, format+"\n", args...); err != nil {
		h.t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(answer)
}

// get sends a request to the frontend that listens on the file "web".
func (h *haproxy) get(path string) {
	h.t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", filepath.Join(h.dir, "web"))
		},
	}}
	response, err := client.Get("http://web" + path)
	if err != nil {
		h.t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		h.t.Fatalf("%s: got %s", path, response.Status)
	}
}

// serveOrigin is the server behind the proxies: 200 for everything.
func (h *haproxy) serveOrigin() {
	h.t.Helper()
	listener, err := net.Listen("unix", filepath.Join(h.dir, "origin"))
	if err != nil {
		h.t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	go server.Serve(listener)
	h.t.Cleanup(func() { server.Close() })
}
