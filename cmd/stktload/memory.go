package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"stktc/cmd/internal/load"
)

func (c *command) memoryCommand() *cli.Command {
	return &cli.Command{
		Name:      "memory",
		Category:  measure,
		Usage:     "measure what an aggregator's memory grows by for a key",
		UsageText: "stktload memory [--runs N] [--keys LIST] [--peers LIST] [--deaf-updates N] …",
		Description: "Two nodes push every key, some laps of updates follow, and the growth of the aggregator's resident memory is divided by the number of keys:\n" +
			"for each number of keys with as many peers in its configuration as nodes, and for the first number of keys with more of them. At last three nodes push\n" +
			"--deaf-updates updates of a tenth of the keys while one of them does not read: that must cost no memory.",
		Flags: slices.Concat(trialFlags(1), []cli.Flag{
			keysListFlag("1000000,10000000"),
			listFlag("peers", "64", "numbers of configured peers, of which two are there"),
			countFlag(how, "deaf-updates", 15_000_000, "`N` updates past a node that does not read"),
		}),
		Action: c.measured(func(stop context.Context, ctx *cli.Context, s *stand) (*Result, error) { return s.memory(stop, ctx) }),
	}
}

func (s *stand) memory(stop context.Context, ctx *cli.Context) (*Result, error) {
	cfg, err := trial(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := numbers(ctx, "keys")
	if err != nil {
		return nil, err
	}
	peers, err := numbers(ctx, "peers")
	if err != nil {
		return nil, err
	}
	if least := slices.Min(peers); least < 2 {
		return nil, usagef("--peers %d: accepted are 2 and more, as two nodes are there", least)
	}
	r := s.newResult(ctx, "growth of resident memory, 2 nodes that contribute to every key", &cfg)
	for run := range ctx.Int("runs") {
		for _, n := range keys {
			if err := s.memoryOf(stop, run, r, cfg, n, 2); err != nil {
				return r, err
			}
		}
		for _, p := range peers {
			if err := s.memoryOf(stop, run, r, cfg, keys[0], p); err != nil {
				return r, err
			}
		}
		if err := s.memoryPastDeaf(stop, run, r, cfg, max(1, keys[0]/10), ctx.Int("deaf-updates")); err != nil {
			return r, err
		}
	}
	return r, nil
}

// memoryOf measures what keys cost.
func (s *stand) memoryOf(stop context.Context, run int, r *Result, cfg load.Config, keys, peers int) error {
	cfg.Keys, cfg.Updates, cfg.Looks = keys, usualUpdates(keys)/2, 1
	if err := mustBePlayable(cfg); err != nil {
		return err
	}
	at := in{fmt.Sprintf("%s keys, 2 of %d peers there", short(float64(keys)), peers), keys, peers}
	report, err := s.loadStktc(stop, cfg, options{peers: peers})
	if err != nil {
		return err
	}
	r.check(at, run, report)
	before := report.Stages[0].Target.RSS - report.Stages[0].Target.Growth
	after := loadStage(report).Target.RSS
	s.tell("run %d, %s: %s", run+1, at.name, told(keys >= leastKeys, "%.1f bytes a key", float64(after-before)/float64(keys)))
	r.addIf(keys >= leastKeys, at, growthAKey, "bytes", float64(after-before)/float64(keys))
	r.add(at, "memory before", "MB", float64(before)/1e6)
	r.add(at, "memory after", "MB", float64(after)/1e6)
	return nil
}

const growthAKey = "growth a key"

// memoryPastDeaf measures what it costs that a peer does not read.
func (s *stand) memoryPastDeaf(stop context.Context, run int, r *Result, cfg load.Config, keys, updates int) error {
	cfg.Keys, cfg.Updates, cfg.Nodes, cfg.Looks, cfg.Recorded = keys, updates, nodeNames(3), 1, false
	cfg.Deaf = cfg.Nodes[2:]
	if err := mustBePlayable(cfg); err != nil {
		return err
	}
	at := in{fmt.Sprintf("%s updates past a node that does not read, %s keys", short(float64(updates)), short(float64(keys))), keys, 3}
	report, err := s.loadStktc(stop, cfg, options{})
	if err != nil {
		return err
	}
	r.check(at, run, report)
	l := loadStage(report)
	s.tell("run %d, %s: %+.2f MB", run+1, at.name, float64(l.Target.Growth)/1e6)
	r.add(at, "memory before", "MB", float64(l.Target.RSS-l.Target.Growth)/1e6)
	r.add(at, "memory after", "MB", float64(l.Target.RSS)/1e6)
	r.add(at, "growth", "MB", float64(l.Target.Growth)/1e6)
	r.add(at, "sessions ended by the aggregator", "", float64(report.Losses))
	return nil
}
