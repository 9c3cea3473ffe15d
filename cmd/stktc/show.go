package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"stktc/cmd/internal/console"
	statscli "stktc/runtime/cli"
)

// defaultSockets are where it is asked without --socket: the path that stktc init writes, and that of the vendor's own samples.
var defaultSockets = []string{"/run/stktc/stats.socket", "/tmp/stktagg.socket"}

func socketFlag() cli.Flag {
	return &cli.StringFlag{
		Name: "socket", Usage: "the aggregator's stats socket: `PATH` or HOST:PORT",
		DefaultText: "the first that answers of " + strings.Join(defaultSockets, " and "),
	}
}

// socketOf is the stats socket to ask: what --socket says, or the first default at which somebody answers, or is there and must not be asked.
func socketOf(ctx *cli.Context) (string, error) {
	if ctx.IsSet("socket") {
		return ctx.String("socket"), nil
	}
	for _, path := range defaultSockets {
		conn, err := net.Dial("unix", path)
		if err == nil {
			conn.Close()
		}
		if err == nil || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
			return path, nil
		}
	}
	return "", fmt.Errorf("no aggregator answers on `%s`; --socket names another: the PATH or HOST:PORT behind `stats socket` in its file", strings.Join(defaultSockets, "` or `"))
}

func socketColorFlag() cli.Flag {
	return &cli.StringFlag{Name: "color", Value: "auto", Usage: "`WHEN` to color text: auto, always or never"}
}

func (c *command) showCommand() *cli.Command {
	return &cli.Command{
		Name:  "show",
		Usage: "ask a running aggregator what it does, through its stats socket",
		UsageText: "stktc show [aggrs [SECTION] | peers [SECTION] | info | table [NAME [key KEY | data.TYPE OPERATOR VALUE …]] |\n" +
			"            contributions TABLE KEY | errors | reload] [--socket PATH|HOST:PORT] [--json | --raw] [--watch [SECONDS]]",
		Description: "Without an argument it shows the aggregations. OPERATOR is eq, ne, le, ge, lt or gt; of several comparisons all must hold.\n" +
			"--watch shows it again every 2 seconds, or as many as it is told, until Ctrl-C.\n" +
			"Exits with 3 when the aggregator does not answer or refuses the question, and with 1 from reload when the last one failed.",
		Flags: []cli.Flag{
			socketFlag(),
			&cli.BoolFlag{Name: "json", Usage: "answer in JSON"},
			&cli.BoolFlag{Name: "raw", Usage: "answer as the socket does, in HAProxy's formats"},
			&cli.GenericFlag{Name: "watch", Value: &interval{}, Usage: "show it again every `SECONDS`"},
			socketColorFlag(),
		},
		Action: c.show,
	}
}

// show is one question to a stats socket, and how its answer is to look.
type show struct {
	*command
	socket    string
	what      []string // the words of the question
	json, raw bool
	color     bool
}

func (c *command) show(ctx *cli.Context) error {
	words, err := showWords(ctx.Args().Slice())
	if err != nil {
		return err
	}
	s := &show{command: c, what: words, json: ctx.Bool("json"), raw: ctx.Bool("raw")}
	if s.json && s.raw {
		return usagef("--json and --raw exclude each other")
	}
	if s.color, err = c.color(ctx.String("color")); err != nil {
		return err
	}
	if s.socket, err = socketOf(ctx); err != nil {
		return err
	}
	watch := ctx.Generic("watch").(*interval)
	every, err := watch.length()
	if err != nil {
		return err
	}
	stop, cancel := signal.NotifyContext(context.WithoutCancel(ctx.Context), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if watch.text != "" {
		return s.watch(stop, every)
	}
	return s.print(stop, c.stdout, c.terminalWidth())
}

// showWords gives the socket's command for the arguments, in words.
func showWords(args []string) ([]string, error) {
	if len(args) == 0 {
		args = []string{"aggrs"}
	}
	most := map[string]int{"aggrs": 2, "peers": 2, "info": 1, "table": 14, "contributions": 4, "errors": 1, "reload": 1}
	switch limit, known := most[args[0]]; {
	case !known:
		return nil, usagef("show %q: accepted are aggrs, peers, info, table, contributions, errors and reload", args[0])
	case len(args) > limit:
		return nil, usagef("show %s: too many arguments, from %q on", args[0], args[limit])
	case slices.Contains(args, ""):
		return nil, usagef("show %s: an argument is empty", args[0])
	case args[0] == "contributions" && len(args) == 3:
		args = []string{args[0], args[1], "key", args[2]}
	}
	return append([]string{"show"}, args...), nil
}

// question writes words as one command. They reach the server as they are, whatever bytes they hold.
func question(words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = statscli.Quote(w)
	}
	return strings.Join(quoted, " ")
}

// print asks, and writes the answer.
func (s *show) print(ctx context.Context, w io.Writer, width int) error {
	line := question(s.what...)
	if !s.raw {
		line += " json"
	}
	ok := true
	err := console.Ask(ctx, s.socket, line, func(r io.Reader) (err error) {
		ok, err = s.write(&console.Printer{Out: w, Width: width, Color: s.color}, r)
		return err
	})
	var refusal *console.Refusal
	switch {
	case errors.As(err, &refusal) && s.json:
		w.Write(append(refusal.JSON, '\n'))
		return exit(exitFailed)
	case errors.As(err, &refusal):
		return s.refused(ctx, refusal)
	case err != nil:
		return err
	case !ok:
		return exit(exitFindings)
	}
	return nil
}

// refused adds to a refusal what was asked, or instead of the table that there is not which there are.
func (s *show) refused(ctx context.Context, refusal *console.Refusal) error {
	if refusal.Message != "No such table" {
		return fmt.Errorf("%s: %w", strings.Join(s.what, " "), refusal)
	}
	sections, err := ask[[]statscli.Section](ctx, s.socket, "show", "aggrs")
	if err != nil {
		return err
	}
	var made []string
	for i := range sections {
		for _, t := range sections[i].Tables {
			if t.Source == s.what[2] {
				return fmt.Errorf("`%s` is what nodes count in: here is the sum of it, `%s`, and `stktc show contributions %s KEY`", t.Source, t.Name, t.Name)
			}
			made = append(made, "`"+t.Name+"`")
		}
	}
	if len(made) == 0 {
		return fmt.Errorf("there is no table `%s`, and none at all yet", s.what[2])
	}
	return fmt.Errorf("there is no table `%s`; there are %s", s.what[2], strings.Join(made, ", "))
}

// write writes an answer. It tells whether what it says is fine, for the exit code.
func (s *show) write(p *console.Printer, r io.Reader) (ok bool, err error) {
	if s.what[len(s.what)-1] == "reload" {
		if s.json || s.raw {
			return copyReload(p.Out, r)
		}
		return p.Reload(r)
	}
	if s.json || s.raw {
		_, err := io.Copy(p.Out, r)
		return true, err
	}
	views := map[string]func(io.Reader) error{
		"aggrs": p.Aggregations, "peers": p.Peers, "info": p.Info, "contributions": p.Contributions, "errors": p.Errors, "table": p.Entries,
	}
	if s.what[1] == "table" && len(s.what) == 2 {
		return true, p.Tables(r)
	}
	return true, views[s.what[1]](r)
}

// copyReload copies what became of the last reload, and tells whether it succeeded.
func copyReload(w io.Writer, r io.Reader) (ok bool, err error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return false, err
	}
	_, err = w.Write(text)
	return !strings.HasPrefix(string(text), "failed") && !strings.Contains(string(text), `"ok":false`), err
}
