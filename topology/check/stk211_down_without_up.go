package check

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology"
)

var downWithoutUp = &Check{
	Code:     "STK211",
	Slug:     "down-without-up",
	Title:    "an aggregator takes another as down that does not report up to it",
	Severity: diag.Error,
	Since:    "0.1",
	Text: Text{
		What:    "An aggregator marks another as `down`, but the other does not list it, or marks it as something else than `up`.",
		Why:     "The lower aggregator neither sends its sums nor accepts the total: its whole subtree is missing from the total, and its nodes never see it.",
		RunTime: "If the lower one does not list it: `last_status=UNKN` (status 504) at the upper one. If only the mark is wrong, the session looks healthy and the tables stay empty. Nothing is logged.",
		Fix:     "Mark the pair `up` on the lower and `down` on the upper aggregator, and give the lower one a `forward` line for the upper table.",
	},
	Bad: `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1 192.168.56.111:11111 local
  from .uncombined to .aggr
-- aggr3/hapee-stktagg.cfg --
aggregations myl2
  peer aggr3 192.168.56.113:22222 local
  peer aggr1 192.168.56.111:11111 down
  from .aggr to .l2
`,
	Good: `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1 192.168.56.111:11111 local
  peer aggr3 192.168.56.113:22222 up
  from .uncombined to .aggr
-- aggr3/hapee-stktagg.cfg --
aggregations myl2
  peer aggr3 192.168.56.113:22222 local
  peer aggr1 192.168.56.111:11111 down
  from .aggr to .l2
`,
	Run: runDownWithoutUp,
}

func runDownWithoutUp(p *Pass) {
	var all foldedFindings
	for _, e := range p.Graph.Edges {
		up, down := e.LowerPeer, e.UpperPeer
		if down == nil || down.Direction != topology.Down || e.Lower.Absent() || e.Lower == e.Upper || up != nil && up.Direction == topology.Up || up == nil && e.Lower.HidesName() {
			continue
		}
		if _, explained := p.renamed[e]; !explained && e.Lower.Kind == topology.Aggregator {
			all.add(unmatchedMark(p, e, e.Upper, topology.Up), e.Upper.Name, e.Lower.Name, fmt.Sprint(up == nil))
		}
	}
	all.report(p, func(who, key []string) string {
		return fmt.Sprintf("%s count on %s, but %s does not list them as `up`", and(who), key[0], key[0])
	})
}
