package check

import (
	"fmt"
	"slices"

	"stktc/grammar/diag"
	"stktc/topology"
)

var aggregateWritten = &Check{
	Code:     "STK326",
	Slug:     "aggregate-written",
	Title:    "a balancer counts in a table that an aggregator fills",
	Severity: diag.Error,
	Since:    "0.2",
	Outside:  "something that counts in the source and is no rule: a script, or a program that writes by the command line",
	Text: Text{
		What:    "A `track-sc` or `stick` rule, or a fetch or action that changes data, is about an aggregate. It is an error where no rule counts in the table that the aggregate is made of, and a warning where one does.",
		Why:     "The node counts into the sum: what it adds is shown until the next update overwrites it, and keys that only this node made stay until they expire. The aggregator ignores what nodes count in its own tables. To read the aggregate of a key, no counter needs to track it.",
		RunTime: "`show table` of the aggregate differs from node to node. All sessions look healthy, and nothing is logged.",
		Fix:     "Track in the source, and read the aggregate by a converter: `{ src,table_http_req_rate(mytable.aggr) gt 100 }`, or by the second argument of a fetch: `sc_http_req_rate(0,mytable.aggr)`.",
	},
	Bad:  altered("  http-request deny", "  http-request track-sc1 src table mytable.aggr\n  http-request deny"),
	Good: altered(),
	Run:  runAggregateWritten,
}

func runAggregateWritten(p *Pass) {
	type key struct {
		name    string
		counted bool // in the source too
	}
	var all places[key]
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
					all.add(key{t.RuleName(), u.mayCount(sums[t])}, x.Name, use.Span)
					source[t.RuleName()] = sums[t]
				}
			}
		}
	}
	for _, k := range all.order {
		seen, name := all.at[k], k.name
		who := nodesOf(seen)
		severity, impact := diag.Warning, "what the node adds is shown until the next update from the aggregator, and then gone"
		if !k.counted {
			severity, impact = diag.Error, fmt.Sprintf("what %s %s is in no sum, as nothing counts in `%s`, and is gone with the next update from the aggregator", and(who), verb(len(who), "counts", "count"), source[name].RuleName())
		}
		p.report(diag.Finding{
			Severity: severity,
			Summary:  fmt.Sprintf("%s %s in `%s`, which an aggregator fills", and(who), verb(len(who), "counts", "count"), name),
			Primary:  note(seen[0].at, "counts in the sum"),
			Related:  append([]diag.Note{note(source[name].Name.Span, "the sum is made of what is counted here")}, rest(seen)...),
			Impact:   impact,
			RunTime:  &diag.RunTime{Command: "show table " + name, On: who[0], Symptom: "values that differ from those on other nodes, now and then"},
			Fixes:    []diag.Fix{{Title: fmt.Sprintf("count in `%s`, and read `%s` by a converter", source[name].RuleName(), name)}},
			Nodes:    who,
			Tables:   []string{name},
		})
	}
}

// mayCount tells whether a rule counts in a table, or may do so.
func (u *tableUses) mayCount(t *topology.Table) bool {
	return slices.ContainsFunc(u.node.Uses, func(use *topology.TableUse) bool {
		tables, known := u.of(use)
		return use.Kind == topology.Counts && (!known || slices.Contains(tables, t))
	})
}
