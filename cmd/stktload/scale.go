package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"
)

func (c *command) scaleCommand() *cli.Command {
	return &cli.Command{
		Name:      "scale",
		Category:  measure,
		Usage:     "measure an aggregator's throughput with one core and with more",
		UsageText: "stktload scale [--runs N] [--procs LIST] [--nodes N] [--keys N] [--updates N] …",
		Description: "Starts \"stktc run\" with GOMAXPROCS set to each of --procs in turn, and puts the same load on each as fast as it is taken. The load\n" +
			"is recorded: encoded before it begins, and decoded and verified when it is over, so that the cores are free for the aggregator. How long a word takes from one core to\n" +
			"another is told besides: a virtual machine's cores may be near each other or far (some 50 and 235 ns), and what a second one brings follows that.",
		Flags: slices.Concat(trialFlags(3), loadFlag("nodes", "updates", "order", "look-every"), []cli.Flag{
			keysFlag(),
			listFlag("procs", "1,2", "GOMAXPROCS of the aggregator"),
		}),
		Action: c.measured(func(stop context.Context, ctx *cli.Context, s *stand) (*Result, error) { return s.scale(stop, ctx) }),
	}
}

func (s *stand) scale(stop context.Context, ctx *cli.Context) (*Result, error) {
	cfg, err := flatOut(ctx)
	if err != nil {
		return nil, err
	}
	procs, err := numbers(ctx, "procs")
	if err != nil {
		return nil, err
	}
	r := s.newResult(ctx, fmt.Sprintf("throughput by number of cores; %d nodes, %s keys, %s updates, recorded", len(cfg.Nodes), short(float64(cfg.Keys)), short(float64(cfg.Updates))), &cfg)
	for run := range ctx.Int("runs") {
		for _, n := range procs {
			at := in{fmt.Sprintf("GOMAXPROCS=%d", n), cfg.Keys, len(cfg.Nodes)}
			way, hasWay := coreToCore()
			report, err := s.loadStktc(stop, cfg, options{procs: n})
			if err != nil {
				return r, err
			}
			if hasWay {
				r.add(at, wordsWay, "ns", way)
			}
			l := loadStage(report)
			s.tell("run %d of %d, %s: %s", run+1, ctx.Int("runs"), at.name, told(isTimed(l), "%s/s in, %s/s out", short(l.InPerSecond), short(l.OutPerSecond)))
			r.check(at, run, report)
			r.addIf(isTimed(l), at, updatesIn, "/s", l.InPerSecond)
			r.addIf(isTimed(l), at, "updates out", "/s", l.OutPerSecond)
			r.addIf(isCosted(l, l.Target), at, "CPU an update in", "ns", l.Target.PerUpdate)
			r.addIf(isCosted(l, l.Target), at, "CPU an update in or out", "ns", l.Target.PerMoved)
			r.addIf(isTimed(l), at, "cores used", "", float64(l.Target.CPU)/float64(l.Seconds))
			r.addIf(isTimed(l), at, "stktload itself: cores used", "", float64(l.Load.CPU)/float64(l.Seconds))
		}
	}
	first := fmt.Sprintf("GOMAXPROCS=%d", procs[0])
	for _, n := range procs[1:] {
		at := in{fmt.Sprintf("GOMAXPROCS=%d", n), cfg.Keys, len(cfg.Nodes)}
		r.ratio(at, "updates in, of those with "+first, r.figure(at.name, updatesIn), r.figure(first, updatesIn))
	}
	return r, nil
}

// Names of figures.
const (
	updatesIn = "updates in"
	wordsWay  = "a word from core to core, before it"
)
