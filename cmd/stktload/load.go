package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/urfave/cli/v2"

	"stktc/cmd/internal/flags"
	"stktc/cmd/internal/load"
	"stktc/cmd/internal/quit"
)

// load runs one load and reports.
func (c *command) load(ctx *cli.Context) error {
	if ctx.Args().Present() {
		return usagef("%q is neither a command nor a flag%s; see stktload --help", ctx.Args().First(), flags.DidYouMean(ctx.Args().First(), commandNames(ctx)))
	}
	cfg, err := config(ctx)
	if err != nil {
		return err
	}
	var bar progress
	if isTerminal(c.stderr) && c.env("TERM") != "dumb" && !ctx.Bool("no-progress") {
		bar.out = c.stderr
		cfg.Progress = bar.show
	}
	stop, cancel := quit.Context(context.WithoutCancel(ctx.Context), &c.stdout, &c.stderr)
	defer cancel()
	report, err := load.Run(stop, cfg)
	bar.clear()
	var failed error
	if report != nil {
		failed = c.print(report, ctx.Bool("json"))
	}
	switch {
	case err != nil:
		return c.interrupted(stop, err)
	case failed == nil && !report.IsRight():
		return exit(exitWrong)
	}
	return failed
}

// interrupted makes the exit code of an error that came with a signal.
func (c *command) interrupted(stop context.Context, err error) error {
	if err == nil || stop.Err() == nil {
		return err
	}
	fmt.Fprintln(c.stderr, "stktload: interrupted")
	return exit(exitInterrupted)
}

func (c *command) print(r *load.Report, asJSON bool) error {
	if !asJSON {
		_, err := c.stdout.Write(text(r))
		return err
	}
	out := json.NewEncoder(c.stdout)
	out.SetIndent("", "  ")
	return out.Encode(r)
}
