package check

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology"
)

var aggregateUnread = &Check{
	Code:     "STK407",
	Slug:     "aggregate-unread",
	Title:    "no rule reads an aggregate",
	Severity: diag.Info,
	Since:    "0.2",
	Text: Text{
		What:    "Balancers declare a table that an aggregator fills, and no rule on any of them reads it. What Lua scripts and programs on the stats socket read is not seen.",
		Why:     "Nothing is wrong with the sums, but nothing is decided by them either: a limit that was meant to hold for the whole cluster holds nowhere. Where the table is only a step to a higher level, it costs memory on every node.",
		RunTime: "Nothing.",
		Fix:     "Read it in a rule, as in `http-request deny if { src,table_http_req_rate(mytable.aggr) gt 100 }`; or, for a level that nodes do not need, do not declare it.",
	},
	Bad:  altered("  http-request deny if { src,table_http_req_rate(mytable.aggr) gt 100 }\n", ""),
	Good: altered(),
	Run:  runUnread,
}

func runUnread(p *Pass) {
	read := map[string]bool{}
	for _, n := range p.Cluster.Nodes {
		u := p.usesOf(n)
		for _, use := range n.Uses {
			if use.Kind == topology.Counts {
				continue
			}
			tables, known := u.of(use)
			if !known && (use.Table.Unresolved || u.unknown) {
				return
			}
			for _, t := range tables {
				read[t.WireName()] = true
			}
		}
	}
	var all places[string]
	for _, x := range p.balancers() {
		sums := p.aggregates(x)
		for _, t := range x.Node.Tables {
			if sums[t] != nil && !read[t.WireName()] && len(x.Node.Files) > 0 && !p.skips(t.Name.Span, x.Name) {
				all.add(t.WireName(), x.Name, t.Name.Span)
			}
		}
	}
	if len(all.order) == 0 {
		return
	}
	var tables, nodes []string
	var notes []diag.Note
	for _, name := range all.order {
		tables = append(tables, written(name))
		nodes = append(nodes, nodesOf(all.at[name])...)
		notes = append(notes, note(all.at[name][0].at, "`%s` is not read", written(name)))
	}
	nodes = unique(nodes)
	p.report(diag.Finding{
		Summary: fmt.Sprintf("%s %s sums that no rule reads: %s", and(nodes), verb(len(nodes), "gets", "get"), codes(tables)),
		Primary: notes[0],
		Related: notes[1:],
		Impact:  "nothing is decided by the sums",
		Nodes:   nodes,
		Tables:  tables,
	})
}
