package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"stktc/topology"
	"stktc/topology/load"
)

// arguments are what lint is told to read, by kind.
type arguments struct {
	topologies []string
	deployed   []deployedArgument
}

// deployedArgument is one argument that stands for files of hosts.
type deployedArgument struct {
	arg   string
	hosts []load.Host
}

// sortArguments tells topologies from deployed files: a directory and *.cfg files are deployed, NAME=PATH is, anything else is a topology.
func sortArguments(args []string) (*arguments, error) {
	in := &arguments{}
	for _, arg := range args {
		if arg == "-" {
			in.topologies = append(in.topologies, arg)
			continue
		}
		info, err := os.Stat(arg)
		name, paths, named := strings.Cut(arg, "=")
		switch {
		case errors.Is(err, fs.ErrNotExist) && named:
			host, err := namedHost(name, paths)
			if err != nil {
				return nil, err
			}
			in.deployed = append(in.deployed, deployedArgument{arg, []load.Host{host}})
		case err != nil:
			return nil, fmt.Errorf("cannot read %s: %w%s", arg, errors.Unwrap(err), hint(arg))
		case info.IsDir():
			hosts, err := directory(arg)
			if err != nil {
				return nil, err
			}
			in.deployed = append(in.deployed, deployedArgument{arg, hosts})
		case strings.HasSuffix(arg, ".cfg"):
			in.deployed = append(in.deployed, deployedArgument{arg, []load.Host{fileHost(arg)}})
		default:
			in.topologies = append(in.topologies, arg)
		}
	}
	return in, nil
}

func hint(arg string) string {
	if arg == defaultTopology {
		return "; name a topology file, or a directory with the files of all hosts"
	}
	return ""
}

// namedHost is NAME=PATH[,PATH…].
func namedHost(name, paths string) (load.Host, error) {
	h := load.Host{Dir: name, FS: osFS{}}
	if name == "" || strings.ContainsRune(name, os.PathSeparator) {
		return h, usagef("%q: accepted is NAME=PATH[,PATH…] with the name of a host", name+"="+paths)
	}
	for p := range strings.SplitSeq(paths, ",") {
		if p == "" {
			return h, usagef("%q: a path is missing", name+"="+paths)
		}
		h.Paths = append(h.Paths, filepath.Clean(p))
	}
	return h, nil
}

// directory is DIR/<node>/**/*.cfg.
func directory(dir string) ([]load.Host, error) {
	dir = filepath.Clean(dir)
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	prefix := filepath.ToSlash(dir) + "/"
	switch dir {
	case ".":
		prefix = ""
	case "/":
		prefix = "/"
	}
	hosts, err := load.Hosts(os.DirFS(dir), filepath.Base(absolute), prefix)
	if err != nil {
		var failed *fs.PathError
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return nil, fmt.Errorf("cannot read %s: %w", dir, err)
	}
	return hosts, nil
}

// fileHost is a file of a host that is named after the file's directory.
func fileHost(file string) load.Host {
	name := filepath.Base(file)
	if absolute, err := filepath.Abs(file); err == nil {
		name = filepath.Base(filepath.Dir(absolute))
	}
	return load.Host{Dir: name, FS: osFS{}, Paths: []string{filepath.Clean(file)}}
}

// mustHold refuses an argument that no configuration was found in: silence about it would pass for "all is well".
func (a *deployedArgument) mustHold(c *topology.Cluster) error {
	for _, n := range c.Nodes {
		for _, file := range n.Files {
			for _, h := range a.hosts {
				for _, p := range h.Paths {
					if whole := h.Prefix + p; file == whole || strings.HasPrefix(file, whole+"/") {
						return nil
					}
				}
			}
		}
	}
	if _, err := os.Stat(path.Join(a.arg, defaultTopology)); err == nil {
		return fmt.Errorf("%s holds no configuration of a host; did you mean %s?", a.arg, path.Join(a.arg, defaultTopology))
	}
	return fmt.Errorf("%s holds no configuration of a host: accepted are DIR/<node>/*.cfg with sections that HAProxy or an aggregator knows", a.arg)
}

// osFS shows the operating system's files under the paths that the user writes, absolute ones and ones with dots included.
type osFS struct{}

func (osFS) Open(name string) (fs.File, error)          { return os.Open(name) }
func (osFS) Stat(name string) (fs.FileInfo, error)      { return os.Stat(name) }
func (osFS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }
