package compile

import (
	"bytes"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"stktc/grammar/diag"
	"stktc/topology"
	"stktc/topology/sticktable"
)

// merge turns the lines and places of every host into files.
func merge(u *unit) {
	for _, h := range u.hosts {
		name := h.node.Name.Value
		if h.aggregator != nil {
			file := aggregatorOutput(h.node)
			h.files = append(h.files, &File{
				Path:       path.Join(name, file),
				Install:    aggregatorInstall + file,
				Aggregator: true,
				Insertions: []Insertion{{Lines: h.aggregator}},
			})
		}
		if h.balancer != nil {
			h.files = append(h.files, u.balancerFiles(h)...)
		}
	}
}

// balancerFiles gives one file for each base, or one that is ours alone: a fragment. It gives none when a base could not
// be read, which whoever read it has said.
func (u *unit) balancerFiles(h *host) []*File {
	b := h.balancer
	switch {
	case len(b.bases) < len(h.node.Build.Base):
		return nil
	case h.node.Build.Fragment || len(b.bases) == 0:
		lines := append([]Line{u.notice(h.node)}, b.appended()...)
		return []*File{{Path: path.Join(h.node.Name.Value, b.output()), Install: u.install(b, b.output()), Insertions: []Insertion{{Lines: lines}}}}
	}
	var files []*File
	for i, name := range b.outputs() {
		file := b.bases[i]
		files = append(files, &File{
			Path:       path.Join(h.node.Name.Value, name),
			Install:    u.install(b, name),
			Base:       file.text,
			BaseName:   file.cfg.Name,
			Insertions: b.insertions(file, i == len(b.bases)-1),
		})
	}
	return files
}

// insertions collects what goes into one of the bases; the last one gets what has no place in the others.
func (b *balancer) insertions(file *base, last bool) []Insertion {
	var ins []Insertion
	if p := b.local.place; p.base == file {
		ins = append(ins, Insertion{p.offset, marked(b.localPeerLines())})
	}
	for _, t := range b.tables {
		if t.place.base == file {
			ins = append(ins, Insertion{t.place.offset, marked([]Line{t.line})})
		}
	}
	if last {
		ins = append(ins, Insertion{len(file.text), separated(file.text, b.noticed())})
	}
	slices.SortStableFunc(ins, func(a, b Insertion) int { return a.Offset - b.Offset })
	return ins
}

// marked tells who reads a section of the operator's which line is not.
func marked(lines []Line) []Line {
	for i := range lines {
		if lines[i].Indent > 0 {
			lines[i].Comment = "by stktc"
		}
	}
	return lines
}

// noticed are the appended lines below one that says whose they are. It names no file, so that a topology may get another name without a change
// to all load balancers.
func (b *balancer) noticed() []Line {
	lines := b.appended()
	if len(lines) == 0 {
		return nil
	}
	at := b.node.Name.Span
	notice := Line{Comment: "from here on made by stktc: edit the topology, not these lines", Origin: at}
	lines[0].Origin = at
	return slices.Insert(lines, 1, notice)
}

func (b *balancer) localPeerLines() []Line {
	name := b.node.Name
	line := Line{Indent: 1, Lead: b.local.lead, Words: []string{"localpeer", name.Value}, Origin: name.Span}
	if !b.local.global {
		return []Line{line}
	}
	return []Line{{Words: []string{"global"}, Origin: name.Span}, line, {Origin: name.Span}}
}

// appended are the backends and peers sections, in an order that HAProxy can read: a peers section may come behind the
// tables that name it. Nothing of the operator's follows, so an empty defaults section changes nothing of theirs.
func (b *balancer) appended() []Line {
	lines := make([]Line, 0, 3*len(b.tables)+len(b.peers)+8) // with room for the rest: lines are large, and 10,000 nodes have them
	for _, t := range b.tables {
		if t.place.base == nil {
			lines = append(lines, section(t.table.Name.Span, "backend", t.table.Name.Value)...)
			lines = append(lines, t.line)
		}
	}
	if len(lines) > 0 && (b.node.Build.Fragment || b.inheritsBadly()) {
		lines = slices.Insert(lines, 0, section(lines[0].Origin, "defaults")...)
	}
	if b.node.Build.LocalPeer == topology.LocalPeerEmit && (b.node.Build.Fragment || len(b.bases) == 0) {
		b.local.global = true
		own := b.localPeerLines()
		lines = append(own[:len(own)-1], lines...) // the next section begins with a blank line of its own
	}
	return append(lines, b.peers...)
}

// separated drops the first blank line behind a text that is empty or already ends in one.
func separated(text []byte, lines []Line) []Line {
	body := bytes.TrimRight(text, " \t")
	blank := len(body) == 0 || bytes.HasSuffix(body, []byte("\n\n")) || bytes.HasSuffix(body, []byte("\n\r\n"))
	if blank && len(lines) > 0 && len(lines[0].Words) == 0 {
		return lines[1:]
	}
	return lines
}

// output is the name of a balancer's one file. HAProxy reads a directory in lexical order, so a fragment comes behind the file that it belongs to,
// and it never takes that file's place.
func (b *balancer) output() string {
	switch {
	case b.node.Build.Output != "":
		return b.node.Build.Output
	case b.node.Build.Fragment:
		return "hapee-lb.stktc.cfg"
	}
	return "hapee-lb.cfg"
}

// outputs are the file names of a node's bases: a single one gets the name that the product expects, several keep their own.
func (b *balancer) outputs() []string {
	if len(b.node.Build.Base) == 1 || b.node.Build.Fragment {
		return []string{b.output()}
	}
	var names []string
	for _, f := range b.node.Build.Base {
		names = append(names, path.Base(filepath.ToSlash(f.Path.Value)))
	}
	return names
}

// install is where a balancer's file belongs on its host; "" when the topology does not tell HAProxy's version, which is
// part of the directory's name in HAProxy Enterprise.
func (u *unit) install(b *balancer, name string) string {
	switch {
	case !strings.HasPrefix(b.output(), "hapee-"):
		return "/etc/haproxy/" + name
	case u.cluster.HAProxy == (sticktable.Version{}):
		return ""
	}
	return fmt.Sprintf("/etc/hapee-%s/%s", u.cluster.HAProxy, name)
}

// checkOutputs judges the names that nodes and several bases bring along.
func checkOutputs(u *unit) {
	for _, h := range u.hosts {
		if name := h.node.Name; strings.EqualFold(name.Value, "manifest.json") {
			u.findings.Add(baseNameFinding(h, name.Span, diag.Error, fmt.Sprintf("a node is called `%s`, but its directory stands beside the file of that name", name.Value)))
		}
		if b := h.balancer; b != nil && len(h.node.Build.Base) > 1 && !h.node.Build.Fragment {
			u.baseNames(h, b)
		}
	}
}

func (u *unit) baseNames(h *host, b *balancer) {
	names := b.outputs()
	for i, name := range names {
		at := h.node.Build.Base[i].Path.Span
		switch {
		case slices.Contains(names[:i], name):
			u.findings.Add(baseNameFinding(h, at, diag.Error, fmt.Sprintf("two base files of a node are called `%s`", name)))
		case i > 0 && name < names[i-1]:
			u.findings.Add(baseNameFinding(h, at, diag.Warning,
				fmt.Sprintf("base file `%s` stands behind `%s`, but HAProxy reads a directory in lexical order", name, names[i-1])))
		}
	}
}

func baseNameFinding(h *host, at diag.Span, severity diag.Severity, summary string) diag.Finding {
	f := finding(CodeOutputNames, at, "", summary)
	f.Severity = severity
	f.Nodes = []string{h.node.Name.Value}
	return f
}
