package main

import (
	"context"
	"encoding/json"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"

	"stktc/cmd/internal/load"
)

// load runs one load and reports.
func (c *command) load(ctx *cli.Context) error {
	if ctx.Args().Present() {
		return usagef("%q is neither a command nor a flag; see stktload --help", ctx.Args().First())
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
	stop, cancel := signal.NotifyContext(context.WithoutCancel(ctx.Context), os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE)
	defer cancel()
	report, err := load.Run(stop, cfg)
	bar.clear()
	if err != nil {
		return err
	}
	if err := c.print(report, ctx.Bool("json")); err != nil {
		return err
	}
	if !report.IsRight() {
		return exit(exitWrong)
	}
	return nil
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
