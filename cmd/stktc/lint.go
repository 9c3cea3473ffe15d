package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"stktc/compile"
	"stktc/grammar/diag"
	"stktc/render"
	"stktc/topology/check"
	"stktc/topology/load"
	"stktc/topology/sticktable"
)

func (c *command) lintCommand() *cli.Command {
	return &cli.Command{
		Name:      "lint",
		Usage:     "check a topology, or deployed files across all hosts",
		UsageText: "stktc lint [PATH…] [--format FORMAT[=FILE]]… [--fail-on SEVERITY] [--only IDS]… [--skip IDS]… [--baseline FILE [--baseline-write]] [--env [NODE=]FILE]… [--haproxy-version V] [--fix [--dry-run]]",
		Description: "PATH is a topology file (topology.yaml when none is named, - for standard input), a directory with one directory of\n" +
			"*.cfg files for each host, a host's *.cfg file, or NAME=PATH[,PATH…] for a host by name. What is deployed is checked as one cluster.\n" +
			"Text on standard output is the default everywhere, in a GitHub workflow too: name the format that you want, several if need be.\n" +
			"A comment \"# stktc:ignore STK201 -- REASON\" silences a finding in its place; stktc explain STK041 says how.\n" +
			"Exits with 1 when there are findings at or above --fail-on, with 3 when a file cannot be read.",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "format", Usage: "`FORMAT` text, compact, json, sarif or github, =FILE to write a file; may be given several times", DefaultText: "text"},
			&cli.StringFlag{Name: "fail-on", Value: "error", Usage: "the least `SEVERITY` that makes the exit code 1: error, warning or info"},
			&cli.StringSliceFlag{Name: "only", Usage: "report the findings `IDS` only: codes, names, or beginnings such as STK3xx, with commas between; files that cannot be understood are reported in any case"},
			&cli.StringSliceFlag{Name: "skip", Usage: "do not report the findings `IDS`; errors are reported in any case"},
			&cli.StringFlag{Name: "baseline", Usage: "do not report the findings that `FILE` knows"},
			&cli.BoolFlag{Name: "baseline-write", Usage: "write what is found to the baseline's file first"},
			&cli.StringSliceFlag{Name: "env", Usage: "`FILE` of NAME=VALUE lines that resolve environment variables on all hosts, NODE=FILE on one; may be given several times"},
			&cli.StringFlag{Name: "haproxy-version", Usage: "the oldest `VERSION` that runs on the hosts of deployed files, such as 2.6: what it does not know is reported"},
			&cli.BoolFlag{Name: "fix", Usage: "mend what can be mended without asking, and report the rest"},
			&cli.BoolFlag{Name: "dry-run", Usage: "with --fix: write nothing, print the difference"},
			&cli.StringFlag{Name: "color", Value: "auto", Usage: "`WHEN` to color text: auto, always or never"},
		},
		Action: c.lint,
	}
}

// lint is one run of the command.
type lint struct {
	*command
	report  render.Findings
	unread  []error // what could not be read; the rest is checked all the same
	outputs []output
	env     environments
	haproxy sticktable.Version // of deployed files; zero: not stated

	// Of --fix. Files go by the names that findings have for them.
	texts     map[string][]byte // what was mended in memory
	originals diag.Files        // what was read first
	roots     map[string]string // directories on disk that names start from; absent: the working directory
}

// output is one --format.
type output struct {
	format string
	file   string // "": standard output
}

var formats = []string{"text", "compact", "json", "sarif", "github"}

func (c *command) lint(ctx *cli.Context) error {
	l := &lint{command: c, texts: map[string][]byte{}, roots: map[string]string{}}
	failOn, ok := diag.ParseSeverity(ctx.String("fail-on"))
	if !ok {
		return usagef("--fail-on %q: accepted are error, warning and info", ctx.String("fail-on"))
	}
	color, err := c.color(ctx.String("color"))
	if err != nil {
		return err
	}
	selected, err := newSelection(ctx)
	if err != nil {
		return err
	}
	if err := l.parse(ctx); err != nil {
		return err
	}
	args := ctx.Args().Slice()
	if err := l.check(args); err != nil {
		return err
	}
	if ctx.Bool("fix") {
		done, err := l.fix(args)
		if err != nil {
			return err
		}
		if err := l.store(done, ctx.Bool("dry-run")); err != nil {
			return err
		}
	}
	l.report.List = selected.asked(l.report.List)
	if err := l.baselined(ctx.String("baseline"), ctx.Bool("baseline-write")); err != nil {
		return err
	}
	var unskipped int
	l.report.List, unskipped = selected.apply(l.report.List)
	if !ctx.Bool("dry-run") {
		if err := l.print(render.TextOptions{Color: color, Width: c.width()}, failOn); err != nil {
			return err
		}
		l.sayUnskipped(unskipped)
	}
	for _, err := range l.unread {
		fmt.Fprintf(c.stderr, "stktc: cannot read %v\n", err)
	}
	switch {
	case l.unread != nil:
		return exit(exitFailed)
	case l.report.List.Worst() >= failOn:
		return exit(exitFindings)
	}
	return nil
}

// parse reads the flags that have a syntax.
func (l *lint) parse(ctx *cli.Context) error {
	if ctx.Bool("dry-run") && !ctx.Bool("fix") {
		return usagef("--dry-run shows what --fix would do; it has no meaning without it")
	}
	if ctx.Bool("baseline-write") && ctx.String("baseline") == "" {
		return usagef("--baseline-write needs --baseline FILE")
	}
	if v := ctx.String("haproxy-version"); v != "" {
		var rest string
		if n, _ := fmt.Sscanf(v+" ", "%d.%d%s", &l.haproxy.Major, &l.haproxy.Minor, &rest); n != 2 {
			return usagef("--haproxy-version %q: accepted is MAJOR.MINOR, such as 2.6", v)
		}
	}
	var err error
	if l.env, err = readEnvironments(ctx.StringSlice("env")); err != nil {
		return err
	}
	return l.parseFormats(ctx.StringSlice("format"))
}

func (l *lint) parseFormats(wanted []string) error {
	for _, w := range wanted {
		format, file, toFile := strings.Cut(w, "=")
		if !slices.Contains(formats, format) {
			return usagef("--format %q: accepted are %s, each with =FILE or without", w, strings.Join(formats, ", "))
		}
		if toFile && file == "" {
			return usagef("--format %q: the name of the file is missing", w)
		}
		l.outputs = append(l.outputs, output{format, file})
	}
	if len(l.outputs) == 0 {
		l.outputs = []output{{format: "text"}}
	}
	return nil
}

// check reads everything that the arguments name, topologies one by one and all deployed files as one cluster.
func (l *lint) check(args []string) error {
	l.report, l.unread = render.Findings{Files: diag.Files{}, Version: version(), Rules: renderRules()}, nil
	if len(args) == 0 {
		args = []string{defaultTopology}
	}
	in, err := sortArguments(args)
	if err != nil {
		return err
	}
	for _, t := range in.topologies {
		if err := l.topology(t); err != nil {
			return err
		}
	}
	if len(in.deployed) > 0 {
		if err := l.deployed(in.deployed); err != nil {
			return err
		}
	}
	l.report.List.Sort()
	l.remember()
	return nil
}

// topology checks one topology file. A cluster that was not understood whole is not checked: what is missing from it would be found missing.
func (l *lint) topology(arg string) error {
	source, err := l.openTopology(arg)
	if err != nil {
		return err
	}
	if len(l.texts) > 0 {
		source.fsys = overlay{source.fsys, "", l.texts}
	}
	cluster, findings, err := source.load()
	if err != nil {
		return err
	}
	if findings.Worst() < diag.Error {
		_, more := compile.Compile(cluster)
		findings.Add(more...)
		findings = check.Settle(cluster, findings)
	}
	for name := range cluster.Files {
		l.roots[name] = source.root
	}
	l.add(findings, cluster.Files, len(cluster.Nodes))
	return nil
}

func (l *lint) deployed(arguments []deployedArgument) error {
	var hosts []load.Host
	for _, a := range arguments {
		for _, h := range a.hosts {
			h.Env = l.env.of(&h)
			hosts = append(hosts, l.overlaid(h))
		}
	}
	if node := l.env.unknown(hosts); node != "" {
		return usagef("--env: there is no host %q", node)
	}
	cluster, findings, err := load.Deployed(hosts)
	l.unread = append(l.unread, joined(err)...)
	if err == nil && findings.Worst() < diag.Error { // a finding says better why nothing was found
		for _, a := range arguments {
			if err := a.mustHold(cluster); err != nil {
				return err
			}
		}
	}
	cluster.HAProxy = l.haproxy
	findings.Add(check.Run(cluster)...)
	if err == nil {
		findings = check.Settle(cluster, findings)
	}
	l.add(findings, cluster.Files, len(cluster.Nodes))
	return nil
}

// joined takes apart what errors.Join put together.
func joined(err error) []error {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		return all.Unwrap()
	}
	if err != nil {
		return []error{err}
	}
	return nil
}

func (l *lint) add(found diag.List, files diag.Files, nodes int) {
	l.report.List.Add(found...)
	for name, text := range files {
		l.report.Files[name] = text
	}
	l.report.Nodes += nodes
}

// print writes every output. Who does not read text on standard output, or sees nothing there, is told how it went.
func (l *lint) print(o render.TextOptions, failOn diag.Severity) error {
	said := false
	for _, out := range l.outputs {
		var text []byte
		switch out.format {
		case "text":
			text = l.report.Text(render.TextOptions{Color: o.Color && out.file == "", Width: o.Width})
			said = said || out.file == "" && len(text) > 0
		case "compact":
			text = l.report.Compact()
		case "json":
			text = l.report.JSON()
		case "sarif":
			text = l.report.SARIF()
		case "github":
			text = l.report.GitHub()
		}
		if err := l.write(out.file, text); err != nil {
			return err
		}
	}
	if !said && l.unread == nil {
		word := "ok"
		if l.report.List.Worst() >= failOn {
			word = "failed"
		}
		fmt.Fprintf(l.stderr, "%s: %s\n", word, l.report.Counts())
	}
	return nil
}

func (l *lint) write(file string, text []byte) error {
	if file != "" {
		return writeWhole(file, text)
	}
	_, err := l.stdout.Write(text)
	return err
}

// color decides whether text is colored: auto colors a terminal, unless NO_COLOR says otherwise.
func (c *command) color(when string) (bool, error) {
	switch when {
	case "always":
		return true, nil
	case "never":
		return false, nil
	case "auto":
		return isTerminal(c.stdout) && c.env("NO_COLOR") == "" && c.env("TERM") != "dumb", nil
	}
	return false, usagef("--color %q: accepted are auto, always and never", when)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// width is the terminal's width as the shell exports it; 0 when it does not.
func (c *command) width() int {
	n, _ := strconv.Atoi(cmp.Or(c.env("COLUMNS"), "0"))
	return n
}
