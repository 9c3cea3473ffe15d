package check

import (
	"fmt"
	"slices"
	"strings"

	"stktc/grammar/diag"
	"stktc/topology"
)

var unattached = &Check{
	Code:     "STK303",
	Slug:     "table-not-attached",
	Title:    "a table that belongs to an aggregation is not attached to its peers section",
	Severity: diag.Error,
	Since:    "0.1",
	Text: Text{
		What:    "A table's name ends in a suffix that the node's aggregator reads or makes, but its `stick-table` line has no `peers` for the section that lists the aggregator.",
		Why:     "The table stays private: its counters never reach the aggregator, or the aggregate never reaches it.",
		RunTime: "`show peers` does not list the table under the session. Nothing is logged.",
		Fix:     "Add `peers` and the section's name to the `stick-table` line.",
	},
	Bad: `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1  192.168.56.111:11111 local
  peer hapee1 192.168.56.101:44444
  from .uncombined to .aggr
-- hapee1/hapee-lb.cfg --
backend mytable.uncombined
  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers
backend mytable.aggr
  stick-table type ip size 100 expire 1h store http_req_rate(1h)
peers mypeers
  bind 0.0.0.0:44444
  server hapee1
  server aggr1 192.168.56.111:11111
`,
	Good: `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1  192.168.56.111:11111 local
  peer hapee1 192.168.56.101:44444
  from .uncombined to .aggr
-- hapee1/hapee-lb.cfg --
backend mytable.uncombined
  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers
backend mytable.aggr
  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers
peers mypeers
  bind 0.0.0.0:44444
  server hapee1
  server aggr1 192.168.56.111:11111
`,
	Run: runUnattached,
}

func runUnattached(p *Pass) {
	up := map[*topology.Node][]*topology.Edge{}
	for _, e := range p.Graph.Edges {
		if !e.Mesh && e.Lower.Node != nil && e.Lower.Kind == topology.Balancer && e.Upper.Section != nil {
			up[e.Lower.Node] = append(up[e.Lower.Node], e)
		}
	}
	for _, n := range p.Cluster.Nodes {
		for _, t := range n.Tables {
			if t.InPeers || t.Peers.Unresolved || t.Name.Unresolved {
				continue
			}
			if e, suffix := wants(up[n], t); e != nil {
				p.report(unattachedFinding(p, n, t, e, suffix))
			}
		}
	}
}

// wants finds an aggregator whose suffixes end the table's name, over a section that the table is not attached to. A table
// that is attached to a section with such an aggregator is wanted by nobody else.
func wants(up []*topology.Edge, t *topology.Table) (edge *topology.Edge, suffix topology.Text) {
	for _, e := range up {
		s := e.PeersSection(e.Lower)
		if s == nil {
			continue
		}
		from, to, forward := suffixes(e.Upper.Section)
		all := slices.Concat(from, to, forward)
		i := slices.IndexFunc(all, func(x topology.Text) bool { return strings.HasSuffix(t.Name.Value, x.Value) })
		switch {
		case i < 0:
		case t.Peers.Value == s.Name.Value:
			return nil, topology.Text{}
		case edge == nil:
			edge, suffix = e, all[i]
		}
	}
	return edge, suffix
}

func unattachedFinding(p *Pass, n *topology.Node, t *topology.Table, e *topology.Edge, suffix topology.Text) diag.Finding {
	s := e.PeersSection(e.Lower)
	f := diag.Finding{
		Summary: fmt.Sprintf("%s's `%s` is not attached to `peers %s`, so that it shares nothing with %s", n.Name.Value, t.Name.Value, s.Name.Value, e.Upper.Name),
		Primary: note(t.Span, "no `peers %s` here", s.Name.Value),
		Related: []diag.Note{note(s.Header, "%s is listed in this section", e.Upper.Name), note(suffix.Span, "%s speaks of tables ending in `%s`", e.Upper.Name, suffix.Value)},
		Impact:  "the table stays private to the node",
		RunTime: &diag.RunTime{Command: "show peers", On: n.Name.Value, Symptom: "the table is not listed under the session; nothing is logged"},
		Nodes:   []string{n.Name.Value, e.Upper.Name},
		Tables:  []string{t.Name.Value},
	}
	if t.Peers.IsZero() {
		end := diag.Span{File: t.Span.File, Start: t.Span.End, End: t.Span.End}
		f.Fixes = []diag.Fix{{Title: "add `peers " + s.Name.Value + "`", Edits: p.replace(end, " peers "+s.Name.Value)}}
		return f
	}
	f.Summary = fmt.Sprintf("%s's `%s` is attached to `peers %s`, but %s is listed in `peers %s`", n.Name.Value, t.Name.Value, t.Peers.Value, e.Upper.Name, s.Name.Value)
	f.Primary = note(t.Peers.Span, "another section")
	f.Fixes = []diag.Fix{{Title: "peers " + s.Name.Value, Edits: p.replace(t.Peers.Span, s.Name.Value)}}
	if !slices.ContainsFunc(n.Peers, func(s *topology.PeersSection) bool { return s.Name.Value == t.Peers.Value }) {
		f.Primary = note(t.Peers.Span, "%s has no such section", n.Name.Value)
		f.RunTime = &diag.RunTime{Command: "haproxy -c", On: n.Name.Value, Symptom: fmt.Sprintf("refused: unable to find sync peers '%s'", t.Peers.Value)}
	}
	return f
}

// tableEnding finds a node's shared table by the end of its name; nil when it has none.
func tableEnding(n *topology.Node, suffix string) *topology.Table {
	i := slices.IndexFunc(n.Tables, func(t *topology.Table) bool { return strings.HasSuffix(t.Name.Value, suffix) })
	if i < 0 {
		return nil
	}
	return n.Tables[i]
}
