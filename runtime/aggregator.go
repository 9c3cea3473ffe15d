package runtime

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"stktc/runtime/store"
)

// Options are what an Aggregator is given of the world. Its zero value uses the system's network and logs nothing.
type Options struct {
	Logger *slog.Logger
	Listen func(network, address string) (net.Listener, error)
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
}

// Aggregator sums what its peers count. Serve runs it.
type Aggregator struct {
	cfg      Config
	opt      Options
	log      *slog.Logger
	started  time.Time
	sections []*section
	links    []*link // in the order of the configuration

	listeners []*listener
	running   sync.WaitGroup // dialling, accepting and conversing goroutines
	sessions  context.Context
}

// New makes an aggregator. The configuration is taken as checked: names are unique within a section, each section has a local peer.
func New(cfg Config, opt Options) (*Aggregator, error) {
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Listen == nil {
		opt.Listen = net.Listen
	}
	if opt.Dial == nil {
		opt.Dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	if len(cfg.Sections) == 0 {
		return nil, errors.New("no aggregations section: nothing to do")
	}
	a := &Aggregator{cfg: cfg, opt: opt, log: opt.Logger, started: time.Now()}
	for i := range cfg.Sections {
		a.addSection(&cfg.Sections[i])
	}
	return a, nil
}

func (a *Aggregator) addSection(cfg *Section) {
	s := &section{a: a, cfg: cfg, log: a.log.With("section", cfg.Name), tables: map[string]*table{}}
	a.sections = append(a.sections, s)
	for _, p := range cfg.Peers {
		l := a.link(cfg.Local, p)
		l.members = append(l.members, member{s, p.Direction})
		s.links = append(s.links, l)
	}
}

// link finds or makes the link between two names: a session belongs to every section that lists both.
func (a *Aggregator) link(local, remote Peer) *link {
	i := slices.IndexFunc(a.links, func(l *link) bool { return l.local == local.Name && l.name == remote.Name })
	if i < 0 {
		i = len(a.links)
		a.links = append(a.links, newLink(a, local, remote))
	}
	return a.links[i]
}

// now is the aggregator's clock in milliseconds, as the store uses it.
func (a *Aggregator) now() uint32 { return uint32(time.Since(a.started).Milliseconds()) }

// Listen opens the listeners, so that an address in use is known before Serve.
func (a *Aggregator) Listen() error {
	for _, s := range a.sections {
		known := slices.ContainsFunc(a.listeners, func(l *listener) bool { return l.address == s.cfg.Local.Address })
		if known {
			continue
		}
		l, err := a.listen(s.cfg.Local.Address)
		if err != nil {
			for _, l := range a.listeners {
				l.Close()
			}
			a.listeners = nil
			return err
		}
		a.listeners = append(a.listeners, l)
	}
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
	defer cancel()
	a.sessions = sessions
	for _, s := range a.sections {
		s.start()
	}
	for _, l := range a.listeners {
		a.running.Go(func() { l.serve(ctx) })
	}
	for _, l := range a.links {
		a.running.Go(func() { l.dialLoop(ctx) })
	}
	a.tick(ctx)
	a.stop(cancel)
	return nil
}

// tickEvery is about the grain of the store's wheel. A rate of period P is off by 5 ms/P of its count when a boundary is found that late.
const tickEvery = 5 * time.Millisecond

// tick lets time pass in the tables until ctx ends.
func (a *Aggregator) tick(ctx context.Context) {
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			for _, t := range a.Tables() {
				t.Tick(a.now())
			}
		case <-ctx.Done():
			return
		}
	}
}

// stop drains the sessions, then ends those that do not read.
func (a *Aggregator) stop(cancel context.CancelFunc) {
	for _, l := range a.listeners {
		l.Close()
	}
	for _, l := range a.links {
		l.stopping()
	}
	limit := time.AfterFunc(drainLimit, cancel)
	defer limit.Stop()
	a.running.Wait()
	for _, s := range a.sections {
		s.stop()
	}
}

// Tables lists the tables of all sections, summed and forwarded, in the order in which they came up.
func (a *Aggregator) Tables() []*store.Table {
	var list []*store.Table
	for _, s := range a.sections {
		list = append(list, s.storeTables()...)
	}
	return list
}
