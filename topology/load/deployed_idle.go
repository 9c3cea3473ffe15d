package load

import (
	"slices"

	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/topology"
)

// foldCut leaves out what else is wrong with a line in whose middle a file ends.
func (h *hostReader) foldCut() {
	type line struct {
		file   string
		number int
	}
	cut := map[line]bool{}
	for _, f := range h.findings {
		if at := f.Primary.Span; f.Code == grammar.CodeTruncated {
			cut[line{at.File, at.Start.Line}] = true
		}
	}
	h.findings = slices.DeleteFunc(h.findings, func(f diag.Finding) bool {
		at := f.Primary.Span
		carriageReturn := f.Code == grammar.CodeLine && f.Severity < diag.Error
		return f.Code != grammar.CodeTruncated && !carriageReturn && cut[line{at.File, at.Start.Line}]
	})
}

// leftOut says of a file without sections that it was not read.
func (h *hostReader) leftOut(name string, config *grammar.ConfigFile, findings diag.List) {
	h.files = append(h.files, hostFile{name: name, text: config.Text})
	if i := slices.IndexFunc(findings, func(f diag.Finding) bool { return f.Code == grammar.CodeLine && f.Severity == diag.Error }); i >= 0 { // a NUL byte
		findings[i].Severity = diag.Info
		h.left.Add(findings[i])
		return
	}
	f := grammar.Findingf(grammar.CodeTruncated, firstPlace(name), "`%s` is empty", name)
	for line := range config.AllLines() {
		switch {
		case line.Keyword() != "":
			f = grammar.Findingf(grammar.CodeDirective, line.Words[0].Span, "`%s` holds no section that HAProxy or an aggregator knows; it was left out", name)
			f.Severity = diag.Info
			h.left.Add(*f)
			return
		case !line.Comment.IsZero():
			f = grammar.Findingf(grammar.CodeTruncated, line.Comment.Span, "`%s` holds nothing but comments", name)
		}
	}
	f.Severity = diag.Info
	h.left.Add(*f)
}

// beside are the findings about files in which nothing is to be read, of a host that has others: one with comments was meant so.
func (h *hostReader) beside() diag.List {
	return slices.DeleteFunc(h.left, func(f diag.Finding) bool {
		at := f.Primary.Span
		return f.Code == grammar.CodeTruncated && at.Start != at.End
	})
}

// idle is about hosts in whose files nothing is to be read. Where others name such a host its configuration was lost, and where a file is empty it may have been.
func (d *deployed) idle() {
	for _, h := range d.idleHere {
		named := slices.ContainsFunc(d.cluster.Absent, func(t topology.Text) bool { return t.Value == h.Dir })
		for i := range h.left {
			f := &h.left[i]
			switch {
			case named:
				d.cluster.Partial[h.Dir] = true
				f.Severity, f.Nodes = diag.Error, []string{h.Dir}
				f.Summary += ", but others name `" + h.Dir + "` as their peer"
				f.Related = d.naming(h.Dir)
			case f.Code == grammar.CodeTruncated:
				f.Severity = diag.Warning
				f.Summary += ", and the host has no other configuration"
			}
		}
		d.findings.Add(h.left...)
	}
}

// naming marks the first line that names a host.
func (d *deployed) naming(name string) []diag.Note {
	for _, t := range d.cluster.Absent {
		if t.Value == name {
			return []diag.Note{{Span: t.Span, Label: "named here"}}
		}
	}
	return nil
}
