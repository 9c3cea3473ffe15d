package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

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
	d := deployed{cluster: &topology.Cluster{Source: topology.FromDeployed, Files: diag.Files{}, Partial: map[string]bool{}, Unread: map[string]bool{}}}
	for _, h := range readHosts(hosts) {
		d.add(h)
	}
	d.localPeers()
	d.names()
	d.absent()
	d.idle()
	d.heights()
	d.findings.Sort()
	return d.cluster, d.findings, errors.Join(d.errs...)
}

type deployed struct {
	cluster  *topology.Cluster
	findings diag.List
	errs     []error
	listedAt map[netip.AddrPort]*topology.Peer // see listed; nil where lines disagree
	idleHere []*hostReader                     // hosts without any configuration
}

// readHosts reads the hosts on all processors; the result is in their order.
func readHosts(hosts []Host) []*hostReader {
	read := make([]*hostReader, len(hosts))
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(hosts)) {
		wait.Go(func() {
			var memory grammar.Memory
			for i := int(next.Add(1) - 1); i < len(hosts); i = int(next.Add(1) - 1) {
				read[i] = &hostReader{Host: hosts[i], memory: &memory}
				read[i].all()
			}
		})
	}
	wait.Wait()
	return read
}

// hostReader reads one host's files.
type hostReader struct {
	Host
	memory   *grammar.Memory // of the file that is being read
	node     *topology.Node
	findings diag.List
	left     diag.List // about files in which nothing is to be read
	errs     []error
	files    []hostFile
	partial  bool // see topology.Cluster.Partial
}

// hostFile is what stays of a file.
type hostFile struct {
	name    string
	text    []byte
	ignores []diag.Ignore
	bad     diag.List // what is wrong with the ignores
}

func (h *hostReader) all() {
	h.node = &topology.Node{Dir: h.Dir}
	b := nodeBuilder{node: h.node, findings: &h.findings}
	for _, p := range h.Paths {
		for _, file := range h.expand(p) {
			if config := h.read(file); config != nil {
				b.file(config)
			}
		}
	}
	b.finish()
	h.foldCut()
}

// add takes over what was read of a host. One without any configuration is no node. A file may be several hosts' own.
func (d *deployed) add(h *hostReader) {
	d.errs = append(d.errs, h.errs...)
	d.findings.Add(h.findings...)
	for _, f := range h.files {
		if _, again := d.cluster.Files[f.name]; !again {
			d.cluster.Ignores = append(d.cluster.Ignores, f.ignores...)
			d.findings.Add(f.bad...)
		}
		d.cluster.Files[f.name] = f.text
	}
	switch {
	case h.partial || h.errs != nil && len(h.node.Files) == 0:
		d.cluster.Partial[h.Dir] = true
	case h.errs != nil:
		d.cluster.Unread[h.Dir] = true
	}
	if len(h.node.Files) == 0 {
		d.idleHere = append(d.idleHere, h)
		return
	}
	d.findings.Add(h.beside()...)
	d.cluster.Nodes = append(d.cluster.Nodes, h.node)
}

// expand gives the configuration files below a directory in lexical order, and a file as it is.
func (h *hostReader) expand(root string) []string {
	info, err := fs.Stat(h.FS, root)
	if err != nil {
		h.errs = append(h.errs, h.named(root, err))
		return nil
	}
	if !info.IsDir() {
		return []string{root}
	}
	var files []string
	h.walk(root, &files)
	slices.Sort(files)
	return files
}

// walk follows links to files, but not to directories below a host's own: those may lead in circles.
func (h *hostReader) walk(dir string, files *[]string) {
	entries, err := fs.ReadDir(h.FS, dir)
	if err != nil {
		h.errs = append(h.errs, h.named(dir, err))
		return
	}
	for _, e := range entries {
		p := path.Join(dir, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case e.IsDir():
			h.walk(p, files)
		case isConfig(e.Name()):
			*files = append(*files, p)
		}
	}
}

func isConfig(name string) bool { return strings.HasSuffix(name, ".cfg") }

func (h *Host) named(p string, err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	return fmt.Errorf("%s: %w", h.Prefix+p, err)
}

// read reads and parses one file, nil when there is nothing in it to be read.
func (h *hostReader) read(p string) *grammar.ConfigFile {
	name := h.Prefix + p
	data, err := readConfig(h.FS, p)
	if err != nil {
		h.errs = append(h.errs, h.named(p, err))
		return nil
	}
	if many := tooLarge(data); many != "" {
		h.partial = true
		h.findings.Add(*grammar.Findingf(grammar.CodeText, firstPlace(name), "`%s` %s; no configuration is so large", name, many))
		return nil
	}
	config, findings := grammar.ParseConfigPartly(h.environment(), h.memory, name, data)
	if len(config.Sections) == 0 {
		h.leftOut(name, config, findings)
		return nil
	}
	ignores, bad := config.Ignores()
	h.files = append(h.files, hostFile{name, data, ignores, bad})
	h.findings.Add(findings...)
	h.partial = h.partial || config.Incomplete
	return config
}

// tooLarge says in what a file is larger than any configuration; "" for others.
func tooLarge(text []byte) string {
	switch {
	case len(text) > grammar.MaxFileSize:
		return fmt.Sprintf("is longer than %d MiB", grammar.MaxFileSize>>20)
	case bytes.Count(text, []byte("\n")) > grammar.MaxLines:
		return fmt.Sprintf("has more than %d lines", grammar.MaxLines)
	}
	return ""
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
	var text bytes.Buffer
	text.Grow(int(min(info.Size(), grammar.MaxFileSize)) + bytes.MinRead)
	if _, err := text.ReadFrom(io.LimitReader(f, grammar.MaxFileSize+1)); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
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
