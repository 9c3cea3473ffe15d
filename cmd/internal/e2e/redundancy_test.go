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
	t     *lastWords
	ctx   context.Context
	net   *Network
	dir   string
	stktc string
	nodes map[string]*haproxy.Process
	mu    sync.Mutex
	aggrs map[string]*aggregator

	sent, answered atomic.Uint64
	history        []answeredAt // newest last
	event          event        // the present one
	takeovers      []event
}

// answeredAt is how many requests had been answered at a time.
type answeredAt struct {
	when     time.Time
	answered uint64
}

// event is something that happens to a member, and how long it took until every node showed requests that were sent afterwards.
type event struct {
	what  string
	when  time.Time
	sent  uint64
	moved map[string]time.Duration // by table and node
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
		r.happens(member+" killed", func() { r.kill(member) }, 4*time.Second)
		r.happens(member+" back", func() { r.start(member) }, 4*time.Second)
	}
	for _, member := range []string{"a1", "top2", "a2", "top1"} { // of each pair one writes or counts
		r.happens(member+" stopped", func() { r.signal(member, syscall.SIGSTOP) }, 8*time.Second)
		r.happens(member+" goes on", func() { r.signal(member, syscall.SIGCONT) }, 4*time.Second)
	}
	for _, member := range []string{"a2", "top1", "a1", "top2"} {
		r.happens(member+" cut off", func() { r.check(r.net.Cut(member)) }, 8*time.Second)
		r.happens(member+" healed", func() { r.check(r.net.Heal(member)) }, 5*time.Second)
	}
	stop()
	r.settle()
	r.t.Logf("time until all nodes showed what was counted after an event:\n%s", r.table())
}

func newRedundant(t *testing.T) *redundant {
	haveTools(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	network, err := NewNetwork("red")
	if err != nil {
		t.Fatal(err)
	}
	stktc := buildStktc(t)
	r := &redundant{t: repeating(t), ctx: ctx, net: network, stktc: stktc, dir: filepath.Dir(stktc), nodes: map[string]*haproxy.Process{}, aggrs: map[string]*aggregator{}}
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
			r.t.Logf("log of %s:\n%s", name, lastLines(a.log.String()))
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
					if r.ctx.Err() == nil {
						r.t.Errorf("request to %s: %v", node, err)
					}
					return
				}
				r.answered.Add(1)
			}
		})
	}
	return func() { cancel(); done.Wait() }
}

// lag is how old the newest count may be that a node sees.
const lag = 6 * time.Second

// happens lets something happen, and looks at both nodes for a while.
func (r *redundant) happens(what string, do func(), length time.Duration) {
	r.t.Helper()
	do()
	r.run(what, length)
	r.takeovers = append(r.takeovers, r.event)
}

// run looks at both nodes for a while.
func (r *redundant) run(what string, length time.Duration) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, length)
	defer cancel()
	r.event = event{what: what, when: time.Now(), sent: r.sent.Load(), moved: map[string]time.Duration{}}
	worst := uint64(0)
	haproxy.Poll(ctx, func() bool {
		answered := r.answered.Load() // before the time: a late look must not ask for more than there was
		r.history = append(r.history, answeredAt{time.Now(), answered})
		for _, node := range []string{"n1", "n2"} {
			for _, table := range []string{"t.sum", "t.all"} {
				worst = max(worst, r.look(node, table))
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
func (r *redundant) look(node, table string) uint64 {
	asked := time.Now()
	shown := r.shown(node, table)
	most := r.sent.Load()
	if shown > most {
		r.t.Errorf("%s: %s %s shows %d, and only %d requests were sent", r.event.what, node, table, shown, most)
	}
	if least := r.answeredBefore(asked.Add(-lag)); shown < least {
		slow := r.slowest(asked.Add(-lag))
		if least = r.answeredBefore(asked.Add(-lag - slow)); shown < least {
			r.t.Errorf("%s: %s %s shows %d %v after it; %v before there were %d already",
				r.event.what, node, table, shown, asked.Sub(r.event.when).Round(ms), (lag + slow).Round(ms), least)
		}
	}
	if key := table + " " + node; shown > r.event.sent && r.event.moved[key] == 0 {
		r.event.moved[key] = time.Since(r.event.when)
	}
	return most - min(shown, most)
}

func (r *redundant) answeredBefore(then time.Time) uint64 {
	i, _ := slices.BinarySearchFunc(r.history, then, func(s answeredAt, t time.Time) int { return s.when.Compare(t) })
	if i == 0 {
		return 0
	}
	return r.history[i-1].answered
}

// slowest is the longest time between two looks since then: so long this machine keeps processes waiting that want to run.
func (r *redundant) slowest(since time.Time) time.Duration {
	var most time.Duration
	for i := len(r.history) - 1; i > 0 && r.history[i].when.After(since); i-- {
		most = max(most, r.history[i].when.Sub(r.history[i-1].when))
	}
	return most
}

// table lists the takeovers, with the slower node of each table.
func (r *redundant) table() string {
	var text strings.Builder
	fmt.Fprintf(&text, "  %-14s %8s %8s\n", "", "t.sum", "t.all")
	for _, e := range r.takeovers {
		fmt.Fprintf(&text, "  %-14s", e.what)
		for _, table := range []string{"t.sum", "t.all"} {
			one, two := e.moved[table+" n1"], e.moved[table+" n2"]
			if one == 0 || two == 0 {
				r.t.Errorf("%s: a node's %s did not move", e.what, table)
			}
			fmt.Fprintf(&text, " %8v", max(one, two).Round(ms))
		}
		text.WriteString("\n")
	}
	return text.String()
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
