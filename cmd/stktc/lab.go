package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"stktc/cmd/internal/haproxy"
	"stktc/cmd/internal/lab"
	"stktc/cmd/internal/quit"
	"stktc/render"
	"stktc/topology"
)

func (c *command) labCommand() *cli.Command {
	return &cli.Command{
		Name:      "lab",
		Usage:     "run a topology on this machine and check every sum",
		UsageText: "stktc lab [FILE] [--haproxy PATH | --no-haproxy] [--keep]",
		Description: "Compiles topology.yaml and runs all of it on loopback addresses: every aggregator, and for every load balancer a HAProxy, or where\n" +
			"there is none a part of stktc that plays it. Sends a different, known number of requests to each, and compares what every\n" +
			"table shows on every node with what it must show. Exits with 0 when all is right and stays right, with 1 when something is\n" +
			"wrong, or when nothing could be counted: then files and logs are kept; with 5 when haproxy refuses a line that stktc made. Ends within a minute, but for --keep. Of the operator's own\n" +
			"configuration, what needs privilege, other hosts or their files is changed or left out, and the command says what. Certificates\n" +
			"are made for the run. Not played: address translation, names in DNS, and hosts that fail, so no lease runs out.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "haproxy", Usage: "the haproxy at `PATH`, default $HAPROXY, then the one on $PATH"},
			&cli.BoolFlag{Name: "no-haproxy", Usage: "play the load balancers even where there is a haproxy"},
			&cli.BoolFlag{Name: "keep", Usage: "let everything run on after the verdict until Ctrl-C, and keep files and logs"},
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
	isScreen := isTerminal(c.stdout) && c.env("TERM") != "dumb"
	stop, cancel := quit.Context(context.WithoutCancel(ctx.Context), &c.stdout, &c.stderr)
	defer cancel()
	right, err := lab.Run(stop, b.labHosts(), lab.Options{
		HAProxy: binary, Keep: ctx.Bool("keep"), Out: c.stdout, Progress: c.stderr, Terminal: isScreen,
		Version: version(), Explain: b.explainRefusal,
	})
	var refused *lab.Refusal
	switch {
	case errors.As(err, &refused) && refused.Ours:
		fmt.Fprintf(c.stderr, "stktc: %v\n", err)
		return exit(exitHAProxy)
	case err == nil && !right:
		return exit(exitFindings)
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
	if _, err := haproxy.Find(asked); err != nil && asked == "" {
		return "", nil
	}
	binary, _, err := findHAProxy(ctx.Context, asked)
	return binary, err
}

// labHosts gives the compiled files by host, before a fragment its bases.
func (b *build) labHosts() []lab.Host {
	var hosts []lab.Host
	for _, o := range b.tree {
		if n := len(hosts); n == 0 || hosts[n-1].Name != o.Node {
			hosts = append(hosts, b.labHost(o.Node))
		}
		h := &hosts[len(hosts)-1]
		h.Files = append(h.Files, lab.File{Name: path.Base(o.File.Path), Text: o.Text})
	}
	return hosts
}

func (b *build) labHost(name string) lab.Host {
	h := lab.Host{Name: name}
	n := b.labNode(name)
	for i, base := range b.labBases(n) {
		h.Files = append(h.Files, lab.File{Name: labBase(i, base), Text: b.cluster.Files[base]})
	}
	for _, s := range n.Peers {
		h.Translated = append(h.Translated, translated(s.Peers)...)
	}
	for _, a := range n.Aggregations {
		h.Translated = append(h.Translated, translated(a.Peers)...)
	}
	return h
}

func (b *build) labNode(name string) *topology.Node {
	for _, n := range b.cluster.Nodes {
		if n.Name.Value == name {
			return n
		}
	}
	panic("no node for the compiled files of " + name)
}

func translated(peers []*topology.Peer) (names []string) {
	for _, p := range peers {
		if p.Translated {
			names = append(names, p.Name.Value)
		}
	}
	return names
}

// labBases names the files that HAProxy reads before a node's fragment.
func (b *build) labBases(n *topology.Node) (names []string) {
	if n.Build == nil || !n.Build.Fragment {
		return nil
	}
	for _, base := range n.Build.Base {
		names = append(names, base.Name)
	}
	return names
}

// labBase is a base's name in the lab: several of them may end alike.
func labBase(i int, name string) string { return fmt.Sprintf("base-%d-%s", i, path.Base(name)) }

// explainRefusal puts the lines of the topology and of the bases into what haproxy says of a host's files in a directory.
func (b *build) explainRefusal(host, dir, output string) (text string, ours bool) {
	n := b.labNode(host)
	v := &verdict{build: b, node: n, files: map[string]*render.Output{}, bases: map[string]string{}}
	for i := range b.tree {
		if o := &b.tree[i]; o.Node == host {
			v.files[filepath.Join(dir, path.Base(o.File.Path))] = o
		}
	}
	for i, base := range b.labBases(n) {
		v.bases[filepath.Join(dir, labBase(i, base))] = base
	}
	var lines []string
	for _, m := range parseMessages(output) {
		where, isOurs := v.place(m)
		ours = ours || isOurs && m.level == "ALERT"
		if where != "" {
			where += ": "
		}
		lines = append(lines, where+strings.ToLower(m.level)+": "+m.text)
	}
	if lines == nil {
		return output, false
	}
	return strings.Join(lines, "\n"), ours
}
