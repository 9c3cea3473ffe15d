package check

import (
	"fmt"
	"slices"
	"strings"

	"stktc/grammar/diag"
	"stktc/topology"
)

var rules = &Check{
	Code:     "STK401",
	Slug:     "rules-contradict",
	Title:    "the rules of an aggregations section contradict each other",
	Severity: diag.Error,
	Since:    "0.1",
	Alone:    true,
	Text: Text{
		What:    "Two rules make the same destination; a destination ends in a suffix that a rule of the section reads, be it its own; a destination is forwarded too; a section lists HAProxy nodes beside `down` aggregators; or it has neither a rule nor a `forward`.",
		Why:     "Each of them sums twice or not at all: two rules write one table by turns; a destination that is read again is added to itself, as nodes give back the aggregates that they learned; and a total over nodes and over sums of nodes has two meanings.",
		RunTime: "The aggregator refuses to start.",
		Fix:     "Use a fresh suffix for each level, and one section for each level.",
	},
	Bad: `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1  192.168.56.111:11111 local
  peer hapee1 192.168.56.101:44444
  from .uncombined to .aggr
  from .local to .aggr
`,
	Good: `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1  192.168.56.111:11111 local
  peer hapee1 192.168.56.101:44444
  from .uncombined to .aggr
  from .local to .total
`,
	Run: runRules,
}

func runRules(p *Pass) {
	for _, x := range p.Graph.Vertices {
		s := x.Section
		if s == nil {
			continue
		}
		for i, r := range s.Rules {
			p.sameDestination(x, s.Rules[:i], r)
			p.readAgain(x, r)
		}
		p.madeAndForwarded(x)
		p.mixedMembers(x)
		if len(s.Rules) == 0 && len(s.Forwards) == 0 {
			p.report(diag.Finding{
				Summary: fmt.Sprintf("%s sums nothing in `aggregations %s`: it has no `from … to …` line", x.Name, s.Name.Value),
				Primary: note(s.Header, "no rule in this section"),
				Impact:  "the section accepts sessions and does nothing with what it gets",
				Nodes:   []string{x.Name},
			})
		}
	}
}

func (p *Pass) sameDestination(x *topology.Vertex, earlier []*topology.Rule, r *topology.Rule) {
	i := slices.IndexFunc(earlier, func(e *topology.Rule) bool { return e.To.Value == r.To.Value && !e.To.Unresolved && !r.To.Unresolved })
	if i < 0 {
		return
	}
	p.report(diag.Finding{
		Summary: fmt.Sprintf("%s makes tables ending in `%s` by two rules", x.Name, r.To.Value),
		Primary: note(r.To.Span, "the same destination again"),
		Related: []diag.Note{note(earlier[i].To.Span, "first here")},
		Impact:  "the two sums would overwrite each other in one table; the aggregator does not start",
		Nodes:   []string{x.Name},
	})
}

// readAgain is about a destination that ends in a suffix which some rule of the section reads.
func (p *Pass) readAgain(x *topology.Vertex, r *topology.Rule) {
	for _, reader := range x.Section.Rules {
		from, to := reader.From, r.To
		if reader.Any || from.Unresolved || to.Unresolved || from.Value == "" || !strings.HasSuffix(to.Value, from.Value) {
			continue
		}
		f := diag.Finding{
			Summary: fmt.Sprintf("%s sums tables ending in `%s` into `%s`, which it reads again", x.Name, r.From.Value, to.Value),
			Primary: note(to.Span, "ends in `%s`", from.Value),
			Related: []diag.Note{note(from.Span, "read here")},
			Impact:  "nodes give back what they learned, so that the sum would be added to itself; the aggregator does not start",
			Nodes:   []string{x.Name},
		}
		if reader == r && from.Value == to.Value {
			f.Summary = fmt.Sprintf("%s sums tables ending in `%s` into themselves", x.Name, to.Value)
			f.Impact = "the sum would overwrite what the nodes count, and be added to itself; the aggregator does not start"
		}
		p.report(f)
		return
	}
}

func (p *Pass) madeAndForwarded(x *topology.Vertex) {
	for _, f := range x.Section.Forwards {
		for _, r := range x.Section.Rules {
			if f.Unresolved || r.To.Unresolved || !meets(f.Value, r.To.Value) {
				continue
			}
			p.report(diag.Finding{
				Summary: fmt.Sprintf("%s both makes tables ending in `%s` and forwards those ending in `%s`", x.Name, r.To.Value, f.Value),
				Primary: note(f.Span, "forwarded from above"),
				Related: []diag.Note{note(r.To.Span, "made here")},
				Impact:  "the nodes would get two different sums in one table",
				Nodes:   []string{x.Name},
			})
		}
	}
}

// mixedMembers is about a section that sums nodes and sums of nodes. Marks that the two ends
// do not agree on are STK210's, STK211's and STK217's.
func (p *Pass) mixedMembers(x *topology.Vertex) {
	var node, down *topology.Peer
	for _, e := range p.members(x) {
		line := lineOf(e, x)
		switch {
		case line == nil || !isSettled(e):
		case line.Direction == topology.Down && e.Lower.Kind == topology.Aggregator && down == nil:
			down = line
		case line.Direction == topology.Unmarked && e.Lower.Kind == topology.Balancer && node == nil:
			node = line
		}
	}
	if node == nil || down == nil {
		return
	}
	p.report(diag.Finding{
		Summary: fmt.Sprintf("%s sums both HAProxy nodes and aggregators in `aggregations %s`: `%s` is a node, `%s` is `down`", x.Name, x.Section.Name.Value, node.Name.Value, down.Name.Value),
		Primary: note(roleSpan(down), "an aggregator"),
		Related: []diag.Note{note(node.Name.Span, "an HAProxy node")},
		Impact:  "a node's counters and a sum of nodes would be added in one table; the aggregator does not start",
		Fixes:   []diag.Fix{{Title: "put the two levels into two sections, each with suffixes of its own"}},
		Nodes:   []string{x.Name, node.Name.Value, down.Name.Value},
	})
}
