package check

import (
	"fmt"
	"slices"
	"strings"

	"stktc/grammar/diag"
	"stktc/topology"
)

var forward = &Check{
	Code:     "STK305",
	Slug:     "forward-mismatch",
	Title:    "a forwarded table is made by nobody above, or a table from above is not forwarded",
	Severity: diag.Error,
	Since:    "0.1",
	Text: Text{
		What:    "An aggregator's `forward` names the suffix of tables that come from the aggregator above and go on to the nodes. Either nobody above makes such tables, or somebody does, the nodes declare them, and there is no `forward` for them. Or a rule keeps its tables from the nodes (`up-only`), and nodes declare them.",
		Why:     "The nodes' table for the upper sum stays empty; limits that look at it never trigger.",
		RunTime: "All sessions look healthy. `show table` of the upper sum is empty on the nodes. Nothing is logged.",
		Fix:     "Forward exactly the suffixes that stand after `to` in the aggregator above.",
	},
	Bad: `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1  192.168.56.111:11111 local
  peer hapee1 192.168.56.101:44444
  from .uncombined to .aggr
  peer aggr3  192.168.56.113:22222 up
-- aggr3/hapee-stktagg.cfg --
aggregations myl2
  peer aggr3 192.168.56.113:22222 local
  peer aggr1 192.168.56.111:11111 down
  from .aggr to .l2
-- hapee1/hapee-lb.cfg --
backend mytable.uncombined
  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers
backend mytable.l2
  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers
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
  peer aggr3  192.168.56.113:22222 up
  forward .l2
-- aggr3/hapee-stktagg.cfg --
aggregations myl2
  peer aggr3 192.168.56.113:22222 local
  peer aggr1 192.168.56.111:11111 down
  from .aggr to .l2
-- hapee1/hapee-lb.cfg --
backend mytable.uncombined
  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers
backend mytable.l2
  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers
peers mypeers
  bind 0.0.0.0:44444
  server hapee1
  server aggr1 192.168.56.111:11111
`,
	Run: runForward,
}

func runForward(p *Pass) {
	var idle, missing foldedFindings
	for _, x := range p.Graph.Vertices {
		if x.Section == nil {
			continue
		}
		above, known := p.above(x)
		for _, f := range x.Section.Forwards {
			if known && !f.Unresolved && !slices.ContainsFunc(above, func(t topology.Text) bool { return meets(t.Value, f.Value) }) {
				idle.add(p.madeByNobody(x, f, above), x.Name, f.Value)
			}
		}
		p.notForwarded(x, above, &missing)
		p.keptBack(x)
	}
	idle.report(p, func(who, key []string) string {
		return fmt.Sprintf("%s forward tables ending in `%s`, but no aggregator above makes one", and(who), key[0])
	})
	missing.report(p, func(who, key []string) string {
		return fmt.Sprintf("%s do not forward tables ending in `%s`, which come from above and which the nodes below declare", and(who), key[0])
	})
}

// keptBack is about tables that a rule keeps from the nodes, and that nodes declare.
func (p *Pass) keptBack(x *topology.Vertex) {
	for _, r := range x.Section.Rules {
		if !r.UpOnly || r.To.Unresolved || p.isUnlike(x) {
			continue
		}
		var who []string
		var declared []diag.Note
		for _, e := range p.members(x) {
			if b := e.Lower; b.Kind == topology.Balancer && !b.Absent() {
				if t := tableEnding(b.Node, r.To.Value); t != nil && t.Peers.Value != "" {
					who = append(who, b.Name)
					declared = append(declared, note(t.Name.Span, "%s waits for it", b.Name))
				}
			}
		}
		if who == nil {
			continue
		}
		p.report(diag.Finding{
			Summary: fmt.Sprintf("%s keeps tables ending in `%s` from the nodes, but %s %s one", x.Name, r.To.Value, and(who), verb(len(who), "declares", "declare")),
			Primary: note(r.Span, "`up-only`"),
			Related: declared,
			Impact:  fmt.Sprintf("tables ending in `%s` stay empty on %s, so limits that look at them never trigger", r.To.Value, and(who)),
			RunTime: &diag.RunTime{Command: "show table", On: who[0], Symptom: fmt.Sprintf("the table ending in `%s` is empty; all sessions look healthy", r.To.Value)},
			Fixes:   []diag.Fix{{Title: "delete `up-only`, or the tables"}},
			Nodes:   append(who, x.Name),
		})
	}
}

// above lists the suffixes of the tables that the aggregators above x make or forward; false when some
// are not known, or when marks leave open who is above.
func (p *Pass) above(x *topology.Vertex) (all []topology.Text, known bool) {
	torn := func(e *topology.Edge) bool { return !e.Mesh && e.Lower.Kind == topology.Aggregator && !isSettled(e) }
	known = !slices.ContainsFunc(p.edges[x], torn)
	for _, e := range p.uppers(x) {
		if e.Upper.Section == nil || torn(e) || len(e.Upper.Section.Rules) == 0 { // one without rules is STK401's
			known = false
			continue
		}
		_, to, forward := suffixes(e.Upper.Section)
		known = known && !slices.ContainsFunc(e.Upper.Section.Rules, func(r *topology.Rule) bool { return r.To.Unresolved })
		all = append(append(all, to...), forward...)
		for _, l := range slices.Concat(e.Upper.Section.Settings.Leases, e.Upper.Node.Settings.Leases) {
			l.Table.Value = strings.TrimPrefix(l.Table.Value, "/")
			all = append(all, l.Table)
		}
	}
	return all, known
}

// meets tells whether a table can end in both suffixes.
func meets(a, b string) bool { return strings.HasSuffix(a, b) || strings.HasSuffix(b, a) }

func (p *Pass) madeByNobody(x *topology.Vertex, f topology.Text, above []topology.Text) diag.Finding {
	finding := diag.Finding{
		Summary: fmt.Sprintf("%s forwards tables ending in `%s`, but no aggregator above makes one", x.Name, f.Value),
		Primary: note(f.Span, "nothing to forward"),
		Impact:  fmt.Sprintf("tables ending in `%s` stay empty on the nodes, so limits that look at them never trigger", f.Value),
		RunTime: &diag.RunTime{Command: "show table", On: x.Name, Symptom: fmt.Sprintf("no table ending in `%s`; all sessions look healthy", f.Value)},
		Nodes:   []string{x.Name},
	}
	uppers := p.uppers(x)
	if len(uppers) == 0 {
		finding.Summary = fmt.Sprintf("%s forwards tables ending in `%s`, but has no `up` peer to get them from", x.Name, f.Value)
		finding.Related = []diag.Note{note(x.Section.Header, "no `up` peer here")}
	}
	for _, t := range above {
		finding.Related = append(finding.Related, note(t.Span, "`%s` comes from above", t.Value))
	}
	if near := nearestText(f.Value, above); near != "" {
		finding.Summary += fmt.Sprintf("; is `%s` meant?", near)
		finding.Fixes = []diag.Fix{{Title: "forward " + near, Edits: p.replace(f.Span, near)}}
	} else if len(above) == 1 {
		finding.Fixes = []diag.Fix{{Title: "forward " + above[0].Value, Edits: p.replace(f.Span, above[0].Value)}}
	}
	for _, e := range uppers {
		finding.Nodes = append(finding.Nodes, e.Upper.Name)
	}
	return finding
}

// notForwarded is about tables from above that nodes below x declare and x keeps to itself.
func (p *Pass) notForwarded(x *topology.Vertex, above []topology.Text, all *foldedFindings) {
	seen := map[string]bool{}
	for _, t := range above {
		forwarded := slices.ContainsFunc(x.Section.Forwards, func(f topology.Text) bool { return f.Unresolved || meets(f.Value, t.Value) })
		made := slices.ContainsFunc(x.Section.Rules, func(r *topology.Rule) bool { return meets(r.To.Value, t.Value) })
		misspelt := slices.ContainsFunc(x.Section.Forwards, func(f topology.Text) bool { // that nobody makes it is said
			return diag.Nearest(f.Value, []string{t.Value}) != "" && !slices.ContainsFunc(above, func(t topology.Text) bool { return meets(t.Value, f.Value) })
		})
		if forwarded || made || misspelt || seen[t.Value] {
			continue
		}
		seen[t.Value] = true
		var nodes []string
		var declared []diag.Note
		for _, b := range p.balancersBelow(x) {
			if b.Absent() {
				continue
			}
			if table := tableEnding(b.Node, t.Value); table != nil {
				nodes = append(nodes, b.Name)
				declared = append(declared, note(table.Name.Span, "%s waits for it", b.Name))
			}
		}
		if len(nodes) > 0 {
			all.add(p.missingForward(x, t, nodes, declared), x.Name, t.Value)
		}
	}
}

func (p *Pass) missingForward(x *topology.Vertex, t topology.Text, nodes []string, declared []diag.Note) diag.Finding {
	f := diag.Finding{
		Summary: fmt.Sprintf("%s does not forward tables ending in `%s`, which come from above and which %s %s", x.Name, t.Value, and(nodes), verb(len(nodes), "declares", "declare")),
		Primary: note(x.Section.Header, "no `forward %s` in this section", t.Value),
		Related: append([]diag.Note{note(t.Span, "made here")}, declared...),
		Impact:  fmt.Sprintf("tables ending in `%s` stay empty on %s, so limits that look at them never trigger", t.Value, and(nodes)),
		RunTime: &diag.RunTime{Command: "show table", On: nodes[0], Symptom: fmt.Sprintf("the table ending in `%s` is empty; all sessions look healthy", t.Value)},
		Nodes:   append(slices.Clone(nodes), x.Name),
	}
	fix := diag.Fix{Title: fmt.Sprintf("add `forward %s` to %s", t.Value, x.Name)}
	if lines := x.Section.Peers; len(lines) > 0 {
		fix.Edits = p.insertBefore(lines[len(lines)-1].Span, "forward "+t.Value)
	}
	f.Fixes = []diag.Fix{fix}
	return f
}

// nearestText gives the suffix that was likely meant; "" when none is near.
func nearestText(word string, known []topology.Text) string {
	var values []string
	for _, t := range known {
		values = append(values, t.Value)
	}
	return diag.Nearest(word, values)
}
