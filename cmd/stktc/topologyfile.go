package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/topology"
	"stktc/topology/load"
)

// defaultTopology is what a command reads when no file is named.
const defaultTopology = "topology.yaml"

// topologyFile is a topology on disk, or on standard input, and the directory that its bases are looked up in.
type topologyFile struct {
	fsys fs.FS
	name string // in fsys, and in findings
	root string // the directory on disk that fsys shows
}

// topologyArgument takes a command's one optional file name.
func topologyArgument(ctx *cli.Context) (string, error) {
	switch ctx.NArg() {
	case 0:
		return defaultTopology, nil
	case 1:
		return ctx.Args().First(), nil
	}
	return "", usagef("%s takes one file, not %d: %q is one too many", ctx.Command.Name, ctx.NArg(), ctx.Args().Get(1))
}

// openTopology finds the file that a command line names. A file at or below the working directory keeps its path in findings,
// any other one is named without its directory.
func (c *command) openTopology(arg string) (*topologyFile, error) {
	if arg == "-" {
		text, err := io.ReadAll(io.LimitReader(c.stdin, grammar.MaxFileSize+1))
		if err != nil {
			return nil, fmt.Errorf("standard input: %w", err)
		}
		return &topologyFile{stdinFS{os.DirFS("."), text}, "-", "."}, nil
	}
	file := filepath.Clean(arg)
	root := "."
	if !filepath.IsLocal(file) {
		root, file = filepath.Split(file)
	}
	return &topologyFile{os.DirFS(root), filepath.ToSlash(file), root}, nil
}

// load reads the topology. The error names the file as the user did.
func (f *topologyFile) load() (*topology.Cluster, diag.List, error) {
	cluster, findings, err := load.Topology(f.fsys, f.name)
	var failed *fs.PathError
	if errors.As(err, &failed) {
		err = fmt.Errorf("cannot read %s: %w", f.onDisk(failed.Path), failed.Err)
	}
	return cluster, findings, err
}

// onDisk is the path of a file that findings call name.
func (f *topologyFile) onDisk(name string) string {
	return filepath.Join(f.root, filepath.FromSlash(name))
}

// dir is the directory on disk that the topology's relative paths start from.
func (f *topologyFile) dir() string { return f.onDisk(path.Dir(f.name)) }

// stdinFS shows a directory, and standard input as the file "-" in it.
type stdinFS struct {
	fs.FS
	text []byte
}

func (s stdinFS) Open(name string) (fs.File, error) {
	if name == "-" {
		return &memoryFile{bytes.NewReader(s.text), "-"}, nil
	}
	return s.FS.Open(name)
}
