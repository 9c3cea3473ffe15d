package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"stktc/cmd/internal/load"
)

func (c *command) linearCommand() *cli.Command {
	return &cli.Command{
		Name:      "linear",
		Category:  measure,
		Usage:     "measure how cost grows with keys and with nodes",
		UsageText: "stktload linear [--keys LIST] [--nodes LIST] [--nodes-keys N] … --json > RESULT.json; stktload plot RESULT.json -o PICTURE.svg",
		Description: "Puts a recorded load flat out on a fresh aggregator for each number of keys, with two nodes, and for each number of nodes, with --nodes-keys keys.\n" +
			"Tells CPU time and memory of each, and the slopes of lines through them. stktload plot draws the result.",
		Flags: slices.Concat(trialFlags(1), []cli.Flag{
			keysListFlag("10000,30000,100000,300000,1000000,3000000,10000000"),
			listFlag("nodes", "2,4,8,16,32,64", "numbers of nodes"),
			countFlag(how, "nodes-keys", 100_000, "number of keys with these nodes"),
			countFlag(how, "updates", 0, "`N` updates of each load, default four laps and at least 2 million"),
		}),
		Action: c.measured(func(stop context.Context, ctx *cli.Context, s *stand) (*Result, error) { return s.linear(stop, ctx) }),
	}
}

func (s *stand) linear(stop context.Context, ctx *cli.Context) (*Result, error) {
	cfg, err := trial(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := numbers(ctx, "keys")
	if err != nil {
		return nil, err
	}
	nodes, err := numbers(ctx, "nodes")
	if err != nil {
		return nil, err
	}
	r := s.newResult(ctx, "cost by number of keys and by number of nodes; recorded loads flat out", &cfg)
	cfg.Updates, cfg.Looks = ctx.Int("updates"), 1
	var points []in
	for _, k := range keys {
		points = append(points, in{byKeys + short(float64(k)) + " keys, 2 nodes", k, 2})
	}
	for _, n := range nodes {
		points = append(points, in{fmt.Sprintf("%s%d nodes, %s keys", byNodes, n, short(float64(ctx.Int("nodes-keys")))), ctx.Int("nodes-keys"), n})
	}
	for run := range ctx.Int("runs") {
		for _, at := range points {
			if err := s.linearPoint(stop, run, r, at, cfg); err != nil {
				return r, err
			}
		}
	}
	r.slopes()
	return r, nil
}

// Series and figures of linear, which plot looks for.
const (
	byKeys         = "by keys: "
	byNodes        = "by nodes: "
	perUpdateIn    = "CPU an update in"
	perUpdateMoved = "CPU an update in or out"
	growth         = "growth of memory"
)

func (s *stand) linearPoint(stop context.Context, run int, r *Result, at in, cfg load.Config) error {
	cfg.Keys, cfg.Nodes = at.keys, nodeNames(at.nodes)
	if cfg.Updates == 0 {
		cfg.Updates = usualUpdates(at.keys)
	}
	if err := mustBePlayable(cfg); err != nil {
		return err
	}
	report, err := s.loadStktc(stop, cfg, options{})
	if err != nil {
		return err
	}
	r.check(at, run, report)
	l := loadStage(report)
	grown := l.Target.RSS - report.Stages[0].Target.RSS + report.Stages[0].Target.Growth
	isCosted := isCosted(l, l.Target)
	s.tell("run %d, %s: %s", run+1, at.name, told(isCosted && at.keys >= leastKeys, "%.0f ns an update in, %.1f in or out, %.1f bytes a key", l.Target.PerUpdate, l.Target.PerMoved, float64(grown)/float64(at.keys)))
	r.addIf(isCosted, at, perUpdateIn, "ns", l.Target.PerUpdate)
	r.addIf(isCosted, at, perUpdateMoved, "ns", l.Target.PerMoved)
	r.add(at, "updates out for an update in", "", float64(l.UpdatesOut)/float64(max(1, l.UpdatesIn)))
	r.addIf(isTimed(l), at, updatesIn, "/s", l.InPerSecond)
	r.add(at, "rates were right, late by", "s", float64(slices.MaxFunc(report.Looks, func(a, b load.Look) int { return cmp.Compare(a.RatesLate, b.RatesLate) }).RatesLate))
	r.addIf(at.keys >= leastKeys, at, growth, "MB", float64(grown)/1e6)
	r.addIf(at.keys >= leastKeys, at, growthAKey, "bytes", float64(grown)/float64(at.keys))
	return nil
}

// Where points are on an axis.
func inKeys(p in) float64  { return float64(p.keys) }
func inNodes(p in) float64 { return float64(p.nodes) }
func decades(p in) float64 { return math.Log10(float64(p.keys)) }

// series lists the points of a series.
func (r *Result) series(prefix string) []in {
	var all []in
	for _, f := range r.Figures {
		if at := (in{f.Case, f.Keys, f.Nodes}); strings.HasPrefix(f.Case, prefix) && !slices.Contains(all, at) {
			all = append(all, at)
		}
	}
	return all
}

// slopes adds what lines through the medians say.
func (r *Result) slopes() {
	at := in{name: "slopes"}
	if keys := r.series(byKeys); len(keys) > 1 {
		r.addSlope(at, "CPU an update in or out, for ten times the keys", "ns", 1, keys, decades, perUpdateMoved)
		r.addSlope(at, "memory, for one more key", "bytes", 1e6, keys, inKeys, growth)
	}
	if nodes := r.series(byNodes); len(nodes) > 1 {
		r.addSlope(at, "CPU an update in, for one more node", "ns", 1, nodes, inNodes, perUpdateIn)
		r.addSlope(at, "CPU an update in or out, for one more node", "ns", 1, nodes, inNodes, perUpdateMoved)
		r.addSlope(at, "memory of a key, for one more node", "bytes", 1, nodes, inNodes, growthAKey)
	}
}

// addSlope adds the slope of a line through a figure's medians, in units of which so many are one of the figure's.
func (r *Result) addSlope(at in, name, unit string, units float64, points []in, x func(in) float64, of string) {
	r.addIf(r.areMeasured(points, of), at, name, unit, units*r.slope(points, x, of))
}

// areMeasured tells whether a figure means something at all points.
func (r *Result) areMeasured(points []in, name string) bool {
	return !slices.ContainsFunc(points, func(p in) bool { return r.figure(p.name, name).TooSmall })
}

func (r *Result) slope(points []in, x func(in) float64, name string) float64 {
	m, _ := r.line(points, x, name)
	return m
}

// line is that of least squares through a figure's medians: y = m·x + b.
func (r *Result) line(points []in, x func(in) float64, name string) (m, b float64) {
	var n, sx, sy, sxx, sxy float64
	for _, p := range points {
		f := r.figure(p.name, name)
		n, sx, sy, sxx, sxy = n+1, sx+x(p), sy+f.Median, sxx+x(p)*x(p), sxy+x(p)*f.Median
	}
	if d := n*sxx - sx*sx; d != 0 {
		m = (n*sxy - sx*sy) / d
	}
	return m, (sy - m*sx) / n
}
