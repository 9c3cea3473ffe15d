package runtime

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"stktc/runtime/node"
	"stktc/topology/sticktable"
)

// world is a network in memory, with aggregators and played nodes on it, to be used in a synctest bubble.
type world struct {
	t     *testing.T
	mu    sync.Mutex
	hosts map[string]*host
	up    map[string]func() // ends an aggregator or node, by name
	nodes map[string]*node.Node
	aggrs map[string]*Aggregator
	log   strings.Builder
}

// host is a listening address.
type host struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	addr   address
}

type address string

func (a address) Network() string { return "mem" }
func (a address) String() string  { return string(a) }

func (h *host) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}
func (h *host) Close() error   { h.once.Do(func() { close(h.closed) }); return nil }
func (h *host) Addr() net.Addr { return h.addr }

func newWorld(t *testing.T) *world {
	return &world{t: t, hosts: map[string]*host{}, up: map[string]func(){}, nodes: map[string]*node.Node{}, aggrs: map[string]*Aggregator{}}
}

func (w *world) listen(_, addr string) (net.Listener, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if h := w.hosts[addr]; h != nil {
		select {
		case <-h.closed:
		default:
			return nil, syscall.EADDRINUSE
		}
	}
	h := &host{conns: make(chan net.Conn), closed: make(chan struct{}), addr: address(addr)}
	w.hosts[addr] = h
	return h, nil
}

func (w *world) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	return w.dialFrom(ctx, "", addr)
}

// fromConn is a connection that shows where it comes from.
type fromConn struct {
	net.Conn
	from address
}

func (c *fromConn) RemoteAddr() net.Addr { return c.from }

func (w *world) dialFrom(ctx context.Context, from, addr string) (net.Conn, error) {
	w.mu.Lock()
	h := w.hosts[addr]
	w.mu.Unlock()
	if h == nil {
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	}
	near, far := net.Pipe()
	if from != "" {
		far = &fromConn{far, address(from)}
	}
	select {
	case h.conns <- far:
		return near, nil
	case <-h.closed:
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Write takes the log.
func (w *world) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(b)
}

// logged tells whether the log has a line with all the words.
func (w *world) logged(words ...string) bool { return w.countLogged(words...) > 0 }

// countLogged counts such lines.
func (w *world) countLogged(words ...string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for line := range strings.Lines(w.log.String()) {
		found := true
		for _, word := range words {
			found = found && strings.Contains(line, word)
		}
		if found {
			n++
		}
	}
	return n
}

// run starts something that serves until it is ended.
func (w *world) run(name string, serve func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := serve(ctx); err != nil {
			w.t.Errorf("%s: %v", name, err)
		}
	}()
	w.up[name] = func() { cancel(); <-done }
}

func (w *world) end(names ...string) {
	for _, name := range names {
		w.up[name]()
		delete(w.up, name)
	}
}

func (w *world) endAll() {
	for name := range w.up {
		w.end(name)
	}
}

// aggregator starts an aggregator; its address is its name.
func (w *world) aggregator(s Section) *Aggregator { return w.aggregatorOver(s, w.dial) }

// aggregatorOver starts an aggregator that dials with those means.
func (w *world) aggregatorOver(s Section, dial func(ctx context.Context, network, addr string) (net.Conn, error)) *Aggregator {
	log := slog.New(slog.NewTextHandler(w, nil)).With("at", s.Local.Name)
	s.Local.Address = s.Local.Name
	a, err := New(Config{Sections: []Section{s}}, Options{Logger: log, Listen: w.listen, Dial: dial})
	if err != nil {
		w.t.Fatal(err)
	}
	w.aggrs[s.Local.Name] = a
	w.run(s.Local.Name, a.Serve)
	return a
}

// rateDef is the tables' shape: a counter and a rate.
var rateDef = sticktable.Definition{
	Key: sticktable.String, KeyLen: 16, Expire: time.Hour,
	Columns: []sticktable.Column{{Type: sticktable.HTTPReqCnt, Elems: 1}, {Type: sticktable.HTTPReqRate, Elems: 1, Period: time.Hour}},
}

// node starts a played HAProxy with tables t.raw, t.sum and t.all.
func (w *world) node(name string, aggregators ...string) *node.Node {
	addresses := map[string]string{}
	for _, a := range aggregators {
		addresses[a] = a
	}
	return w.nodeAt(name, addresses)
}

// nodeAt starts a played HAProxy that dials aggregators at these addresses.
func (w *world) nodeAt(name string, aggregators map[string]string) *node.Node {
	return w.nodeCalled(name, name, aggregators)
}

// nodeCalled starts a played HAProxy that calls itself as others may do too; key is what the world knows it by, and its address.
func (w *world) nodeCalled(key, name string, aggregators map[string]string) *node.Node {
	l, err := w.listen("", key)
	if err != nil {
		w.t.Fatal(err)
	}
	cfg := node.Config{Name: name, Listener: l, Dial: func(ctx context.Context, p node.Peer) (net.Conn, error) { return w.dialFrom(ctx, key, p.Address) }}
	for _, a := range slices.Sorted(maps.Keys(aggregators)) {
		cfg.Peers = append(cfg.Peers, node.Peer{Name: a, Address: aggregators[a]})
	}
	for _, t := range []string{"t.raw", "t.sum", "t.all"} {
		cfg.Tables = append(cfg.Tables, node.TableConfig{WireName: t, Definition: rateDef})
	}
	n, err := node.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.nodes[key] = n
	w.run(key, n.Serve)
	return n
}

// count lets a client make requests on a node.
func (w *world) count(name, key string, n uint64) {
	w.t.Helper()
	err := w.nodes[name].Touch("t.raw", []byte(key), node.Change{Column: sticktable.HTTPReqCnt, Delta: n}, node.Change{Column: sticktable.HTTPReqRate, Delta: n})
	if err != nil {
		w.t.Fatal(err)
	}
}

// shows is what a node shows of a key: the counter, once the rate agrees with it.
func (w *world) shows(name, table, key string) string {
	e, ok := w.nodes[name].Lookup(table, []byte(key))
	if !ok {
		return "nothing"
	}
	if c, r := e.Value(sticktable.HTTPReqCnt), e.Value(sticktable.HTTPReqRate); c != r {
		return fmt.Sprintf("%d but rate %d", c, r)
	}
	return fmt.Sprint(e.Value(sticktable.HTTPReqCnt))
}

func (w *world) want(name, table, key, want string) {
	w.t.Helper()
	synctest.Wait()
	if got := w.shows(name, table, key); got != want {
		w.t.Errorf("%s %s %s shows %s, want %s", name, table, key, got, want)
	}
}

// pass lets time go by.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// lower and upper are the sections of a cluster with two levels.
func lower(name string, nodes []string, ups ...string) Section {
	s := Section{Name: "low", Local: Peer{Name: name}, Rules: []Rule{{From: ".raw", To: ".sum"}}}
	for _, n := range nodes {
		s.Peers = append(s.Peers, Peer{Name: n, Address: n})
	}
	for _, up := range ups {
		s.Peers = append(s.Peers, Peer{Name: up, Address: up, Direction: Up})
		s.Forwards = []string{".all"}
	}
	return s
}

func upper(name string, downs ...string) Section {
	s := Section{Name: "top", Local: Peer{Name: name}, Rules: []Rule{{From: ".sum", To: ".all"}}}
	for _, d := range downs {
		s.Peers = append(s.Peers, Peer{Name: d, Address: d, Direction: Down})
	}
	return s
}
