package e2e

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stktc/cmd/internal/haproxy"
	"stktc/cmd/internal/haproxy/haproxytest"
	"stktc/runtime"
	"stktc/runtime/cli"
	"stktc/topology/sticktable"
)

// cluster is an aggregator, in this process or as a binary, and real HAProxys around it, all on loopback addresses of the cluster's own.
// Each node has a section "peers cluster", a frontend at its port 8000, and a server at its port 8001 that answers as the path says.
type cluster struct {
	t       *lastWords
	version sticktable.Version // of the HAProxys
	net     string             // the first three bytes of all addresses
	dir     string             // for sockets: short, since their paths are
	nodes   []*balancer

	late atomic.Int64 // the longest that this machine kept waiting what wanted to run, ns

	agg     *runtime.Aggregator // nil when it is not in this process
	log     *lockedBuffer
	stopAgg func()
}

// balancer is a place for an HAProxy: a process may end and another take it.
type balancer struct {
	*haproxy.Process
	name, address, text string
	starts              int
	c                   *cluster
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var clusters atomic.Int32

// newCluster finds addresses. Nothing runs yet.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	version, err := haproxy.Version(t.Context(), haproxytest.Binary(t))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "stktc-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	c := &cluster{t: repeating(t), version: version, dir: dir, log: &lockedBuffer{}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of the aggregator:\n%s", lastLines(c.log.String()))
		}
	})
	go c.watchMachine(t.Context())
	for range 250 {
		n := clusters.Add(1)
		c.net = fmt.Sprintf("127.%d.%d", 100+os.Getpid()%100, n%250)
		guard, err := net.Listen("tcp", c.net+".254:10000") // keeps other processes' tests away
		if err == nil {
			t.Cleanup(func() { guard.Close() })
			return c
		}
	}
	t.Fatalf("no network is free, not even %s", c.net)
	return nil
}

// watchMachine notes how late this machine runs what wants to run every few milliseconds.
func (c *cluster) watchMachine(ctx context.Context) {
	for {
		due := time.Now().Add(5 * ms)
		if !waitUntil(ctx, due) {
			return
		}
		c.late.Store(max(c.late.Load(), int64(time.Since(due))))
	}
}

// slack is what this machine may add to a time in which several processes have their turns.
func (c *cluster) slack() time.Duration { return time.Second + 5*time.Duration(c.late.Load()) }

const aggregatorName = "agg"

func (c *cluster) aggregatorAddress() string { return c.net + ".100:10000" }

// frontend is where the node takes requests.
func (b *balancer) frontend() string { return b.address + ":8000" }

// peerAddress is where the node takes peers.
func (b *balancer) peerAddress() string { return b.address + ":10000" }

// origin is where the node's server is.
func (b *balancer) origin() string { return b.address + ":8001" }

// table is how commands call a table of the peers section.
func inPeers(table string) string { return "cluster/" + table }

func (c *cluster) newBalancer(n int) *balancer {
	return &balancer{name: fmt.Sprintf("n%d", n+1), address: fmt.Sprintf("%s.%d", c.net, n+1), c: c}
}

// addNode starts an HAProxy with those tables in its peers section, those lines in its frontend, and further sections.
func (c *cluster) addNode(tables []string, frontend []string, more string) *balancer {
	c.t.Helper()
	b := c.newBalancer(len(c.nodes))
	b.text = b.configuration(tables, frontend, more)
	c.nodes = append(c.nodes, b)
	b.start()
	return b
}

func (b *balancer) configuration(tables []string, frontend []string, more string) string {
	var text bytes.Buffer
	fmt.Fprintf(&text, "defaults\n  mode http\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n")
	fmt.Fprintf(&text, "peers cluster\n  bind %s\n  server %s\n  server %s %s\n", b.peerAddress(), b.name, aggregatorName, b.c.aggregatorAddress())
	for _, t := range tables {
		fmt.Fprintf(&text, "  table %s\n", t)
	}
	fmt.Fprintf(&text, "frontend fe\n  bind %s\n", b.frontend())
	for _, l := range frontend {
		fmt.Fprintf(&text, "  %s\n", l)
	}
	fmt.Fprintf(&text, "frontend origin\n  bind %s\n", b.origin())
	fmt.Fprintf(&text, "  http-request return status 500 if { path_beg /500 }\n  http-request return status 404 if { path_beg /404 }\n")
	fmt.Fprintf(&text, "  http-request return status 200 content-type text/plain string 0123456789\n")
	return text.String() + more
}

// start starts the node's process, again if there was one.
func (b *balancer) start(args ...string) {
	b.c.t.Helper()
	b.starts++
	global := fmt.Sprintf("global\n  stats socket %s mode 600 level admin expose-fd listeners\n", b.socket())
	b.Process = haproxytest.Start(b.c.t, haproxy.Config{Name: b.name, Text: global + b.text, Args: args, Socket: b.socket()})
}

// socket is the stats socket of the node's present process.
func (b *balancer) socket() string {
	return filepath.Join(b.c.dir, fmt.Sprintf("%s-%d.sock", b.name, b.starts))
}

// kill ends the node's process as a crash does.
func (b *balancer) kill() {
	b.c.t.Helper()
	if err := b.Process.Kill(); err != nil {
		b.c.t.Fatal(err)
	}
}

// table reads a table that must be there.
func (b *balancer) table(name string) *haproxy.Table {
	b.c.t.Helper()
	t, err := b.ShowTable(b.c.t.Context(), name)
	if err != nil {
		b.c.t.Fatalf("%s: %v", b.name, err)
	}
	return t
}

// value reads a number of an entry; 0 if the entry is not there.
func (b *balancer) value(table, key, column string) uint64 {
	e, err := b.ShowTableKey(b.c.t.Context(), table, key)
	if err != nil || e == nil {
		return 0
	}
	v, _ := e.Uint(column)
	return v
}

// set stores values in an entry as if they were counted.
func (b *balancer) set(table, key, data string) {
	b.c.t.Helper()
	if err := b.SetTable(b.c.t.Context(), table, key, data); err != nil {
		b.c.t.Fatalf("%s: %v", b.name, err)
	}
}

// section is what the aggregator runs: ".raw" of so many nodes, started or not, becomes ".sum".
func (c *cluster) section(nodes int) runtime.Section {
	s := runtime.Section{
		Name: "test", Local: runtime.Peer{Name: aggregatorName, Address: c.aggregatorAddress(), Direction: runtime.Local},
		Rules: []runtime.Rule{{From: ".raw", To: ".sum"}},
	}
	for n := range nodes {
		b := c.newBalancer(n)
		s.Peers = append(s.Peers, runtime.Peer{Name: b.name, Address: b.peerAddress()})
	}
	return s
}

// startAggregator runs the section in this process, with a stats socket, until stopAgg or the test's end. Started before the nodes, it is connected at once; what
// HAProxy dials in vain it dials again 1 s later, and ends the session that there is by then.
func (c *cluster) startAggregator(s runtime.Section) {
	c.t.Helper()
	logger := slog.New(slog.NewTextHandler(c.log, nil))
	a, err := runtime.New(runtime.Config{Sections: []runtime.Section{s}}, runtime.Options{Logger: logger})
	if err != nil {
		c.t.Fatal(err)
	}
	if err := a.Listen(); err != nil {
		c.t.Fatal(err)
	}
	server := cli.New(a, cli.Options{Logger: logger})
	if err := server.Listen(cli.Address{Network: "unix", Address: c.statsSocket(), Level: cli.Admin}); err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { server.Serve(ctx) })
	running.Go(func() {
		if err := a.Serve(ctx); err != nil {
			c.t.Error(err)
		}
	})
	var once sync.Once
	c.agg, c.stopAgg = a, func() { once.Do(func() { cancel(); running.Wait() }) }
	c.t.Cleanup(c.stopAgg)
}

func (c *cluster) statsSocket() string { return filepath.Join(c.dir, "stats.sock") }

// aggregated reads a table from the aggregator's stats socket.
func (c *cluster) aggregated(name string) (*haproxy.Table, error) {
	reply, err := haproxy.Command(c.t.Context(), "unix", c.statsSocket(), "show table "+name)
	if err != nil {
		return nil, err
	}
	return haproxy.ParseTable(reply)
}

// connected waits until the aggregator has sessions with all nodes, has learned from each, and sends sums.
func (c *cluster) connected() {
	c.t.Helper()
	haproxytest.Eventually(c.t, func() error {
		s := c.agg.Status().Sections[0]
		if !s.Released || !s.Whole {
			return fmt.Errorf("released %v, whole %v, missing %v", s.Released, s.Whole, s.Missing)
		}
		return nil
	})
}

// synchronised waits until the nodes take themselves for complete. One that does not, since it was told of a partial lesson not 5 s ago, hands nothing over at a reload.
func (c *cluster) synchronised() {
	c.t.Helper()
	haproxytest.Eventually(c.t, func() error {
		for _, b := range c.nodes {
			sections, err := b.ShowPeers(c.t.Context())
			if err != nil || len(sections) != 1 || !sections[0].IsSynchronised() {
				return fmt.Errorf("%s is not synchronised: %v %v", b.name, sections, err)
			}
		}
		return nil
	})
}

// stays polls for a while, and fails the test if check does.
func (c *cluster) stays(length time.Duration, check func() error) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), length)
	defer cancel()
	var failed error
	haproxy.Poll(ctx, func() bool { failed = check(); return failed != nil })
	if failed != nil {
		c.t.Fatalf("was right, and is wrong again: %v", failed)
	}
}
