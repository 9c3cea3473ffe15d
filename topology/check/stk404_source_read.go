package check

import (
	"fmt"
	"slices"

	"stktc/grammar/diag"
	"stktc/topology"
)

var sourceRead = &Check{
	Code:     "STK404",
	Slug:     "source-read",
	Title:    "rules decide by what the balancer itself counted and never by the sum",
	Severity: diag.Warning,
	Since:    "0.2",
	Text: Text{
		What:    "Conditions of a balancer's rules read a table that is summed, and no rule on it reads an aggregate of that table. Of a topology's bases the compiler says the same (STK037).",
		Why:     "A client that is spread over several balancers is seen by each of them with a part of its requests only: the limit is as many times too high as there are balancers. The sum is there, and nobody looks at it.",
		RunTime: "Limits trigger late or never; `show table` of the aggregate shows values above the limit.",
		Fix:     "Decide by the aggregate: `{ src,table_http_req_rate(mytable.aggr) gt 100 }`, or `sc_http_req_rate(0,mytable.aggr)` where a counter tracks the source.",
	},
	Bad:  altered("{ src,table_http_req_rate(mytable.aggr) gt 100 }", "{ sc0_http_req_rate gt 100 }"),
	Good: altered("{ src,table_http_req_rate(mytable.aggr) gt 100 }", "{ sc0_http_req_rate(mytable.aggr) gt 100 }"),
	Run:  runSourceRead,
}

func runSourceRead(p *Pass) {
	if p.Cluster.Source == topology.FromTopology {
		return
	}
	var all places[string]
	sums := map[string]*topology.Table{}
	for _, x := range p.balancers() {
		bySource := map[*topology.Table][]*topology.Table{}
		for sum, source := range p.aggregates(x) {
			bySource[source] = append(bySource[source], sum)
		}
		for _, source := range x.Node.Tables {
			made := bySource[source]
			if len(made) == 0 {
				continue
			}
			if use := decidesBy(p.usesOf(x.Node), source, made); use != nil && !p.skips(use.Span, x.Name) {
				all.add(source.RuleName(), x.Name, use.Span)
				sums[source.RuleName()] = slices.MinFunc(made, func(a, b *topology.Table) int { return a.Span.Compare(b.Span) })
			}
		}
	}
	for _, name := range all.order {
		seen, sum := all.at[name], sums[name]
		who := nodesOf(seen)
		p.report(diag.Finding{
			Summary: fmt.Sprintf("%s %s by `%s`, what the node itself counted, and never by `%s`, the sum of all", and(who), verb(len(who), "decides", "decide"), name, sum.RuleName()),
			Primary: note(seen[0].at, "reads `%s`", name),
			Related: append([]diag.Note{note(sum.Name.Span, "the sum is here")}, rest(seen)...),
			Impact:  "the limit holds for each balancer alone: a client that is spread over them gets past it",
			Fixes:   []diag.Fix{{Title: fmt.Sprintf("read `%s`", sum.RuleName())}},
			Nodes:   who,
			Tables:  []string{name, sum.RuleName()},
		})
	}
}

// decidesBy gives the first condition that reads a table, nil if there is none, or if something on the node may read one of the sums.
func decidesBy(u *tableUses, source *topology.Table, sums []*topology.Table) *topology.TableUse {
	var first *topology.TableUse
	for _, use := range u.node.Uses {
		if use.Kind == topology.Counts || use.Kind == topology.Writes {
			continue
		}
		tables, known := u.of(use)
		if !known && (use.Table.Unresolved || u.unknown) || slices.ContainsFunc(tables, func(t *topology.Table) bool { return slices.Contains(sums, t) }) {
			return nil
		}
		if first == nil && use.Kind == topology.Reads && use.Decides && len(tables) == 1 && tables[0] == source {
			first = use
		}
	}
	return first
}
