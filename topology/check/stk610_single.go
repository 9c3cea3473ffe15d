package check

import (
	"fmt"
	"slices"

	"stktc/grammar/diag"
	"stktc/topology"
)

var singlePoint = &Check{
	Code:     "STK610",
	Slug:     "single-point-of-failure",
	Title:    "no other aggregator stands in for one",
	Severity: diag.Info,
	Since:    "0.2",
	Text: Text{
		What:    "An aggregator sums nodes or aggregators that no other one sums by the same rules.",
		Why:     "When it stops, its sums stand still and expire; rules on the nodes then read 0, or, if they are written so, fall back to what each node counted itself.",
		RunTime: "`show peers` on its nodes says `last_status=CONN` while it is down.",
		Fix:     "Let a second aggregator sum the same members: as `replica` of the first for nodes, in one `group` with it for the aggregators below. Or make rules fall back when the sums are stale (`lease`).",
	},
	Bad:  altered(),
	Good: replicated(),
	Run:  runSinglePoint,
}

// replicated is oneLevel with a second aggregator that stands in for the first.
func replicated() string {
	return altered("  from .uncombined to .aggr\n", "  peer aggr2  192.168.56.112:11111 replica\n  from .uncombined to .aggr\n-- aggr2/hapee-stktagg.cfg --\naggregations myaggr\n  peer aggr2  192.168.56.112:11111 local\n  peer hapee1 192.168.56.101:44444\n  peer hapee2 192.168.56.102:44444\n  peer aggr1  192.168.56.111:11111 replica\n  from .uncombined to .aggr\n",
		"  server aggr1 192.168.56.111:11111\n", "  server aggr1 192.168.56.111:11111\n  server aggr2 192.168.56.112:11111\n")
}

func runSinglePoint(p *Pass) {
	var alone []*topology.Vertex
	for _, x := range p.Graph.Vertices {
		if x.Section != nil && x.Section.Local != nil && len(p.members(x)) > 0 && !p.hasStandIn(x) && !p.skips(x.Section.Local.Name.Span, x.Name) {
			alone = append(alone, x)
		}
	}
	if len(alone) == 0 {
		return
	}
	slices.SortFunc(alone, func(a, b *topology.Vertex) int { return topology.CompareNatural(a.Name, b.Name) })
	who := names(alone)
	f := diag.Finding{
		Summary: fmt.Sprintf("no other aggregator stands in for %s: while %s down, its sums stand still", and(who), verb(len(who), "it is", "one of them is")),
		Primary: note(alone[0].Section.Local.Name.Span, "%s", alone[0].Name),
		Impact:  "limits that look at the sums no longer hold, or never end, until the sums expire",
		Nodes:   who,
	}
	for _, x := range alone[1:] {
		f.Related = append(f.Related, note(x.Section.Local.Name.Span, "%s", x.Name))
	}
	p.report(f)
}

// hasStandIn tells whether another aggregator sums the same members by the same rules.
func (p *Pass) hasStandIn(x *topology.Vertex) bool {
	members := p.memberNames(x)
	if p.standIns == nil {
		p.standIns = map[string][]*topology.Vertex{}
		for _, y := range p.Graph.Vertices {
			if y.Section != nil {
				k := standInKey(p.memberNames(y))
				p.standIns[k] = append(p.standIns[k], y)
			}
		}
	}
	return slices.ContainsFunc(p.standIns[standInKey(members)], func(y *topology.Vertex) bool {
		return y.Node != x.Node && slices.Equal(ruleTexts(x), ruleTexts(y))
	})
}

func standInKey(members []string) string {
	sorted := slices.Sorted(slices.Values(members))
	return fmt.Sprintf("%q", sorted)
}
