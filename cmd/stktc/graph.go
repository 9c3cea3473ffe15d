package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"stktc/compile"
	"stktc/grammar/diag"
	"stktc/render"
	"stktc/topology"
	"stktc/topology/check"
	"stktc/topology/load"
)

// graphFormat is a way to write a graph, and the file names that mean it.
type graphFormat struct {
	name       string
	extensions []string
	print      func(*render.Graph) []byte
}

var graphFormats = []graphFormat{
	{"svg", []string{".svg"}, (*render.Graph).SVG},
	{"dot", []string{".dot", ".gv"}, (*render.Graph).DOT},
	{"mermaid", []string{".mmd", ".mermaid"}, (*render.Graph).Mermaid},
	{"json", []string{".json"}, (*render.Graph).JSON},
}

func (c *command) graphCommand() *cli.Command {
	return &cli.Command{
		Name:      "graph",
		Usage:     "draw who sums whom, and mark the links that are broken",
		UsageText: "stktc graph [PATH…] [--format svg|dot|mermaid|json] [-o FILE] [--focus NODE]",
		Description: "PATH is a topology file (default topology.yaml, - for standard input), or deployed files: DIR with DIR/<node>/*.cfg, or NAME=FILE.\n" +
			"The mistakes that lint finds are marked at the links and nodes that they concern.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Usage: "`FORMAT`: svg, dot, mermaid or json (default: what the name given with -o ends in, else svg)"},
			&cli.StringFlag{Name: "o", Usage: "write to `FILE` instead of standard output"},
			&cli.StringFlag{Name: "focus", Usage: "only `NODE`, what feeds it and what it feeds"},
		},
		Action: c.graph,
	}
}

func (c *command) graph(ctx *cli.Context) error {
	format, err := chooseGraphFormat(ctx.String("format"), ctx.String("o"))
	if err != nil {
		return err
	}
	cluster, findings, err := c.drawable(ctx.Args().Slice())
	if err != nil {
		return err
	}
	graph := topology.NewGraph(cluster)
	if ctx.IsSet("focus") {
		if graph, err = focus(graph, ctx.String("focus")); err != nil {
			return err
		}
	}
	if err := c.output(ctx.String("o"), format.print(&render.Graph{Graph: graph, Findings: findings})); err != nil {
		return err
	}
	if n := findings.Count(diag.Error); n > 0 {
		fmt.Fprintf(c.stderr, "stktc: %s has errors (%d), marked in the picture; stktc lint explains them\n", cluster.File, n)
	}
	return nil
}

// drawable reads the one cluster that the arguments name and finds its mistakes. What was not understood whole is not drawn: the
// picture would be wrong without a sign of it.
func (c *command) drawable(args []string) (*topology.Cluster, diag.List, error) {
	if len(args) == 0 {
		args = []string{defaultTopology}
	}
	in, err := sortArguments(args)
	if err != nil {
		return nil, nil, err
	}
	read := c.drawableHosts
	switch {
	case len(in.topologies) > 0 && len(args) > 1:
		return nil, nil, usagef("graph draws one topology file, or deployed files, but not %d files at once", len(args))
	case len(in.topologies) > 0:
		read = c.drawableTopology
	}
	cluster, findings, err := read(in)
	if err != nil {
		return nil, nil, err
	}
	if findings.Worst() == diag.Error {
		report := render.Findings{List: findings, Files: cluster.Files, Nodes: len(cluster.Nodes), Version: version()}
		c.stderr.Write(report.Text(render.TextOptions{}))
		return nil, nil, exit(exitFindings)
	}
	if cluster.Source == topology.FromTopology {
		_, more := compile.Compile(cluster)
		return cluster, check.Settle(cluster, append(findings, more...)).Heard(), nil
	}
	return cluster, check.Settle(cluster, append(findings, check.Run(cluster)...)).Heard(), nil
}

func (c *command) drawableTopology(in *arguments) (*topology.Cluster, diag.List, error) {
	file, err := c.openTopology(in.topologies[0])
	if err != nil {
		return nil, nil, err
	}
	return file.load()
}

func (c *command) drawableHosts(in *arguments) (*topology.Cluster, diag.List, error) {
	var hosts []load.Host
	for _, a := range in.deployed {
		hosts = append(hosts, a.hosts...)
	}
	cluster, findings, err := load.Deployed(hosts)
	if err != nil {
		return nil, nil, err
	}
	for _, a := range in.deployed {
		if err := a.mustHold(cluster); err != nil {
			return nil, nil, err
		}
	}
	cluster.File = "deployed files"
	if len(in.deployed) == 1 {
		cluster.File = in.deployed[0].arg
	}
	return cluster, findings, nil
}

// chooseGraphFormat takes the format that is asked for, else the one that the output's name ends in.
func chooseGraphFormat(name, file string) (*graphFormat, error) {
	if name == "" {
		name = "svg"
		if ext := filepath.Ext(file); ext != "" && !slices.ContainsFunc(graphFormats, func(f graphFormat) bool { return slices.Contains(f.extensions, strings.ToLower(ext)) }) {
			return nil, usagef("no format ends in %q: name one with --format svg, dot, mermaid or json", ext)
		}
		for _, f := range graphFormats {
			if slices.Contains(f.extensions, strings.ToLower(filepath.Ext(file))) {
				name = f.name
			}
		}
	}
	for i, f := range graphFormats {
		if f.name == name {
			return &graphFormats[i], nil
		}
	}
	return nil, usagef("--format %q: accepted are svg, dot, mermaid and json", name)
}

func focus(g *topology.Graph, name string) (*topology.Graph, error) {
	if part, ok := g.Focus(name); ok {
		return part, nil
	}
	var names []string
	for _, v := range g.Vertices {
		names = append(names, v.Name)
	}
	if near := diag.Nearest(name, names); near != "" {
		return nil, usagef("--focus: there is no node `%s`; did you mean `%s`?", name, near)
	}
	return nil, usagef("--focus: there is no node `%s`", name)
}

// output writes a result to a file, or to standard output for "" and "-".
func (c *command) output(file string, text []byte) error {
	if file == "" || file == "-" {
		_, err := c.stdout.Write(text)
		return err
	}
	return writeWhole(file, text)
}

// writeWhole replaces a file in one step, so that a reader sees the old text or the new one. What is no regular file (a pipe, /dev/null) is written to as it is.
func writeWhole(file string, text []byte) error {
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real
	}
	info, err := os.Stat(file)
	if err == nil && !info.Mode().IsRegular() {
		return os.WriteFile(file, text, 0)
	}
	staged := filepath.Join(filepath.Dir(file), fmt.Sprintf(".%s.%d", filepath.Base(file), os.Getpid()))
	defer os.Remove(staged) // there is none left when all went well
	err = os.WriteFile(staged, text, 0o666)
	if err == nil && info != nil {
		err = os.Chmod(staged, info.Mode().Perm())
	}
	if err == nil {
		err = os.Rename(staged, file)
	}
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", file, systemError(err))
	}
	return nil
}

// systemError is an error of the file system without the path, which would be that of a passing file.
func systemError(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
