package load

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/topology"
)

// Host is one host's configuration files.
type Host struct {
	Dir    string                // the directory's name, or the name given on the command line
	FS     fs.FS                 // what Paths are paths in
	Paths  []string              // files, in the order in which HAProxy reads them, and directories, which stand for all their *.cfg files
	Prefix string                // put before a path to name the file in spans: "etc/" makes "etc/hapee1/hapee-lb.cfg"
	Env    []grammar.Environment // what is known of the host's environment; of several that set a variable the last counts
}

// Hosts lists the hosts of a directory of deployed files: each of its directories is one. Files that stand in the directory
// itself are a host too, by the given name. Names that begin with a dot are left out, as HAProxy does.
func Hosts(fsys fs.FS, name, prefix string) ([]Host, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, err
	}
	var hosts []Host
	top := Host{Dir: name, FS: fsys, Prefix: prefix}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		info, err := fs.Stat(fsys, e.Name())
		switch {
		case err != nil && e.Type()&fs.ModeSymlink == 0:
			return nil, err
		case err == nil && info.IsDir():
			hosts = append(hosts, Host{Dir: e.Name(), FS: fsys, Paths: []string{e.Name()}, Prefix: prefix})
		case isConfig(e.Name()):
			top.Paths = append(top.Paths, e.Name())
		}
	}
	if len(top.Paths) > 0 {
		hosts = append(hosts, top)
	}
	return hosts, nil
}

// Deployed reads the configuration files of hosts. A file is a balancer's or an aggregator's by its content; one without any
// section of HAProxy's syntax is left out. Several files of a host count as one configuration in their order. The error joins
// all files that could not be read; the cluster then lacks them.
func Deployed(hosts []Host) (*topology.Cluster, diag.List, error) {
	d := deployed{cluster: &topology.Cluster{Source: topology.FromDeployed, Files: diag.Files{}}}
	for _, h := range hosts {
		d.host(h)
	}
	d.localPeers()
	d.names()
	d.absent()
	d.heights()
	d.findings.Sort()
	return d.cluster, d.findings, errors.Join(d.errs...)
}

type deployed struct {
	cluster  *topology.Cluster
	findings diag.List
	errs     []error
}

// host reads one host's files. One without any configuration is no node.
func (d *deployed) host(h Host) {
	b := nodeBuilder{node: &topology.Node{Dir: h.Dir}, findings: &d.findings}
	for _, p := range h.Paths {
		for _, file := range d.expand(h, p) {
			if config := d.read(h, file); config != nil {
				b.file(config)
			}
		}
	}
	if len(b.node.Files) == 0 {
		return
	}
	b.finish()
	d.cluster.Nodes = append(d.cluster.Nodes, b.node)
}

// expand gives the configuration files below a directory in lexical order, and a file as it is.
func (d *deployed) expand(h Host, root string) []string {
	info, err := fs.Stat(h.FS, root)
	if err != nil {
		d.errs = append(d.errs, named(h, root, err))
		return nil
	}
	if !info.IsDir() {
		return []string{root}
	}
	var files []string
	d.walk(h, root, &files)
	slices.Sort(files)
	return files
}

// walk follows links to files, but not to directories below a host's own: those may lead in circles.
func (d *deployed) walk(h Host, dir string, files *[]string) {
	entries, err := fs.ReadDir(h.FS, dir)
	if err != nil {
		d.errs = append(d.errs, named(h, dir, err))
		return
	}
	for _, e := range entries {
		p := path.Join(dir, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case e.IsDir():
			d.walk(h, p, files)
		case isConfig(e.Name()):
			*files = append(*files, p)
		}
	}
}

func isConfig(name string) bool { return strings.HasSuffix(name, ".cfg") }

func named(h Host, p string, err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	return fmt.Errorf("%s: %w", h.Prefix+p, err)
}

// read reads and parses one file, nil when there is nothing in it to be read.
func (d *deployed) read(h Host, p string) *grammar.ConfigFile {
	name := h.Prefix + p
	data, err := readConfig(h.FS, p)
	if err != nil {
		d.errs = append(d.errs, named(h, p, err))
		return nil
	}
	if len(data) > grammar.MaxFileSize {
		d.findings.Add(*grammar.Findingf(grammar.CodeText, firstPlace(name), "`%s` is longer than %d MB; no configuration is", name, grammar.MaxFileSize>>20))
		return nil
	}
	config, findings := grammar.ParseConfigPartly(h.environment(), name, data)
	if len(config.Sections) == 0 {
		d.leftOut(name, config)
		return nil
	}
	if _, again := d.cluster.Files[name]; !again {
		ignores, bad := config.Ignores()
		d.cluster.Ignores = append(d.cluster.Ignores, ignores...)
		findings.Add(bad...)
	}
	d.cluster.Files[name] = data
	d.findings.Add(findings...)
	return config
}

// environment is what is known of the host's environment, nil for nothing.
func (h *Host) environment() grammar.Environment {
	if len(h.Env) == 0 {
		return nil
	}
	return func(name string) (string, bool) {
		for _, env := range slices.Backward(h.Env) {
			if value, set := env(name); set {
				return value, true
			}
		}
		return "", false
	}
}

// readConfig does not open pipes and devices, which would block, and reads no more of a file than a finding about its length needs.
func readConfig(fsys fs.FS, p string) ([]byte, error) {
	info, err := fs.Stat(fsys, p)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := fsys.Open(p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, grammar.MaxFileSize+1))
}

// leftOut says of a file without sections that it was not read; of an empty one there is nothing to say.
func (d *deployed) leftOut(name string, config *grammar.ConfigFile) {
	for line := range config.AllLines() {
		if line.Keyword() == "" {
			continue
		}
		d.cluster.Files[name] = config.Text
		f := grammar.Findingf(grammar.CodeDirective, line.Words[0].Span, "`%s` holds no section that HAProxy or an aggregator knows; it was left out", name)
		f.Severity = diag.Info
		d.findings.Add(*f)
		return
	}
}

func firstPlace(name string) diag.Span {
	at := diag.Pos{Line: 1, Column: 1}
	return diag.Span{File: name, Start: at, End: at}
}

// absent lists the names that files speak of and that no node bears, in the order of the files.
func (d *deployed) absent() {
	known := map[string]bool{}
	for _, n := range d.cluster.Nodes {
		known[n.Name.Value] = true
		for _, name := range ownNames(n) {
			known[name.Value] = true
		}
	}
	for _, n := range d.cluster.Nodes {
		for _, p := range others(n) {
			if !known[p.Name.Value] && !p.Name.Unresolved {
				known[p.Name.Value] = true
				d.cluster.Absent = append(d.cluster.Absent, p.Name)
			}
		}
	}
}

// ownNames are the names that a node's files give to the node itself.
func ownNames(n *topology.Node) []topology.Text {
	var names []topology.Text
	for _, s := range n.Peers {
		names = append(names, s.Local)
	}
	for _, a := range n.Aggregations {
		if a.Local != nil {
			names = append(names, a.Local.Name)
		}
	}
	return slices.DeleteFunc(names, topology.Text.IsZero)
}

// others are the peers that a node's files list beside the node itself.
func others(n *topology.Node) []*topology.Peer {
	var peers []*topology.Peer
	for _, s := range n.Peers {
		peers = append(peers, s.Peers...)
	}
	for _, a := range n.Aggregations {
		peers = append(peers, a.Peers...)
	}
	return peers
}

// heights counts each aggregations section's levels above the nodes, from what its members say of themselves. Sections in a
// cycle, or above members that are not known, keep 0.
func (d *deployed) heights() {
	sections := map[string]*topology.Aggregations{}
	var all []*topology.Aggregations
	for _, n := range d.cluster.Nodes {
		for _, a := range n.Aggregations {
			all = append(all, a)
			if a.Local != nil && sections[a.Local.Name.Value] == nil {
				sections[a.Local.Name.Value] = a
			}
		}
	}
	for range all { // a height is known at the latest after as many rounds as there are levels
		changed := false
		for _, a := range all {
			if h := height(a, sections); a.Height == 0 && h > 0 {
				a.Height, changed = h, true
			}
		}
		if !changed {
			return
		}
	}
}

func height(a *topology.Aggregations, sections map[string]*topology.Aggregations) int {
	h := 0
	for _, p := range a.Peers {
		switch p.Direction {
		case topology.Unmarked:
			h = max(h, 1)
		case topology.Down:
			below := sections[p.Name.Value]
			if below == nil || below.Height == 0 {
				return 0
			}
			h = max(h, below.Height+1)
		}
	}
	return h
}
