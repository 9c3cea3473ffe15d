package main

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing/fstest"
	"time"

	"github.com/urfave/cli/v2"

	"stktc/cmd/internal/load"
	"stktc/grammar/diag"
	topologyload "stktc/topology/load"
	"stktc/topology/sticktable"
)

// Categories of the help.
const (
	measure = "Measure on this machine"
	which   = "the programs:"
	whom    = "whom to load:"
	what    = "the table:"
	how     = "the load:"
	tells   = "the report:"
)

func targetFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Category: whom, Name: "target", Usage: "`ADDRESS` to dial, HOST:PORT or a UNIX socket's path; without it the target must dial"},
		&cli.StringFlag{Category: whom, Name: "target-name", Usage: "the target's own peer `NAME`"},
		&cli.IntFlag{Category: whom, Name: "nodes", Value: 2, Usage: "play `N` nodes"},
		&cli.StringFlag{Category: whom, Name: "local-names", Usage: "the nodes' peer `NAMES`, with commas between them, default lb1,lb2…"},
		&cli.StringFlag{Category: whom, Name: "listen", Usage: "`ADDRESSES` at which the nodes wait for the target to dial, one for each node, with commas between them"},
		&cli.DurationFlag{Category: whom, Name: "connect-timeout", Value: 10 * time.Second, Usage: "limit for all sessions to be up"},
		&cli.IntFlag{Category: whom, Name: "pid", Usage: "the target's process, to tell its CPU time and memory"},
	}
}

func tableFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Category: what, Name: "table", Value: "t", Usage: "`NAME` on the wire without suffix; /NAME for a table of a peers section"},
		&cli.StringFlag{Category: what, Name: "from", Value: ".raw", Usage: "`SUFFIX` of the table that the nodes count in"},
		&cli.StringFlag{Category: what, Name: "to", Value: ".sum", Usage: "`SUFFIX` of the table of sums"},
		&cli.BoolFlag{Category: what, Name: "receive-only", Usage: "expect no sums: the target only receives, as a HAProxy does"},
		&cli.StringFlag{Category: what, Name: "key", Value: "ip", Usage: "`TYPE` of the key: ip, ipv6, integer, string [len N], binary [len N]"},
		&cli.StringFlag{Category: what, Name: "store", Value: "gpc0,http_req_cnt,http_req_rate(10s)", Usage: "`LIST` of data types, as in HAProxy's configuration"},
		&cli.StringFlag{Category: what, Name: "expire", Value: "1h", Usage: "life of an entry, a `TIME` as in HAProxy's configuration"},
	}
}

func loadFlags() []cli.Flag {
	return []cli.Flag{
		countFlag(how, "keys", 100_000, "number of keys"),
		&cli.StringFlag{Category: how, Name: "order", Value: string(load.Scattered), Usage: "of the keys: scattered or in-order"},
		&cli.StringFlag{Category: how, Name: "distribution", Value: string(load.Uniform), Usage: "of the updates over the keys: uniform or zipf"},
		&cli.Float64Flag{Category: how, Name: "zipf-exponent", Value: 1, Usage: "how uneven zipf is"},
		&cli.Uint64Flag{Category: how, Name: "seed", Value: 1, Usage: "of whatever is random"},
		countFlag(how, "updates", 0, "send `N` updates in all; of a recorded load an eighth more, before it"),
		&cli.DurationFlag{Category: how, Name: "duration", Value: 10 * time.Second, Usage: "instead of --updates: load for so long"},
		countFlag(how, "rate", 0, "updates a second in all, default as fast as the target takes them"),
		&cli.DurationFlag{Category: how, Name: "tick", Value: time.Millisecond, Usage: "with --rate: how often a node writes what is due"},
		&cli.BoolFlag{Category: how, Name: "no-fill", Usage: "do not push each key once before the load"},
		&cli.BoolFlag{Category: how, Name: "recorded", Usage: "encode the load before it begins, and decode the sums when it is over: leaves the machine to the target; with --updates only"},
		countFlag(how, "probes", 200, "updates a second and node that are timed until another node has their sum"),
		&cli.IntFlag{Category: how, Name: "reconnects", Usage: "each node drops its session `N` times during the load; see --flaky"},
		&cli.IntFlag{Category: how, Name: "restarts", Usage: "each node restarts with nothing `N` times during the load, and is given back what the target knows of it; see --flaky"},
		&cli.StringFlag{Category: how, Name: "flaky", Usage: "`NAMES` of the nodes that reconnect and restart, default all but those that are deaf or idle"},
		&cli.StringFlag{Category: how, Name: "idle", Usage: "`NAMES` of nodes that push nothing but updates that are timed; then only theirs are"},
		countFlag(how, "fill-rate", 0, "updates a second in all while each key is pushed once, default as fast as the target takes them"),
		&cli.StringFlag{Category: how, Name: "events", Usage: "`LIST` of what happens behind the load: relearn, forget, fade"},
		&cli.DurationFlag{Category: how, Name: "linger", Value: 2 * time.Second, Usage: "with --events: how long idle nodes go on behind each"},
		&cli.DurationFlag{Category: how, Name: "away", Value: 100 * time.Millisecond, Usage: "how long a node stays away after each --reconnects and --restarts"},
		&cli.StringFlag{Category: how, Name: "deaf", Usage: "`NAMES` of nodes that do not read during the load; they take no part in --reconnects and --restarts"},
		&cli.StringFlag{Category: how, Name: "slow", Usage: "`NAMES` of nodes that read slowly during the load"},
		countFlag(how, "slow-rate", 64_000, "how slowly, in bytes a second"),
	}
}

func reportFlags() []cli.Flag {
	return []cli.Flag{
		&cli.DurationFlag{Category: tells, Name: "settle", Value: 30 * time.Second, Usage: "limit for the sums to be complete after the last push, and for the load to stand still"},
		&cli.IntFlag{Category: tells, Name: "looks", Value: 3, Usage: "compare all sums `N` times"},
		&cli.DurationFlag{Category: tells, Name: "look-every", Value: 2 * time.Second, Usage: "time between two comparisons"},
		&cli.BoolFlag{Category: tells, Name: "json", Usage: "write the report as JSON"},
		&cli.BoolFlag{Category: tells, Name: "no-progress", Usage: "show no progress on a terminal"},
	}
}

// config reads the flags that say what to load and how.
func config(ctx *cli.Context) (load.Config, error) {
	if err := checkSigns(ctx); err != nil {
		return load.Config{}, err
	}
	c := load.Config{
		Target: ctx.String("target"), TargetName: ctx.String("target-name"), Nodes: names(ctx), Listen: list(ctx.String("listen")),
		Connect: ctx.Duration("connect-timeout"), Linger: ctx.Duration("linger"), PID: ctx.Int("pid"),
		Table: ctx.String("table"), From: ctx.String("from"), To: ctx.String("to"),
		Reconnects: ctx.Int("reconnects"), Restarts: ctx.Int("restarts"), Idle: list(ctx.String("idle")), FillRate: ctx.Int("fill-rate"), Away: ctx.Duration("away"), Flaky: list(ctx.String("flaky")), Deaf: list(ctx.String("deaf")), Slow: list(ctx.String("slow")), SlowRate: ctx.Int("slow-rate"),
		Settle: ctx.Duration("settle"), Looks: ctx.Int("looks"), LookEvery: ctx.Duration("look-every"),
	}
	if ctx.Bool("receive-only") {
		c.To = ""
	}
	if err := shape(ctx, &c); err != nil {
		return c, err
	}
	if err := amount(ctx, "order", ctx.String("order"), &c); err != nil {
		return c, err
	}
	for _, e := range list(ctx.String("events")) {
		c.Events = append(c.Events, load.Event(e))
	}
	if n := ctx.Int("nodes"); ctx.IsSet("nodes") && n != len(c.Nodes) {
		return c, usagef("--nodes %d, but --local-names has %d names; one of the two is enough", n, len(c.Nodes))
	}
	if c.PID != 0 && errors.Is(syscall.Kill(c.PID, 0), syscall.ESRCH) {
		return c, usagef("--pid %d: there is no such process", c.PID)
	}
	return c, mustBePlayable(c)
}

// shape reads what a table holds.
func shape(ctx *cli.Context, c *load.Config) (err error) {
	c.Definition, err = definition(ctx.String("key"), ctx.String("expire"), ctx.String("store"))
	return err
}

// amount reads how much is to be sent, and in which order, that a flag gave.
func amount(ctx *cli.Context, flag, inOrder string, c *load.Config) (err error) {
	c.Keys, c.Updates, c.Duration, c.Rate = ctx.Int("keys"), ctx.Int("updates"), ctx.Duration("duration"), ctx.Int("rate")
	if c.Order, err = order(flag, inOrder); err != nil {
		return err
	}
	c.Distribution = load.Distribution(ctx.String("distribution"))
	c.ZipfExponent, c.Seed = ctx.Float64("zipf-exponent"), ctx.Uint64("seed")
	c.Tick, c.NoFill, c.Probes = ctx.Duration("tick"), ctx.Bool("no-fill"), ctx.Int("probes")
	if c.Recorded = ctx.Bool("recorded"); c.Recorded && !ctx.IsSet("probes") {
		c.Probes = 0
	}
	switch {
	case ctx.IsSet("updates") && ctx.IsSet("duration"):
		return usagef("--updates and --duration exclude each other")
	case c.Distribution != load.Uniform && c.Distribution != load.Zipf:
		return usagef("--distribution %q: accepted are %s and %s", c.Distribution, load.Uniform, load.Zipf)
	}
	return nil
}

// order reads the order of the keys that a flag gave.
func order(flag, text string) (load.Order, error) {
	o := load.Order(text)
	if o != load.Scattered && o != load.InOrder {
		return "", usagef("--%s %q: accepted are %s and %s", flag, text, load.Scattered, load.InOrder)
	}
	return o, nil
}

// names gives the nodes' names: as many as --nodes says, or as --local-names has.
func names(ctx *cli.Context) []string {
	if given := list(ctx.String("local-names")); given != nil {
		return given
	}
	return nodeNames(ctx.Int("nodes"))
}

// nodeNames gives the names of n nodes.
func nodeNames(n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("lb%d", i+1))
	}
	return all
}

// list splits at commas.
func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// definition reads a table's shape with the reader of HAProxy's configurations, so that what is accepted there is accepted here, in the same words.
func definition(key, expire, store string) (sticktable.Definition, error) {
	const file = "haproxy.cfg"
	text := fmt.Sprintf("peers p\n  peer a 127.0.0.1:1\n  table t type %s size 1 expire %s store %s\n", key, expire, store)
	host := topologyload.Host{Dir: "a", FS: fstest.MapFS{file: &fstest.MapFile{Data: []byte(text)}}, Paths: []string{file}}
	cluster, findings, err := topologyload.Deployed([]topologyload.Host{host})
	if err != nil {
		return sticktable.Definition{}, err
	}
	for _, f := range findings {
		if f.Severity == diag.Error {
			return sticktable.Definition{}, usagef("--key %q --expire %q --store %q: %s", key, expire, store, f.Summary)
		}
	}
	if len(cluster.Nodes) != 1 || len(cluster.Nodes[0].Tables) != 1 {
		return sticktable.Definition{}, usagef("--key %q --expire %q --store %q are not what one table line holds", key, expire, store)
	}
	return cluster.Nodes[0].Tables[0].Shape.Definition, nil
}
