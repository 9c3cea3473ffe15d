package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"

	"stktc/cmd/internal/load"
)

// compareFlags are the flags of a load that a comparison has too, and its own.
func compareFlags() []cli.Flag {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "stktc", Usage: "the stktc at `PATH`, default $STKTC, then one beside stktload or on $PATH, else it is built"},
		&cli.StringFlag{Name: "haproxy", Usage: "the haproxy at `PATH`, default $HAPROXY, then the one on $PATH"},
		&cli.IntFlag{Name: "haproxy-threads", Usage: "nbthread of the haproxy, default its own choice"},
		&cli.IntFlag{Name: "runs", Value: 3, Usage: "run each of the two `N` times, in turn"},
		&cli.StringFlag{Name: "orders", Value: "scattered,in-order", Usage: "`ORDERS` of the keys to compare with"},
		&cli.BoolFlag{Name: "json", Usage: "write the comparison as JSON"},
		&cli.BoolFlag{Name: "no-progress", Usage: "do not tell about single runs"},
	}
	shared := map[string]bool{
		"nodes": true, "key": true, "store": true, "expire": true, "keys": true, "distribution": true, "zipf-exponent": true, "seed": true,
		"updates": true, "duration": true, "rate": true, "tick": true, "no-fill": true, "probes": true, "settle": true,
	}
	for _, f := range append(tableFlags(), append(append(targetFlags(), loadFlags()...), reportFlags()...)...) {
		if shared[f.Names()[0]] {
			flags = append(flags, f)
		}
	}
	return flags
}

func (c *command) compareCommand() *cli.Command {
	return &cli.Command{
		Name:      "compare",
		Usage:     "compare the CPU time of an aggregator with that of a HAProxy that only receives",
		UsageText: "stktload compare [--runs N] [--nodes N] [--keys N] [--updates N] [--rate N] …",
		Description: "Starts \"stktc run\", which sums the nodes' tables and pushes the sums back, and a real HAProxy with the same table, which only receives\n" +
			"the nodes' updates, in turn, several times each, puts the same load on both, and tells the CPU time of each for an update\n" +
			"received, the medians and their ratio. Every sum of the aggregator is verified as always.",
		Flags:  compareFlags(),
		Action: c.compare,
	}
}

// Comparison is the result of compare.
type Comparison struct {
	Orders []OrderComparison `json:"orders"`
	Keys   int               `json:"keys"`
	Nodes  int               `json:"nodes"`
	Store  string            `json:"store"`
}

// OrderComparison is the result with keys in one order.
type OrderComparison struct {
	Order     load.Order         `json:"order"`
	Stktc     []load.Report      `json:"stktc"`
	HAProxy   []load.Report      `json:"haproxy"`
	Medians   map[string]Medians `json:"medians"` // by stage
	AllRight  bool               `json:"all_right"`
	WrongRuns int                `json:"wrong_runs"`
}

// Medians are ns of CPU time for an update received.
type Medians struct {
	Stktc   float64 `json:"stktc_ns"`
	HAProxy float64 `json:"haproxy_ns"`
	Ratio   float64 `json:"ratio"`
}

func (c *command) compare(ctx *cli.Context) error {
	if ctx.Args().Present() {
		return usagef("compare takes no arguments but flags, not %q", ctx.Args().First())
	}
	cfg := load.Config{Nodes: names(ctx), Table: "/t", From: ".raw", To: ".sum", Settle: ctx.Duration("settle"), Looks: 2, TargetName: targetName, Target: "127.0.0.1:1"}
	if err := shape(ctx, &cfg); err != nil {
		return err
	}
	if err := c.compareAmount(ctx, &cfg); err != nil {
		return err
	}
	stop, cancel := signal.NotifyContext(context.WithoutCancel(ctx.Context), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	rivals, err := c.findRivals(stop, ctx)
	if err != nil {
		return err
	}
	defer rivals.close()
	result := Comparison{Keys: cfg.Keys, Nodes: len(cfg.Nodes), Store: cfg.Definition.StoreString()}
	right := true
	for _, order := range list(ctx.String("orders")) {
		cfg.Order = load.Order(order)
		one, err := c.compareOrder(stop, ctx, rivals, cfg)
		if err != nil {
			return err
		}
		right = right && one.AllRight
		result.Orders = append(result.Orders, *one)
	}
	if err := c.printComparison(&result, ctx.Bool("json")); err != nil {
		return err
	}
	if !right {
		return exit(exitWrong)
	}
	return nil
}

// compareAmount reads the flags of amount, of which a comparison has one several times.
func (c *command) compareAmount(ctx *cli.Context, cfg *load.Config) error {
	orders := list(ctx.String("orders"))
	if len(orders) == 0 || ctx.Int("runs") < 1 {
		return usagef("--runs %d --orders %q: accepted is at least one of each", ctx.Int("runs"), ctx.String("orders"))
	}
	for _, order := range orders {
		if err := amount(ctx, order, cfg); err != nil {
			return err
		}
	}
	if err := cfg.Check(); err != nil {
		return usageError{err}
	}
	return nil
}

// compareOrder runs both in turn, so that whatever changes on the machine meanwhile hits both.
func (c *command) compareOrder(stop context.Context, ctx *cli.Context, rivals *rivals, cfg load.Config) (*OrderComparison, error) {
	o := &OrderComparison{Order: cfg.Order, AllRight: true}
	for run := range ctx.Int("runs") {
		for _, isHAProxy := range []bool{false, true} {
			report, name, err := rivals.run(stop, isHAProxy, cfg)
			if err != nil {
				return nil, err
			}
			if !report.IsRight() {
				o.AllRight = false
				o.WrongRuns++
				c.stderr.Write(text(report))
			}
			if isHAProxy {
				o.HAProxy = append(o.HAProxy, *report)
			} else {
				o.Stktc = append(o.Stktc, *report)
			}
			if !ctx.Bool("no-progress") {
				fmt.Fprintf(c.stderr, "%s, run %d of %d, %s:%s\n", cfg.Order, run+1, ctx.Int("runs"), name, perStage(report))
			}
		}
	}
	o.Medians = medians(o)
	return o, nil
}

func (c *command) printComparison(r *Comparison, asJSON bool) error {
	if !asJSON {
		_, err := c.stdout.Write(comparisonText(r))
		return err
	}
	out := json.NewEncoder(c.stdout)
	out.SetIndent("", "  ")
	return out.Encode(r)
}
