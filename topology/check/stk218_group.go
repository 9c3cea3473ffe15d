package check

import (
	"fmt"
	"slices"
	"strings"

	"stktc/grammar/diag"
	"stktc/topology"
)

var groupDiffers = &Check{
	Code:     "STK218",
	Slug:     "group-members-differ",
	Title:    "aggregators that are to stand in for each other do not compute the same",
	Severity: diag.Error,
	Since:    "0.2",
	Text: Text{
		What:    "Peers with one `group` number are interchangeable, and so are aggregators that list each other as `replica`: they must sum the same members by the same rules: their files differ by the `local` line only. Here the members or the rules differ, or one of them is above the other.",
		Why:     "When one fails, the other's tables take its place, and every counter changes to another sum.",
		RunTime: "Nothing shows until the first of them fails or is restarted; then the sums jump. Nothing is logged.",
		Fix:     "Give both files the same `peer` and `from` lines.",
	},
	Bad:  alter(twoTops, "  peer aggr4  192.168.56.114:22222 local\n  peer aggr1  192.168.56.111:11111 down\n  from .aggr to .l2", "  peer aggr4  192.168.56.114:22222 local\n  peer aggr1  192.168.56.111:11111 down\n  from .aggr to .l2 up-only"),
	Good: twoTops,
	Run:  runGroup,
}

func runGroup(p *Pass) {
	type pair struct{ a, b *topology.Vertex }
	said := map[pair]bool{}
	for _, e := range p.Graph.Edges {
		if e.Lower.Section != nil && e.Upper.Section != nil && areReplicas(e) {
			said[pair{e.Lower, e.Upper}] = true
			if f, differ := p.groupFinding("are replicas of each other", e.Lower, e.Upper, note(e.UpperPeer.Span, "%s's line for %s", e.Upper.Name, e.Lower.Name)); differ {
				p.report(f)
			}
		}
	}
	for _, x := range p.Graph.Vertices {
		first := map[string]*topology.Edge{}
		for _, e := range p.edges[x] {
			line := lineOf(e, x)
			if e.Mesh || line == nil || line.Group == 0 || other(e, x).Section == nil || !isSettled(e) {
				continue
			}
			k := fmt.Sprint(line.Direction, line.Group)
			before := first[k]
			if before == nil {
				first[k] = e
				continue
			}
			a, b := other(before, x), other(e, x)
			if said[pair{a, b}] {
				continue
			}
			said[pair{a, b}] = true
			if f, differ := p.groupFinding("are one group for "+x.Name, a, b, note(line.Span, "%s takes them for one group", x.Name)); differ {
				f.Nodes = append(f.Nodes, x.Name)
				p.report(f)
			}
		}
	}
}

// groupFinding compares two aggregators that stand in for each other, b with the first, a. What they are to each other is said in words, and by a line.
func (p *Pass) groupFinding(what string, a, b *topology.Vertex, line diag.Note) (diag.Finding, bool) {
	f := diag.Finding{
		Related: []diag.Note{note(a.Section.Header, "%s", a.Name), line},
		Impact:  "when one of them fails, the other's tables take its place, and the sums jump",
		RunTime: &diag.RunTime{Command: "show table", On: a.Name, Symptom: "other values after one of the two was restarted; all sessions look healthy"},
		Nodes:   []string{a.Name, b.Name},
	}
	only := func(x, y *topology.Vertex, of func(*topology.Vertex) []string) []string { return without(of(x), of(y)) }
	memberNames := func(v *topology.Vertex) []string { return p.memberNames(v) }
	switch {
	case slices.ContainsFunc(p.edges[a], func(e *topology.Edge) bool { return !e.Mesh && other(e, a) == b }):
		f.Summary = fmt.Sprintf("%s and %s %s, but one of them is above the other", a.Name, b.Name, what)
		f.Primary = note(b.Section.Header, "%s", b.Name)
	case len(only(a, b, memberNames))+len(only(b, a, memberNames)) > 0:
		extra, who, lacks := only(a, b, memberNames), a, b
		if len(extra) == 0 {
			extra, who, lacks = only(b, a, memberNames), b, a
		}
		f.Summary = fmt.Sprintf("%s and %s %s, but only %s sums %s", a.Name, b.Name, what, who.Name, and(extra))
		f.Primary, f.Related[0] = note(lacks.Section.Header, "%s does not list %s", lacks.Name, and(extra)), note(who.Section.Header, "%s does", who.Name)
	case !slices.Equal(ruleTexts(a), ruleTexts(b)):
		f.Summary = fmt.Sprintf("%s and %s %s, but their rules differ: `%s`, and `%s`", a.Name, b.Name, what, strings.Join(ruleTexts(a), "`, `"), strings.Join(ruleTexts(b), "`, `"))
		f.Primary = note(b.Section.Header, "%s", strings.Join(ruleTexts(b), ", "))
		f.Related[0].Label = strings.Join(ruleTexts(a), ", ")
	default:
		return f, false
	}
	return f, true
}

func (v *view) memberNames(x *topology.Vertex) []string {
	var list []string
	for _, e := range v.members(x) {
		list = append(list, e.Lower.Name)
	}
	return unique(list)
}

func ruleTexts(x *topology.Vertex) []string {
	var list []string
	for _, r := range x.Section.Rules {
		from := r.From.Value
		if r.Any {
			from = "any"
		}
		text := "from " + from + " to " + r.To.Value
		if r.UpOnly {
			text += " up-only"
		}
		list = append(list, text)
	}
	slices.Sort(list)
	return list
}
