package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/urfave/cli/v2"

	"stktc/cmd/internal/aggregator"
	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/render"
	"stktc/runtime"
	"stktc/topology"
	"stktc/topology/check"
	"stktc/topology/load"
)

func (c *command) runCommand() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "run the aggregator that a hapee-stktagg.cfg describes",
		UsageText: "stktc run -f FILE [-c] [--http ADDRESS] [--max-memory SIZE] [--log-format text|json] [--log-level LEVEL]",
		Description: "Speaks HAProxy's peers protocol with the peers of the file and sums their stick tables. Ends on SIGTERM or SIGINT,\n" +
			"after it has sent what is pending. SIGHUP reads the file again: what is wrong with it leaves everything as it was. Exits with 78 when the file is not valid, 3 when an address cannot be used.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "f", Usage: "the aggregator's configuration `FILE`"},
			&cli.BoolFlag{Name: "c", Usage: "only check the file: exits with 0 or 1"},
			&cli.StringFlag{Name: "http", Usage: "serve metrics, health and a status page at `ADDRESS`, such as 127.0.0.1:9100"},
			&cli.StringFlag{Name: "max-memory", Value: "80%", Usage: "keep below `SIZE`, such as 512m, 2g, 80% of the machine or control group, or off: past it keys nearest to their end go"},
			&cli.StringFlag{Name: "log-format", Value: "text", Usage: "`text` or json; in json findings are lines of the log too"},
			&cli.StringFlag{Name: "log-level", Value: "info", Usage: "`LEVEL`: debug, info, warn or error"},
		},
		Action: c.run,
	}
}

func (c *command) run(ctx *cli.Context) error {
	if ctx.Args().Present() {
		return usagef("run takes no arguments but flags, not %q; the file goes behind -f", ctx.Args().First())
	}
	if ctx.String("f") == "" {
		return usagef("run needs -f FILE, the aggregator's configuration")
	}
	if address := ctx.String("http"); address != "" {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return usagef("--http %q: accepted is ADDRESS:PORT, such as 127.0.0.1:9100, or :9100 for all addresses", address)
		}
	}
	log, err := c.logger(ctx.String("log-format"), ctx.String("log-level"))
	if err != nil {
		return err
	}
	err = c.runLogged(ctx, log)
	if isJSON(log) && err != nil && !errors.As(err, new(exit)) && !errors.As(err, new(usageError)) {
		log.Error("cannot run", "err", err)
		return exit(exitFailed)
	}
	return err
}

func (c *command) runLogged(ctx *cli.Context, log *slog.Logger) error {
	least := diag.Warning
	if ctx.Bool("c") {
		least = diag.Info
	}
	node, config, err := c.loadAggregator(ctx.String("f"), least, log)
	switch {
	case errors.Is(err, errRefusedFile) && ctx.Bool("c"):
		return exit(exitFindings)
	case errors.Is(err, errRefusedFile):
		return exit(exitConfig)
	case err != nil:
		return err
	}
	if ctx.Bool("c") {
		if isJSON(log) {
			log.Info("ok", "file", ctx.String("f"), "sections", len(node.Aggregations))
			return nil
		}
		fmt.Fprintf(c.stderr, "ok: %s: %s\n", ctx.String("f"), grammar.Count(len(node.Aggregations), "aggregations section"))
		return nil
	}
	stop, cancel := signal.NotifyContext(ctx.Context, syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	memory, err := memoryLimit(ctx.String("max-memory"))
	if err != nil {
		return err
	}
	d, err := c.newDaemon(ctx.String("f"), node, config, ctx.String("http"), memory, log)
	if err != nil {
		return err
	}
	return d.serve(stop)
}

// loadAggregator reads and checks an aggregator's file, and the certificates that it names. Findings of that severity and above are printed, or lines
// of a log in JSON; with errors among them it fails with errRefusedFile and the first of them.
func (c *command) loadAggregator(file string, least diag.Severity, log *slog.Logger) (node *topology.Node, config runtime.Config, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, config, unreadable(file, err)
	}
	node, findings := load.Aggregator(os.LookupEnv, file, text)
	cluster := &topology.Cluster{Source: topology.FromDeployed, File: file, Nodes: []*topology.Node{node}, Files: diag.Files{file: text}}
	if findings.Worst() != diag.Error {
		findings.Add(check.Structure(cluster)...)
	}
	if findings.Worst() != diag.Error {
		var unusable diag.List
		config, unusable = aggregator.Config(node)
		findings.Add(unusable...)
	}
	findings.Sort()
	shown := slices.DeleteFunc(findings, func(f diag.Finding) bool { return f.Severity < least })
	switch {
	case isJSON(log):
		logFindings(log, shown)
	case len(shown) > 0:
		report := render.Findings{List: shown, Files: cluster.Files, Nodes: 1, Version: version()}
		c.stderr.Write(report.Text(render.TextOptions{}))
	}
	if shown.Worst() == diag.Error {
		return nil, config, refusedFile(file, shown)
	}
	return node, config, nil
}

// unreadable says what -f takes, where there is no file to read.
func unreadable(file string, err error) error {
	const accepted = "accepted is an aggregator's configuration, the hapee-stktagg.cfg that stktc build writes for its host"
	switch {
	case errors.Is(err, syscall.EISDIR):
		return fmt.Errorf("-f `%s` is a directory: %s", file, accepted)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("-f `%s`: there is no such file; %s", file, accepted)
	}
	return fmt.Errorf("-f `%s` cannot be read: %w", file, err)
}

// errRefusedFile is that an aggregator's file has errors, which are printed already.
var errRefusedFile = errors.New("the file has errors")

// refusedFile says what is wrong in one line, for those who do not see what is printed.
func refusedFile(file string, findings diag.List) error {
	first := findings[slices.IndexFunc(findings, func(f diag.Finding) bool { return f.Severity == diag.Error })]
	more := ""
	if n := findings.Count(diag.Error) - 1; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return fmt.Errorf("%w: %s: %s [%s]%s; stktc run -c -f %s shows all", errRefusedFile, first.Primary.Span, first.Summary, first.Code, more, file)
}

func (c *command) logger(format, level string) (*slog.Logger, error) {
	var opt slog.HandlerOptions
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, usagef("--log-level %q: accepted are debug, info, warn and error", level)
	}
	opt.Level = l
	handlers := map[string]func(io.Writer, *slog.HandlerOptions) slog.Handler{
		"text": func(w io.Writer, o *slog.HandlerOptions) slog.Handler { return slog.NewTextHandler(w, o) },
		"json": func(w io.Writer, o *slog.HandlerOptions) slog.Handler { return slog.NewJSONHandler(w, o) },
	}
	if handlers[format] == nil {
		return nil, usagef("--log-format %q: accepted are text and json", format)
	}
	return slog.New(handlers[format](c.stderr, &opt)), nil
}

// isJSON tells whether a log is for programs: nothing else may stand among its lines.
func isJSON(log *slog.Logger) bool {
	_, is := log.Handler().(*slog.JSONHandler)
	return is
}

var logLevels = map[diag.Severity]slog.Level{diag.Info: slog.LevelInfo, diag.Warning: slog.LevelWarn, diag.Error: slog.LevelError}

// logFindings writes a line for each finding that is not silenced.
func logFindings(log *slog.Logger, findings diag.List) {
	for _, f := range findings.Heard() {
		with := []any{"code", f.Code}
		if !f.Primary.Span.IsZero() {
			with = append(with, "at", f.Primary.Span.String())
		}
		if f.Impact != "" {
			with = append(with, "impact", f.Impact)
		}
		if len(f.Fixes) > 0 {
			with = append(with, "fix", f.Fixes[0].Title)
		}
		log.Log(context.Background(), logLevels[f.Severity], f.Summary, with...)
	}
}
