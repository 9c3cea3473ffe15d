package check

import (
	"fmt"
	"slices"

	"stktc/grammar/diag"
	"stktc/topology"
)

var twoWriters = &Check{
	Code:     "STK403",
	Slug:     "two-writers",
	Title:    "two aggregators write different sums into one table of a node",
	Severity: diag.Error,
	Since:    "0.1",
	Text: Text{
		What:    "A node gets one aggregate from two aggregators that do not sum the same nodes. Aggregators that sum exactly the same nodes may do so: they stand in for each other.",
		Why:     "The node keeps whichever sum came last: the value jumps between the two with every request.",
		RunTime: "All sessions look healthy; `show table` on the node shows values that jump. Nothing is logged.",
		Fix:     "List the same nodes at both aggregators, or the node at one of them only, or let them make different suffixes.",
	},
	Bad:  twoAggregators("  peer hapee2 192.168.56.102:44444\n", "", ""),
	Good: twoAggregators("  peer hapee2 192.168.56.102:44444\n", "  peer hapee2 192.168.56.102:44444\n", "  server aggr2 192.168.56.112:11111\n"),
	Run:  runTwoWriters,
}

// twoAggregators are two aggregators that both list hapee1; the lists' further lines are given.
func twoAggregators(first, second, hapee2 string) string {
	node := func(name, more string) string {
		return `-- ` + name + `/hapee-lb.cfg --
backend mytable.uncombined
  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers
backend mytable.aggr
  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers
peers mypeers
  bind 0.0.0.0:44444
  server ` + name + `
  server aggr1 192.168.56.111:11111
` + more
	}
	return `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1  192.168.56.111:11111 local
  peer hapee1 192.168.56.101:44444
` + first + `  from .uncombined to .aggr
-- aggr2/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr2  192.168.56.112:11111 local
  peer hapee1 192.168.56.101:44444
` + second + `  from .uncombined to .aggr
` + node("hapee1", "  server aggr2 192.168.56.112:11111\n") + node("hapee2", hapee2)
}

func runTwoWriters(p *Pass) {
	type target struct {
		node *topology.Vertex
		name string
	}
	type pair struct{ a, b *topology.Vertex }
	first := map[target]hop{}
	said := map[pair]bool{}
	for _, h := range p.flows() {
		if !h.delivered {
			continue
		}
		k := target{h.origin, h.name}
		before, again := first[k]
		if !again {
			first[k] = h
			continue
		}
		if before.at == h.at || said[pair{before.at, h.at}] || slices.Equal(p.balancersBelow(before.at), p.balancersBelow(h.at)) || p.isUnlike(h.at) && p.isUnlike(before.at) {
			continue
		}
		said[pair{before.at, h.at}] = true
		p.report(p.twoWritersFinding(before, h))
	}
}

func (p *Pass) twoWritersFinding(a, b hop) diag.Finding {
	name := written(b.name)
	return diag.Finding{
		Summary: fmt.Sprintf("%s gets `%s` both from %s, which sums %s, and from %s, which sums %s", b.origin.Name, name,
			a.at.Name, and(names(p.balancersBelow(a.at))), b.at.Name, and(names(p.balancersBelow(b.at)))),
		Primary: note(b.rule.To.Span, "%s makes it", b.at.Name),
		Related: []diag.Note{note(a.rule.To.Span, "%s makes it too", a.at.Name)},
		Impact:  fmt.Sprintf("the two overwrite each other: `%s` jumps between two sums on %s", name, b.origin.Name),
		RunTime: &diag.RunTime{Command: "show table", On: b.origin.Name, Symptom: "values that jump between two sums; all sessions look healthy"},
		Nodes:   []string{b.origin.Name, a.at.Name, b.at.Name},
		Tables:  []string{name},
	}
}
