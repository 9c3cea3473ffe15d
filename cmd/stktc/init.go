package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"stktc/grammar/diag"
)

// starters holds a directory for each example: a topology and its bases, which build as they are.
//
//go:embed starter
var starters embed.FS

// starterTexts says what each example is, in the order of the help.
var starterTexts = []struct{ name, text string }{
	{"single", "one aggregator over three load balancers"},
	{"pair", "two aggregators that stand in for each other"},
	{"sites", "two sites with TLS and address translation, and a level above them"},
	{"seed", "the two-level example of HAProxy Enterprise's documents"},
}

func (c *command) initCommand() *cli.Command {
	var list strings.Builder
	for _, s := range starterTexts {
		fmt.Fprintf(&list, "\n   %-8s%s", s.name, s.text)
	}
	return &cli.Command{
		Name:      "init",
		Usage:     "write a topology to start from",
		UsageText: "stktc init [DIR] [--example NAME]",
		Description: "Writes topology.yaml, and the load balancers' configuration that it builds on, to DIR (default: here). Both build and lint as they\n" +
			"are. Nothing is overwritten. The examples are" + list.String(),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "example", Value: starterTexts[0].name, Usage: "`NAME` of the example"},
		},
		Action: c.init,
	}
}

func (c *command) init(ctx *cli.Context) error {
	if ctx.NArg() > 1 {
		return usagef("init takes one directory, not %d: %q is one too many", ctx.NArg(), ctx.Args().Get(1))
	}
	dir := "."
	if ctx.NArg() == 1 {
		dir = ctx.Args().First()
	}
	files, err := starterFiles(ctx.String("example"))
	if err != nil {
		return err
	}
	if err := writeNew(dir, files); err != nil {
		return err
	}
	for _, f := range files {
		fmt.Fprintf(c.stderr, "written: %s\n", filepath.Join(dir, filepath.FromSlash(f.name)))
	}
	return nil
}

// starterFile is a file of an example, by its path in it.
type starterFile struct {
	name string
	text []byte
}

// starterFiles gives an example's files, the topology first.
func starterFiles(example string) ([]starterFile, error) {
	var names []string
	for _, s := range starterTexts {
		names = append(names, s.name)
	}
	if !slices.Contains(names, example) {
		hint := ""
		if near := diag.Nearest(example, names); near != "" {
			hint = "did you mean " + near + "? "
		}
		return nil, usagef("--example %q: %saccepted are %s", example, hint, strings.Join(names, ", "))
	}
	root := path.Join("starter", example)
	var files []starterFile
	err := fs.WalkDir(starters, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := starters.ReadFile(name)
		files = append(files, starterFile{strings.TrimPrefix(name, root+"/"), text})
		return err
	})
	slices.SortStableFunc(files, func(a, b starterFile) int {
		return strings.Compare(strings.TrimPrefix(a.name, defaultTopology), strings.TrimPrefix(b.name, defaultTopology))
	})
	return files, err
}

// writeNew writes files that are not there yet, all of them or none.
func writeNew(dir string, files []starterFile) (err error) {
	var made []string
	defer func() {
		if err != nil {
			for _, name := range slices.Backward(made) {
				os.Remove(name)
			}
		}
	}()
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s is there already; nothing written", name)
		}
		if err != nil {
			return err
		}
		made = append(made, name)
		_, err = out.Write(f.text)
		if err := errors.Join(err, out.Close()); err != nil {
			return err
		}
	}
	return nil
}
