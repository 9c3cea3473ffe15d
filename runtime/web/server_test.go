package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"stktc/runtime"
)

// serve runs the server on a free port of the loopback until the test or stop ends it, and gives its address.
func serve(t *testing.T, s *Server) (address string, stop func() error) {
	t.Helper()
	if err := s.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() { stop() })
	return s.Addresses()[0].String(), stop
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

const request = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

func readSome(conn net.Conn) (string, error) {
	b := make([]byte, 4096)
	n, err := conn.Read(b)
	return string(b[:n]), err
}

func TestServe(t *testing.T) {
	address, stop := serve(t, newServer(t, seedLike(t)))
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for _, path := range paths {
			r, _ := http.NewRequest(method, "http://"+address+path, nil)
			reply, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(reply.Body)
			reply.Body.Close()
			if reply.StatusCode != 200 || err != nil || (len(body) > 0) != (method == http.MethodGet) {
				t.Errorf("%s %s: %s, %d bytes, %v", method, path, reply.Status, len(body), err)
			}
		}
	}
	idle := dial(t, address)
	io.WriteString(idle, request)
	if got, err := readSome(idle); !strings.HasPrefix(got, "HTTP/1.1 200 OK\r\n") {
		t.Fatalf("%q, %v", got, err)
	}
	if err := stop(); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := readSome(idle); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("an idle connection outlives the server: %v", err)
	}
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("the address is still listened on")
	}
}

// TestServeEndsEarly: a context that is over before Serve begins still ends it.
func TestServeEndsEarly(t *testing.T) {
	s := newServer(t, seedLike(t))
	if err := s.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("a signal"))
	if err := s.Serve(ctx); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := net.Dial("tcp", s.Addresses()[0].String()); err == nil {
		t.Error("the address is still listened on")
	}
}

// TestServeFails: a listener that fails ends the server, which says so.
func TestServeFails(t *testing.T) {
	s := newServer(t, seedLike(t))
	if err := s.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	s.listeners[0].Close()
	if err := s.Serve(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "HTTP on `127.0.0.1:") {
		t.Errorf("Serve: %v", err)
	}
}

func TestListen(t *testing.T) {
	var log bytes.Buffer
	s := New(seedLike(t), Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	defer s.Close()
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		if err := s.Listen(address); err != nil {
			t.Skip(err) // no IPv6 here
		}
	}
	if log.Len() > 0 {
		t.Errorf("on the loopback: %s", &log)
	}
	if err := s.Listen(":0"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "open to the network") {
		t.Errorf("on all addresses: %q", &log)
	}
	taken := s.Addresses()[0].String()
	for address, want := range map[string]string{
		taken: "address already in use", "8404": "missing port", "127.0.0.1:99999": "invalid port", "no.such.host.invalid:1": "no.such.host.invalid", "192.0.2.1:1": "cannot assign",
	} {
		if err := s.Listen(address); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "cannot listen on `"+address+"` for HTTP: ") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// TestCrowd: connections beyond the limit wait for their turn, and get it when another ends; a crowd does not keep the server from ending.
func TestCrowd(t *testing.T) {
	s := newServer(t, seedLike(t))
	address, stop := serve(t, s)
	var crowd []net.Conn
	for range maxConnections {
		conn := dial(t, address)
		io.WriteString(conn, request)
		if got, err := readSome(conn); err != nil || !strings.Contains(got, "alive") {
			t.Fatalf("connection %d: %q, %v", len(crowd)+1, got, err)
		}
		crowd = append(crowd, conn)
	}
	late := dial(t, address) // the system takes it, the server does not yet
	io.WriteString(late, request)
	if len(s.slots) != maxConnections {
		t.Errorf("%d slots are taken, want %d", len(s.slots), maxConnections)
	}
	late.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if got, err := readSome(late); err == nil {
		t.Errorf("one more than the limit is answered: %q", got)
	}
	crowd[0].Close()
	late.SetReadDeadline(time.Now().Add(20 * time.Second))
	if got, err := readSome(late); err != nil || !strings.Contains(got, "alive") {
		t.Errorf("when there is room: %q, %v", got, err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if len(s.slots) != 0 {
		t.Errorf("%d slots are still taken", len(s.slots))
	}
}

// pipes is a listener whose connections are pipes.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// TestSlowClients: who sends or reads nothing is sent away in time.
func TestSlowClients(t *testing.T) {
	for _, tc := range []struct {
		name, send string
		read       bool
		limit      time.Duration
	}{
		{"says nothing", "", false, headerTimeout},
		{"half a head", "GET / HTTP/1.1\r\nHost:", false, headerTimeout},
		{"does not read", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", false, writeTimeout},
		{"idle", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", true, idleTimeout},
		{"endless head", "GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("A: b\r\n", 10000), true, time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t, seedLike(t))
				l := newPipes()
				s.listeners = []net.Listener{&limited{Listener: l, slots: s.slots, closed: make(chan struct{})}}
				ctx, cancel := context.WithCancel(context.Background())
				done := make(chan error)
				go func() { done <- s.Serve(ctx) }()
				ours, theirs := net.Pipe()
				l.conns <- theirs
				begin := time.Now()
				if tc.read {
					go io.Copy(io.Discard, ours)
				}
				io.WriteString(ours, tc.send)
				synctest.Wait()
				for len(s.slots) > 1 && time.Since(begin) < time.Minute { // one is for the next to come
					time.Sleep(100 * time.Millisecond)
					synctest.Wait()
				}
				if took := time.Since(begin); took > tc.limit+time.Second {
					t.Errorf("stayed for %v, the limit is %v", took, tc.limit)
				}
				ours.Close()
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestAggregator asks an aggregator that works.
func TestAggregator(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	l.Close()
	a, err := runtime.New(runtime.Config{Sections: []runtime.Section{{
		Name: "s", Local: runtime.Peer{Name: "a", Address: "127.0.0.1:0"}, Rules: []runtime.Rule{{From: ".x", To: ".y"}},
		Peers: []runtime.Peer{{Name: "n", Address: nobody}},
	}}}, runtime.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error)
	go func() { done <- a.Serve(ctx) }()
	address, _ := serve(t, New(a, Options{Version: "v"}))
	want := "200 ready\nsection s: not whole, missing n\n" // a refused dial settles it: nobody is there to wait for
	deadline := time.Now().Add(20 * time.Second)
	for got := ""; got != want; {
		if time.Now().After(deadline) {
			t.Fatalf("readyz: %q, want %q", got, want)
		}
		reply, err := http.Get("http://" + address + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(reply.Body)
		reply.Body.Close()
		got = fmt.Sprintf("%d %s", reply.StatusCode, body)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
