package check

import (
	"fmt"
	"slices"
	"strings"

	"stktc/grammar/diag"
	"stktc/topology"
)

var reversedRule = &Check{
	Code:     "STK410",
	Slug:     "rule-reversed",
	Title:    "`from` and `to` of a rule are swapped",
	Severity: diag.Error,
	Since:    "0.2",
	Text: Text{
		What:    "A rule reads the tables that the sums should be in, and makes those that the nodes count in: the nodes' rules track the tables behind `to`, and none of those behind `from`. Or an aggregator above others reads what none of them makes, and makes what they make.",
		Why:     "The aggregator sums tables that stay empty. What it sends goes into the tables that the nodes count in. Nothing is added up, and limits never trigger, or trigger for each node alone.",
		RunTime: "`haproxy -c` says nothing, all sessions look healthy, and `show table` on the aggregator lists the name that the nodes count in, with no key. Nothing is logged (tried on 2.6.12).",
		Fix:     "Swap the two suffixes: `from` what is counted in `to` the sum.",
	},
	Bad:  altered("from .uncombined to .aggr", "from .aggr to .uncombined"),
	Good: altered(),
	Run:  runReversed,
}

// reversal is a rule whose suffixes are swapped, and what tells so.
type reversal struct {
	at       *topology.Vertex
	rule     *topology.Rule
	makers   []string // who counts in what the rule makes, or makes it
	tables   [2]string
	evidence diag.Note
	counted  bool // the makers are balancers
}

func runReversed(p *Pass) {
	var all foldedFindings
	for _, r := range p.reversed {
		all.add(r.finding(p), r.at.Name, r.rule.From.Value, r.rule.To.Value)
	}
	all.report(p, func(who, key []string) string {
		return fmt.Sprintf("%s read tables ending in `%s` and make tables ending in `%s`, which is the wrong way round", and(who), key[0], key[1])
	})
}

func (r *reversal) finding(p *Pass) diag.Finding {
	from, to := r.rule.From, r.rule.To
	f := diag.Finding{
		Summary: fmt.Sprintf("%s makes `%s` of `%s`, but %s %s in `%s`: `from` and `to` are swapped", r.at.Name, r.tables[1], r.tables[0], and(r.makers), verb(len(r.makers), "counts", "count"), r.tables[1]),
		Primary: note(r.rule.Span, "read as `from %s to %s`, it fits", to.Value, from.Value),
		Related: []diag.Note{r.evidence},
		Impact:  fmt.Sprintf("what is counted is in no sum: tables ending in `%s` stay empty, so limits that look at them never trigger", from.Value),
		RunTime: &diag.RunTime{Command: "show table", On: r.at.Name, Symptom: "empty, while all sessions look healthy; nothing is logged"},
		Fixes:   []diag.Fix{{Title: fmt.Sprintf("from %s to %s", to.Value, from.Value), Edits: append(p.replace(from.Span, to.Value), p.replace(to.Span, from.Value)...)}},
		Nodes:   append(slices.Clone(r.makers), r.at.Name),
		Tables:  r.tables[:],
	}
	if !r.counted {
		f.Summary = fmt.Sprintf("%s reads tables ending in `%s` and makes tables ending in `%s`, but %s %s the latter: `from` and `to` are swapped", r.at.Name, from.Value, to.Value, and(r.makers), verb(len(r.makers), "makes", "make"))
		f.Tables = nil
	}
	return f
}

func (v *view) reversals() []*reversal {
	var all []*reversal
	for _, x := range v.Graph.Vertices {
		if x.Section == nil {
			continue
		}
		for _, r := range x.Section.Rules {
			usable := !r.Any && !r.From.Unresolved && !r.To.Unresolved && r.From.Value != "" && r.To.Value != "" && !meets(r.From.Value, r.To.Value)
			if !usable {
				continue
			}
			if found := v.reversal(x, r); found != nil {
				all = append(all, found)
			}
		}
	}
	return all
}

func (v *view) reversal(x *topology.Vertex, r *topology.Rule) *reversal {
	if found := v.reversedAbove(x, r); found != nil {
		return found
	}
	return v.reversedAtNodes(x, r)
}

// reversedAbove is about an aggregator of aggregators: none of them makes what it reads, and they make what it makes.
func (v *view) reversedAbove(x *topology.Vertex, r *topology.Rule) *reversal {
	found := &reversal{at: x, rule: r}
	members := v.members(x)
	for _, e := range members {
		s := e.Lower.Section
		if s == nil || v.offers(e, r.From.Value) {
			return nil
		}
		i := slices.IndexFunc(s.Rules, func(made *topology.Rule) bool { return made.To.Value == r.To.Value })
		if i >= 0 {
			found.makers = append(found.makers, e.Lower.Name)
			found.evidence = note(s.Rules[i].To.Span, "%s makes `%s`", e.Lower.Name, r.To.Value)
		}
	}
	if len(found.makers) == 0 {
		return nil
	}
	return found
}

// reversedAtNodes is about an aggregator of balancers that count in what it makes, and not in what it reads. Where the same rule is right for others'
// nodes, or somebody above reads what it makes, the nodes are wrong, and not the rule.
func (v *view) reversedAtNodes(x *topology.Vertex, r *topology.Rule) *reversal {
	found := &reversal{at: x, rule: r, counted: true}
	for _, y := range v.Graph.Vertices {
		if y.Section == nil || !slices.ContainsFunc(y.Section.Rules, func(s *topology.Rule) bool { return s.From.Value == r.From.Value && s.To.Value == r.To.Value }) {
			continue
		}
		for _, e := range v.members(y) {
			switch t, right, known := v.countsIn(e, r); {
			case right || !known && y == x:
				return nil
			case t != nil && y == x:
				found.makers = append(found.makers, e.Lower.Name)
				base := strings.TrimSuffix(t.table.Name.Value, r.To.Value)
				found.tables = [2]string{base + r.From.Value, base + r.To.Value}
				found.evidence = note(t.use.Span, "%s counts in `%s`", e.Lower.Name, t.table.Name.Value)
			}
		}
	}
	read := slices.ContainsFunc(v.uppers(x), func(e *topology.Edge) bool {
		return e.Upper.Section != nil && slices.ContainsFunc(e.Upper.Section.Rules, func(up *topology.Rule) bool { return up.From.Value == r.To.Value })
	})
	if read || len(found.makers) == 0 {
		return nil
	}
	return found
}

// tableCounted is a use that counts in a table.
type tableCounted struct {
	table *topology.Table
	use   *topology.TableUse
}

// countsIn tells whether a balancer counts in a table that a rule reads, which is right, or else in one that the rule makes of a table that the balancer has.
func (v *view) countsIn(e *topology.Edge, r *topology.Rule) (made *tableCounted, right, known bool) {
	if e.Lower.Kind != topology.Balancer || e.Lower.Absent() {
		return nil, false, false
	}
	tables, u := v.sharedTables(e), v.usesOf(e.Lower.Node)
	for _, use := range e.Lower.Node.Uses {
		if use.Kind != topology.Counts {
			continue
		}
		used, sure := u.of(use)
		if !sure {
			return nil, false, false
		}
		for _, t := range used {
			right = right || strings.HasSuffix(t.Name.Value, r.From.Value)
			base, ends := strings.CutSuffix(t.WireName(), r.To.Value)
			if ends && tableNamed(tables, base+r.From.Value) != nil {
				made = &tableCounted{t, use}
			}
		}
	}
	return made, right, true
}
