package check

import (
	"fmt"
	"slices"

	"stktc/grammar/diag"
	"stktc/topology"
)

var twoParents = &Check{
	Code:     "STK212",
	Slug:     "two-parents",
	Title:    "an aggregator gets the same tables from two aggregators above that are not marked as one group",
	Severity: diag.Error,
	Since:    "0.2",
	Text: Text{
		What:    "An aggregator has two `up` peers that make or forward tables of the same suffix, and their lines do not bear the same `group` number.",
		Why:     "Peers of one group stand in for each other: the tables of one of them are handed down at a time. Without a group both are handed down, and each update of one overwrites the other's in the nodes.",
		RunTime: "All sessions look healthy; on the nodes the upper sum jumps whenever the two aggregators above differ, after one of them was restarted for instance. Nothing is logged.",
		Fix:     "Add `group 1` to both lines.",
	},
	Bad:  alter(twoTops, " up group 1", " up"),
	Good: twoTops,
	Run:  runTwoParents,
}

func runTwoParents(p *Pass) {
	for _, x := range p.Graph.Vertices {
		ups := p.edgesWhere(x, func(e *topology.Edge) bool {
			return !e.Mesh && e.Lower == x && e.LowerPeer != nil && e.LowerPeer.Direction == topology.Up && e.Upper.Section != nil && isSettled(e)
		})
		for i, b := range ups {
			j := slices.IndexFunc(ups[:i], func(a *topology.Edge) bool {
				return !interchangeable(a.LowerPeer, b.LowerPeer) && sharedResult(a.Upper.Section, b.Upper.Section) != ""
			})
			if j >= 0 {
				p.report(twoParentsFinding(p, x, ups[j], b))
				break
			}
		}
	}
}

// sharedResult is a suffix of tables that two sections both give to those below; "" when there is none.
func sharedResult(a, b *topology.Aggregations) string {
	_, to, forward := suffixes(a)
	_, to2, forward2 := suffixes(b)
	for _, s := range slices.Concat(to, forward) {
		for _, t := range slices.Concat(to2, forward2) {
			if meets(s.Value, t.Value) {
				return s.Value
			}
		}
	}
	return ""
}

func twoParentsFinding(p *Pass, x *topology.Vertex, a, b *topology.Edge) diag.Finding {
	suffix := sharedResult(a.Upper.Section, b.Upper.Section)
	f := diag.Finding{
		Summary: fmt.Sprintf("%s gets tables ending in `%s` both from %s and from %s, which are not one `group`", x.Name, suffix, a.Upper.Name, b.Upper.Name),
		Primary: note(b.LowerPeer.Span, "%s", groupWords(b.LowerPeer)),
		Related: []diag.Note{note(a.LowerPeer.Span, "%s", groupWords(a.LowerPeer))},
		Impact:  fmt.Sprintf("tables ending in `%s` jump between two sums on %s", suffix, and(names(p.balancersBelow(x)))),
		RunTime: &diag.RunTime{Command: "show table", On: x.Name, Symptom: "values that jump; all sessions look healthy"},
		Nodes:   []string{x.Name, a.Upper.Name, b.Upper.Name},
		Edges:   []string{a.Name(), b.Name()},
	}
	if a.LowerPeer.Group == 0 && b.LowerPeer.Group == 0 {
		fix := diag.Fix{Title: "add `group 1` to both lines", Safe: true}
		for _, l := range []*topology.Peer{a.LowerPeer, b.LowerPeer} {
			end := l.Role.End
			fix.Edits = append(fix.Edits, p.replace(diag.Span{File: l.Role.File, Start: end, End: end}, " group 1")...)
		}
		f.Fixes = []diag.Fix{fix}
	}
	return f
}

func groupWords(l *topology.Peer) string {
	if l.Group == 0 {
		return "in no group"
	}
	return fmt.Sprintf("in group %d", l.Group)
}
