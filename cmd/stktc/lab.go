package main

import (
	"context"
	"os"
	"os/signal"
	"path"
	"syscall"

	"github.com/urfave/cli/v2"

	"stktc/cmd/internal/haproxy"
	"stktc/cmd/internal/lab"
)

func (c *command) labCommand() *cli.Command {
	return &cli.Command{
		Name:      "lab",
		Usage:     "run a topology on this machine and check every sum",
		UsageText: "stktc lab [FILE] [--haproxy PATH | --no-haproxy] [--keep]",
		Description: "Compiles topology.yaml and runs all of it on loopback addresses: every aggregator, and for every load balancer a HAProxy, or where\n" +
			"there is none a part of stktc that plays it. Sends a different, known number of requests to each, and compares what every\n" +
			"table shows on every node with what it must show. Exits with 0 when all is right and stays right, with 1 when something is\n" +
			"wrong: then files and logs are kept. Ends within a minute. Of the operator's own configuration, what needs privilege,\n" +
			"other hosts or their files is changed or left out, and the command says what.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "haproxy", Usage: "the haproxy at `PATH`, default $HAPROXY, then the one on $PATH"},
			&cli.BoolFlag{Name: "no-haproxy", Usage: "play the load balancers even where there is a haproxy"},
			&cli.BoolFlag{Name: "keep", Usage: "keep files and logs when all is right, too"},
			&cli.StringFlag{Name: "color", Value: "auto", Usage: "`WHEN` to color findings: auto, always or never"},
		},
		Action: c.lab,
	}
}

func (c *command) lab(ctx *cli.Context) error {
	arg, err := topologyArgument(ctx)
	if err != nil {
		return err
	}
	binary, err := c.labHAProxy(ctx)
	if err != nil {
		return err
	}
	b := &build{command: c, ctx: ctx}
	if b.source, err = c.openTopology(arg); err != nil {
		return err
	}
	if err := b.compile(); err != nil {
		return err
	}
	stop, cancel := signal.NotifyContext(context.WithoutCancel(ctx.Context), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	right, err := lab.Run(stop, b.labHosts(), lab.Options{
		HAProxy: binary, Keep: ctx.Bool("keep"), Out: c.stdout, Progress: c.stderr, Terminal: isTerminal(c.stdout) && c.env("TERM") != "dumb",
	})
	if err == nil && !right {
		err = exit(exitFindings)
	}
	return err
}

// labHAProxy gives the binary to use, "" for none. One that was asked for must be there.
func (c *command) labHAProxy(ctx *cli.Context) (string, error) {
	asked := ctx.String("haproxy")
	switch {
	case ctx.Bool("no-haproxy") && ctx.IsSet("haproxy"):
		return "", usagef("--haproxy and --no-haproxy exclude each other")
	case ctx.Bool("no-haproxy"):
		return "", nil
	case asked == "":
		asked = c.env("HAPROXY")
	}
	binary, err := haproxy.Find(asked)
	if err != nil && asked == "" {
		return "", nil
	}
	return binary, err
}

// labHosts gives the compiled files by host.
func (b *build) labHosts() []lab.Host {
	var hosts []lab.Host
	for _, o := range b.tree {
		if n := len(hosts); n == 0 || hosts[n-1].Name != o.Node {
			hosts = append(hosts, lab.Host{Name: o.Node})
		}
		h := &hosts[len(hosts)-1]
		h.Files = append(h.Files, lab.File{Name: path.Base(o.File.Path), Text: o.Text})
	}
	return hosts
}
