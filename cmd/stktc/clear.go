package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"stktc/cmd/internal/console"
	statscli "stktc/runtime/cli"
)

func (c *command) clearCommand() *cli.Command {
	return &cli.Command{
		Name:      "clear",
		Usage:     "clear a key of a running aggregator's table, and of the nodes' own",
		UsageText: "stktc clear TABLE KEY [--socket PATH|HOST:PORT] [--nodes SOCKET,…] [--json]",
		Description: "TABLE is one that the aggregator makes, by the name that stktc show has for it. A node that keeps what it counted of the key teaches it again: with\n" +
			"--nodes, the stats sockets of HAProxys, the key is cleared there first, in the tables that TABLE is the sum of and in those where the nodes show\n" +
			"the sum, and then in the aggregator. An entry that HAProxy cannot remove, for connections use it, is set to 0. The sockets must have level operator.\n" +
			"Exits with 3 when the key could not be cleared everywhere.",
		Flags: []cli.Flag{
			socketFlag(),
			&cli.StringSliceFlag{Name: "nodes", Usage: "stats sockets of the nodes: `SOCKET`,…, each a path or HOST:PORT"},
			&cli.BoolFlag{Name: "json", Usage: "answer in JSON"},
			socketColorFlag(),
		},
		Action: c.clear,
	}
}

// clear is one key to be cleared.
type clear struct {
	*command
	ctx        context.Context
	socket     string
	table, key string
	source     string // table that the nodes count in; empty for one that comes from above
	report     clearReport
}

// clearReport is what was done, and the answer in JSON.
type clearReport struct {
	Table      string             `json:"table"`
	Key        string             `json:"key"`
	Nodes      []clearedNode      `json:"nodes"`
	Aggregator []statscli.Cleared `json:"aggregator"` // empty: it did not have the key
	Left       []string           `json:"left"`       // what remains to be done, in sentences
}

// clearedNode is one table of a node.
type clearedNode struct {
	Socket string `json:"socket"`
	Table  string `json:"table"`
	Result string `json:"result"` // cleared, set to 0, or absent
	Error  string `json:"error,omitempty"`
}

func (c *command) clear(ctx *cli.Context) error {
	if ctx.NArg() != 2 || ctx.Args().Get(0) == "" || ctx.Args().Get(1) == "" {
		return usagef("clear takes a table and a key, not %d arguments", ctx.NArg())
	}
	color, err := c.color(ctx.String("color"))
	if err != nil {
		return err
	}
	socket, err := socketOf(ctx)
	if err != nil {
		return err
	}
	stop, cancel := signal.NotifyContext(context.WithoutCancel(ctx.Context), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	r := &clear{command: c, ctx: stop, socket: socket, table: ctx.Args().Get(0), key: ctx.Args().Get(1)}
	if err := r.prepare(); err != nil {
		return err
	}
	r.report = clearReport{Table: r.table, Key: r.key, Nodes: []clearedNode{}, Aggregator: []statscli.Cleared{}, Left: []string{}}
	for _, socket := range splitSockets(ctx.StringSlice("nodes")) {
		r.clearNode(socket)
	}
	if len(r.report.Nodes) > 0 {
		r.wait() // what a node sent before it was cleared may be under way
	}
	if err := r.clearAggregator(); err != nil {
		return err
	}
	if err := r.whatIsLeft(); err != nil {
		return err
	}
	return r.tell(ctx.Bool("json"), color)
}

// settle is how long updates may be under way between a node and the aggregator.
const settle = 200 * time.Millisecond

func (r *clear) wait() {
	select {
	case <-time.After(settle):
	case <-r.ctx.Done():
	}
}

func splitSockets(lists []string) (sockets []string) {
	for _, list := range lists {
		for _, s := range strings.Split(list, ",") {
			if s != "" {
				sockets = append(sockets, s)
			}
		}
	}
	return sockets
}

// prepare finds the table, and sees that the aggregator will clear the key, before anything is cleared elsewhere.
func (r *clear) prepare() error {
	sections, err := ask[[]statscli.Section](r.ctx, r.socket, "show", "aggrs")
	if err != nil {
		return err
	}
	if err := r.find(sections); err != nil {
		return err
	}
	if _, err := ask[[]statscli.Contributions](r.ctx, r.socket, "show", "contributions", r.table, "key", r.key); err != nil {
		return fmt.Errorf("nothing was cleared: %w", err)
	}
	return nil
}

// find takes over what the aggregator says of the table.
func (r *clear) find(sections []statscli.Section) error {
	var made []string
	for i := range sections {
		for _, t := range sections[i].Tables {
			switch {
			case t.Name == r.table && t.Kind == "lease":
				return fmt.Errorf("`%s` is the aggregator's own lease, which nobody counts", r.table)
			case t.Name == r.table:
				if t.Kind == "sum" {
					r.source = t.Source
				}
				return nil
			case t.Source == r.table:
				return fmt.Errorf("`%s` is what nodes count in: clear the sum of it, `%s`", r.table, t.Name)
			case t.Kind != "lease":
				made = append(made, t.Name)
			}
		}
	}
	for _, name := range made {
		if strings.TrimPrefix(name, "/") == r.table {
			return fmt.Errorf("the aggregator makes no table `%s`, did you mean `%s`", r.table, name)
		}
	}
	if made == nil {
		return fmt.Errorf("the aggregator makes no table `%s`, and no other yet", r.table)
	}
	return fmt.Errorf("the aggregator makes no table `%s`, only `%s`", r.table, strings.Join(made, "`, `"))
}

// ask gives an answer in JSON.
func ask[T any](ctx context.Context, socket string, words ...string) (v T, err error) {
	err = console.Ask(ctx, socket, question(words...)+" json", func(r io.Reader) error {
		return json.NewDecoder(r).Decode(&v)
	})
	return v, err
}

func (r *clear) clearAggregator() (err error) {
	r.report.Aggregator, err = ask[[]statscli.Cleared](r.ctx, r.socket, "clear", "table", r.table, "key", r.key)
	return err
}

// whatIsLeft looks who contributes now, and says where the key may come back from.
func (r *clear) whatIsLeft() error {
	failed := len(r.report.Nodes) == 0 || r.source == ""
	for _, n := range r.report.Nodes {
		failed = failed || n.Error != ""
	}
	if failed {
		for _, c := range r.report.Aggregator {
			r.report.Left = append(r.report.Left, c.Note)
		}
		return nil
	}
	r.wait()
	now, err := ask[[]statscli.Contributions](r.ctx, r.socket, "show", "contributions", r.table, "key", r.key)
	for _, c := range now {
		for _, p := range c.Contributions {
			r.report.Left = append(r.report.Left, fmt.Sprintf("%s has sent the key anew: it counts it, or its socket was not given", p.Peer))
		}
	}
	return err
}

// tell prints the report.
func (r *clear) tell(asJSON, color bool) error {
	failed := false
	var steps []console.Step
	for _, n := range r.report.Nodes {
		failed = failed || n.Error != ""
		steps = append(steps, console.Step{Where: n.Socket, What: n.Table, Result: cmp.Or(n.Error, n.Result), Failed: n.Error != ""})
	}
	for _, c := range r.report.Aggregator {
		steps = append(steps, console.Step{Where: r.socket, What: c.Table, Result: resultCleared})
	}
	if len(r.report.Aggregator) == 0 {
		steps = append(steps, console.Step{Where: r.socket, What: r.table, Result: resultAbsent})
	}
	err := r.print(asJSON, &console.Printer{Out: r.stdout, Width: r.terminalWidth(), Color: color}, steps)
	if err == nil && failed {
		return exit(exitFailed)
	}
	return err
}

func (r *clear) print(asJSON bool, p *console.Printer, steps []console.Step) error {
	if asJSON {
		return json.NewEncoder(r.stdout).Encode(r.report)
	}
	return p.Steps(steps, r.report.Left)
}
