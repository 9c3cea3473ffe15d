package main

import "github.com/urfave/cli/v2"

func (c *command) reloadCommand() *cli.Command {
	return &cli.Command{
		Name:      "reload",
		Usage:     "let a running aggregator read its file again, and say what became of that",
		UsageText: "stktc reload [--socket PATH|HOST:PORT] [--json]",
		Description: "The aggregator takes over all of the file or nothing; `stats socket` and `cpu-map` wait for a restart, and it says so.\n" +
			"Exits with 1 when it refused the file, 3 when it does not answer. The stats socket must have level admin; kill -HUP does the same\n" +
			"without an answer.",
		Flags: []cli.Flag{socketFlag(), &cli.BoolFlag{Name: "json", Usage: "answer in JSON"}, socketColorFlag()},
		Action: func(ctx *cli.Context) error {
			if ctx.Args().Present() {
				return usagef("reload takes no arguments, not %q", ctx.Args().First())
			}
			color, err := c.color(ctx.String("color"))
			if err != nil {
				return err
			}
			socket, err := socketOf(ctx)
			if err != nil {
				return err
			}
			s := &show{command: c, socket: socket, what: []string{"reload"}, json: ctx.Bool("json"), color: color}
			return s.print(ctx.Context, c.stdout, c.terminalWidth())
		},
	}
}
