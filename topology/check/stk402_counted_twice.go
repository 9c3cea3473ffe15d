package check

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology"
)

var countedTwice = &Check{
	Code:     "STK402",
	Slug:     "counted-twice",
	Title:    "a node's counters reach an aggregate by two paths",
	Severity: diag.Error,
	Since:    "0.1",
	Text: Text{
		What:    "Two members of an aggregator sum the same node into tables of one name, and nothing says that they stand in for each other.",
		Why:     "The node is counted twice in the total. Limits trigger at half of what was meant.",
		RunTime: "All sessions look healthy; the total is greater than what the nodes show together. Nothing is logged.",
		Fix:     "List the node at one aggregator only. If two aggregators sum the same nodes so that one may fail, give both the same `group` number in the upper aggregator's file.",
	},
	Bad:  twoPaths("", ""),
	Good: twoPaths(" group 1", " group 1"),
	Run:  runCountedTwice,
}

// twoPaths is one node with two aggregators that sum it, and a third above them.
func twoPaths(first, second string) string {
	return `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1  192.168.56.111:11111 local
  peer hapee1 192.168.56.101:44444
  from .uncombined to .aggr
  peer aggr3  192.168.56.113:22222 up
-- aggr2/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr2  192.168.56.112:11111 local
  peer hapee1 192.168.56.101:44444
  from .uncombined to .aggr
  peer aggr3  192.168.56.113:22222 up
-- aggr3/hapee-stktagg.cfg --
aggregations myl2
  peer aggr3 192.168.56.113:22222 local
  peer aggr1 192.168.56.111:11111 down` + first + `
  peer aggr2 192.168.56.112:11111 down` + second + `
  from .aggr to .l2
-- hapee1/hapee-lb.cfg --
backend mytable.uncombined
  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers
backend mytable.aggr
  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers
peers mypeers
  bind 0.0.0.0:44444
  server hapee1
  server aggr1 192.168.56.111:11111
  server aggr2 192.168.56.112:11111
`
}

// crossing is an aggregate of one node's table, and the ways by which the table came.
type crossing struct {
	at    *topology.Vertex
	ways  []*topology.Edge
	nodes []*topology.Vertex
	name  string
}

func runCountedTwice(p *Pass) {
	for _, c := range p.crossings() {
		a, b := c.ways[0], c.ways[1]
		lineA, lineB := lineOf(a, c.at), lineOf(b, c.at)
		if lineA == nil || lineB == nil {
			continue // one-way links are STK210's
		}
		p.report(diag.Finding{
			Summary: fmt.Sprintf("%s counts %s twice in `%s`, once through %s and once through %s", c.at.Name, and(names(c.nodes)), written(c.name), a.Lower.Name, b.Lower.Name),
			Primary: note(lineB.Name.Span, "sums %s", and(names(c.nodes))),
			Related: []diag.Note{note(lineA.Name.Span, "sums %s too", verb(len(names(c.nodes)), "it", "them"))},
			Impact:  "the total is too great by what the node counts: limits trigger too early",
			RunTime: &diag.RunTime{Command: "show table", On: c.at.Name, Symptom: "sums greater than what the nodes show together; all sessions look healthy"},
			Fixes:   []diag.Fix{{Title: fmt.Sprintf("give both lines the same `group` number, if %s and %s stand in for each other", a.Lower.Name, b.Lower.Name)}},
			Nodes:   append(names(c.nodes), c.at.Name, a.Lower.Name, b.Lower.Name),
			Tables:  []string{written(c.name)},
		})
	}
}

// crossings finds aggregates that a table reaches over two members which do not stand in for each other. Nodes with the same two ways are one finding.
func (p *Pass) crossings() []*crossing {
	type arrival struct {
		at    *topology.Vertex
		table *topology.Table
		name  string
	}
	first := map[arrival]*topology.Edge{}
	type fork struct {
		a, b *topology.Edge
		name string
	}
	found := map[fork]*crossing{}
	var all []*crossing
	for _, h := range p.flows() {
		k := arrival{h.at, h.table, h.name}
		before := first[k]
		if before == nil {
			first[k] = h.by
			continue
		}
		if before == h.by || interchangeable(lineOf(before, h.at), lineOf(h.by, h.at)) {
			continue
		}
		f := fork{before, h.by, h.name}
		if found[f] == nil {
			found[f] = &crossing{at: h.at, ways: []*topology.Edge{before, h.by}, name: h.name}
			all = append(all, found[f])
		}
		found[f].nodes = append(found[f].nodes, h.origin)
	}
	return all
}

// interchangeable tells whether two lines mark members of one group.
func interchangeable(a, b *topology.Peer) bool {
	return a != nil && b != nil && a.Group != 0 && a.Group == b.Group
}
