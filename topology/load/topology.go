package load

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"syscall"

	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/topology"
)

// Topology reads a topology file and the bases that it names, and derives the whole cluster from it. The paths of bases are relative to the topology
// file; a caller that reads standard input gives an fs.FS that holds it under a name. Mistakes of the user's are findings, all of one run together, and
// the cluster, never nil without an error, then holds what could be understood: it must not be compiled while a finding is an error.
// The error means that a file could not be read.
func Topology(fsys fs.FS, name string) (*topology.Cluster, diag.List, error) {
	text, err := readFile(fsys, name)
	if err != nil {
		return nil, nil, err
	}
	file, findings := grammar.ParseTopology(name, text)
	b := &topologyBuilder{
		fsys:     fsys,
		file:     file,
		findings: findings,
		cluster:  &topology.Cluster{Source: topology.FromTopology, File: name, Files: diag.Files{name: text}},
		byName:   map[string]*host{},
	}
	b.version()
	b.levels()
	b.hosts()
	b.tables()
	b.sums()
	b.nodes()
	if err := b.bases(); err != nil {
		return nil, nil, err
	}
	b.rules()
	return b.cluster, foldRanges(b.findings), nil
}

// foldRanges sorts the findings, and keeps one of those that differ only by the host that a range or a default stands for.
func foldRanges(all diag.List) diag.List {
	all.Sort()
	var kept diag.List
	var more []int
	for _, f := range all {
		if n := len(kept); n > 0 && kept[n-1].Code == f.Code && kept[n-1].Primary.Span == f.Primary.Span {
			more[n-1]++
			continue
		}
		kept, more = append(kept, f), append(more, 0)
	}
	for i, n := range more {
		if n > 0 {
			kept[i].Notes = append(kept[i].Notes, fmt.Sprintf("%d more of this kind at the same place", n))
		}
	}
	return kept
}

// readFile reads a file that is no longer than a finding about its length needs.
func readFile(fsys fs.FS, name string) ([]byte, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("the path leads out of the directory that is read")}
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errDirectory}
	}
	text, err := io.ReadAll(io.LimitReader(f, grammar.MaxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return text, nil
}

// topologyBuilder makes a cluster from a topology file, step by step: each step uses what the ones before it left.
type topologyBuilder struct {
	fsys     fs.FS
	file     *grammar.TopologyFile
	cluster  *topology.Cluster
	findings diag.List

	// unnamed is set when names of hosts could not be made out: selectors that match nothing are then no news.
	unnamed     bool
	byName      map[string]*host // by name in lower case
	order       []*host          // aggregators, then balancers
	aggregators []*host
	balancers   []*host
	tableList   []*table

	leaseInPeers bool // see leasesInPeers
}

func (b *topologyBuilder) errorf(code diag.Code, at diag.Span, format string, args ...any) {
	b.findings.Add(*grammar.Findingf(code, at, format, args...))
}

// about makes all that is reported until the function that it gives is called concern a node or a table, "" for none.
func (b *topologyBuilder) about(node, table string) (done func()) {
	before := len(b.findings)
	return func() { b.findings.About(before, node, table) }
}

// related reports a mistake with a second end.
func (b *topologyBuilder) related(code diag.Code, at, other diag.Span, label, format string, args ...any) {
	f := grammar.Findingf(code, at, format, args...)
	f.Related = []diag.Note{{Span: other, Label: label}}
	b.findings.Add(*f)
}

// bases reads every base once. One that is not there is the user's mistake, one that cannot be read is not.
func (b *topologyBuilder) bases() error {
	for _, h := range b.balancers {
		for _, base := range h.node.Build.Base {
			if err := b.base(h, base); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *topologyBuilder) base(h *host, base topology.BaseFile) error {
	defer b.about(h.node.Name.Value, "")()
	h.node.Files = append(h.node.Files, base.Name)
	if _, done := b.cluster.Files[base.Name]; done {
		return nil
	}
	if path.IsAbs(base.Path.Value) || !fs.ValidPath(base.Name) {
		b.errorf(grammar.CodeReference, base.Path.Span, "base `%s` of `%s` is not below the directory that is read; accepted is a path relative to the topology file", base.Path.Value, h.node.Name.Value)
		return nil
	}
	text, err := readBase(b.fsys, base.Name)
	if wrong := mistakenBase(err); wrong != "" {
		b.errorf(grammar.CodeReference, base.Path.Span, "base `%s` of `%s` is %s", base.Path.Value, h.node.Name.Value, wrong)
		return nil
	}
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return &fs.PathError{Op: failed.Op, Path: base.Name, Err: fmt.Errorf("%w (it is the base of `%s` by %s)", failed.Err, h.node.Name.Value, base.Path.Span)}
	}
	if err != nil {
		return err
	}
	if many := tooLarge(text); many != "" {
		b.errorf(grammar.CodeText, base.Path.Span, "base `%s` %s", base.Path.Value, many)
		return nil
	}
	b.cluster.Files[base.Name] = text
	return nil
}

var errDirectory, errIrregular = errors.New("is a directory"), errors.New("not a regular file")

// readBase does not open pipes and devices, which would block.
func readBase(fsys fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(fsys, name)
	switch {
	case err != nil:
		return nil, err
	case !info.IsDir() && !info.Mode().IsRegular():
		return nil, errIrregular
	}
	return readFile(fsys, name)
}

// mistakenBase says what the path of a base leads to in place of a file; "" when the error is another, or none.
func mistakenBase(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "not there"
	case errors.Is(err, errDirectory):
		return "a directory; accepted are a file and a list of files"
	case errors.Is(err, errIrregular):
		return "not a regular file"
	case errors.Is(err, syscall.ELOOP):
		return "a symbolic link that leads back to itself"
	}
	return ""
}
