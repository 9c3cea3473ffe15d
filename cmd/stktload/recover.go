package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"stktc/cmd/internal/haproxy"
	"stktc/cmd/internal/load"
	"stktc/topology/sticktable"
)

func (c *command) recoverCommand() *cli.Command {
	return &cli.Command{
		Name:      "recover",
		Category:  measure,
		Usage:     "kill an aggregator of real HAProxy nodes, and measure when their sums are right again",
		UsageText: "stktload recover [--runs N] [--keys N] [--samples N] …",
		Description: "Starts two real HAProxy nodes and an aggregator, and fills the nodes' tables. Then the aggregator is killed (SIGKILL), every counter on the\n" +
			"nodes rises, and the aggregator is started again. From then on the sums of some keys are read through both nodes' stats sockets again and again: each must\n" +
			"be as it was before or as it must be now, never in between. At last all sums of both nodes are compared.",
		Flags: slices.Concat(trialFlags(3), haproxyFlags(0), []cli.Flag{
			keysFlag(),
			countFlag(how, "samples", 200, "number of keys that are read all the time"),
			&cli.DurationFlag{Category: tells, Name: "limit", Value: time.Minute, Usage: "for the sums to be right"},
		}),
		Action: c.measured(func(stop context.Context, ctx *cli.Context, s *stand) (*Result, error) {
			return c.recover(stop, ctx, s)
		}),
	}
}

func (c *command) recover(stop context.Context, ctx *cli.Context, s *stand) (*Result, error) {
	cfg, err := trial(ctx)
	if err != nil {
		return nil, err
	}
	cfg.Keys, cfg.Updates = ctx.Int("keys"), ctx.Int("keys")
	switch {
	case cfg.Definition.Key != sticktable.IPv4 || cfg.Definition.Column(sticktable.GPC0) == nil:
		return nil, usagef("--key %q --store %q: recover takes keys of type `ip` and needs `gpc0` stored", ctx.String("key"), ctx.String("store"))
	case ctx.Int("samples") < 1 || ctx.Int("samples") > cfg.Keys:
		return nil, usagef("--samples %d: accepted are 1 to the number of keys, %d", ctx.Int("samples"), cfg.Keys)
	}
	if err := mustBePlayable(cfg); err != nil {
		return nil, err
	}
	if err := s.needHAProxy(c, ctx); err != nil {
		return nil, err
	}
	r := s.newResult(ctx, fmt.Sprintf("an aggregator of two HAProxy nodes with %s keys is killed and started again", short(float64(cfg.Keys))), &cfg)
	for run := range ctx.Int("runs") {
		if err := s.recoverOnce(stop, ctx, run, r, cfg); err != nil {
			return r, err
		}
	}
	return r, nil
}

// recovery is one run.
type recovery struct {
	*stand
	cfg     load.Config
	address string // of the aggregator
	file    string // its configuration
	nodes   []*haproxy.Process
	at      []string // the nodes' peer addresses
	samples []string // keys
	limit   time.Duration
}

func (s *stand) recoverOnce(stop context.Context, ctx *cli.Context, run int, r *Result, cfg load.Config) error {
	v := &recovery{stand: s, cfg: cfg, limit: ctx.Duration("limit")}
	for i := range ctx.Int("samples") {
		v.samples = append(v.samples, load.IPv4Key(i*(cfg.Keys/ctx.Int("samples"))))
	}
	defer v.stop()
	if err := v.startNodes(stop); err != nil {
		return err
	}
	at := in{fmt.Sprintf("%s keys", short(float64(cfg.Keys))), cfg.Keys, 2}
	if err := v.teach(stop, 1); err != nil {
		return err
	}
	first, atFirst, old, err := v.watch(stop, nil)
	if err != nil {
		return err
	}
	r.add(at, "first start: sums right on both nodes", "s", first.Seconds())
	if err := v.teach(stop, 2); err != nil {
		return err
	}
	again, seen, _, err := v.watch(stop, old)
	if err != nil {
		return err
	}
	seen.add(atFirst)
	r.add(at, "killed and started again: sums right on both nodes", "s", again.Seconds())
	r.add(at, "sums read meanwhile", "", float64(seen.read))
	r.add(at, "of them neither the old nor the new", "", float64(seen.partial))
	compared, wrong, err := v.compareAll(stop)
	if err != nil {
		return err
	}
	r.add(at, "sums compared at the end", "", float64(compared))
	s.tell("run %d: right after %.2f s at the first start, after %.2f s when it was killed; %d sums read meanwhile, %d neither old nor new; %d compared at the end, %d wrong",
		run+1, first.Seconds(), again.Seconds(), seen.read, seen.partial, compared, wrong)
	if seen.partial > 0 || wrong > 0 {
		r.Wrong = append(r.Wrong, fmt.Sprintf("run %d: %d sums were neither the old nor the new, %d were wrong at the end; the first: %s", run+1, seen.partial, wrong, seen.example))
	}
	return nil
}

func (v *recovery) stop() {
	for _, n := range v.nodes {
		n.Stop()
	}
}

const teacherName = "teacher"

// startNodes starts two nodes which know the aggregator and the teacher, and writes the aggregator's file.
func (v *recovery) startNodes(ctx context.Context) error {
	free, err := freeAddresses(4)
	if err != nil {
		return err
	}
	v.address, v.at = free[0], free[1:3]
	known := map[string]string{}
	for i, name := range v.cfg.Nodes {
		known[name] = v.at[i]
		text := fmt.Sprintf("peers p\n  peer %s %s\n  peer %s %s\n  peer %s %s\n%s%s", name, v.at[i], targetName, v.address, teacherName, free[3],
			tableLine(&v.cfg, v.cfg.From), tableLine(&v.cfg, v.cfg.To))
		if v.threads > 0 {
			text = fmt.Sprintf("global\n  nbthread %d\n", v.threads) + text
		}
		p, err := haproxy.Start(ctx, haproxy.Config{Binary: v.haproxy, Name: name, Text: text})
		if err != nil {
			return err
		}
		v.nodes = append(v.nodes, p)
	}
	cfg := v.cfg
	cfg.Target = v.address
	text, err := v.configText(&cfg, options{at: known})
	if err != nil {
		return err
	}
	v.file = filepath.Join(v.dir, "hapee-stktagg.cfg")
	return os.WriteFile(v.file, []byte(text), 0o600)
}

// teach pushes laps of all keys to both nodes. HAProxy teaches what it learned: to the aggregator it is what the node counted.
func (v *recovery) teach(ctx context.Context, laps int) error {
	for i, name := range v.cfg.Nodes {
		cfg := v.cfg
		cfg.Nodes, cfg.TargetName, cfg.Target, cfg.To = []string{teacherName}, name, v.at[i], ""
		cfg.Seed += uint64(i)
		cfg.Updates = max(1, (laps-1)*cfg.Keys)
		report, err := load.Run(ctx, cfg)
		if err != nil {
			return fmt.Errorf("filling %s: %w", name, err)
		}
		if !report.IsRight() {
			return fmt.Errorf("filling %s: %s", name, report.Verdict())
		}
	}
	return nil
}

// seen is what was read of the sums before they were right.
type seen struct {
	read, partial int
	example       string
}

func (s *seen) add(o seen) {
	s.read += o.read
	s.partial += o.partial
	if o.partial > 0 {
		s.example = o.example
	}
}

// lookEvery leaves the nodes time for something else than answering: at 20 ms asking alone took 4 to 10 % of both cores.
const lookEvery = 50 * time.Millisecond

// stillFor is how long sums must stay right: a passing instant is not right.
const stillFor = time.Second

// watch starts the aggregator, reads the samples until they are what they must be on both nodes, and kills it when they have been for a while. It tells how long that
// took from the start. old is what the sums were, nil if there were none.
func (v *recovery) watch(ctx context.Context, old map[string]uint64) (took time.Duration, w seen, want map[string]uint64, err error) {
	if want, err = v.expected(ctx); err != nil {
		return
	}
	began := time.Now()
	agg, err := v.runStktc(ctx, v.file, v.address, 0)
	if err != nil {
		return
	}
	defer agg.kill()
	var right time.Time
	for {
		isRight, err := v.look(ctx, &w, old, want)
		now := time.Now()
		switch {
		case err != nil:
			return 0, w, want, err
		case !isRight:
			right = time.Time{}
		case right.IsZero():
			right = now
		case now.Sub(right) > stillFor:
			if w.partial > 0 {
				fmt.Fprintf(v.stderr, "%s\n%s", w.example, agg.killed())
			}
			return right.Sub(began), w, want, nil
		}
		time.Sleep(lookEvery)
		if now.Sub(began) > v.limit+stillFor {
			return 0, w, want, fmt.Errorf("the sums are not right within %v; stktc run said:\n%s", v.limit, agg.killed())
		}
	}
}

// expected adds up what the nodes themselves have of the samples.
func (v *recovery) expected(ctx context.Context) (map[string]uint64, error) {
	sums := map[string]uint64{}
	for _, n := range v.nodes {
		values, err := v.read(ctx, n, v.cfg.From)
		if err != nil {
			return nil, err
		}
		for _, key := range v.samples {
			if values[key] == 0 {
				return nil, fmt.Errorf("a node does not have key %s in %s", key, v.cfg.Table+v.cfg.From)
			}
			sums[key] = min(sums[key]+values[key], math.MaxUint32)
		}
	}
	return sums, nil
}

// look reads the sums of all samples on both nodes, and tells whether all are what they must be.
func (v *recovery) look(ctx context.Context, w *seen, old, want map[string]uint64) (isRight bool, err error) {
	isRight = true
	for i, n := range v.nodes {
		values, err := v.read(ctx, n, v.cfg.To)
		if err != nil {
			return false, err
		}
		for _, key := range v.samples {
			got := values[key]
			w.read++
			isRight = isRight && got == want[key]
			if got != want[key] && got != old[key] {
				if w.partial++; w.partial == 1 {
					w.example = fmt.Sprintf("%s of key %s on %s was %d, must be %d, was %d before", sticktable.GPC0, key, v.cfg.Nodes[i], got, want[key], old[key])
				}
			}
		}
	}
	return isRight, nil
}

// commandsAtOnce is how many keys are asked for in one line: HAProxy reads 16 KB at most.
const commandsAtOnce = 100

// read asks a node for gpc0 of the samples in one of its tables. A key that is not there is not in the result.
func (v *recovery) read(ctx context.Context, n *haproxy.Process, suffix string) (map[string]uint64, error) {
	table := "p/" + strings.TrimPrefix(v.cfg.Table+suffix, "/")
	values := map[string]uint64{}
	for some := range slices.Chunk(v.samples, commandsAtOnce) {
		var line strings.Builder
		for _, key := range some {
			fmt.Fprintf(&line, "show table %s key %s;", table, key)
		}
		reply, err := n.Command(ctx, strings.TrimSuffix(line.String(), ";"))
		if err != nil {
			return nil, err
		}
		tables, err := haproxy.ParseTables(reply)
		if err != nil {
			return nil, err
		}
		for _, t := range tables {
			for _, e := range t.Entries {
				values[e.Key], _ = e.Uint(sticktable.GPC0.String())
			}
		}
	}
	return values, nil
}

// compareAll compares every sum on both nodes with what the nodes have themselves.
func (v *recovery) compareAll(ctx context.Context) (compared, wrong int, err error) {
	want := map[string]uint64{}
	for _, n := range v.nodes {
		if err := v.each(ctx, n, v.cfg.From, func(key string, value uint64) { want[key] = min(want[key]+value, math.MaxUint32) }); err != nil {
			return 0, 0, err
		}
	}
	if len(want) != v.cfg.Keys {
		return 0, 0, fmt.Errorf("the nodes have %d keys, not %d", len(want), v.cfg.Keys)
	}
	for _, n := range v.nodes {
		right := 0
		err := v.each(ctx, n, v.cfg.To, func(key string, value uint64) {
			if compared++; value == want[key] {
				right++
			}
		})
		if err != nil {
			return 0, 0, err
		}
		wrong += len(want) - right
	}
	if compared == 0 {
		return 0, 0, errors.New("the nodes show no sums")
	}
	return compared, wrong, nil
}

// each reads a whole table of a node.
func (v *recovery) each(ctx context.Context, n *haproxy.Process, suffix string, do func(key string, gpc0 uint64)) error {
	table, err := n.ShowTable(ctx, "p/"+strings.TrimPrefix(v.cfg.Table+suffix, "/"))
	if err != nil {
		return err
	}
	for i := range table.Entries {
		value, _ := table.Entries[i].Uint(sticktable.GPC0.String())
		do(table.Entries[i].Key, value)
	}
	return nil
}
