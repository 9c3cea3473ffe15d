package compile

import (
	"fmt"
	"slices"

	"stktc/grammar/diag"
	"stktc/topology"
)

// checkDialects looks for extensions of ours in files that the vendor's daemons are to run.
func checkDialects(u *unit) {
	for _, h := range u.hosts {
		if d := h.node.Build.Dialect; h.aggregator == nil || d != topology.DialectStktagg && d != topology.DialectGPE {
			continue
		}
		d := dialectCheck{u, h.node}
		for _, a := range h.node.Aggregations {
			d.links(a)
			d.settings(&a.Settings)
			d.extra(a.Extra)
		}
		d.settings(&h.node.Settings)
		d.extra(h.node.Build.Extra)
	}
}

type dialectCheck struct {
	*unit
	node *topology.Node
}

func (d *dialectCheck) report(at diag.Span, what string) {
	dialect := d.node.Build.Dialect
	f := finding(CodeDialect, at, "asked for here", fmt.Sprintf("the file of `%s` needs %s, which dialect `%s` has not", d.node.Name.Value, what, dialect))
	f.Related = []diag.Note{{Span: d.node.Build.DialectAt, Label: "the dialect"}}
	f.Impact = "the vendor's daemon refuses the line, or passes over it"
	f.Nodes = []string{d.node.Name.Value}
	d.findings.Add(f)
}

func (d *dialectCheck) links(a *topology.Aggregations) {
	if a.Local != nil && a.Local.TLS.On {
		d.report(a.Local.TLS.Span, "TLS on `peer` lines")
	}
	for _, p := range a.Peers {
		if p.Replica {
			d.report(p.Span, "`replica` peers")
		}
		if p.Group > 0 && p.Direction == topology.Down {
			d.report(p.Span, "`group` on `down` peers")
		}
	}
	for _, r := range a.Rules {
		if r.UpOnly {
			d.report(r.Span, "`up-only` rules")
		}
	}
}

// settings are our own directives, whichever line says them.
func (d *dialectCheck) settings(s *topology.Settings) {
	for _, l := range settingsLines(s) {
		if isExtension(l.Words[0]) {
			d.report(l.Origin, fmt.Sprintf("`%s`", l.Words[0]))
		}
	}
}

var (
	extensions   = []string{"learn-timeout", "hold", "pace", "give-back", "lease", "strict-names"}
	ofGPE        = []string{"bind", "dynamic-peers", "hash-table"}
	isExtension  = func(keyword string) bool { return slices.Contains(extensions, keyword) }
	isUnknownGPE = func(d topology.Dialect, keyword string) bool {
		return d == topology.DialectStktagg && slices.Contains(ofGPE, keyword)
	}
)

func (d *dialectCheck) extra(texts []topology.Text) {
	for _, l := range rawLines("aggregations x\nglobal", texts) {
		if len(l.Words) > 0 && (isExtension(l.Words[0]) || isUnknownGPE(d.node.Build.Dialect, l.Words[0])) {
			d.report(l.Origin, fmt.Sprintf("`%s`", l.Words[0]))
		}
	}
}
