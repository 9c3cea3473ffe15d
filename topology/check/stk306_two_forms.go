package check

import (
	"fmt"
	"slices"

	"stktc/grammar/diag"
	"stktc/topology"
)

var twoForms = &Check{
	Code:     "STK306",
	Slug:     "table-forms-mixed",
	Title:    "a table is declared in a proxy at one place and in a peers section at another",
	Severity: diag.Error,
	Since:    "0.1",
	Text: Text{
		What:    "A table of a `table` line inside a peers section is called `/name` in the peers protocol, one of a `stick-table` line in a proxy `name`. The same table is declared in one way here and in the other there.",
		Why:     "The two never meet: an aggregate of `/t` is `/t.aggr` and never fills `t.aggr`; two nodes with different forms end up in two different sums.",
		RunTime: "All sessions look healthy. `show peers` shows both names where both are known; the aggregate stays empty.",
		Fix:     "Declare the table and all its aggregates in the same way on all nodes.",
	},
	Bad: `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1  192.168.56.111:11111 local
  peer hapee1 192.168.56.101:44444
  from .uncombined to .aggr
-- hapee1/hapee-lb.cfg --
backend mytable.uncombined
  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers
peers mypeers
  bind 0.0.0.0:44444
  server hapee1
  server aggr1 192.168.56.111:11111
  table mytable.aggr type ip size 100 expire 1h store http_req_rate(1h)
`,
	Good: `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1  192.168.56.111:11111 local
  peer hapee1 192.168.56.101:44444
  from .uncombined to .aggr
-- hapee1/hapee-lb.cfg --
peers mypeers
  bind 0.0.0.0:44444
  server hapee1
  server aggr1 192.168.56.111:11111
  table mytable.uncombined type ip size 100 expire 1h store http_req_rate(1h)
  table mytable.aggr type ip size 100 expire 1h store http_req_rate(1h)
`,
	Run: runTwoForms,
}

func runTwoForms(p *Pass) {
	p.mixedOnNode()
	for _, x := range p.Graph.Vertices {
		if x.Section != nil {
			p.mixedAcrossNodes(x)
		}
	}
}

// mixedOnNode compares each aggregate with the table that it is made of.
func (p *Pass) mixedOnNode() {
	seen := map[*topology.Table]bool{}
	for _, h := range p.flows() {
		tables := p.sharedTables(h.first)
		alien := tableNamed(tables, otherForm(h.name))
		if alien == nil || seen[alien] || tableNamed(tables, h.name) != nil {
			continue
		}
		seen[alien] = true
		p.report(diag.Finding{
			Summary: fmt.Sprintf("%s declares `%s` %s, but `%s`, of which it is made, %s", h.origin.Name, alien.Name.Value, place(alien), h.table.Name.Value, place(h.table)),
			Primary: note(alien.Name.Span, "called `%s` on the wire", alien.WireName()),
			Related: []diag.Note{note(h.table.Name.Span, "called `%s`, so its aggregate is `%s`", h.table.WireName(), h.name)},
			Impact:  fmt.Sprintf("%s's `%s` stays empty: what comes is called `%s`", h.origin.Name, alien.WireName(), h.name),
			RunTime: &diag.RunTime{Command: "show peers", On: h.origin.Name, Symptom: "`last_status=ESTA`, which looks healthy; the aggregate is thrown away"},
			Nodes:   []string{h.origin.Name},
			Tables:  []string{alien.Name.Value},
		})
	}
}

// mixedAcrossNodes compares the tables of one name that the nodes of an aggregator count in.
func (p *Pass) mixedAcrossNodes(x *topology.Vertex) {
	forms := map[string]map[bool][]decl{} // name, whether in a peers section
	var order []string
	for _, e := range p.members(x) {
		if e.Lower.Kind != topology.Balancer || e.Lower.Absent() {
			continue
		}
		for _, t := range p.sharedTables(e) {
			read := slices.ContainsFunc(x.Section.Rules, func(r *topology.Rule) bool { _, ok := apply(x.Section, r, t.WireName()); return ok })
			if !read {
				continue
			}
			if forms[t.Name.Value] == nil {
				forms[t.Name.Value] = map[bool][]decl{}
				order = append(order, t.Name.Value)
			}
			forms[t.Name.Value][t.InPeers] = append(forms[t.Name.Value][t.InPeers], decl{e.Lower, t})
		}
	}
	for _, name := range order {
		few, many := forms[name][true], forms[name][false]
		if len(few) > len(many) {
			few, many = many, few
		}
		if len(few) > 0 {
			p.report(mixedFinding(x, name, few, many))
		}
	}
}

func mixedFinding(x *topology.Vertex, name string, few, many []decl) diag.Finding {
	a, b := few[0], many[0]
	f := diag.Finding{
		Summary: fmt.Sprintf("%s declares `%s` %s, but %s %s", a.node.Name, name, place(a.table), b.node.Name, place(b.table)),
		Primary: note(a.table.Name.Span, "called `%s` on the wire", a.table.WireName()),
		Related: []diag.Note{note(b.table.Name.Span, "called `%s`", b.table.WireName())},
		Notes:   []string{fmt.Sprintf("vote: %d of %d nodes declare it %s", len(many), len(few)+len(many), place(b.table))},
		Impact:  fmt.Sprintf("%s makes two sums of them, neither of which has all nodes", x.Name),
		RunTime: &diag.RunTime{Command: "show table", On: x.Name, Symptom: "two tables, with and without a slash"},
		Nodes:   []string{a.node.Name, b.node.Name, x.Name},
		Tables:  []string{name},
	}
	for _, d := range few[1:] {
		f.Nodes = append(f.Nodes, d.node.Name)
		f.Related = append(f.Related, note(d.table.Name.Span, "so does %s", d.node.Name))
	}
	return f
}

func place(t *topology.Table) string {
	if t.InPeers {
		return "in a peers section"
	}
	return "in a proxy"
}
