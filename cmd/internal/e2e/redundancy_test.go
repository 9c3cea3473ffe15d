package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"stktc/cmd/internal/haproxy"
)

// redundant is two nodes that both replicas at node level sum, under two tops that compute the same.
type redundant struct {
	t     *testing.T
	ctx   context.Context
	net   *Network
	dir   string
	stktc string
	nodes map[string]*haproxy.Process
	mu    sync.Mutex
	aggrs map[string]*aggregator

	sent    atomic.Uint64
	history []sentAt // how many requests had been sent, newest last
}

type sentAt struct {
	when time.Time
	sent uint64
}

var redundantHosts = map[string]string{
	"n1": "10.66.0.1", "n2": "10.66.0.2", "a1": "10.66.0.11", "a2": "10.66.0.12", "top1": "10.66.0.21", "top2": "10.66.0.22", "client": "10.66.0.50",
}

const redundantNode = `defaults
  mode http
  timeout client 30s
  timeout connect 5s
  timeout server 5s
frontend t.raw
  bind *:80
  stick-table type ip size 1k expire 1h store http_req_cnt peers p
  http-request track-sc0 src
  http-request return status 200
backend t.sum
  stick-table type ip size 1k expire 1h store http_req_cnt peers p
backend t.all
  stick-table type ip size 1k expire 1h store http_req_cnt peers p
peers p
  bind :10000
  server %s
  server a1 10.66.0.11:10000
  server a2 10.66.0.12:10000
`

// lowerFile is a replica's file, upperFile a top's.
func lowerFile(name, other string) string {
	return fmt.Sprintf(`global
  stats socket /tmp/s
aggregations low
  peer %s %s:10000 local
  peer n1 10.66.0.1:10000
  peer n2 10.66.0.2:10000
  peer %s %s:10000 replica
  from .raw to .sum
  peer top1 10.66.0.21:10000 up group 1
  peer top2 10.66.0.22:10000 up group 1
  forward .all
`, name, redundantHosts[name], other, redundantHosts[other])
}

func upperFile(name string) string {
	return fmt.Sprintf(`global
  stats socket /tmp/s
aggregations top
  peer %s %s:10000 local
  peer a1 10.66.0.11:10000 down group 1
  peer a2 10.66.0.12:10000 down group 1
  from .sum to .all
`, name, redundantHosts[name])
}

// TestRedundancy kills, stops and cuts off one member after the other under load. No node ever sees more than was counted, and none less than what was counted
// six seconds before: the five seconds after which a silent peer counts as lost, and one.
func TestRedundancy(t *testing.T) {
	t.Parallel()
	r := newRedundant(t)
	stop := r.load()
	r.run("all is well", 6*time.Second)
	for _, member := range []string{"a1", "top1", "a2", "top2"} {
		r.kill(member)
		r.run(member+" killed", 4*time.Second)
		r.start(member)
		r.run(member+" back", 4*time.Second)
	}
	for _, member := range []string{"a1", "top2"} {
		r.signal(member, syscall.SIGSTOP)
		r.run(member+" stopped", 8*time.Second)
		r.signal(member, syscall.SIGCONT)
		r.run(member+" goes on", 4*time.Second)
	}
	for _, member := range []string{"a2", "top1"} {
		r.check(r.net.Cut(member))
		r.run(member+" cut off", 8*time.Second)
		r.check(r.net.Heal(member))
		r.run(member+" healed", 5*time.Second)
	}
	stop()
	r.settle()
}

func newRedundant(t *testing.T) *redundant {
	haveTools(t)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	t.Cleanup(cancel)
	network, err := NewNetwork("red")
	if err != nil {
		t.Fatal(err)
	}
	stktc := buildStktc(t)
	r := &redundant{t: t, ctx: ctx, net: network, stktc: stktc, dir: filepath.Dir(stktc), nodes: map[string]*haproxy.Process{}, aggrs: map[string]*aggregator{}}
	t.Cleanup(r.close)
	for name, address := range redundantHosts {
		r.check(network.Add(name, netip.MustParseAddr(address)))
	}
	for _, name := range []string{"n1", "n2"} {
		p, err := haproxy.Start(ctx, haproxy.Config{
			Binary: os.Getenv("HAPROXY"), Name: name, Text: fmt.Sprintf(redundantNode, name), Wrap: network.Wrap(name),
		})
		r.check(err)
		r.nodes[name] = p
	}
	for _, name := range []string{"a1", "a2", "top1", "top2"} {
		r.start(name)
	}
	return r
}

func (r *redundant) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *redundant) start(name string) {
	text := upperFile(name)
	if other, ok := map[string]string{"a1": "a2", "a2": "a1"}[name]; ok {
		text = lowerFile(name, other)
	}
	file := filepath.Join(r.dir, name+".cfg")
	r.check(os.WriteFile(file, []byte(text), 0o600))
	args := append(r.net.Wrap(name, "/tmp"), r.stktc, "run", "-f", file)
	a := &aggregator{cmd: exec.Command(args[0], args[1:]...), log: &bytes.Buffer{}}
	a.cmd.Stdout, a.cmd.Stderr = a.log, a.log
	r.check(a.cmd.Start())
	r.mu.Lock()
	r.aggrs[name] = a
	r.mu.Unlock()
}

func (r *redundant) kill(name string) {
	a := r.aggrs[name]
	a.cmd.Process.Kill()
	a.cmd.Wait()
	r.mu.Lock()
	delete(r.aggrs, name)
	r.mu.Unlock()
}

func (r *redundant) signal(name string, sig syscall.Signal) {
	r.check(r.aggrs[name].cmd.Process.Signal(sig))
}

func (r *redundant) close() {
	for name, a := range r.aggrs {
		a.cmd.Process.Kill()
		a.cmd.Wait()
		if r.t.Failed() {
			r.t.Logf("log of %s:\n%s", name, a.log)
		}
	}
	for _, p := range r.nodes {
		p.Stop()
	}
	if err := r.net.Close(); err != nil {
		r.t.Error(err)
	}
}

// load sends requests of one client to both nodes, 50 a second to each, until stopped.
func (r *redundant) load() (stop func()) {
	ctx, cancel := context.WithCancel(r.ctx)
	var done sync.WaitGroup
	for _, node := range []string{"n1", "n2"} {
		done.Go(func() {
			ticker := time.NewTicker(20 * time.Millisecond)
			defer ticker.Stop()
			for ctx.Err() == nil {
				<-ticker.C
				r.sent.Add(1)
				if err := r.net.Request(r.ctx, "client", node, 1); err != nil {
					r.t.Errorf("request to %s: %v", node, err)
					return
				}
			}
		})
	}
	return func() { cancel(); done.Wait() }
}

// lag is how old the newest count may be that a node sees.
const lag = 6 * time.Second

// run looks at both nodes for a while.
func (r *redundant) run(what string, length time.Duration) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, length)
	defer cancel()
	worst := uint64(0)
	haproxy.Poll(ctx, func() bool {
		r.history = append(r.history, sentAt{time.Now(), r.sent.Load()})
		for _, node := range []string{"n1", "n2"} {
			for _, table := range []string{"t.sum", "t.all"} {
				worst = max(worst, r.look(what, node, table))
			}
		}
		return r.t.Failed()
	})
	if r.t.Failed() {
		r.t.FailNow()
	}
	r.t.Logf("%-16s %5d requests sent, nodes were behind by %4d at most", what, r.sent.Load(), worst)
}

// look gives by how many requests the node is behind.
func (r *redundant) look(what, node, table string) uint64 {
	least := r.sentBefore(time.Now().Add(-lag))
	shown := r.shown(node, table)
	most := r.sent.Load()
	if shown > most {
		r.t.Errorf("%s: %s %s shows %d, and only %d requests were sent", what, node, table, shown, most)
	}
	if shown < least {
		r.t.Errorf("%s: %s %s shows %d; %v ago there were %d already", what, node, table, shown, lag, least)
	}
	return most - min(shown, most)
}

// sentBefore is how many requests had been answered by then: two may be under way.
func (r *redundant) sentBefore(then time.Time) uint64 {
	i, _ := slices.BinarySearchFunc(r.history, then, func(s sentAt, t time.Time) int { return s.when.Compare(t) })
	if i == 0 {
		return 0
	}
	return r.history[i-1].sent - min(r.history[i-1].sent, 2)
}

func (r *redundant) shown(node, table string) uint64 {
	reply, err := r.nodes[node].Command(r.ctx, "show table "+table+" key 10.66.0.50")
	if err != nil {
		r.t.Error(err)
		return 0
	}
	_, rest, _ := strings.Cut(reply, "http_req_cnt=")
	var v uint64
	fmt.Sscan(rest, &v)
	return v
}

// settle waits until all tables show exactly what was sent.
func (r *redundant) settle() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, 15*time.Second)
	defer cancel()
	wrong := func() (text string) {
		for _, node := range []string{"n1", "n2"} {
			for _, table := range []string{"t.sum", "t.all"} {
				if got := r.shown(node, table); got != r.sent.Load() {
					text += fmt.Sprintf("%s %s shows %d of %d\n", node, table, got, r.sent.Load())
				}
			}
		}
		return text
	}
	if haproxy.Poll(ctx, func() bool { return wrong() == "" }) != nil {
		r.t.Fatal(wrong())
	}
}
