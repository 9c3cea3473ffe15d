package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"stktc/runtime/peers"
	"stktc/topology/sticktable"
)

// load is one run.
type load struct {
	Config
	source, sum peers.TableDefinition
	shape       *shape
	keys        keys
	firstProbe  uint32 // index; probes have the keys from there on
	probeCell   *cell  // nil: nothing tells which update a sum holds
	nodes       []*node
	checked     []*node // those whose sums are compared: all but the idle ones
	quota       uint64  // updates of each node in the load
	start       time.Time

	at         atomic.Int32  // stage
	began      time.Time     // of the stage; written before the stage begins
	ends       time.Time     // of a load that counts time
	unfinished atomic.Int32  // nodes that still push in the stage
	finished   chan struct{} // the last of them is done
	late       atomic.Uint64
	shrinks    atomic.Bool // contributions may, from now on

	pace         float64 // of a recording, updates a second and node
	keptBytes    float64 // of an update that is kept
	recordedFrom uint32  // tick

	latency *hdrhistogram.Histogram // of the stages before
	floor   floor
	settled time.Duration // longest time from a stage's last push to its last sum

	base  measurement // at the beginning of the stage
	shown time.Time   // when progress was last told
	used  usage       // by the target, as it was seen last

	hasKeys bool // the target had the keys before the stage

	mu    sync.Mutex
	notes []string
}

// bootTick is the clock's value at the start. Like HAProxy's since 3.0 it wraps 20 s later.
const bootTick = ^uint32(0) - 20_000 + 1

// stamp is a moment: milliseconds that wrap, for rates, and nanoseconds since the start.
type stamp struct {
	tick uint32
	ns   int64
}

func (l *load) clock() stamp {
	ns := int64(time.Since(l.start))
	return stamp{bootTick + uint32(ns/int64(time.Millisecond)), ns}
}

func newLoad(c Config) *load {
	l := &load{Config: c, start: time.Now(), firstProbe: uint32(c.Keys), finished: make(chan struct{}, 1), latency: newHistogram(), floor: floor{latency: newHistogram()}}
	l.source = peers.TableDefinition{ID: sourceID, Name: c.Table + c.From, Definition: c.Definition}
	l.sum = peers.TableDefinition{ID: sumID, Name: c.Table + c.To, Definition: c.Definition}
	l.source.SortColumns()
	l.shape = newShape(&l.source)
	l.keys = newKeys(&c.Definition, c.Keys+len(c.Nodes)*probesPerNode)
	if i := l.shape.probe(); i >= 0 && c.To != "" {
		l.probeCell = &l.shape.cells[i]
	}
	l.quota = uint64(c.Updates+l.loaders()-1) / uint64(l.loaders())
	for i := range c.Nodes {
		l.nodes = append(l.nodes, newNode(l, i))
		if !l.nodes[i].isIdle {
			l.checked = append(l.checked, l.nodes[i])
		}
	}
	return l
}

func (l *load) stage() stage { return stage(l.at.Load()) }

func (l *load) isLoading() bool { return l.stage() == loading }

// isCounting tells whether contributions only grow.
func (l *load) isCounting() bool { return l.stage() >= filling && !l.shrinks.Load() }

// loaders is how many nodes push more than probes.
func (l *load) loaders() int { return len(l.Nodes) - len(l.Idle) }

// maxNotes bounds what is told of lost sessions.
const maxNotes = 20

// note keeps a sentence for the report.
func (l *load) note(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := fmt.Sprintf("%.1f s: %s", time.Since(l.start).Seconds(), fmt.Sprintf(format, args...))
	if len(l.notes) < maxNotes {
		l.notes = append(l.notes, text)
	}
}

// Run plays the load and compares all sums. The error says that the load could not be played: the target cannot be reached, refuses a name, or its process ended.
// Sums that are wrong are in the report. With an error comes a report of what was measured before it, if anything was.
func Run(ctx context.Context, c Config) (*Report, error) {
	c.setDefaults()
	if err := c.Check(); err != nil {
		return nil, err
	}
	l := newLoad(c)
	listeners, err := l.listen()
	if err != nil {
		return nil, err
	}
	nodesContext, cancel := context.WithCancelCause(ctx)
	var running sync.WaitGroup
	for i, n := range l.nodes {
		if listeners != nil {
			running.Go(func() { n.serve(listeners[i]) })
		}
		running.Go(func() {
			if err := n.run(nodesContext); err != nil {
				cancel(err)
			}
		})
	}
	if c.Echo != "" {
		running.Go(func() {
			if err := l.timeFloor(nodesContext); err != nil {
				cancel(err)
			}
		})
	}
	report, err := l.play(nodesContext)
	cancel(nil)
	for _, listener := range listeners {
		listener.Close()
	}
	running.Wait()
	return report, err
}

func (l *load) listen() ([]net.Listener, error) {
	var all []net.Listener
	for _, address := range l.Listen {
		listener, err := net.Listen(network(address), address)
		if err != nil {
			for _, open := range all {
				open.Close()
			}
			return nil, err
		}
		all = append(all, listener)
	}
	return all, nil
}

// play goes through the stages.
func (l *load) play(ctx context.Context) (*Report, error) {
	if err := l.connect(ctx); err != nil {
		return nil, err
	}
	r := l.newReport()
	err := l.playStages(ctx, r)
	if err == nil {
		err = l.verify(ctx, r)
	}
	l.finish(r)
	if err != nil {
		r.Ended = err.Error()
	}
	r.Right = err == nil && r.IsRight()
	if len(r.Stages) == 0 {
		return nil, err
	}
	return r, err
}

func (l *load) playStages(ctx context.Context, r *Report) error {
	for _, at := range l.plan() {
		if at >= forgetting || at == loading && l.Restarts > 0 {
			l.shrinks.Store(true)
		}
		if at == loading && l.Recorded {
			if err := l.record(ctx, r); err != nil {
				return err
			}
		}
		played, err := l.playStage(ctx, at)
		if played != nil {
			r.Stages = append(r.Stages, *played)
			l.hasKeys = true
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// plan lists the stages that are reported.
func (l *load) plan() []stage {
	all := []stage{filling, loading}
	if l.NoFill {
		all = all[1:]
	}
	for _, e := range l.Events {
		all = append(all, eventStages[e])
	}
	return all
}

// connect waits until every node has a session, has been taught, and knows of no sums that are not zero: a target that knew nodes of these names before has to drop
// what they counted.
func (l *load) connect(ctx context.Context) error {
	limit := time.Now().Add(l.Connect)
	for _, n := range l.nodes {
		for {
			err := n.isReady()
			switch {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case err != nil && time.Now().After(limit):
				return err
			}
			if err == nil {
				break
			}
			pause(ctx, 5*time.Millisecond)
		}
	}
	return nil
}

// isReady gives the reason why the node cannot begin.
func (n *node) isReady() error {
	if err := n.isConnected(); err != nil {
		return fmt.Errorf("node `%s` and `%s` are not ready within %v: %w", n.name, n.l.TargetName, n.l.Connect, err)
	}
	return n.isEmpty()
}

// isConnected gives the reason why the node cannot push.
func (n *node) isConnected() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.conn != nil && n.isUp.Load():
		return nil
	case n.conn != nil:
		return errors.New("the resync request is not answered")
	case n.lastError != nil:
		return n.lastError
	}
	return errors.New("nobody called")
}

// isEmpty fails, with an example, while the node knows of a counter that is not 0.
func (n *node) isEmpty() error {
	n.in.mu.Lock()
	defer n.in.mu.Unlock()
	if !slices.ContainsFunc(n.in.totals, func(total uint64) bool { return total != 0 }) {
		return nil
	}
	left, example := 0, uint32(0)
	for index := range n.l.keys.total {
		if row := n.l.shape.row(n.in.rows, index); n.l.isCounted(row) {
			left++
			example = index
		}
	}
	return fmt.Errorf("`%s` still has sums of %d keys that were counted before, as of %s: start it afresh, wait until they expire, or load another --table",
		n.l.TargetName, left, n.l.keys.text(example))
}

// isCounted tells whether a counter of the row is not 0.
func (l *load) isCounted(row []uint32) bool {
	return slices.ContainsFunc(l.shape.cells, func(c cell) bool { return c.kind != sticktable.FreqCtr && c.scalar(row) != 0 })
}

// pollEvery is how finely the end of a stage is timed.
const pollEvery = time.Millisecond

// playStage plays a stage. With an error comes what was measured of it, if the target has answered anything.
func (l *load) playStage(ctx context.Context, at stage) (*Stage, error) {
	before, err := l.measure()
	if err != nil {
		return nil, err
	}
	l.base = before
	played, err := l.pushAndSettle(ctx, at, before)
	if err != nil && l.isAnswered() {
		now, _ := l.measure() // without the target's process, as it was when it was seen last
		played = l.newStage(at, before, now, now.at.Sub(before.at), false)
		played.IsCut = true
	}
	return played, err
}

// pushAndSettle lets the nodes push, and waits until the target has answered all of it.
func (l *load) pushAndSettle(ctx context.Context, at stage, before measurement) (*Stage, error) {
	if err := l.awaitNodes(ctx, at); err != nil {
		return nil, err
	}
	sent := time.Since(l.began)
	if at == loading && l.Recorded {
		l.awaitQuiet(ctx)
	}
	first, err := l.sample(nil)
	if err != nil {
		return nil, err
	}
	if err := l.endStage(at); err != nil {
		return nil, err
	}
	end, isSettled, err := l.settle(ctx, first)
	if err != nil {
		return nil, err
	}
	l.settled = max(l.settled, end.at.Sub(l.began)-sent)
	return l.newStage(at, before, end, sent, isSettled), nil
}

// endStage lets the nodes settle.
func (l *load) endStage(at stage) error {
	if at == loading && l.Recorded {
		for _, n := range l.nodes {
			if err := n.retime(); err != nil {
				return err
			}
		}
	}
	l.enter(settling)
	if at == fading {
		l.expire()
	}
	if l.Recorded {
		l.wakeReaders()
	}
	return nil
}

// awaitNodes lets the nodes begin with a stage, and waits until they have pushed, or encoded, all of it.
func (l *load) awaitNodes(ctx context.Context, at stage) error {
	l.unfinished.Store(int32(len(l.nodes)))
	l.began = time.Now()
	l.ends = l.began.Add(l.Duration)
	l.enter(at)
	var watch watch
	for {
		select {
		case <-l.finished:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(showEvery):
		}
		if err := l.progress(at); err != nil {
			return err
		}
		if err := watch.check(l, at); err != nil {
			return err
		}
	}
}

func (l *load) enter(at stage) {
	l.at.Store(int32(at))
	for _, n := range l.nodes {
		n.signal()
	}
}

// poll waits a little, shows the progress, and notices the end of the target or of the run.
func (l *load) poll(ctx context.Context, at stage) error {
	pause(ctx, pollEvery)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return l.progress(at)
}

// settle waits until every node was sent all sums, or, where none are expected, until the target has acknowledged all updates. It gives the measurement of that
// moment: when the last counter changed, which is before it is noticed.
func (l *load) settle(ctx context.Context, measured []measurement) (end measurement, isSettled bool, err error) {
	want := l.expectedTotals()
	begin := time.Now()
	limit := begin.Add(l.Settle)
	for isSettled = l.isSettled(want); !isSettled && time.Now().Before(limit); isSettled = l.isSettled(want) {
		if err = l.poll(ctx, settling); err != nil {
			return end, false, err
		}
		if measured, err = l.sample(measured); err != nil {
			return end, false, err
		}
		if want == nil && l.To != "" {
			pause(ctx, lookPause)
		}
		if time.Since(begin) > nothingLimit && !l.isAnswered() {
			break
		}
	}
	if !isSettled && !l.isAnswered() {
		return end, false, l.unanswered()
	}
	end, err = l.measure()
	if isSettled && want != nil && err == nil {
		end = l.endedAt(end, measured)
	}
	return end, isSettled, err
}

// sample adds what the target and the load have used until now.
func (l *load) sample(all []measurement) ([]measurement, error) {
	m := measurement{at: time.Now()}
	var err error
	if l.PID != 0 {
		m.self, _ = usageOf(os.Getpid())
		m.target, err = l.targetUsage()
	}
	return append(all, m), err
}

// endedAt dates the end of a stage back to the last change of a counter: what a busy machine took to notice that, and to decode a recorded load's sums, is not the target's time.
// Where nothing was counted, as while sessions are lost and all is taught anew, none has changed in the stage, and it ends when all is there again.
func (l *load) endedAt(end measurement, measured []measurement) measurement {
	last := int64(0)
	for _, n := range l.nodes {
		n.in.mu.Lock()
		last = max(last, n.in.changed)
		n.in.mu.Unlock()
	}
	changed := l.start.Add(time.Duration(last))
	if changed.Before(l.began) {
		return end
	}
	end.at = changed
	for _, m := range measured {
		if m.at.After(end.at) {
			end.target, end.self = m.target, m.self
			break
		}
	}
	return end
}

// lookPause is between two comparisons of all sums, where no counter tells whether they are complete.
const lookPause = 100 * time.Millisecond

func (l *load) isSettled(want []uint64) bool {
	for _, n := range l.checked {
		if l.To == "" && n.out.acked.Load() != n.out.last.Load() || l.To != "" && !n.in.has(l.shape, want) {
			return false
		}
	}
	return want != nil || l.To == "" || l.look().Wrong == 0
}

// has tells whether the counters of what the node was sent add up.
func (in *input) has(s *shape, want []uint64) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	for i := range want {
		if s.cells[i].isCounter() && in.totals[i] != want[i] {
			return false
		}
	}
	return true
}

// targetUsage is what the target's process has used; with an error, when it has ended, what it had when it was seen last.
func (l *load) targetUsage() (usage, error) {
	if l.PID == 0 {
		return usage{}, nil
	}
	u, err := usageOf(l.PID)
	switch {
	case err == nil:
		l.used = u
	case errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrProcessDone):
		err = fmt.Errorf("the target's process %d has ended", l.PID)
	}
	return l.used, err
}
