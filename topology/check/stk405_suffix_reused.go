package check

import (
	"fmt"
	"strings"

	"stktc/grammar/diag"
	"stktc/topology"
)

var suffixReused = &Check{
	Code:     "STK405",
	Slug:     "suffix-reused",
	Title:    "an aggregator makes tables that one below it reads",
	Severity: diag.Error,
	Since:    "0.2",
	Text: Text{
		What:    "The suffix after `to` of an aggregator ends in the suffix after `from` of an aggregator below it. Each level needs a suffix of its own.",
		Why:     "The sum comes down under the name of the table that nodes count in. If it is handed on to them it overwrites their counters, which are then summed again; if it is not, nobody sees it.",
		RunTime: "Counters that grow without traffic, or an aggregate that stays empty. All sessions look healthy.",
		Fix:     "Give the upper level a suffix that no level below reads or makes.",
	},
	Bad:  alter(twoTops, "to .l2", "to .uncombined", "forward .l2", "forward .uncombined"),
	Good: twoTops,
	Run:  runSuffixReused,
}

func runSuffixReused(p *Pass) {
	type key struct{ upper, lower diag.Span }
	said := map[key]bool{}
	for _, x := range p.Graph.Vertices {
		if x.Section == nil {
			continue
		}
		for _, low := range p.aggregatorsBelow(x) {
			for _, r := range x.Section.Rules {
				for _, s := range low.Section.Rules {
					k := key{r.To.Span, s.From.Span}
					if s.Any || r.To.Unresolved || s.From.Unresolved || s.From.Value == "" || !strings.HasSuffix(r.To.Value, s.From.Value) || said[k] {
						continue
					}
					said[k] = true
					p.report(reusedFinding(p, x, low, r, s))
				}
			}
		}
	}
}

// aggregatorsBelow lists the known aggregators that an aggregator sums, directly or through others, without itself.
func (p *Pass) aggregatorsBelow(x *topology.Vertex) []*topology.Vertex {
	seen := map[*topology.Vertex]bool{x: true}
	var list []*topology.Vertex
	var walk func(*topology.Vertex)
	walk = func(v *topology.Vertex) {
		for _, e := range p.members(v) {
			if low := e.Lower; low.Section != nil && !seen[low] && !e.Cyclic && isSettled(e) {
				seen[low] = true
				list = append(list, low)
				walk(low)
			}
		}
	}
	walk(x)
	return list
}

func reusedFinding(p *Pass, x, low *topology.Vertex, r, s *topology.Rule) diag.Finding {
	f := diag.Finding{
		Summary: fmt.Sprintf("%s makes tables ending in `%s`, which %s below it reads", x.Name, r.To.Value, low.Name),
		Primary: note(r.To.Span, "made at the upper level"),
		Related: []diag.Note{note(s.From.Span, "read at the lower")},
		Impact:  fmt.Sprintf("the sum never reaches %s, or overwrites what they count", and(names(p.balancersBelow(low)))),
		RunTime: &diag.RunTime{Command: "show table", On: x.Name, Symptom: "values that grow without traffic, or none at all"},
		Nodes:   []string{x.Name, low.Name},
	}
	for _, fw := range low.Section.Forwards {
		if meets(fw.Value, r.To.Value) {
			f.Related = append(f.Related, note(fw.Span, "and handed on to the nodes"))
		}
	}
	return f
}
