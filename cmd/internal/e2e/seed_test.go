package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"stktc/cmd/internal/haproxy"
)

// seedHosts are the seed's hosts with the addresses that their files give them, and the client.
var seedHosts = []struct{ name, address string }{
	{"hapee1", "192.168.56.101"}, {"hapee2", "192.168.56.102"}, {"hapee3", "192.168.56.103"}, {"hapee4", "192.168.56.104"},
	{"aggr1", "192.168.56.111"}, {"aggr2", "192.168.56.112"}, {"aggr3", "192.168.56.113"},
	{"client", clientAddress},
}

const (
	clientAddress = "192.168.56.50"
	seedFiles     = "../../../testdata/deployed/seed"
)

var seedNodes = []string{"hapee1", "hapee2", "hapee3", "hapee4"}

// seed is the seed's cluster at work.
type seed struct {
	t     *lastWords
	ctx   context.Context
	net   *Network
	stktc string
	nodes map[string]*atomic.Pointer[haproxy.Process] // one for each of seedNodes
	aggrs map[string]*aggregator
	watch *watcher
	want  map[string]uint64 // requests of the client, by node
}

// aggregator is a running "stktc run".
type aggregator struct {
	cmd *exec.Cmd
	log *bytes.Buffer
}

// TestSeed runs the seed's seven hosts with their own addresses and their files unchanged, the slip included, and breaks them one after the other.
func TestSeed(t *testing.T) {
	t.Parallel()
	s := newSeed(t)
	for i, name := range seedNodes {
		s.request(name, []int{2, 3, 5, 7}[i])
	}
	s.settle("2, 3, 5 and 7 requests of one client")
	s.watch = s.startWatcher()

	s.killAggregator("aggr1")
	s.startAggregator("aggr1")
	s.settle("aggr1 killed and restarted without new traffic")
	s.request("hapee1", 1)
	s.settle("one more request to hapee1")

	s.killAggregator("aggr3")
	s.startAggregator("aggr3")
	s.settle("aggr3 killed and restarted without new traffic")
	s.request("hapee4", 2)
	s.settle("two more requests to hapee4")

	s.watch.pause("hapee2")
	if err := s.nodes["hapee2"].Load().Kill(); err != nil {
		t.Fatal(err)
	}
	s.startNode("hapee2")
	s.settle("hapee2 killed and restarted: it has its own counters back")
	s.watch.resume("hapee2")
	s.request("hapee2", 3)
	s.settle("three more requests to hapee2, on top of what it got back")

	s.cut("hapee1", 10*time.Second, func() { s.request("hapee2", 4) })
	s.settle("hapee1 cut off for 10 s, with traffic elsewhere, and back")

	s.cut("aggr3", 10*time.Second, func() { s.request("hapee3", 1) })
	s.settle("aggr3 cut off for 10 s, with traffic below, and back")
	s.watch.stop()
}

func newSeed(t *testing.T) *seed {
	haveTools(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	network, err := NewNetwork("seed")
	if err != nil {
		t.Fatal(err)
	}
	s := &seed{t: repeating(t), ctx: ctx, net: network, stktc: buildStktc(t), nodes: map[string]*atomic.Pointer[haproxy.Process]{}, aggrs: map[string]*aggregator{}, want: map[string]uint64{}}
	t.Cleanup(s.close)
	for _, name := range seedNodes {
		s.nodes[name] = &atomic.Pointer[haproxy.Process]{}
	}
	for _, h := range seedHosts {
		if err := network.Add(h.name, netip.MustParseAddr(h.address)); err != nil {
			t.Fatal(err)
		}
	}
	for _, h := range seedHosts {
		switch {
		case strings.HasPrefix(h.name, "hapee"):
			s.startNode(h.name)
		case strings.HasPrefix(h.name, "aggr"):
			s.startAggregator(h.name)
		}
	}
	return s
}

// haveTools skips the test where it cannot run, unless STKTC_REQUIRE_HAPROXY says that it must.
func haveTools(t *testing.T) {
	t.Helper()
	missing := ""
	for _, tool := range []string{"ip", "unshare", "mount"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing = err.Error()
		}
	}
	if _, err := haproxy.Find(os.Getenv("HAPROXY")); err != nil {
		missing = err.Error()
	}
	if os.Geteuid() != 0 {
		missing = "network namespaces need root"
	}
	switch {
	case missing == "":
	case os.Getenv("STKTC_REQUIRE_HAPROXY") == "1":
		t.Fatal(missing)
	default:
		t.Skip(missing)
	}
}

// buildStktc builds the binary outside of /tmp, which aggregators have for themselves.
func buildStktc(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "stktc-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	file := filepath.Join(dir, "stktc")
	if out, err := exec.Command("go", "build", "-o", file, "stktc/cmd/stktc").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return file
}

func (s *seed) close() {
	if s.watch != nil {
		s.watch.stop()
	}
	for name, a := range s.aggrs {
		a.cmd.Process.Signal(syscall.SIGTERM)
		if err := a.cmd.Wait(); err != nil {
			s.t.Errorf("%s: SIGTERM: %v", name, err)
		}
		if s.t.Failed() {
			s.t.Logf("log of %s:\n%s", name, lastLines(a.log.String()))
		}
	}
	for _, node := range s.nodes {
		p := node.Load()
		if p == nil {
			continue
		}
		if s.t.Failed() {
			s.t.Log(p.Report())
		}
		p.Stop()
	}
	if err := s.net.Close(); err != nil {
		s.t.Error(err)
	}
}

func (s *seed) startNode(name string) {
	s.t.Helper()
	p, err := haproxy.Start(s.ctx, haproxy.Config{
		Binary: os.Getenv("HAPROXY"), Name: name, File: filepath.Join(seedFiles, name, "hapee-lb.cfg"), Wrap: s.net.Wrap(name, "/run"),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.nodes[name].Store(p)
}

func (s *seed) startAggregator(name string) {
	s.t.Helper()
	// The file as it is, but at a place that the host's private /tmp does not hide.
	text, err := os.ReadFile(filepath.Join(seedFiles, name, "hapee-stktagg.cfg"))
	if err != nil {
		s.t.Fatal(err)
	}
	file := filepath.Join(filepath.Dir(s.stktc), name+".cfg")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		s.t.Fatal(err)
	}
	args := append(s.net.Wrap(name, "/tmp"), s.stktc, "run", "-f", file)
	a := &aggregator{cmd: exec.Command(args[0], args[1:]...), log: &bytes.Buffer{}}
	a.cmd.Stdout, a.cmd.Stderr = a.log, a.log
	if err := a.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.aggrs[name] = a
}

func (s *seed) killAggregator(name string) {
	a := s.aggrs[name]
	a.cmd.Process.Kill()
	a.cmd.Wait()
	delete(s.aggrs, name)
}

func (s *seed) request(node string, count int) {
	s.t.Helper()
	if err := s.net.Request(s.ctx, "client", node, count); err != nil {
		s.t.Fatalf("requests to %s: %v", node, err)
	}
	s.want[node] += uint64(count)
}

// cut takes a host off the network for a while.
func (s *seed) cut(host string, length time.Duration, meanwhile func()) {
	s.t.Helper()
	if err := s.net.Cut(host); err != nil {
		s.t.Fatal(err)
	}
	healed := time.After(length)
	meanwhile()
	<-healed
	if err := s.net.Heal(host); err != nil {
		s.t.Fatal(err)
	}
}

// expected is what a node must show in a table.
func (s *seed) expected(node, table string) uint64 {
	pair := map[string][]string{"hapee1": seedNodes[:2], "hapee2": seedNodes[:2], "hapee3": seedNodes[2:], "hapee4": seedNodes[2:]}
	var sum uint64
	for _, n := range map[string][]string{"mytable.uncombined": {node}, "mytable.aggr": pair[node], "mytable.l2": seedNodes}[table] {
		sum += s.want[n]
	}
	return sum
}

var seedTables = []string{"mytable.uncombined", "mytable.aggr", "mytable.l2"}

// shown reads what a node shows for the client; false when it shows nothing.
func (s *seed) shown(node, table string) (uint64, bool) {
	reply, err := s.nodes[node].Load().Command(s.ctx, "show table "+table+" key "+clientAddress)
	if err != nil {
		return 0, false
	}
	_, rest, ok := strings.Cut(reply, "http_req_rate(3600000)=")
	if !ok {
		return 0, false
	}
	var v uint64
	_, err = fmt.Sscan(rest, &v)
	return v, err == nil
}

// settle waits until every node shows what it must, and sees that it stays so: a passing instant is not right.
func (s *seed) settle(what string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, 25*time.Second)
	defer cancel()
	start := time.Now()
	if err := haproxy.Poll(ctx, func() bool { return s.wrong() == "" }); err != nil {
		s.t.Fatalf("%s: still wrong after %v:\n%s", what, time.Since(start).Round(time.Second), s.wrong())
	}
	took := time.Since(start)
	stay, cancel := context.WithTimeout(s.ctx, 2*time.Second)
	defer cancel()
	if err := haproxy.Poll(stay, func() bool { return s.wrong() != "" }); err == nil {
		s.t.Fatalf("%s: was right and is wrong again:\n%s", what, s.wrong())
	}
	s.t.Logf("%-75s right after %5d ms  %s", what, took.Milliseconds(), s.line())
}

// wrong tells what is not as it must be.
func (s *seed) wrong() string {
	text := ""
	for _, node := range seedNodes {
		for _, table := range seedTables {
			if got, _ := s.shown(node, table); got != s.expected(node, table) {
				text += fmt.Sprintf("  %s %s shows %d, want %d\n", node, table, got, s.expected(node, table))
			}
		}
	}
	for name, a := range s.aggrs {
		socket := fmt.Sprintf("/proc/%d/root/tmp/stktagg.socket", a.cmd.Process.Pid)
		if reply, err := haproxy.Command(s.ctx, "unix", socket, "show aggrs"); err != nil || !strings.Contains(reply, ": whole") {
			text += fmt.Sprintf("  %s is not whole: %v %s\n", name, err, reply)
		}
	}
	return text
}

// line shows all tables of all nodes.
func (s *seed) line() string {
	var parts []string
	for _, table := range seedTables {
		var values []string
		for _, node := range seedNodes {
			v, _ := s.shown(node, table)
			values = append(values, fmt.Sprint(v))
		}
		parts = append(parts, strings.TrimPrefix(table, "mytable")+" "+strings.Join(values, "/"))
	}
	return strings.Join(parts, "  ")
}

// watcher sees that no node's aggregate ever shows less than before.
type watcher struct {
	s      *seed
	cancel context.CancelFunc
	done   chan struct{}

	mu     sync.Mutex
	paused map[string]bool
	last   map[string]uint64
	looks  int
}

func (s *seed) startWatcher() *watcher {
	ctx, cancel := context.WithCancel(s.ctx)
	w := &watcher{s: s, cancel: cancel, done: make(chan struct{}), paused: map[string]bool{}, last: map[string]uint64{}}
	go func() {
		defer close(w.done)
		haproxy.Poll(ctx, func() bool { w.look(); return false })
	}()
	return w
}

func (w *watcher) look() {
	for _, node := range seedNodes {
		for _, table := range seedTables[1:] {
			w.lookAt(node, table)
		}
	}
}

func (w *watcher) lookAt(node, table string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.paused[node] {
		delete(w.last, node+table)
		return
	}
	v, _ := w.s.shown(node, table)
	if v < w.last[node+table] {
		w.s.t.Errorf("%s %s showed %d, then %d", node, table, w.last[node+table], v)
	}
	w.last[node+table] = v
	w.looks++
}

// pause stops looking at a node that is about to die; it waits for a look that is under way.
func (w *watcher) pause(node string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.paused[node] = true
}

func (w *watcher) resume(node string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.paused, node)
}

func (w *watcher) stop() {
	w.cancel()
	<-w.done
	if w.looks < 100 {
		w.s.t.Errorf("the watcher looked %d times only", w.looks)
	}
}
