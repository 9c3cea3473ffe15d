package check

import (
	"fmt"
	"slices"

	"stktc/grammar/diag"
	"stktc/topology"
)

var destinationMissing = &Check{
	Code:     "STK302",
	Slug:     "destination-missing",
	Title:    "a node lacks the table that an aggregator makes for it",
	Severity: diag.Error,
	Since:    "0.1",
	Text: Text{
		What:    "A node counts in a table, an aggregator makes an aggregate of it, and the node has no table of the aggregate's name while other nodes have; or no node at all has one and no aggregator above reads it.",
		Why:     "A node ignores what it is sent for a table that it does not declare. Rules on that node cannot look the sum up.",
		RunTime: "`show peers` looks healthy, and the table's line says `remote_id=0` or is not there. Nothing is logged.",
		Fix:     "Declare the aggregate with the same type, length, store and peers section as the table that is counted in.",
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
	Run: runDestination,
}

// demand is everything about one aggregate: who should have it.
type demand struct {
	name     string
	have     []hop
	lack     []hop
	consumed bool // an aggregator above its maker reads it on
}

func runDestination(p *Pass) {
	for _, d := range p.unmet() {
		f := d.finding()
		if d.isNamed() {
			f.Impact = "rules there name it already, so that HAProxy refuses the configuration; " + f.Impact
			f.RunTime = &diag.RunTime{Command: "haproxy -c", On: d.lack[0].origin.Name, Symptom: fmt.Sprintf("exit 1: `unable to find table '%s'`", d.lack[0].ruleName())}
		}
		p.report(f)
	}
	for _, x := range p.Graph.Vertices {
		if x.Section != nil && p.isKnown(x) {
			p.idleForwards(x)
		}
	}
}

// unmet lists the aggregates that some nodes should declare and do not. It is computed once.
func (v *view) unmet() []*demand {
	if v.lacking == nil {
		v.lacking = slices.DeleteFunc(v.demands(), func(d *demand) bool {
			direct := slices.ContainsFunc(d.lack, func(h hop) bool { return h.by == h.first })
			return len(d.lack) == 0 || len(d.have) == 0 && (!direct || d.consumed)
		})
	}
	return v.lacking
}

// ruleName is what rules of the node would call the result.
func (h *hop) ruleName() string {
	if h.table.InPeers {
		return h.table.Peers.Value + "/" + written(h.name)
	}
	return written(h.name)
}

// isNamed tells whether rules of a node name the table that the node does not declare.
func (d *demand) isNamed() bool {
	return slices.ContainsFunc(d.lack, func(h hop) bool {
		return slices.ContainsFunc(h.origin.Node.Uses, func(u *topology.TableUse) bool { return u.Table.Value == h.ruleName() && !u.Conditional })
	})
}

// lacks tells whether a node does not declare a table that an aggregator makes for it: STK302 says so.
func (v *view) lacks(n *topology.Node, ruleName string) bool {
	return slices.ContainsFunc(v.unmet(), func(d *demand) bool {
		return slices.ContainsFunc(d.lack, func(h hop) bool { return h.origin.Node == n && h.ruleName() == ruleName })
	})
}

// demands lists the aggregates that come to nodes, in the order in which they are first made.
func (v *view) demands() []*demand {
	byName := map[string]*demand{}
	var all []*demand
	seen := map[[2]any]bool{} // a table may reach an aggregate on two ways
	for _, h := range v.flows() {
		if key := [2]any{h.origin, h.name}; !h.delivered || seen[key] || v.isUnlike(h.at) {
			continue
		} else {
			seen[key] = true
		}
		d := byName[h.name]
		if d == nil {
			d = &demand{name: h.name}
			byName[h.name] = d
			all = append(all, d)
		}
		d.consumed = d.consumed || v.readAbove(h.at, h.name)
		tables := v.sharedTables(h.first)
		if tableNamed(tables, h.name) != nil || tableNamed(tables, otherForm(h.name)) != nil {
			d.have = append(d.have, h)
		} else if !v.mayShare(h.first, h.name) {
			d.lack = append(d.lack, h)
		}
	}
	return all
}

// mayShare tells whether environment variables leave it open that the balancer of an edge shares a table.
func (v *view) mayShare(e *topology.Edge, name string) bool {
	s := e.PeersSection(e.Lower)
	return s != nil && s.Name.Unresolved || slices.ContainsFunc(e.Lower.Node.Tables, func(t *topology.Table) bool {
		return t.Name.Unresolved || t.Peers.Unresolved && (t.WireName() == name || t.WireName() == otherForm(name))
	})
}

// readAbove tells whether an aggregator above x reads a table, or may do so because its files are not known.
func (v *view) readAbove(x *topology.Vertex, name string) bool {
	return slices.ContainsFunc(v.uppers(x), func(e *topology.Edge) bool {
		return e.Upper.Section == nil || slices.ContainsFunc(e.Upper.Section.Rules, func(r *topology.Rule) bool {
			_, ok := apply(e.Upper.Section, r, name)
			return ok || r.From.Unresolved
		})
	})
}

func (d *demand) finding() diag.Finding {
	h := d.lack[0]
	name := written(d.name)
	var nodes []string
	for _, l := range d.lack {
		nodes = append(nodes, l.origin.Name)
	}
	f := diag.Finding{
		Summary: fmt.Sprintf("%s %s in `%s`, but %s no `%s`, which %s makes of it", and(nodes), verb(len(nodes), "counts", "count"),
			h.table.Name.Value, verb(len(nodes), "declares", "declare"), name, h.at.Name),
		Primary: note(h.table.Name.Span, "counted here"),
		Related: []diag.Note{note(h.rule.To.Span, "%s sends `%s` to %s", h.at.Name, name, verb(len(nodes), "it", "them"))},
		Impact:  fmt.Sprintf("%s %s the sum: rules there cannot look it up, so limits never trigger", and(nodes), verb(len(nodes), "ignores", "ignore")),
		RunTime: &diag.RunTime{Command: "show peers", On: h.origin.Name, Symptom: "`last_status=ESTA`, which looks healthy; the aggregate is thrown away and nothing is logged"},
		Fixes:   []diag.Fix{{Title: fmt.Sprintf("declare `%s` like `%s`", name, h.table.Name.Value)}},
		Nodes:   append(nodes, h.at.Name),
		Tables:  []string{name},
	}
	if len(d.have) > 0 {
		has := d.have[0]
		t := has.origin.Node.Tables[slices.IndexFunc(has.origin.Node.Tables, func(t *topology.Table) bool { return t.Name.Value == name })]
		f.Related = append(f.Related, note(t.Name.Span, "%s has it", has.origin.Name))
	}
	for _, l := range d.lack[1:] {
		f.Related = append(f.Related, note(l.table.Name.Span, "%s counts here", l.origin.Name))
	}
	return f
}

// written is a table's name as configurations have it, without the slash of the wire.
func written(wireName string) string {
	if len(wireName) > 0 && wireName[0] == '/' {
		return wireName[1:]
	}
	return wireName
}

// idleForwards is about a forwarded suffix that no node below declares a table for.
func (p *Pass) idleForwards(x *topology.Vertex) {
	nodes := p.balancersBelow(x)
	above, _ := p.above(x)
	for _, f := range x.Section.Forwards {
		made := slices.ContainsFunc(above, func(t topology.Text) bool { return meets(t.Value, f.Value) }) // else STK305 says so
		declared := slices.ContainsFunc(nodes, func(b *topology.Vertex) bool { return tableEnding(b.Node, f.Value) != nil })
		if len(nodes) == 0 || f.Unresolved || declared || !made {
			continue
		}
		p.report(diag.Finding{
			Summary: fmt.Sprintf("%s forwards tables ending in `%s`, but %s", x.Name, f.Value, verb(len(nodes), nodes[0].Name+" below declares none", "none of the "+count(len(nodes), "node")+" below declares one")),
			Primary: note(f.Span, "nobody takes it"),
			Impact:  "the nodes ignore the sum from above: rules there cannot look it up",
			Nodes:   append(names(nodes), x.Name),
		})
	}
}
