package runtime

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"stktc/runtime/store"
)

// Options are what an Aggregator is given of the world. Its zero value uses the system's network and logs nothing.
type Options struct {
	Logger *slog.Logger
	Listen func(network, address string) (net.Listener, error)
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)

	// MaxMemory is how many bytes the process may have resident, 0 for no limit. Before it had more keys are evicted from the tables, those nearest to their end first.
	MaxMemory int64
}

// Aggregator sums what its peers count. Serve runs it.
type Aggregator struct {
	opt     Options
	log     *slog.Logger
	started time.Time
	beat    atomic.Int64 // when time last passed in the tables, ns after started by the monotonic clock
	live    atomic.Bool  // Serve has begun
	pulse   pulse
	memory  store.Budget // of all tables
	forKeys atomic.Int64 // its limit, bytes

	mu        sync.Mutex // guards what a reload changes
	cfg       Config
	homes     map[string]string // of cfg
	sections  []*section
	links     []*link // in the order of the configuration
	listeners []*listener
	serving   context.Context // ends accepting and dialling; nil before Serve
	reloads   ReloadStatus

	faultsMu sync.Mutex
	faults   []Fault
	faulty   [numFaultKinds]uint64 // since the start

	running  sync.WaitGroup // dialling, accepting and conversing goroutines
	sessions context.Context
}

// New makes an aggregator. It fails when the configuration cannot be executed.
func New(cfg Config, opt Options) (*Aggregator, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Listen == nil {
		opt.Listen = net.Listen
	}
	a := &Aggregator{opt: opt, log: opt.Logger, started: time.Now()}
	a.pulse.last.Store(&a.started)
	a.boundMemory()
	a.apply(cfg)
	return a, nil
}

// now is the aggregator's clock in milliseconds, as the store uses it.
func (a *Aggregator) now() uint32 { return uint32(time.Since(a.started).Milliseconds()) }

// Now is the aggregator's clock, in the store's milliseconds.
func (a *Aggregator) Now() uint32 { return a.now() }

// Listen opens the listeners, so that an address in use is known before Serve.
func (a *Aggregator) Listen() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	listeners, err := a.openListeners(&a.cfg)
	if err != nil {
		return err
	}
	a.listeners = listeners
	return nil
}

// drainLimit is how long a peer may take to read what waits for it when the aggregator stops.
const drainLimit = 2 * time.Second

// Serve accepts and dials peers until ctx ends. Then it sends what is pending, closes, and returns nil; another error means that it could not start.
func (a *Aggregator) Serve(ctx context.Context) error {
	if a.listeners == nil {
		if err := a.Listen(); err != nil {
			return err
		}
	}
	sessions, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a.sessions = sessions
	stopPulse := a.startPulse(sessions)
	defer func() { cancel(); stopPulse() }()
	a.mu.Lock()
	a.serving = ctx
	a.live.Store(true)
	for _, s := range a.sections {
		s.fallSilent()
	}
	for _, l := range a.listeners {
		a.serveListener(l)
	}
	for _, l := range a.links {
		a.serveLink(l)
	}
	a.mu.Unlock()
	a.running.Go(func() { a.watchAcks(ctx) })
	a.tick(ctx)
	a.stop(cancel)
	return nil
}

// serveListener lets the listener accept peers. The caller holds a.mu.
func (a *Aggregator) serveListener(l *listener) {
	a.running.Go(func() { l.serve(a.serving) })
}

// serveLink lets the link dial its peer. The caller holds a.mu.
func (a *Aggregator) serveLink(l *link) {
	if l.dynamic.Load() {
		return
	}
	l.dials = true
	ctx, cancel := context.WithCancel(a.serving)
	l.stopDialling = cancel
	a.running.Go(func() { l.dialLoop(ctx) })
}

// tickEvery is about the grain of the store's wheel. A rate of period P is off by 5 ms/P of its count when a boundary is found that late.
const (
	tickEvery    = 5 * time.Millisecond
	lateEvery    = time.Millisecond // where a table's wheels are late: it does no more at a time than receivers can take
	ticksASecond = int(time.Second / tickEvery)
)

// tickTables lets time pass in the tables, or in those that are late, and sets a timer where that was not enough.
func (a *Aggregator) tickTables(again *time.Timer, all bool) {
	late := false
	for _, t := range a.Tables() {
		if all || t.Late() > 0 {
			late = t.Tick(a.now()) || late
		}
	}
	a.beat.Store(int64(time.Since(a.started)))
	if late {
		again.Reset(lateEvery)
	}
}

// tick lets time pass in the tables until ctx ends.
func (a *Aggregator) tick(ctx context.Context) {
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	again := time.NewTimer(tickEvery)
	defer again.Stop()
	ticks := 0
	var evicted evictions
	for {
		select {
		case <-again.C:
			a.tickTables(again, false)
		case <-ticker.C:
			a.tickTables(again, true)
			if ticks++; ticks%ticksASecond == 0 {
				a.boundMemory()
			}
			if ticks%int(seeEvictions/tickEvery) == 0 {
				evicted.tell(a)
			}
		case <-ctx.Done():
			return
		}
	}
}

// TickAge is how long ago time last passed in the tables, a few milliseconds when all is well: a watchdog's proof of life. Changes of the wall clock do not
// matter to it. Before Serve it counts from New.
func (a *Aggregator) TickAge() time.Duration {
	return time.Since(a.started) - time.Duration(a.beat.Load())
}

// stop drains the sessions, then ends those that do not read.
func (a *Aggregator) stop(cancel context.CancelFunc) {
	a.mu.Lock()
	for _, l := range a.listeners {
		l.Close()
	}
	for _, l := range a.links {
		l.retire()
	}
	sections := a.sections
	a.mu.Unlock()
	limit := time.AfterFunc(drainLimit, cancel)
	defer limit.Stop()
	a.running.Wait()
	for _, s := range sections {
		s.close()
	}
}

// Tables lists the tables of all sections, summed and forwarded, in the order in which they came up.
func (a *Aggregator) Tables() []*store.Table {
	var list []*store.Table
	for _, s := range a.currentSections() {
		for _, t := range s.list() {
			list = append(list, t.Table)
		}
	}
	return list
}

func (a *Aggregator) currentSections() []*section {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sections
}
