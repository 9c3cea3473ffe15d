package check

import (
	"fmt"
	"slices"
	"strings"

	"stktc/grammar/diag"
	"stktc/topology"
)

var sourceMissing = &Check{
	Code:     "STK307",
	Slug:     "source-missing",
	Title:    "a node has an aggregate and not the table that it would count in",
	Severity: diag.Warning,
	Since:    "0.2",
	Text: Text{
		What:    "A node declares the table that its aggregator makes, and other nodes of that aggregator declare the table that it is made of, but this node does not.",
		Why:     "What the node sees is in no sum. If it is only to decide by what others count, that is meant.",
		RunTime: "All sessions look healthy; the sums are too small by what the node sees. Nothing is logged.",
		Fix:     "Declare the table like on the other nodes, and count in it with a `track-sc` rule.",
	},
	Bad: altered("  server hapee2\n", "  server hapee2 \n", "  http-request track-sc0 src table mytable.uncombined\n  http-request deny if { src,table_http_req_rate(mytable.aggr) gt 100 }\nbackend mytable.uncombined\n  stick-table type ip size 100 expire 1h store http_req_rate(1m) peers mypeers\nbackend mytable.aggr\n  stick-table type ip size 200 expire 1h store http_req_rate(1m) peers mypeers\npeers mypeers\n  bind 0.0.0.0:44444\n  server hapee2 \n",
		"  http-request deny if { src,table_http_req_rate(mytable.aggr) gt 100 }\nbackend mytable.aggr\n  stick-table type ip size 200 expire 1h store http_req_rate(1m) peers mypeers\npeers mypeers\n  bind 0.0.0.0:44444\n  server hapee2\n"),
	Good: altered(),
	Run:  runSourceMissing,
}

func runSourceMissing(p *Pass) {
	type key struct{ source, aggregate string }
	made := map[key]hop{}
	var order []key
	for _, h := range p.flows() {
		k := key{h.table.WireName(), h.name}
		if _, again := made[k]; h.by == h.first && h.delivered && !again {
			made[k] = h
			order = append(order, k)
		}
	}
	for _, k := range order {
		h := made[k]
		var seen []sighting
		for _, e := range p.members(h.at) {
			if t := p.aggregateOnly(e, h); t != nil {
				seen = append(seen, sighting{e.Lower.Name, t.Name.Span})
			}
		}
		if len(seen) > 0 {
			p.report(sourceFinding(h, seen))
		}
	}
}

// aggregateOnly gives a member's table for the aggregate of h when the member has no table that it may be made of.
func (p *Pass) aggregateOnly(e *topology.Edge, h hop) *topology.Table {
	x := e.Lower
	if x.Absent() || x.Kind != topology.Balancer {
		return nil
	}
	tables := p.sharedTables(e)
	unknown := slices.ContainsFunc(x.Node.Tables, func(t *topology.Table) bool { return t.Name.Unresolved || t.Peers.Unresolved })
	like := slices.ContainsFunc(x.Node.Tables, func(t *topology.Table) bool { // STK301, STK303 and STK306 are about these
		return tail(t.Name.Value, h.rule.From.Value) != "" || t.WireName() == h.table.WireName() || t.WireName() == otherForm(h.table.WireName())
	})
	if unknown || like || h.rule.Any {
		return nil
	}
	return tableNamed(tables, h.name)
}

func sourceFinding(h hop, seen []sighting) diag.Finding {
	who := nodesOf(seen)
	return diag.Finding{
		Summary: fmt.Sprintf("%s %s `%s`, but not `%s`, which %s sums on %s", and(who), verb(len(who), "declares", "declare"), written(h.name), written(h.table.WireName()), h.at.Name, h.origin.Name),
		Primary: note(seen[0].at, "the sum is here, and nothing to count in"),
		Related: append([]diag.Note{note(h.table.Name.Span, "%s counts in this one", h.origin.Name)}, rest(seen)...),
		Impact:  fmt.Sprintf("what %s %s is in no sum", and(who), verb(len(who), "sees", "see")),
		Fixes:   []diag.Fix{{Title: fmt.Sprintf("declare `%s`, unless %s %s only to decide by what others count", strings.TrimPrefix(h.table.WireName(), "/"), and(who), verb(len(who), "is", "are"))}},
		Nodes:   append(who, h.at.Name),
		Tables:  []string{written(h.table.WireName())},
	}
}
