package check

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology"
)

var aggregateWritten = &Check{
	Code:     "STK326",
	Slug:     "aggregate-written",
	Title:    "a balancer counts in a table that an aggregator fills",
	Severity: diag.Warning,
	Since:    "0.2",
	Text: Text{
		What:    "A `track-sc` or `stick` rule, or a fetch or action that changes data, is about an aggregate.",
		Why:     "The node counts into the sum: what it adds is shown until the next update overwrites it, and keys that only this node made stay until they expire. The aggregator ignores what nodes count in its own tables. To read the aggregate of a key, no counter needs to track it.",
		RunTime: "`show table` of the aggregate differs from node to node. All sessions look healthy, and nothing is logged.",
		Fix:     "Track in the source, and read the aggregate by a converter: `{ src,table_http_req_rate(mytable.aggr) gt 100 }`, or by the second argument of a fetch: `sc_http_req_rate(0,mytable.aggr)`.",
	},
	Bad:  altered("  http-request deny", "  http-request track-sc1 src table mytable.aggr\n  http-request deny"),
	Good: altered(),
	Run:  runAggregateWritten,
}

func runAggregateWritten(p *Pass) {
	var all places[string]
	source := map[string]*topology.Table{}
	for _, x := range p.balancers() {
		sums, u := p.aggregates(x), p.usesOf(x.Node)
		for _, use := range x.Node.Uses {
			if use.Kind != topology.Counts && (use.Kind != topology.Writes || use.Table.IsZero()) { // what a counter changes, its track-sc says
				continue
			}
			tables, known := u.of(use)
			for _, t := range tables {
				if known && sums[t] != nil && !p.skips(use.Span, x.Name) {
					all.add(t.RuleName(), x.Name, use.Span)
					source[t.RuleName()] = sums[t]
				}
			}
		}
	}
	for _, name := range all.order {
		seen := all.at[name]
		who := nodesOf(seen)
		p.report(diag.Finding{
			Summary: fmt.Sprintf("%s %s in `%s`, which an aggregator fills", and(who), verb(len(who), "counts", "count"), name),
			Primary: note(seen[0].at, "counts in the sum"),
			Related: append([]diag.Note{note(source[name].Name.Span, "the sum is made of what is counted here")}, rest(seen)...),
			Impact:  "what the node adds is shown until the next update from the aggregator, and then gone",
			RunTime: &diag.RunTime{Command: "show table " + name, On: who[0], Symptom: "values that differ from those on other nodes, now and then"},
			Fixes:   []diag.Fix{{Title: fmt.Sprintf("count in `%s`, and read `%s` by a converter", source[name].RuleName(), name)}},
			Nodes:   who,
			Tables:  []string{name},
		})
	}
}
