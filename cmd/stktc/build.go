package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"stktc/cmd/internal/outdir"
	"stktc/compile"
	"stktc/grammar/diag"
	"stktc/render"
	"stktc/topology"
	"stktc/topology/check"
)

func (c *command) buildCommand() *cli.Command {
	return &cli.Command{
		Name:      "build",
		Usage:     "compile a topology into every host's configuration files",
		UsageText: "stktc build [FILE] [-o DIR] [--node N]… [--stdout | --check] [--diff] [--overwrite] [--prune] [--haproxy PATH]",
		Description: "Reads topology.yaml, checks it, and writes DIR/<node>/hapee-stktagg.cfg, DIR/<node>/hapee-lb.cfg and DIR/manifest.json. Of the\n" +
			"operator's own base files every byte is kept: lines are inserted and none is changed. Nothing is written when there is an\n" +
			"error, or when a file in DIR was edited since it was built.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "o", Value: "out", Usage: "write to `DIR`"},
			&cli.StringSliceFlag{Name: "node", Usage: "only the files of node `N`; may be given several times"},
			&cli.BoolFlag{Name: "stdout", Usage: "print the files, write nothing"},
			&cli.BoolFlag{Name: "check", Usage: "write nothing; exit 4 when DIR is not what the topology says"},
			&cli.BoolFlag{Name: "diff", Usage: "print what changes as a unified difference"},
			&cli.BoolFlag{Name: "overwrite", Usage: "replace files that were edited since they were built"},
			&cli.BoolFlag{Name: "prune", Usage: "remove the files of nodes that left the topology"},
			&cli.StringFlag{Name: "color", Value: "auto", Usage: "`WHEN` to color findings: auto, always or never"},
			&cli.StringFlag{Name: "haproxy", Usage: "let the haproxy at `PATH` check every load balancer's files first; exit 5 when it refuses a line of ours"},
		},
		Action: c.build,
	}
}

// build is one run of the command.
type build struct {
	*command
	ctx     *cli.Context
	source  *topologyFile
	cluster *topology.Cluster
	result  *compile.Result
	tree    []render.Output // of all nodes
	nodes   []string        // those that --node names
	unsure  bool            // haproxy refuses files for lines that are not ours
}

func (c *command) build(ctx *cli.Context) error {
	arg, err := topologyArgument(ctx)
	if err != nil {
		return err
	}
	if ctx.Bool("stdout") {
		for _, other := range []string{"check", "diff", "overwrite", "prune"} {
			if ctx.Bool(other) {
				return usagef("--stdout writes nothing, so --%s has no meaning beside it", other)
			}
		}
	}
	b := &build{command: c, ctx: ctx}
	if b.source, err = c.openTopology(arg); err != nil {
		return err
	}
	if err := b.compile(); err != nil {
		return err
	}
	if b.nodes, err = b.selected(); err != nil {
		return err
	}
	if ctx.IsSet("haproxy") {
		if b.unsure, err = b.confirm(ctx.String("haproxy")); err != nil {
			return err
		}
	}
	if ctx.Bool("stdout") {
		return b.print()
	}
	return b.write()
}

// compile reads, checks and compiles, and prints what there is to mend.
func (b *build) compile() error {
	cluster, findings, err := b.source.load()
	if err != nil {
		return err
	}
	if findings.Worst() < diag.Error {
		var more diag.List
		b.result, more = compile.Compile(cluster)
		findings.Add(more...)
		findings = check.Settle(cluster, findings)
	}
	b.cluster = cluster
	// Infos are lint's to tell: nothing about them keeps files from being built.
	shown := slices.DeleteFunc(findings.Heard(), func(f diag.Finding) bool { return f.Severity == diag.Info })
	report := render.Findings{List: shown, Files: cluster.Files, Nodes: len(cluster.Nodes), Version: version()}
	color, err := b.color(b.ctx.String("color"))
	if err != nil {
		return err
	}
	if b.ctx.String("color") == "auto" { // findings go to stderr here
		color = isTerminal(b.stderr) && b.env("NO_COLOR") == "" && b.env("TERM") != "dumb"
	}
	b.stderr.Write(report.Text(render.TextOptions{Color: color, Width: b.width()}))
	if findings.Worst() == diag.Error {
		return exit(exitFindings)
	}
	b.tree = render.Tree(b.result)
	return nil
}

// selected holds --node to the nodes that are there.
func (b *build) selected() ([]string, error) {
	var names []string
	for _, h := range b.result.Hosts {
		names = append(names, h.Node)
	}
	for _, n := range b.ctx.StringSlice("node") {
		if slices.Contains(names, n) {
			continue
		}
		if host := b.hostOf(n); host != "" {
			return nil, usagef("--node %q: its section is in the file of %s, which is the node to name", n, host)
		}
		if near := diag.Nearest(n, names); near != "" {
			return nil, usagef("--node %q: there is no such node; did you mean %s?", n, near)
		}
		return nil, usagef("--node %q: there is no such node; the nodes are %s", n, strings.Join(names, ", "))
	}
	return b.ctx.StringSlice("node"), nil
}

// hostOf finds the node whose aggregator file holds the section of a guest; "" when there is none.
func (b *build) hostOf(guest string) string {
	for _, n := range b.cluster.Nodes {
		for _, a := range n.Aggregations {
			if a.Local != nil && a.Local.Name.Value == guest {
				return n.Name.Value
			}
		}
	}
	return ""
}

func (b *build) isSelected(node string) bool {
	return len(b.nodes) == 0 || slices.Contains(b.nodes, node)
}

// print writes the files to standard output, under headings when there are several.
func (b *build) print() error {
	var chosen []render.Output
	for _, o := range b.tree {
		if b.isSelected(o.Node) {
			chosen = append(chosen, o)
		}
	}
	for i, o := range chosen {
		if len(chosen) > 1 {
			if i > 0 {
				fmt.Fprintln(b.stdout)
			}
			fmt.Fprintf(b.stdout, "# ==> %s <==\n", o.File.Path)
		}
		if _, err := b.stdout.Write(o.Text); err != nil {
			return err
		}
	}
	return nil
}

// write brings the files to disk, or only says what it would do.
func (b *build) write() error {
	var files []outdir.File
	for _, o := range b.tree {
		f := outdir.File{Path: o.File.Path, Text: o.Text}
		if o.File.BaseName != "" {
			f.Base = b.source.onDisk(o.File.BaseName)
		}
		files = append(files, f)
	}
	if err := b.spareInputs(files); err != nil {
		return err
	}
	plan, err := outdir.NewPlan(b.ctx.String("o"), render.NewManifest(b.result, b.tree), files, outdir.Options{
		Nodes: b.nodes, Overwrite: b.ctx.Bool("overwrite"), Prune: b.ctx.Bool("prune"),
	})
	if err != nil {
		return err
	}
	if len(plan.Conflicts) > 0 {
		return b.refuse(plan)
	}
	if b.ctx.Bool("diff") {
		for _, change := range slices.Concat(plan.Changes, plan.Removals) {
			b.stdout.Write(b.diff(change))
		}
	}
	b.sayLeft(plan)
	if b.ctx.Bool("check") {
		return b.sayStale(plan)
	}
	if err := plan.Apply(); err != nil {
		return err
	}
	for _, r := range plan.Removals {
		fmt.Fprintf(b.stderr, "removed: %s\n", b.path(r.Path))
	}
	b.done(plan, fmt.Sprintf("%d written, %d unchanged", len(plan.Changes), plan.Unchanged))
	b.sayNames()
	return nil
}

// spareInputs refuses to write over what the files are made from: a base that is also an output would be lost, and what came of it could not be built again.
func (b *build) spareInputs(files []outdir.File) error {
	inputs := map[string]string{}
	for name := range b.cluster.Files {
		if real, err := filepath.EvalSymlinks(b.source.onDisk(name)); err == nil {
			if real, err = filepath.Abs(real); err == nil {
				inputs[real] = name
			}
		}
	}
	dir, err := filepath.EvalSymlinks(b.ctx.String("o"))
	if err != nil {
		return nil // it is not there yet
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	for _, f := range files {
		if input, ok := inputs[filepath.Join(dir, filepath.FromSlash(f.Path))]; ok {
			return usagef("%s is what the files are made from, and build would write over it: name another directory with -o", input)
		}
	}
	return nil
}

// sayNames tells with which names HAProxy must be started: one that does not know its name drops the peers section, and says "valid".
func (b *build) sayNames() {
	var names []string
	for _, h := range b.result.Hosts {
		if h.LocalPeer != "" && b.isSelected(h.Node) {
			names = append(names, h.LocalPeer)
		}
	}
	if len(names) == 0 {
		return
	}
	others := ""
	if len(names) > 1 {
		others = fmt.Sprintf(", and so on for %s,", fewOf(names[1:]))
	}
	fmt.Fprintf(b.stderr, "to do: start haproxy with -L %s on %s%s where the host has another name: the files do not say it (`localpeer: emit` would)\n", names[0], names[0], others)
}

// fewOf names the first of many.
func fewOf(names []string) string {
	if len(names) > 4 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
	}
	return strings.Join(names, ", ")
}

func (b *build) done(plan *outdir.Plan, what string) {
	nodes := len(b.result.Hosts)
	if len(b.nodes) > 0 {
		nodes = len(slices.Compact(slices.Sorted(slices.Values(b.nodes))))
	}
	word := "ok"
	if b.unsure {
		word = "done"
	}
	fmt.Fprintf(b.stderr, "%s: %d nodes, %d files, %s in %s\n", word, nodes, len(plan.Changes)+plan.Unchanged, what, plan.Dir)
}

// refuse shows what stands in the way: the user's edits, which build would undo.
func (b *build) refuse(plan *outdir.Plan) error {
	for _, change := range plan.Conflicts {
		b.stderr.Write(b.diff(change))
	}
	for _, change := range plan.Conflicts {
		fmt.Fprintf(b.stderr, "error: %s is not as stktc wrote it\n", b.path(change.Path))
	}
	fmt.Fprintf(b.stderr, "nothing written; --overwrite makes the changes shown above\n")
	return exit(exitFindings)
}

// diff shows a change; what is not there is /dev/null, as for patch. A new file is set beside the base that it keeps: what differs is ours.
func (b *build) diff(change outdir.Change) []byte {
	if change.Old == nil {
		for _, o := range b.tree {
			if o.File.Path == change.Path && o.File.Base != nil {
				return render.UnifiedDiff(o.File.BaseName, filepath.ToSlash(b.path(change.Path)), o.File.Base, change.New)
			}
		}
	}
	name := func(text []byte) string {
		if text == nil {
			return "/dev/null"
		}
		return filepath.ToSlash(b.path(change.Path))
	}
	return render.UnifiedDiff(name(change.Old), name(change.New), change.Old, change.New)
}

func (b *build) path(below string) string {
	return filepath.Join(b.ctx.String("o"), filepath.FromSlash(below))
}

func (b *build) sayLeft(plan *outdir.Plan) {
	isThere := func(node string) bool {
		return slices.ContainsFunc(b.result.Hosts, func(h compile.Host) bool { return h.Node == node })
	}
	if nodes := slices.DeleteFunc(plan.LeftNodes(), isThere); len(nodes) > 0 {
		fmt.Fprintf(b.stderr, "left: %s: no longer in %s; the files in %s stay (--prune removes them)\n", strings.Join(nodes, ", "), b.result.Source, plan.Dir)
	}
	for _, f := range plan.Left {
		if isThere(f.Node) {
			fmt.Fprintf(b.stderr, "left: %s: no longer made for %s; it stays (--prune removes it)\n", b.path(f.Path), f.Node)
		}
	}
}

// sayStale answers --check.
func (b *build) sayStale(plan *outdir.Plan) error {
	if !plan.Stale() {
		b.done(plan, "all up to date")
		return nil
	}
	for _, change := range slices.Concat(plan.Changes, plan.Removals) {
		fmt.Fprintf(b.stderr, "stale: %s\n", b.path(change.Path))
	}
	if len(plan.Changes)+len(plan.Removals) == 0 {
		fmt.Fprintf(b.stderr, "stale: %s\n", b.path(render.ManifestName))
	}
	return exit(exitDiffers)
}
