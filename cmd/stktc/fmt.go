package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"stktc/cmd/internal/outdir"
	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/render"
)

func (c *command) fmtCommand() *cli.Command {
	return &cli.Command{
		Name:      "fmt",
		Usage:     "bring topology and aggregator files into their canonical form",
		UsageText: "stktc fmt [FILE…] [--check] [-d]",
		Description: "Rewrites topologies (topology.yaml when none is named) and aggregators' files where their blanks, line breaks and columns are\n" +
			"not canonical. Words, quotes, comments and the order of everything stay, and a file that is right already is not touched.\n" +
			"- reads standard input and writes to standard output. When one of the files cannot be read as what it is, nothing is written.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "check", Usage: "write nothing; exit 4 when a file is not canonical"},
			&cli.BoolFlag{Name: "d", Usage: "write nothing; print the differences"},
		},
		Action: c.fmt,
	}
}

// fmtFile is a file, and its canonical form.
type fmtFile struct {
	name     string // as the user wrote it
	old, new []byte // nil: it has no canonical form
}

func (c *command) fmt(ctx *cli.Context) error {
	names := ctx.Args().Slice()
	if len(names) == 0 {
		names = []string{defaultTopology}
	}
	var files []fmtFile
	report := render.Findings{Files: diag.Files{}, Version: version()}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			continue
		}
		f, findings, err := c.readFmt(name)
		if err != nil {
			return err
		}
		files = append(files, f)
		report.Files[name] = f.old
		report.List.Add(findings...)
	}
	if len(report.List) > 0 {
		report.List.Sort()
		c.stderr.Write(report.Text(render.TextOptions{Width: c.width()}))
		return exit(exitFindings)
	}
	if ctx.Bool("check") || ctx.Bool("d") {
		return c.compareFmt(files, ctx.Bool("check"), ctx.Bool("d"))
	}
	return c.writeFmt(files)
}

func (c *command) readFmt(name string) (fmtFile, diag.List, error) {
	f := fmtFile{name: name}
	in := c.stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return f, nil, err
		}
		defer file.Close()
		if info, err := file.Stat(); err == nil && info.IsDir() {
			return f, nil, fmt.Errorf("cannot read %s: it is a directory; fmt takes files", name)
		}
		in = file
	}
	var err error
	if f.old, err = io.ReadAll(io.LimitReader(in, grammar.MaxFileSize+1)); err != nil {
		return f, nil, err
	}
	format := grammar.FormatTopology
	if isConfiguration(name, f.old) {
		format = grammar.FormatAggregator
	}
	var findings diag.List
	f.new, findings = format(name, f.old)
	return f, findings, nil
}

// isConfiguration tells a configuration from a topology: by its name, and where that says nothing by what it holds.
func isConfiguration(name string, text []byte) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".cfg", ".conf":
		return true
	case ".yaml", ".yml":
		return false
	}
	config, _ := grammar.ParseConfig(name, text)
	return config.IsAggregator()
}

// compareFmt says what is not canonical, and writes nothing.
func (c *command) compareFmt(files []fmtFile, check, diff bool) error {
	changed := 0
	for _, f := range files {
		if bytes.Equal(f.old, f.new) {
			continue
		}
		changed++
		if diff {
			c.stdout.Write(render.UnifiedDiff(f.name, f.name, f.old, f.new))
		}
		if check {
			fmt.Fprintf(c.stderr, "not formatted: %s\n", f.name)
		}
	}
	if check && changed > 0 {
		return exit(exitDiffers)
	}
	return nil
}

// writeFmt replaces what changes, all files or none.
func (c *command) writeFmt(files []fmtFile) error {
	var changes []outdir.Replacement
	for _, f := range files {
		switch {
		case f.name == "-":
			if _, err := c.stdout.Write(f.new); err != nil {
				return err
			}
		case !bytes.Equal(f.old, f.new):
			changes = append(changes, outdir.Replacement{Path: f.name, Old: f.old, New: f.new})
		}
	}
	if err := outdir.Replace(changes); err != nil {
		return err
	}
	for _, change := range changes {
		fmt.Fprintf(c.stderr, "formatted: %s\n", change.Path)
	}
	return nil
}
