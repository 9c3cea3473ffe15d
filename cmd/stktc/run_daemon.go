package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	goruntime "runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"syscall"

	"stktc/cmd/internal/aggregator"
	"stktc/cmd/internal/systemd"
	"stktc/grammar/diag"
	"stktc/runtime"
	statscli "stktc/runtime/cli"
	"stktc/runtime/web"
	"stktc/topology"
)

// daemon is a running aggregator with everything around it.
type daemon struct {
	c       *command
	file    string
	log     *slog.Logger
	started *topology.Node // what the file said at the start
	a       *runtime.Aggregator
	sockets *statscli.Server
	web     *web.Server
	manager *systemd.Notifier
	http    string // address of the HTTP side, "" for none

	reloading sync.Mutex
	around    sync.WaitGroup // what serves beside the aggregator
}

// spareProcessors is how many more threads run Go code than there are processors. With all of them busy the Go runtime looks at the network every 10 ms only; beyond them the kernel decides, and whose packet has come
// goes first. Two processors flat out, 1 M keys, updates of idle nodes: p99 from 1,593 ms to 50, no more CPU.
const spareProcessors = 2

// newDaemon makes the aggregator and opens all its addresses.
func (c *command) newDaemon(file string, node *topology.Node, config runtime.Config, http string, memory int64, log *slog.Logger) (*daemon, error) {
	d := &daemon{c: c, file: file, log: log, started: node, http: http}
	if cpus, err := aggregator.Pin(node.CPUMap); err != nil {
		return nil, err
	} else if cpus > 0 {
		log.Info("confined to processors", "processors", cpus)
	}
	if os.Getenv("GOMAXPROCS") == "" {
		goruntime.GOMAXPROCS(goruntime.GOMAXPROCS(0) + spareProcessors)
	}
	debug.SetGCPercent(50) // what grows with the load lies outside the Go heap: a small one may be looked through more often
	if memory > 0 {
		debug.SetMemoryLimit(memory)
	}
	a, err := runtime.New(config, runtime.Options{Logger: log, MaxMemory: memory})
	if err != nil {
		return nil, err
	}
	if err := a.Listen(); err != nil {
		return nil, err
	}
	d.a = a
	d.web = web.New(a, web.Options{Version: version(), Logger: log})
	d.sockets = statscli.New(a, statscli.Options{Version: version(), Logger: log, Reload: d.reload})
	if http != "" {
		if err := d.web.Listen(http); err != nil {
			return nil, err
		}
	}
	if d.manager, err = systemd.New(c.env); err != nil {
		return nil, err
	}
	for _, s := range node.Stats {
		address, err := statsAddress(s)
		if err == nil {
			err = d.sockets.Listen(address)
		}
		if err != nil {
			return nil, fmt.Errorf("stats socket: %w", err)
		}
	}
	return d, nil
}

// statsAddress reads a stats socket line.
func statsAddress(s topology.StatsSocket) (statscli.Address, error) {
	a := statscli.Address{Network: "unix", Address: s.Address.Unix}
	if a.Address == "" {
		a.Network, a.Address = "tcp", aggregator.Endpoint(s.Address)
	}
	if !s.Mode.IsZero() {
		mode, err := strconv.ParseUint(s.Mode.Value, 8, 32)
		if err != nil || mode > 0o777 {
			return a, fmt.Errorf("%s: mode `%s` is not an octal file mode such as 660", s.Mode.Span, s.Mode.Value)
		}
		a.Mode = fs.FileMode(mode)
	}
	if !s.Level.IsZero() {
		level, ok := statscli.ParseLevel(s.Level.Value)
		if !ok {
			return a, fmt.Errorf("%s: level `%s`: accepted are user, operator and admin", s.Level.Span, s.Level.Value)
		}
		a.Level = level
	}
	return a, nil
}

// serve runs everything until ctx ends.
func (d *daemon) serve(ctx context.Context) error {
	d.log.Info("started", "version", version(), "pid", os.Getpid(), "file", d.file)
	d.around.Go(func() { d.reloadOnHangup(ctx) })
	d.around.Go(func() { d.sockets.Serve(ctx) })
	d.around.Go(func() { d.notify(ctx) })
	d.around.Go(func() { d.manager.Watch(ctx, d.web.Alive, d.log) })
	if d.http != "" {
		d.around.Go(func() {
			if err := d.web.Serve(ctx); err != nil {
				d.log.Error("HTTP", "err", err)
			}
		})
	}
	err := d.a.Serve(ctx)
	d.around.Wait()
	d.log.Info("stopped")
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// reloadOnHangup reads the file again at each SIGHUP.
func (d *daemon) reloadOnHangup(ctx context.Context) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	for {
		select {
		case <-hangups:
			d.reload()
		case <-ctx.Done():
			return
		}
	}
}

// reload takes over the file as it is now, all of it or nothing.
func (d *daemon) reload() error {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	d.manager.Reloading()
	defer func() {
		_, status := d.standing()
		d.manager.Ready(status)
	}()
	node, config, err := d.c.loadAggregator(d.file, diag.Warning, d.log)
	if err != nil {
		d.a.ReloadFailed(err)
		return err
	}
	return d.a.Reload(config, d.waits(node)...)
}

// waits tells what of the file a reload does not take over: what is opened or chosen at the start, where it is not as it was then.
func (d *daemon) waits(node *topology.Node) (parts []string) {
	if !sameSockets(node.Stats, d.started.Stats) {
		parts = append(parts, "stats socket")
	}
	if !sameProcessors(node.CPUMap, d.started.CPUMap) {
		parts = append(parts, "cpu-map")
	}
	return parts
}

func sameProcessors(a, b []topology.CPUMap) bool {
	return slices.EqualFunc(a, b, func(x, y topology.CPUMap) bool { return slices.Equal(x.CPUs, y.CPUs) })
}

func sameSockets(a, b []topology.StatsSocket) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Address.Raw != b[i].Address.Raw || a[i].Mode.Value != b[i].Mode.Value || a[i].Level.Value != b[i].Level.Value {
			return false
		}
	}
	return true
}
