package main

import (
	"context"
	"slices"

	"github.com/urfave/cli/v2"

	"stktc/cmd/internal/load"
	"stktc/cmd/internal/quit"
)

// targetName is the peer name of whatever is measured.
const targetName = "target"

// loadFlag finds flags of a load by name, for the commands that have them too.
func loadFlag(names ...string) []cli.Flag {
	var found []cli.Flag
	for _, f := range slices.Concat(targetFlags(), tableFlags(), loadFlags(), reportFlags()) {
		if slices.Contains(names, f.Names()[0]) {
			found = append(found, f)
		}
	}
	return found
}

// trialFlags are what every measuring command has: the table and the keys.
func trialFlags(runs int) []cli.Flag {
	return append(loadFlag("key", "store", "expire", "seed", "settle"), standFlags(runs)...)
}

// keysFlag is the number of keys of the commands that have one.
func keysFlag() cli.Flag {
	return countFlag(how, "keys", 1_000_000, "number of keys")
}

// listFlag is a flag that numbers reads.
func listFlag(name, value, of string) cli.Flag {
	return &cli.StringFlag{Category: how, Name: name, Value: value, Usage: "`LIST` of " + of}
}

// keysListFlag is that of the numbers of keys.
func keysListFlag(value string) cli.Flag { return listFlag("keys", value, "numbers of keys") }

// trial makes the configuration that every measuring command begins with: a recorded load flat out.
func trial(ctx *cli.Context) (load.Config, error) {
	cfg := load.Config{
		TargetName: targetName, Target: "to be:chosen", Table: "/t", From: ".raw", To: ".sum", Nodes: nodeNames(2),
		Order: load.Scattered, Distribution: load.Uniform, Seed: ctx.Uint64("seed"), Settle: ctx.Duration("settle"), Recorded: true,
		Looks: 2, LookEvery: ctx.Duration("look-every"), // as --look-every says where a command has it, else the usual
	}
	err := shape(ctx, &cfg)
	return cfg, err
}

// flatOut reads the flags of a recorded load.
func flatOut(ctx *cli.Context) (load.Config, error) {
	cfg, err := trial(ctx)
	if err != nil {
		return cfg, err
	}
	cfg.Nodes, cfg.Keys, cfg.Updates = nodeNames(ctx.Int("nodes")), ctx.Int("keys"), ctx.Int("updates")
	if cfg.Updates == 0 {
		cfg.Updates = usualUpdates(cfg.Keys)
	}
	if cfg.Order, err = order("order", ctx.String("order")); err != nil {
		return cfg, err
	}
	return cfg, mustBePlayable(cfg)
}

// measured runs a measuring command's body with a stand, until it ends or is interrupted.
func (c *command) measured(body func(stop context.Context, ctx *cli.Context, s *stand) (*Result, error)) cli.ActionFunc {
	return func(ctx *cli.Context) error {
		stop, cancel := quit.Context(context.WithoutCancel(ctx.Context), &c.stdout, &c.stderr)
		defer cancel()
		s, err := c.newStand(stop, ctx)
		if err != nil {
			return err
		}
		defer s.close()
		r, err := body(stop, ctx, s)
		return c.interrupted(stop, c.finish(r, err, ctx.Bool("json")))
	}
}

// numbers reads a list of whole numbers above 0.
func numbers(ctx *cli.Context, flag string) ([]int, error) {
	var all []int
	for _, text := range list(ctx.String(flag)) {
		n, err := parseCount(text)
		if err != nil || n < 1 {
			return nil, usagef("--%s %q: accepted are whole numbers above 0, as `500` and `20k`, with commas between them", flag, ctx.String(flag))
		}
		all = append(all, n)
	}
	if len(all) == 0 {
		return nil, usagef("--%s is empty", flag)
	}
	return all, nil
}

// mustBePlayable makes a usage error of a configuration that cannot be played.
func mustBePlayable(cfg load.Config) error {
	if err := cfg.Check(); err != nil {
		return usageError{err}
	}
	return nil
}
