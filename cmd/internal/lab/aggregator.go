package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"stktc/cmd/internal/aggregator"
	"stktc/grammar/diag"
	"stktc/runtime"
	statscli "stktc/runtime/cli"
	"stktc/topology"
	"stktc/topology/load"
)

// running is an aggregator with its stats sockets.
type running struct {
	host    int
	sockets []string // as "show --socket" takes them
}

func (l *lab) startAggregator(ctx context.Context, f relocated) error {
	node, cfg, err := readAggregator(f)
	if err != nil {
		return err
	}
	log, err := l.logger(f.path + ".log")
	if err != nil {
		return err
	}
	a, err := runtime.New(cfg, runtime.Options{Logger: log})
	if err != nil {
		return err
	}
	stats := statscli.New(a, statscli.Options{Version: l.Version, Logger: log})
	r := running{host: f.host}
	if r.sockets, err = l.listenStats(stats, f, node); err != nil {
		stats.Close()
		return err
	}
	if err := a.Listen(); err != nil {
		stats.Close()
		return err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done, quiet := make(chan error, 1), make(chan struct{})
	go func() { done <- a.Serve(ctx) }()
	go func() { stats.Serve(ctx); close(quiet) }()
	l.atStop(stopAggregators, func() error { cancel(); <-quiet; return <-done })
	l.aggregators = append(l.aggregators, r)
	return nil
}

// readAggregator reads a relocated file as "run" reads one.
func readAggregator(f relocated) (*topology.Node, runtime.Config, error) {
	node, findings := load.Aggregator(os.LookupEnv, f.path, f.text)
	var cfg runtime.Config
	if findings.Worst() != diag.Error {
		cfg, findings = aggregator.Config(node)
	}
	for _, bad := range findings {
		if bad.Severity == diag.Error {
			return nil, cfg, fmt.Errorf("%s: %s", bad.Primary.Span, bad.Summary)
		}
	}
	return node, cfg, nil
}

// listenStats opens the stats sockets of a file; if it has none, one beside it.
func (l *lab) listenStats(stats *statscli.Server, f relocated, node *topology.Node) ([]string, error) {
	var addresses []statscli.Address
	for _, s := range node.Stats {
		a := statscli.Address{Network: "unix", Address: s.Address.Unix}
		if a.Address == "" {
			a = statscli.Address{Network: "tcp", Address: aggregator.Endpoint(s.Address)}
		}
		if level, ok := statscli.ParseLevel(s.Level.Value); ok {
			a.Level = level
		}
		addresses = append(addresses, a)
	}
	if len(addresses) == 0 {
		addresses = []statscli.Address{{Network: "unix", Address: l.plan.places[f.host].socket(filepath.Base(f.path) + ".sock")}}
	}
	var opened []string
	for _, a := range addresses {
		if err := stats.Listen(a); err != nil {
			return nil, fmt.Errorf("stats socket: %w", err)
		}
		opened = append(opened, a.Address)
	}
	return opened, nil
}
