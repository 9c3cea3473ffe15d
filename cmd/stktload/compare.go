package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"stktc/cmd/internal/load"
)

func (c *command) compareCommand() *cli.Command {
	flags := slices.Concat(trialFlags(3), haproxyFlags(1), []cli.Flag{keysFlag()}, loadFlag("nodes", "distribution", "zipf-exponent", "updates", "duration", "rate", "tick", "look-every"), []cli.Flag{
		&cli.StringFlag{Category: how, Name: "orders", Value: "scattered,in-order", Usage: "`ORDERS` of the keys to compare with"},
	})
	return &cli.Command{
		Name:      "compare",
		Category:  measure,
		Usage:     "compare the CPU time of an aggregator with that of a HAProxy that only receives",
		UsageText: "stktload compare [--runs N] [--nodes N] [--keys N] [--updates N | --rate N [--duration TIME]] …",
		Description: "Starts \"stktc run\", which sums the nodes' tables and pushes the sums back, and a real HAProxy with the same table, which only receives\n" +
			"the nodes' updates, in turn, several times each, puts the same load on both, and tells the CPU time of each for an update\n" +
			"received, the medians and their ratio. Every sum of the aggregator is verified as always. Without --rate the load is flat out and\n" +
			"recorded: encoded before it begins, and verified when it is over.",
		Flags: flags,
		Action: c.measured(func(stop context.Context, ctx *cli.Context, s *stand) (*Result, error) {
			return c.compare(stop, ctx, s)
		}),
	}
}

func (c *command) compare(stop context.Context, ctx *cli.Context, s *stand) (*Result, error) {
	cfg, err := compareConfig(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.needHAProxy(c, ctx); err != nil {
		return nil, err
	}
	what := fmt.Sprintf("CPU time (user and system) for an update received; %d nodes, %s keys", len(cfg.Nodes), short(float64(cfg.Keys)))
	if cfg.Rate > 0 {
		what += fmt.Sprintf(", %s updates a second", short(float64(cfg.Rate)))
	}
	r := s.newResult(ctx, what, &cfg)
	for _, order := range list(ctx.String("orders")) {
		cfg.Order = load.Order(order)
		if err := s.compareOrder(stop, ctx.Int("runs"), r, cfg); err != nil {
			return r, err
		}
	}
	return r, nil
}

// compareConfig reads the flags. Each order is tried, so that a wrong one is told before anything runs.
func compareConfig(ctx *cli.Context) (load.Config, error) {
	cfg, err := trial(ctx)
	if err != nil {
		return cfg, err
	}
	orders := list(ctx.String("orders"))
	if len(orders) == 0 {
		return cfg, usagef("--orders is empty")
	}
	for _, order := range orders {
		if err := amount(ctx, "orders", order, &cfg); err != nil {
			return cfg, err
		}
	}
	cfg.Nodes, cfg.Probes = nodeNames(ctx.Int("nodes")), pacedProbes
	if cfg.Recorded = cfg.Rate == 0 && !ctx.IsSet("duration"); cfg.Recorded && cfg.Updates == 0 {
		cfg.Updates = usualUpdates(cfg.Keys)
	}
	if cfg.Recorded {
		cfg.Probes = 0
	}
	return cfg, mustBePlayable(cfg)
}

// pacedProbes is how many updates a second and node tell the delay of the link, without which rates cannot be verified.
const pacedProbes = 50

// usualUpdates is how many updates are a load that is worth measuring: some laps of all keys.
func usualUpdates(keys int) int { return max(4*keys, 2_000_000) }

// compareOrder runs both in turn, so that whatever changes on the machine meanwhile hits both.
func (s *stand) compareOrder(stop context.Context, runs int, r *Result, cfg load.Config) error {
	stages := []string{"fill", "load"}
	if cfg.Rate > 0 {
		stages = stages[1:] // the fill keeps no pace
	}
	for run := range runs {
		ours, err := s.loadStktc(stop, cfg, options{})
		if err != nil {
			return err
		}
		theirs, err := s.loadHAProxy(stop, cfg)
		if err != nil {
			return err
		}
		r.check(in{name: string(cfg.Order)}, run, ours)
		r.check(in{name: string(cfg.Order) + ", haproxy"}, run, theirs)
		s.tell("%s, run %d of %d: stktc %s, haproxy %s", cfg.Order, run+1, runs, costAndRate(loadStage(ours)), costAndRate(loadStage(theirs)))
		for _, stage := range stages {
			at := in{fmt.Sprintf("%s, %s", cfg.Order, stageWords[stage]), cfg.Keys, len(cfg.Nodes)}
			r.compareStage(at, ours.Stage(stage), theirs.Stage(stage))
		}
	}
	for _, stage := range stages {
		at := in{fmt.Sprintf("%s, %s", cfg.Order, stageWords[stage]), cfg.Keys, len(cfg.Nodes)}
		r.ratio(at, ratioName, r.figure(at.name, ourCPU), r.figure(at.name, theirCPU))
	}
	return nil
}

var stageWords = map[string]string{"fill": "each key for the first time", "load": "keys that are known"}

// Names of figures.
const (
	ourCPU    = "stktc run, sums and pushes back: CPU an update in"
	theirCPU  = "haproxy, only receives: CPU an update in"
	ratioName = "ratio of the medians"
)

func (r *Result) compareStage(at in, ours, theirs *load.Stage) {
	r.addIf(isCosted(ours, ours.Target), at, ourCPU, "ns", ours.Target.PerUpdate)
	r.addIf(isCosted(theirs, theirs.Target), at, theirCPU, "ns", theirs.Target.PerUpdate)
	r.addIf(isCosted(ours, ours.Target), at, "stktc run: CPU an update in or out", "ns", ours.Target.PerMoved)
	r.add(at, "stktc run: updates out for an update in", "", float64(ours.UpdatesOut)/float64(max(1, ours.UpdatesIn)))
	r.addIf(isTimed(ours), at, "stktc run: updates in", "/s", ours.InPerSecond)
	r.addIf(isTimed(theirs), at, "haproxy: updates in", "/s", theirs.InPerSecond)
	r.addIf(isCosted(ours, ours.Load), at, "stktload itself, on stktc run: CPU an update in or out", "ns", ours.Load.PerMoved)
}

// costAndRate tells of one run.
func costAndRate(s *load.Stage) string {
	return told(isCosted(s, s.Target) && isTimed(s), "%.0f ns at %s/s", s.Target.PerUpdate, short(s.InPerSecond))
}

// loadStage is the stage that figures are about.
func loadStage(r *load.Report) *load.Stage { return r.Stage("load") }
