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
	var folded foldedFindings
	up := map[*topology.Node][]*topology.Edge{}
	for _, e := range p.Graph.Edges {
		if !e.Mesh && e.Lower.Node != nil && e.Lower.Kind == topology.Balancer && e.Upper.Section != nil {
			up[e.Lower.Node] = append(up[e.Lower.Node], e)
		}
	}
	for _, n := range p.Cluster.Nodes {
		var all []stray
		for _, t := range n.Tables {
			if t.InPeers || t.Peers.Unresolved || t.Name.Unresolved {
				continue
			}
			if e, suffix := wants(up[n], t); e != nil {
				all = append(all, stray{n, t, e, suffix})
			}
		}
		p.unattached(all, &folded)
	}
	folded.report(p, func(who, key []string) string {
		if key[0] == "" {
			return fmt.Sprintf("%s of %s are not attached to `peers %s`, so that they share nothing with %s", key[3], and(who), key[1], key[2])
		}
		return fmt.Sprintf("%s of %s are attached to `peers %s`, but %s is listed in `peers %s`", key[3], and(who), key[0], key[2], key[1])
	})
}

// stray is a table that is not attached to the section of an aggregator that wants it.
type stray struct {
	node   *topology.Node
	table  *topology.Table
	edge   *topology.Edge
	suffix topology.Text
}

// unattached reports the strays of one node: those that name the same wrong section are one mistake.
func (p *Pass) unattached(all []stray, folded *foldedFindings) {
	type key struct {
		wrong    string
		edge     *topology.Edge
		silenced bool
	}
	groups := map[key][]stray{}
	var order []key
	for _, s := range all {
		k := key{s.table.Peers.Value, s.edge, p.silences(firstOf(s.table.Peers.Span, s.table.Span))}
		if len(groups[k]) == 0 {
			order = append(order, k)
		}
		groups[k] = append(groups[k], s)
	}
	for _, k := range order {
		first := groups[k][0]
		f := unattachedFinding(p, first.node, first.table, first.edge, first.suffix)
		var tables []string
		for i, s := range groups[k] {
			tables = append(tables, s.table.Name.Value)
			if i > 0 {
				more := unattachedFinding(p, s.node, s.table, s.edge, s.suffix)
				f.Related = append(f.Related, note(more.Primary.Span, "`%s` too", s.table.Name.Value))
				f.Fixes[0].Edits = append(f.Fixes[0].Edits, more.Fixes[0].Edits...)
			}
		}
		if len(tables) > 1 {
			f.Summary = strings.Replace(f.Summary, code(tables[0])+" is", codes(tables)+" are", 1)
			f.Summary = strings.Replace(f.Summary, "that it shares", "that they share", 1)
		}
		f.Tables = tables
		folded.add(f, first.node.Name.Value, k.wrong, k.edge.PeersSection(k.edge.Lower).Name.Value, k.edge.Upper.Name, codes(tables))
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
		case t.Peers.Value == s.Name.Value, s.Name.Unresolved && !t.Peers.IsZero():
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
