package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"stktc/cmd/internal/haproxy/haproxytest"
)

// lifeKey is the source of all requests.
const lifeKey = "127.0.0.1"

var lifeFrontend = []string{"http-request track-sc0 src table " + inPeers("life.raw"), "http-request return status 200"}

func lifeTables(expire string) []string {
	shape := " type ip size 1k expire " + expire + " store http_req_cnt"
	return []string{"life.raw" + shape, "life.sum" + shape}
}

// newLife starts an aggregator and two nodes, connected.
func newLife(t *testing.T, expire string) *cluster {
	t.Helper()
	c := newCluster(t)
	c.startAggregator(c.section(2))
	for range 2 {
		c.addNode(lifeTables(expire), lifeFrontend, "")
	}
	c.connected()
	return c
}

// raw is what a node counted, as it shows it; sum is what it shows of the sum.
func (b *balancer) raw() uint64 { return b.value(inPeers("life.raw"), lifeKey, "http_req_cnt") }
func (b *balancer) sum() uint64 { return b.value(inPeers("life.sum"), lifeKey, "http_req_cnt") }

func (c *cluster) requests(b *balancer, n int) {
	c.t.Helper()
	for range n {
		if err := request(c.t.Context(), b.frontend()); err != nil {
			c.t.Fatal(err)
		}
	}
}

// sumsAre gives an error unless every node shows that sum.
func (c *cluster) sumsAre(want uint64) error {
	for _, b := range c.nodes {
		if got := b.sum(); got != want {
			return fmt.Errorf("%s shows a sum of %d, want %d", b.name, got, want)
		}
	}
	return nil
}

// sumsAreTrue gives an error unless every node shows the sum of what the nodes show.
func (c *cluster) sumsAreTrue() error {
	var want uint64
	for _, b := range c.nodes {
		want += b.raw()
	}
	return c.sumsAre(want)
}

// settles waits until the sums are right and stay so.
func (c *cluster) settles(want uint64) {
	c.t.Helper()
	haproxytest.Eventually(c.t, func() error { return c.sumsAre(want) })
	c.stays(500*ms, func() error { return c.sumsAre(want) })
}

// TestExpiry: when one node's entry ends for want of requests the sum shrinks, everywhere and not before its time; when the last ends, the sum is gone.
func TestExpiry(t *testing.T) {
	t.Parallel()
	const expire = 2 * time.Second
	c := newLife(t, "2s")
	c.requests(c.nodes[0], 4)
	sent := time.Now()
	c.requests(c.nodes[0], 1)
	last := time.Now()
	c.requests(c.nodes[1], 2)
	c.settles(7)
	refreshed := uint64(2)
	for due := time.Now(); c.nodes[0].sum() >= 7; {
		if time.Since(last) > expire+c.slack() {
			c.t.Fatalf("%v after the last request to %s its 5 are still in the sum", time.Since(last), c.nodes[0].name)
		}
		if time.Since(due) > expire/4 { // the second node's entry lives on
			c.requests(c.nodes[1], 1)
			refreshed++
			due = time.Now()
		}
	}
	if took := time.Since(sent); took < expire-5*ms { // two clocks of 1 ms, and a wheel's turn
		c.t.Errorf("the sum shrank after %v, %v before its time", took, expire-took)
	}
	haproxytest.Eventually(c.t, func() error { return c.sumsAre(refreshed) })

	last = time.Now()
	haproxytest.Eventually(c.t, c.isGone)
	// HAProxy before 3.4 looks for entries that are over once in the table's expire.
	if took := time.Since(last); took > 2*expire+c.slack() {
		c.t.Errorf("the sum was gone after %v only", took)
	}
	c.stays(500*ms, c.isGone)
}

// isGone gives an error while somebody has the key.
func (c *cluster) isGone() error {
	for _, b := range c.nodes {
		for _, table := range []string{"life.raw", "life.sum"} {
			if e, err := b.ShowTableKey(c.t.Context(), inPeers(table), lifeKey); err != nil || e != nil {
				return fmt.Errorf("%s still has the key in %s: %v %v", b.name, table, e, err)
			}
		}
	}
	own, err := c.aggregated("/life.sum")
	if err != nil || len(own.Entries) > 0 {
		return fmt.Errorf("the aggregator still has %v %v", own, err)
	}
	return nil
}

// TestClearOnNode: HAProxy tells nobody that a table was cleared. The sum keeps what was cleared until the key is counted again there, and what was cleared in the
// table of sums comes back with the next change.
func TestClearOnNode(t *testing.T) {
	t.Parallel()
	c := newLife(t, "1h")
	a, b := c.nodes[0], c.nodes[1]
	c.requests(a, 5)
	c.requests(b, 3)
	c.settles(8)
	clear := func(n *balancer, table, key string) {
		t.Helper()
		if err := n.ClearTable(t.Context(), inPeers(table), key); err != nil {
			t.Fatal(err)
		}
	}
	clear(a, "life.raw", lifeKey)
	c.settles(8)
	c.requests(a, 1)
	c.settles(4)
	clear(a, "life.raw", "") // the whole table
	c.requests(a, 2)
	c.settles(5)
	clear(b, "life.sum", lifeKey)
	c.requests(a, 1)
	c.settles(6)
}

// load is requests at an even pace, each on a connection of its own.
type load struct {
	tried, answered atomic.Uint64
	stop            func()
}

// startLoad sends requests to a node, alive or not, until stopped.
func (c *cluster) startLoad(b *balancer, perSecond int) *load {
	const workers = 4
	l := &load{}
	ctx, cancel := context.WithCancel(c.t.Context())
	var running sync.WaitGroup
	pace := workers * time.Second / time.Duration(perSecond)
	for w := range workers {
		running.Go(func() {
			for at := time.Now().Add(pace * time.Duration(w) / workers); waitUntil(ctx, at); at = at.Add(pace) {
				l.tried.Add(1)
				if request(context.WithoutCancel(ctx), b.frontend()) == nil {
					l.answered.Add(1)
				}
			}
		})
	}
	l.stop = func() { cancel(); running.Wait() }
	c.t.Cleanup(l.stop)
	return l
}

// sumWatch looks at a sum that one node shows, all the time: it must never be more than all requests that were tried, and never less than before for longer than allowed.
type sumWatch struct {
	c     *cluster
	name  string // of what is shown
	shown func() uint64
	loads []*load
	stop  func() // ends it, and fails the test if something was wrong

	looks   int
	high    uint64    // the greatest sum shown
	dipped  time.Time // since when less is shown; zero: not now
	longest time.Duration
	tooMuch bool
	wrong   []string // what was shown then
}

func (c *cluster) watchSum(b *balancer, longestDip time.Duration, loads ...*load) *sumWatch {
	return c.watch(b.name, b.sum, longestDip, loads...)
}

func (c *cluster) watch(name string, shown func() uint64, longestDip time.Duration, loads ...*load) *sumWatch {
	w := &sumWatch{c: c, name: name, shown: shown, loads: loads}
	ctx, cancel := context.WithCancel(c.t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		for waitUntil(ctx, time.Now().Add(3*ms)) {
			w.look(time.Now())
		}
	})
	w.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		w.judge(longestDip)
	})
	c.t.Cleanup(w.stop)
	return w
}

func (w *sumWatch) look(now time.Time) {
	shown := w.shown()
	w.looks++
	if tried := w.tried(); shown > tried {
		w.tooMuch = true
		w.wrong = append(w.wrong, fmt.Sprintf("%s showed %d when %d requests had been tried", w.name, shown, tried))
	}
	switch {
	case shown >= w.high:
		w.high, w.dipped = shown, time.Time{}
		return
	case w.dipped.IsZero():
		w.dipped = now
		w.wrong = append(w.wrong, fmt.Sprintf("%s showed %d after %d", w.name, shown, w.high))
	}
	w.longest = max(w.longest, time.Since(w.dipped))
}

func (w *sumWatch) judge(longestDip time.Duration) {
	if w.looks < 100 {
		w.c.t.Errorf("looked at the sum %d times only", w.looks)
	}
	if len(w.wrong) == 0 {
		return
	}
	w.c.t.Logf("%s; less than before for %v at most", strings.Join(w.wrong[:min(len(w.wrong), 5)], "; "), w.longest.Round(ms))
	if longestDip > 0 {
		longestDip += w.c.slack() - time.Second
	}
	if w.longest > longestDip || w.tooMuch {
		w.c.t.Error("the sum was wrong for too long")
	}
}

func (w *sumWatch) tried() uint64 {
	n := uint64(0)
	for _, l := range w.loads {
		n += l.tried.Load()
	}
	return n
}

// waitLoad lets requests be answered.
func (c *cluster) waitLoad(l *load, requests uint64) {
	c.t.Helper()
	from := l.answered.Load()
	haproxytest.Eventually(c.t, func() error {
		if n := l.answered.Load() - from; n < requests {
			return fmt.Errorf("%d requests answered, waiting for %d", n, requests)
		}
		return nil
	})
}

// reloadDip is how long a sum may show too little at a reload: what the new process counts before the old one has taught it replaces what the node had, on
// the node itself, and so in the sum.
const reloadDip = 200 * ms

// TestReload: a node's process hands over to a new one (-sf), under load and idle. Its counts and the sums stay whole.
func TestReload(t *testing.T) {
	t.Parallel()
	c := newLife(t, "1h")
	a, b := c.nodes[0], c.nodes[1]
	c.synchronised()
	la, lb := c.startLoad(a, 500), c.startLoad(b, 50)
	w := c.watchSum(b, reloadDip, la, lb)
	for range 2 {
		c.waitLoad(la, 1000)
		a.reload()
	}
	c.waitLoad(la, 1000)
	c.end(la, lb)
	w.stop()
	// What the old process answers after it has taught the new one is known to nobody else: HAProxy's own loss, at each reload for as long as it has to wait for its turn.
	c.lostAtMost(a, la, la.answered.Load()/100+uint64(2*500*time.Duration(c.late.Load()).Seconds()))

	before := a.raw()
	w = c.watchSum(b, 0, la, lb)
	a.reload()
	c.stays(3*time.Second, c.sumsOf(b, before+b.raw())) // longer than the aggregator waits for a returning node's request
	w.stop()
	if a.raw() != before {
		t.Errorf("an idle reload made %d of %d", a.raw(), before)
	}
	c.requests(a, 1)
	haproxytest.Eventually(c.t, c.sumsAreTrue)
}

// end ends loads, and waits until the sums are right and stay so.
func (c *cluster) end(loads ...*load) {
	c.t.Helper()
	for _, l := range loads {
		l.stop()
	}
	haproxytest.Eventually(c.t, c.sumsAreTrue)
	c.stays(time.Second, c.sumsAreTrue)
}

// lostAtMost compares what a node shows with what it answered.
func (c *cluster) lostAtMost(b *balancer, l *load, most uint64) {
	c.t.Helper()
	answered, shown := int64(l.answered.Load()), int64(b.raw())
	c.t.Logf("%d requests answered, %s shows %d: %d lost, %d are the most", answered, b.name, shown, answered-shown, most)
	if answered-shown > int64(most) {
		c.t.Errorf("%d counts lost, %d are the most", answered-shown, most)
	}
}

// sumsOf gives a check of what one node shows.
func (c *cluster) sumsOf(b *balancer, want uint64) func() error {
	return func() error {
		if got := b.sum(); got != want {
			return fmt.Errorf("%s shows a sum of %d, want %d", b.name, got, want)
		}
		return nil
	}
}

// reload starts a new process that takes over from the old one, listeners included, and waits for the old one's end.
func (b *balancer) reload() {
	b.c.t.Helper()
	old := b.Process
	b.start("-sf", strconv.Itoa(old.PID()), "-x", b.socket())
	select {
	case <-old.Exited():
	case <-time.After(haproxytest.Timeout):
		b.c.t.Fatalf("%s: the old process does not end", b.name)
	}
}

// TestGiveBackUnderLoad: a node that crashes under load and is started again has its own counts back, but for what it counted before they came: 1 % at most.
func TestGiveBackUnderLoad(t *testing.T) {
	t.Parallel()
	c := newLife(t, "1h")
	a, b := c.nodes[0], c.nodes[1]
	la, lb := c.startLoad(a, 500), c.startLoad(b, 50)
	w := c.watchSum(b, 0, la, lb)
	c.waitLoad(la, 3000)
	a.kill()
	a.start()
	c.waitLoad(la, 2000)
	c.end(la, lb)
	w.stop()
	c.lostAtMost(a, la, la.answered.Load()/100)
}

// TestStoppedAggregator: an aggregator that hangs for longer than sessions live costs nothing but time.
func TestStoppedAggregator(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	p := c.startBinary(buildStktc(t), 2)
	for range 2 {
		c.addNode(lifeTables("1h"), lifeFrontend, "")
	}
	a, b := c.nodes[0], c.nodes[1]
	la, lb := c.startLoad(a, 100), c.startLoad(b, 50)
	watches := []*sumWatch{c.watchSum(a, 0, la, lb), c.watchSum(b, 0, la, lb)}
	c.waitLoad(la, 200)
	if a.sum() == 0 {
		t.Error("no sum before the stop")
	}
	p.signal(syscall.SIGSTOP)
	stopped, most := b.sum(), la.tried.Load()+lb.tried.Load()+20 // that are under way until the signal is heeded
	waitUntil(t.Context(), time.Now().Add(8*time.Second))
	if got := b.sum(); got < stopped || got > most {
		c.t.Errorf("the sum went from %d to %d while the aggregator stood still", stopped, got)
	}
	p.signal(syscall.SIGCONT)
	start := time.Now()
	haproxytest.Eventually(c.t, func() error {
		if got, want := b.sum(), a.raw()+b.raw(); got+20 < want {
			return fmt.Errorf("the sum is %d, the nodes have %d", got, want)
		}
		return nil
	})
	t.Logf("after 8 s of standing still, sums under load were right again within %v", time.Since(start).Round(ms))
	c.end(la, lb)
	for _, w := range watches {
		w.stop()
	}
	c.lostAtMost(a, la, 0)
}

// daemon is a running "stktc run".
type daemon struct {
	c     *cluster
	cmd   *exec.Cmd
	ended bool
}

// startBinary runs "stktc run" until the test's end, with a file that says what section says, and those lines.
func (c *cluster) startBinary(stktc string, nodes int, lines ...string) *daemon {
	c.t.Helper()
	s := c.section(nodes)
	text := fmt.Sprintf("aggregations %s\n  peer %s %s local\n", s.Name, s.Local.Name, s.Local.Address)
	for _, p := range s.Peers {
		text += fmt.Sprintf("  peer %s %s\n", p.Name, p.Address)
	}
	for _, r := range s.Rules {
		text += fmt.Sprintf("  from %s to %s\n", r.From, r.To)
	}
	for _, l := range lines {
		text += "  " + l + "\n"
	}
	return c.startDaemon(stktc, s.Local.Name, text)
}

// startDaemon runs "stktc run" with a file until the test's end.
func (c *cluster) startDaemon(stktc, name, text string) *daemon {
	c.t.Helper()
	file := filepath.Join(c.dir, name+".cfg")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	d := &daemon{c: c, cmd: exec.Command(stktc, "run", "-f", file)}
	d.cmd.Stdout, d.cmd.Stderr = c.log, c.log
	if err := d.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if !d.ended {
			d.signal(syscall.SIGCONT)
			d.end(syscall.SIGTERM)
		}
	})
	return d
}

func (d *daemon) signal(s syscall.Signal) {
	d.c.t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		d.c.t.Errorf("signal: %v", err)
	}
}

// end ends the process by a signal. It takes SIGTERM well.
func (d *daemon) end(s syscall.Signal) {
	d.c.t.Helper()
	d.ended = true
	d.signal(s)
	if err := d.cmd.Wait(); err != nil && s == syscall.SIGTERM {
		d.c.t.Errorf("SIGTERM: %v", err)
	}
}
