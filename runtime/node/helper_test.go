package node

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stktc/runtime/peers"
	"stktc/topology/sticktable"
)

func definition(expire time.Duration, columns ...sticktable.Column) sticktable.Definition {
	for i := range columns {
		columns[i].Elems = max(columns[i].Elems, 1)
	}
	return sticktable.Definition{Key: sticktable.IPv4, KeyLen: 4, Expire: expire, Columns: columns}
}

// plain is a table with one counter.
func plain(name string) TableConfig {
	return TableConfig{WireName: name, Definition: definition(time.Minute, sticktable.Column{Type: sticktable.GPC0})}
}

func ip(s string) []byte { return netip.MustParseAddr(s).AsSlice() }

func newNode(t *testing.T, config Config) *Node {
	t.Helper()
	n, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func count(t *testing.T, n *Node, table, key string, delta uint64) {
	t.Helper()
	if err := n.Count(table, ip(key), sticktable.GPC0, delta); err != nil {
		t.Fatal(err)
	}
}

func wantGPC0(t *testing.T, n *Node, table, key string, want uint64) {
	t.Helper()
	e, ok := n.Lookup(table, ip(key))
	if got := e.Value(sticktable.GPC0); !ok || got != want {
		t.Errorf("%s: %s %s gpc0 is %d (found: %v), want %d", n.config.Name, table, key, got, ok, want)
	}
}

// network connects nodes by address over pipes.
type network struct {
	mu    sync.Mutex
	hosts map[string]*Node
	dials map[string]int
}

func newNetwork() *network { return &network{hosts: map[string]*Node{}, dials: map[string]int{}} }

func (w *network) dial(_ context.Context, p Peer) (net.Conn, error) {
	w.mu.Lock()
	w.dials[p.Address]++
	host := w.hosts[p.Address]
	w.mu.Unlock()
	if host == nil {
		return nil, errors.New("connection refused")
	}
	near, far := net.Pipe()
	go host.Accept(far)
	return near, nil
}

// attach makes n reachable, in the place of another with the same address.
func (w *network) attach(address string, n *Node) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hosts[address] = n
}

func (w *network) dialsTo(address string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dials[address]
}

// serve runs a node until the returned function is called or the test ends.
func serve(t *testing.T, n *Node) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Serve(ctx) }()
	isStopped := false
	stop = func() {
		if isStopped {
			return
		}
		isStopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// script is a peer played by a test, byte by byte.
type script struct {
	t    *testing.T
	conn net.Conn
}

// call dials n as the peer named name, and passes the hello.
func call(t *testing.T, n *Node, name string) *script {
	t.Helper()
	s := connect(t, n)
	s.write([]byte("HAProxyS 2.1\n" + n.config.Name + "\n" + name + " 1 1\n"))
	s.wantText("200\n")
	return s
}

func connect(t *testing.T, n *Node) *script {
	near, far := net.Pipe()
	go n.Accept(far)
	t.Cleanup(func() { near.Close() })
	return &script{t, near}
}

func (s *script) write(b []byte) {
	s.t.Helper()
	if _, err := s.conn.Write(b); err != nil {
		s.t.Fatalf("write %x: %v", b, err)
	}
}

func (s *script) send(hexes ...string) {
	s.t.Helper()
	for _, h := range hexes {
		s.write(unhex(s.t, h))
	}
}

func (s *script) read(n int) []byte {
	s.t.Helper()
	b := make([]byte, n)
	s.conn.SetReadDeadline(time.Now().Add(time.Minute))
	if k, err := io.ReadFull(s.conn, b); err != nil {
		s.t.Fatalf("read: got %x, then %v", b[:k], err)
	}
	return b
}

func (s *script) wantText(text string) {
	s.t.Helper()
	if got := s.read(len(text)); string(got) != text {
		s.t.Fatalf("got %q, want %q", got, text)
	}
}

// want reads exactly these messages.
func (s *script) want(hexes ...string) {
	s.t.Helper()
	for _, h := range hexes {
		want := unhex(s.t, h)
		if got := s.read(len(want)); !bytes.Equal(got, want) {
			s.t.Fatalf("got  %x\nwant %x", got, want)
		}
	}
}

// wantSilence waits until nothing moves any more and demands that nothing is there to read.
func (s *script) wantSilence() {
	s.t.Helper()
	synctest.Wait()
	s.conn.SetReadDeadline(time.Now().Add(time.Millisecond))
	var b [64]byte
	if n, err := s.conn.Read(b[:]); n > 0 || !isTimeout(err) {
		s.t.Fatalf("got %x, %v; want silence", b[:n], err)
	}
}

// wantClosed demands that nothing but heartbeats comes before the end, and tells when it came.
func (s *script) wantClosed() time.Duration {
	s.t.Helper()
	start := time.Now()
	s.conn.SetReadDeadline(time.Now().Add(time.Minute))
	rest, err := io.ReadAll(s.conn)
	if err != nil {
		s.t.Fatalf("got %x, then %v; want the end", rest, err)
	}
	if len(bytes.ReplaceAll(rest, []byte{0, 4}, nil)) > 0 {
		s.t.Fatalf("got %x before the end", rest)
	}
	return time.Since(start).Round(time.Millisecond)
}

// keepAlive sends heartbeats until the test ends.
func (s *script) keepAlive() {
	stop := make(chan struct{})
	s.t.Cleanup(func() { close(stop) })
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(2500 * time.Millisecond):
				s.conn.Write([]byte{0, 4})
			}
		}
	}()
}

// drain reads and forgets whatever comes, until the test ends.
func (s *script) drain() {
	s.conn.SetReadDeadline(time.Time{})
	go io.Copy(io.Discard, s.conn)
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Messages about the table of plain.
const (
	request, finished, partial, confirm, heartbeat = "0000", "0001", "0002", "0003", "0004"
)

// define is the definition of plain(name) under an id.
func define(id uint32, name string) string {
	def := peers.TableDefinition{ID: id, Name: name, Definition: plain(name).Definition}
	return hex.EncodeToString(peers.AppendTableDefinition(nil, &def))
}

// entryOf writes an entry of plain: an update, or with expire ≥ 0 a timed one.
func entryOf(id uint32, expire int, key string, gpc0 byte) string {
	body := binary.BigEndian.AppendUint32(nil, id)
	kind := "80"
	if expire >= 0 {
		body, kind = binary.BigEndian.AppendUint32(body, uint32(expire)), "85"
	}
	body = append(append(body, ip(key)...), gpc0)
	return fmt.Sprintf("0a%s%02x%x", kind, len(body), body)
}

// incOf is the same without id.
func incOf(expire int, key string, gpc0 byte) string {
	var body []byte
	kind := "81"
	if expire >= 0 {
		body, kind = binary.BigEndian.AppendUint32(nil, uint32(expire)), "86"
	}
	body = append(append(body, ip(key)...), gpc0)
	return fmt.Sprintf("0a%s%02x%x", kind, len(body), body)
}

func ackOf(table byte, id uint32) string { return fmt.Sprintf("0a8405%02x%08x", table, id) }
