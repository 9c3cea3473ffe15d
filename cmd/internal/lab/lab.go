// Package lab runs a compiled topology on this machine and checks its sums. Every host gets a loopback address of its own; its files are
// rewritten for it (relocate), aggregators run in this process from their rewritten files over real sockets, balancers are real
// HAProxies, or played by runtime/node. Run sends known traffic to every balancer and compares what every table of every
// balancer shows with what it must show (model, look). Nothing leaves the loopback interface: servers of the operator's own
// configuration are replaced by one of the lab's.
package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"stktc/cmd/internal/haproxy"
	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/topology/load"
)

// Host is one host's compiled files, balancers' in the order in which HAProxy reads them.
type Host struct {
	Name  string
	Files []File
	// Translated names the peers that the host dials at an address of somebody else's, who translates it to theirs. The lab dials them directly.
	Translated []string
}

// File is one configuration file.
type File struct {
	Name string // without directory
	Text []byte
}

// Options are what a run is given of the world.
type Options struct {
	HAProxy  string    // the binary; "": balancers are played
	Keep     bool      // let everything run on after the verdict, until ctx ends, and keep files and logs, also when all is right
	Out      io.Writer // the table and the verdict
	Progress io.Writer // what is going on
	Terminal bool      // whether Out is one that can be redrawn
	Version  string    // what the aggregators' stats sockets say

	// Explain translates what "haproxy -c" says of a host's files, which are in dir under their own names and have the lines of the
	// compiled ones, and tells whether it refuses one that is no operator's; nil: it is shown as it is.
	Explain func(host, dir, output string) (text string, ours bool)

	Steady time.Duration // how long all must stay right; 0: DefaultSteady
	Limit  time.Duration // how long all may take, apart from ending; 0: DefaultLimit
}

// DefaultLimit together with what ending takes (some seconds) stays below a minute.
const DefaultLimit = 50 * time.Second

// DefaultSteady is longer than what is late: nothing that is under way on loopback takes a second.
const DefaultSteady = 3 * time.Second

const lookInterval = 200 * time.Millisecond

// sessionLimit is how long to wait for all sessions; without them the traffic is sent all the same.
func (o *Options) sessionLimit() time.Duration { return o.Limit * 3 / 10 }

// lab is one run.
type lab struct {
	Options
	dir         string
	hosts       []Host
	plan        *plan
	files       []relocated
	model       *model
	balancers   []balancer // by host; nil for one without HAProxy
	aggregators []running
	stopping    sync.Mutex // of stops, while balancers start
	stops       [stopGroups][]func() error
}

// Who is stopped, in this order.
const (
	stopBalancers = iota
	stopAggregators
	closeLogs
	stopGroups
)

// Run runs the hosts and tells whether every sum is right. An error means that they could not be run, a *Refusal where HAProxy does not accept
// their files, or that ctx has ended.
func Run(ctx context.Context, hosts []Host, o Options) (right bool, err error) {
	dir, err := os.MkdirTemp("", "stktc-lab-")
	if err != nil {
		return false, err
	}
	o.Limit, o.Steady = cmp.Or(o.Limit, DefaultLimit), cmp.Or(o.Steady, DefaultSteady)
	l := &lab{Options: o, dir: dir, hosts: hosts, balancers: make([]balancer, len(hosts))}
	limited, cancel := context.WithTimeout(ctx, o.Limit)
	defer cancel()
	right, err = l.run(limited)
	if err == nil && o.Keep && ctx.Err() == nil {
		l.hold(ctx)
		ctx = context.WithoutCancel(ctx) // its end was asked for: that is no interruption
	}
	ran := l.hasStarted()
	if stopped := l.stop(); err == nil && stopped != nil {
		right, err = false, stopped
	}
	if ctx.Err() != nil {
		right, err = false, errors.New("interrupted")
	}
	if o.Keep || ran && !right && ctx.Err() == nil {
		fmt.Fprintf(o.Progress, "files and logs are in %s\n", dir)
		return right, err
	}
	return right, errors.Join(err, os.RemoveAll(dir))
}

// hasStarted tells whether there is a log to look at.
func (l *lab) hasStarted() bool { return len(l.stops[closeLogs]) > 0 }

func (l *lab) run(ctx context.Context) (bool, error) {
	if err := l.relocate(ctx); err != nil {
		return false, err
	}
	if err := l.readBack(); err != nil {
		return false, err
	}
	if err := l.start(ctx); err != nil {
		return false, err
	}
	l.announce()
	if err := l.awaitSessions(ctx); err != nil {
		return false, err
	}
	s, err := l.newScore(ctx)
	if err != nil {
		return false, err
	}
	return s.watch(ctx)
}

// readBack draws the model from the files as they are run.
func (l *lab) readBack() error {
	var deployed []load.Host
	for i, h := range l.hosts {
		d := load.Host{Dir: h.Name, FS: os.DirFS(l.dir), Prefix: l.dir + "/"}
		for _, f := range l.of(i) {
			d.Paths = append(d.Paths, h.Name+"/"+filepath.Base(f.path))
		}
		deployed = append(deployed, d)
	}
	cluster, findings, err := load.Deployed(deployed)
	if err != nil {
		return err
	}
	for _, f := range findings {
		if f.Severity == diag.Error {
			return fmt.Errorf("the relocated configuration is wrong, which is a bug in stktc: %s: %s", f.Primary.Span, f.Summary)
		}
	}
	l.model = newModel(l.hosts, cluster)
	return nil
}

// of gives the files of a host.
func (l *lab) of(host int) []relocated {
	var files []relocated
	for _, f := range l.files {
		if f.host == host {
			files = append(files, f)
		}
	}
	return files
}

// split gives the files of a host by who runs them.
func (l *lab) split(host int) (balancer, aggregators []relocated) {
	for _, f := range l.of(host) {
		if f.config.IsAggregator() {
			aggregators = append(aggregators, f)
		} else {
			balancer = append(balancer, f)
		}
	}
	return balancer, aggregators
}

func paths(files []relocated) []string {
	var list []string
	for _, f := range files {
		list = append(list, f.path)
	}
	return list
}

// localName is what -L says; "" where a localpeer line does, since HAProxy refuses to be told twice.
func localName(host string, files []relocated) string {
	for _, f := range files {
		for line := range f.config.AllLines() {
			if _, ok := line.Statement.(*grammar.LocalPeer); ok {
				return ""
			}
		}
	}
	return host
}

// start runs the aggregators, then the balancers: what HAProxy dials in vain costs it a second or more.
func (l *lab) start(ctx context.Context) error {
	for i := range l.hosts {
		_, files := l.split(i)
		for _, f := range files {
			if err := l.startAggregator(ctx, f); err != nil {
				return fmt.Errorf("%s: %w", l.hosts[i].Name, err)
			}
		}
	}
	return inParallel(len(l.hosts), func(i int) error {
		if l.model.nodes[i] == nil {
			return nil
		}
		if err := l.startBalancer(ctx, i); err != nil {
			return fmt.Errorf("%s: %w", l.hosts[i].Name, err)
		}
		return nil
	})
}

// perProcessor is how much is under way at a time, most of it waiting.
const perProcessor = 4

// inParallel calls do with 0 to n-1 and joins the errors in that order.
func inParallel(n int, do func(i int) error) error {
	free := make(chan struct{}, perProcessor*runtime.GOMAXPROCS(0))
	errs := make([]error, n)
	var wait sync.WaitGroup
	for i := range n {
		free <- struct{}{}
		wait.Go(func() {
			defer func() { <-free }()
			errs[i] = do(i)
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

// startSink answers for all servers behind the balancers.
func (l *lab) startSink() {
	server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	listener := l.plan.guard
	go server.Serve(listener)
	l.atStop(stopAggregators, listener.Close)
}

// logger writes to a file that is closed when the lab stops.
func (l *lab) logger(path string) (*slog.Logger, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	l.atStop(closeLogs, f.Close)
	return slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: slog.LevelDebug})), nil
}

func (l *lab) startBalancer(ctx context.Context, host int) error {
	files, _ := l.split(host)
	if l.HAProxy == "" {
		log, err := l.logger(files[0].path + ".log")
		if err != nil {
			return err
		}
		p, err := play(context.WithoutCancel(ctx), l.model.nodes[host], log)
		if err != nil {
			return err
		}
		l.add(host, p)
		return nil
	}
	own, err := writeOwn(l.plan.places[host], l.model.nodes[host])
	if err != nil {
		return err
	}
	names := append(paths(files), own.file)
	process, err := haproxy.Start(ctx, haproxy.Config{
		Binary: l.HAProxy, Name: localName(l.hosts[host].Name, files), File: names[0], More: names[1:], Log: files[0].path + ".log", Socket: own.stats,
	})
	if err != nil {
		return err
	}
	r := &real{process: process, own: own, few: len(l.model.byPeer) > manyNodes}
	var configs []*grammar.ConfigFile
	for _, f := range files {
		configs = append(configs, f.config)
	}
	r.trackers = trackers(configs)
	l.add(host, r)
	return nil
}

func (l *lab) add(host int, b balancer) {
	l.balancers[host] = b
	l.atStop(stopBalancers, b.stop)
}

func (l *lab) atStop(group int, stop func() error) {
	l.stopping.Lock()
	defer l.stopping.Unlock()
	l.stops[group] = append(l.stops[group], stop)
}

// stop ends the balancers, then the aggregators, then closes the files that they wrote into. Each group ends at once.
func (l *lab) stop() error {
	var errs []error
	for g, group := range l.stops {
		var wait sync.WaitGroup
		ended := make([]error, len(group))
		for i, stop := range group {
			wait.Go(func() { ended[i] = stop() })
		}
		wait.Wait()
		errs = append(errs, ended...)
		l.stops[g] = nil
	}
	return errors.Join(errs...)
}
