package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"stktc/cmd/internal/load"
)

func (c *command) latencyCommand() *cli.Command {
	return &cli.Command{
		Name:      "latency",
		Category:  measure,
		Usage:     "measure how long a count takes from one node to the sum on another",
		UsageText: "stktload latency [--runs N] [--keys N] [--many-keys N] [--rate N] [--duration TIME] …",
		Description: "Two nodes do nothing but push updates that are timed until the other one has their sum, while two others do nothing, push --rate updates a\n" +
			"second, or push flat out. Then the two others go through what makes an aggregator stall, with --many-keys keys: the table grows, sessions are lost and\n" +
			"everything is taught anew, a node restarts with nothing so that what it had is dropped, and at last all entries expire. All sums of those two are compared; who\n" +
			"times looks at nothing but what is timed, or its own work would be timed too. A process that only echoes is timed beside all of it: what the machine takes by\n" +
			"itself, where nobody sums.",
		Flags: slices.Concat(trialFlags(1), loadFlag("duration", "updates", "linger"), []cli.Flag{
			keysFlag(),
			countFlag(how, "rate", 100_000, "`N` updates a second beside those that are timed"),
			countFlag(how, "probes", 500, "`N` timed updates a second and node"),
			countFlag(how, "many-keys", 10_000_000, "number of keys for the longest stalls; 0 leaves that out"),
			countFlag(how, "grow-rate", 250_000, "updates a second at which that many keys come: more, and two cores have no time left"),
			&cli.DurationFlag{Category: how, Name: "fade-expire", Value: 3 * time.Minute, Usage: "life of that many keys until they expire, longer than they take to come"},
		}),
		Action: c.measured(func(stop context.Context, ctx *cli.Context, s *stand) (*Result, error) { return s.latency(stop, ctx) }),
	}
}

// latencyCase is a load beside which updates are timed.
type latencyCase struct {
	at     in
	cfg    load.Config
	more   string            // lines of the aggregator's file
	stages map[string]string // that are told: their names, and what they are
}

func (s *stand) latency(stop context.Context, ctx *cli.Context) (*Result, error) {
	cases, err := latencyCases(ctx)
	if err != nil {
		return nil, err
	}
	echo, end, err := startEcho()
	if err != nil {
		return nil, err
	}
	defer end()
	r := s.newResult(ctx, "time from a push to the sum on another node; 4 nodes, of which 2 only push what is timed", &cases[0].cfg)
	for run := range ctx.Int("runs") {
		for _, c := range cases {
			c.cfg.Echo = echo
			report, err := s.loadStktc(stop, c.cfg, options{more: c.more})
			if err != nil {
				return r, err
			}
			r.check(c.at, run, report)
			for i := range report.Stages {
				s.tellLatency(r, run, &c, &report.Stages[i])
			}
		}
	}
	return r, nil
}

func (s *stand) tellLatency(r *Result, run int, c *latencyCase, stage *load.Stage) {
	what, isTold := c.stages[stage.Name]
	l := stage.Latency
	if !isTold || l == nil {
		return
	}
	at := in{what, c.cfg.Keys, len(c.cfg.Nodes)}
	bare := ""
	if f := stage.Floor; f != nil {
		bare = fmt.Sprintf("; a bare echo: p99 %s, longest %.3g ms", told(hasQuantile(f, 0.01), "%.3g ms", f.P99), f.Longest)
	}
	s.tell("run %d, %s: p50 %.3g ms, p99 %s, longest %.3g ms%s", run+1, what, l.P50, told(hasQuantile(l, 0.01), "%.3g ms", l.P99), l.Longest, bare)
	r.add(at, "p50", "ms", l.P50)
	r.addIf(hasQuantile(l, 0.01), at, "p99", "ms", l.P99)
	r.addIf(hasQuantile(l, 0.001), at, "p99.9", "ms", l.P999)
	r.add(at, "longest", "ms", l.Longest)
	r.add(at, "pushes timed", "", float64(l.Count))
	if f := stage.Floor; f != nil {
		r.addIf(hasQuantile(f, 0.01), at, "p99 of a bare echo", "ms", f.P99)
		r.add(at, longestEcho, "ms", f.Longest)
	}
}

const longestEcho = "longest of a bare echo"

func latencyCases(ctx *cli.Context) ([]latencyCase, error) {
	base, err := trial(ctx)
	if err != nil {
		return nil, err
	}
	base.Nodes, base.Keys, base.Duration, base.Probes, base.Recorded, base.Linger, base.Looks = nodeNames(4), ctx.Int("keys"), ctx.Duration("duration"), ctx.Int("probes"), false, ctx.Duration("linger"), 1
	base.Idle = base.Nodes[2:]
	keys := short(float64(base.Keys)) + " keys"
	idle, paced, flat := base, base, base
	idle.Rate = 1
	paced.Rate = ctx.Int("rate")
	flat.Recorded, flat.Updates = true, ctx.Int("updates")
	if flat.Updates == 0 {
		flat.Updates = 2 * usualUpdates(base.Keys)
	}
	told := func(what string) map[string]string { return map[string]string{"load": what + ", " + keys} }
	cases := []latencyCase{
		{cfg: idle, stages: told("idle")},
		{cfg: paced, stages: told(fmt.Sprintf("beside %s updates a second", short(float64(paced.Rate))))},
		{cfg: flat, stages: told("beside a load flat out")},
	}
	if many, pace := ctx.Int("many-keys"), ctx.Int("grow-rate"); many > 0 {
		if came := time.Duration(len(base.Nodes)-len(base.Idle)) * time.Second * time.Duration(many) / time.Duration(max(1, pace)); came > ctx.Duration("fade-expire") {
			return nil, usagef("--fade-expire %v: %s keys take %v to come at --grow-rate %s, and must live longer", ctx.Duration("fade-expire"), short(float64(many)), came.Round(time.Second), short(float64(pace)))
		}
		cases = append(cases, stallCases(ctx, base)...)
	}
	for i := range cases {
		cases[i].at = in{name: fmt.Sprintf("load %d of %d", i+1, len(cases))}
		if err := mustBePlayable(cases[i].cfg); err != nil {
			return nil, err
		}
	}
	return cases, nil
}

// stallCases are what makes an aggregator with many keys stall.
func stallCases(ctx *cli.Context, base load.Config) []latencyCase {
	base.Keys, base.FillRate, base.Rate = ctx.Int("many-keys"), ctx.Int("grow-rate"), 1
	base.Settle = max(base.Settle, 2*time.Minute)
	keys := short(float64(base.Keys)) + " keys"
	events, fade := base, base
	events.Events = []load.Event{load.Relearn, load.Forget}
	fade.Events, fade.Definition.Expire = []load.Event{load.Fade}, ctx.Duration("fade-expire")
	return []latencyCase{
		{cfg: events, more: "  give-back off\n", stages: map[string]string{
			"fill": keys + ", while they come", "relearn": keys + ", sessions lost and everything taught anew", "forget": keys + ", dropped of one node",
		}},
		{cfg: fade, stages: map[string]string{"fade": keys + ", while they expire"}},
	}
}
