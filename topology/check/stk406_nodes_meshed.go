package check

import (
	"fmt"
	"slices"

	"stktc/grammar/diag"
	"stktc/topology"
)

var nodesMeshed = &Check{
	Code:     "STK406",
	Slug:     "nodes-overwrite-each-other",
	Title:    "nodes that are summed also share the table with each other",
	Severity: diag.Error,
	Since:    "0.1",
	Text: Text{
		What:    "A peers section that lists an aggregator lists another HAProxy node as well, and a table that is counted in and summed is attached to it.",
		Why:     "Nodes overwrite each other's counters in that table instead of adding them, and the aggregator then sums the overwritten values.",
		RunTime: "All sessions look healthy; the sums are wrong. Nothing is logged.",
		Fix:     "List only the node itself and its aggregators in the section. What nodes are to share directly belongs to another peers section.",
	},
	Bad:  meshed("  server hapee2 192.168.56.102:44444\n", "  server hapee1 192.168.56.101:44444\n"),
	Good: meshed("", ""),
	Run:  runNodesMeshed,
}

// meshed are two nodes with one aggregator; the further lines of their peers sections are given.
func meshed(first, second string) string {
	node := func(name, more string) string {
		return `-- ` + name + `/hapee-lb.cfg --
backend mytable.uncombined
  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers
backend mytable.aggr
  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers
peers mypeers
  bind 0.0.0.0:44444
  server ` + name + `
  server aggr1 192.168.56.111:11111
` + more
	}
	return `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1  192.168.56.111:11111 local
  peer hapee1 192.168.56.101:44444
  peer hapee2 192.168.56.102:44444
  from .uncombined to .aggr
` + node("hapee1", first) + node("hapee2", second)
}

func runNodesMeshed(p *Pass) {
	for _, e := range p.Graph.Edges {
		if !e.Mesh || e.Lower == e.Upper {
			continue
		}
		for _, x := range []*topology.Vertex{e.Lower, e.Upper} {
			line, s := lineOf(e, x), e.PeersSection(x)
			if line == nil || s == nil || x == e.Upper && e.LowerPeer != nil && e.LowerPeer.Span != e.UpperPeer.Span && p.summed(e, e.Lower) != nil {
				continue
			}
			if h := p.summed(e, x); h != nil {
				p.report(meshFinding(e, x, line, h))
			}
		}
	}
}

// summed finds a table that x counts in, shares over the section of e, and gives to an aggregator of the same section.
func (p *Pass) summed(e *topology.Edge, x *topology.Vertex) *hop {
	s := e.PeersSection(x)
	all := p.flows()
	i := slices.IndexFunc(all, func(h hop) bool { return h.origin == x && s != nil && h.first.PeersSection(x) == s })
	if i < 0 {
		return nil
	}
	return &all[i]
}

func meshFinding(e *topology.Edge, x *topology.Vertex, line *topology.Peer, h *hop) diag.Finding {
	far := other(e, x)
	f := diag.Finding{
		Summary: fmt.Sprintf("%s shares `%s` with %s directly, besides %s, which sums it", x.Name, h.table.Name.Value, far.Name, h.at.Name),
		Primary: note(line.Name.Span, "another HAProxy node"),
		Related: []diag.Note{note(h.table.Name.Span, "summed by %s", h.at.Name)},
		Impact:  fmt.Sprintf("%s and %s overwrite each other's counters instead of adding them, and the sum is made of that", x.Name, far.Name),
		RunTime: &diag.RunTime{Command: "show table", On: x.Name, Symptom: "values that jump to those of the other node; all sessions look healthy"},
		Nodes:   []string{x.Name, far.Name},
		Edges:   []string{x.Name + "->" + far.Name},
		Tables:  []string{h.table.Name.Value},
	}
	if back := lineOf(e, far); back != nil {
		f.Related = append(f.Related, note(back.Name.Span, "and %s lists %s", far.Name, x.Name))
	}
	return f
}
