package check

import (
	"fmt"
	"strings"

	"stktc/grammar/diag"
)

var cycle = &Check{
	Code:     "STK213",
	Slug:     "aggregation-cycle",
	Title:    "aggregators sum each other in a circle",
	Severity: diag.Error,
	Since:    "0.1",
	Text: Text{
		What:    "Following `up` from aggregator to aggregator leads back to where it began.",
		Why:     "Every round adds the sum to itself: counters grow without any traffic until they overflow, unless the suffixes happen not to match, and then nothing is summed.",
		RunTime: "All sessions look healthy. Limits trigger for everybody after a short time.",
		Fix:     "Decide which aggregator is the top, and delete its `up` line and the matching `down` line.",
	},
	Bad: `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1 192.168.56.111:11111 local
  peer aggr2 192.168.56.112:11111 up
  peer aggr3 192.168.56.113:11111 down
  from .c to .a
-- aggr2/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr2 192.168.56.112:11111 local
  peer aggr3 192.168.56.113:11111 up
  peer aggr1 192.168.56.111:11111 down
  from .a to .b
-- aggr3/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr3 192.168.56.113:11111 local
  peer aggr1 192.168.56.111:11111 up
  peer aggr2 192.168.56.112:11111 down
  from .b to .c
`,
	Good: `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1 192.168.56.111:11111 local
  peer aggr2 192.168.56.112:11111 up
  from .uncombined to .a
-- aggr2/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr2 192.168.56.112:11111 local
  peer aggr3 192.168.56.113:11111 up
  peer aggr1 192.168.56.111:11111 down
  from .a to .b
-- aggr3/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr3 192.168.56.113:11111 local
  peer aggr2 192.168.56.112:11111 down
  from .b to .c
`,
	Run: runCycle,
}

func runCycle(p *Pass) {
	for _, c := range p.Graph.Cycles {
		if len(c) < 2 {
			continue // STK214 is about an aggregator that dials itself
		}
		round := c.Names()
		f := diag.Finding{
			Summary: fmt.Sprintf("%s sums into itself: %s", round[0], strings.Join(round, " -> ")),
			Impact:  "each round adds the sum to itself again: counters grow without traffic, and limits trigger for everybody",
			RunTime: &diag.RunTime{Command: "show table", On: round[0], Symptom: "values that grow while nobody sends anything; all sessions look healthy"},
			Nodes:   round[1:],
		}
		for i, e := range c {
			line, by, of := e.LowerPeer, e.Lower, e.Upper
			if line == nil {
				line, by, of = e.UpperPeer, e.Upper, e.Lower
			}
			n := note(roleSpan(line), "%s lists %s as %s", by.Name, of.Name, markWord(line))
			if i == 0 {
				f.Primary = n
			} else {
				f.Related = append(f.Related, n)
			}
			f.Edges = append(f.Edges, e.Name())
		}
		p.report(f)
	}
}
