package check

import (
	"fmt"
	"slices"
	"strings"

	"stktc/grammar/diag"
	"stktc/topology"
)

var fromMatchesNothing = &Check{
	Code:     "STK301",
	Slug:     "from-matches-nothing",
	Title:    "an aggregator reads tables that none of its members has",
	Severity: diag.Error,
	Since:    "0.1",
	Text: Text{
		What:    "The suffix after `from` ends no table's name on any node below (or, for an aggregator of aggregators, no table that they make); or it does on some nodes, while another has a table whose name comes close.",
		Why:     "The aggregation runs and stays empty, or lacks a node. Every lookup in the aggregate reads 0 or too little, so that limits never trigger.",
		RunTime: "All sessions look healthy. `show table` of the aggregate is empty. Nothing is logged.",
		Fix:     "Use one suffix in the tables' names and after `from`.",
	},
	Bad: `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1  192.168.56.111:11111 local
  peer hapee1 192.168.56.101:44444
  from .uncombined to .aggr
-- hapee1/hapee-lb.cfg --
backend mytable.uncombine
  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers
backend mytable.aggr
  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers
peers mypeers
  bind 0.0.0.0:44444
  server hapee1
  server aggr1 192.168.56.111:11111
`,
	Good: `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1  192.168.56.111:11111 local
  peer hapee1 192.168.56.101:44444
  from .uncombined to .aggr
-- hapee1/hapee-lb.cfg --
backend mytable.uncombined
  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers
backend mytable.aggr
  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers
peers mypeers
  bind 0.0.0.0:44444
  server hapee1
  server aggr1 192.168.56.111:11111
`,
	Run: runFrom,
}

func runFrom(p *Pass) {
	var idle, near foldedFindings
	for _, x := range p.Graph.Vertices {
		members := p.members(x)
		if x.Section == nil || len(members) == 0 || p.isUnlike(x) {
			continue
		}
		absent := slices.ContainsFunc(members, func(e *topology.Edge) bool { return e.Lower.Absent() })
		for _, r := range x.Section.Rules {
			switch {
			case r.Any || r.From.Unresolved || r.From.Value == "":
			case slices.ContainsFunc(members, func(e *topology.Edge) bool { return p.offers(e, r.From.Value) }):
				p.nearMisses(x, r, &near)
			case !absent && !slices.ContainsFunc(members, func(e *topology.Edge) bool { return hides(e.Lower, r.From.Value) }):
				idle.add(p.readsNothing(x, r), x.Name, r.From.Value, r.To.Value)
			}
		}
	}
	idle.report(p, func(who []string, key []string) string {
		return fmt.Sprintf("%s read tables ending in `%s`, but none of what is below them has one", and(who), key[0])
	})
	near.report(p, func(who []string, key []string) string {
		return fmt.Sprintf("%s have no table ending in `%s`, which is read from them, but a table `%s`", and(who), key[1], key[0])
	})
}

// hides tells whether a balancer has such a table, but in another peers section: STK303 says so.
func hides(x *topology.Vertex, suffix string) bool {
	return x.Kind == topology.Balancer && !x.Absent() && tableEnding(x.Node, suffix) != nil
}

// offers tells whether the lower end of an edge has a table with the suffix. Of an aggregator its rules are asked: that
// they in turn match nothing is a finding of its own.
func (v *view) offers(e *topology.Edge, suffix string) bool {
	if s := e.Lower.Section; s != nil {
		return slices.ContainsFunc(s.Rules, func(r *topology.Rule) bool { return r.To.Unresolved || meets(r.To.Value, suffix) })
	}
	return slices.ContainsFunc(v.offered(e), func(n string) bool { return strings.HasSuffix(n, suffix) })
}

// readsNothing is about a rule that no table fits.
func (p *Pass) readsNothing(x *topology.Vertex, r *topology.Rule) diag.Finding {
	suffix := r.From.Value
	members := p.members(x)
	offers := p.arriving(x)
	kind := "node"
	if members[0].Lower.Kind == topology.Aggregator {
		kind = "aggregator"
	}
	f := diag.Finding{
		Summary: fmt.Sprintf("%s reads tables ending in `%s`, but none of the %s below has one", x.Name, suffix, count(len(members), kind)),
		Primary: note(r.From.Span, "0 of %s %s", count(len(offers), "table"), verb(len(offers), "matches", "match")),
		Impact:  fmt.Sprintf("the aggregation runs and stays empty: every lookup in a table ending in `%s` reads 0, so limits never trigger", r.To.Value),
		RunTime: &diag.RunTime{Command: "show table", On: x.Name, Symptom: fmt.Sprintf("no table ending in `%s`; all sessions look healthy and nothing is logged", r.To.Value)},
		Nodes:   []string{x.Name},
	}
	if len(members) == 1 {
		f.Summary = fmt.Sprintf("%s reads tables ending in `%s`, but %s below has none", x.Name, suffix, members[0].Lower.Name)
	}
	for _, e := range members {
		if offered := p.offered(e); len(offered) > 0 {
			f.Notes = append(f.Notes, fmt.Sprintf("looked at: %s: %s", e.Lower.Name, strings.Join(firstFew(offered), ", ")))
		}
	}
	f.Notes = firstFew(f.Notes)
	if at, near := p.nearest(members, suffix); near != "" {
		f.Notes = append(f.Notes, p.closest(members, near, r.To.Value))
		f.Related = []diag.Note{note(at, "is `%s` meant?", near)}
		f.Fixes = []diag.Fix{{Title: fmt.Sprintf("from %s to %s", near, r.To.Value), Edits: p.replace(r.From.Span, near)}}
	} else if at, who := p.elsewhere(x, suffix); who != "" {
		f.Related = []diag.Note{note(at, "`%s` exists on %s, which is not below %s", suffix, who, x.Name)}
	}
	return f
}

// closest tells how many tables have the suffix that was likely meant, and how many of these have the table that the rule would make of them.
func (p *Pass) closest(members []*topology.Edge, near, to string) string {
	tables, twins := 0, 0
	for _, e := range members {
		offered := p.offered(e)
		for _, name := range offered {
			if base, ok := strings.CutSuffix(name, near); ok {
				tables++
				if slices.Contains(offered, base+to) {
					twins++
				}
			}
		}
	}
	return fmt.Sprintf("closest: %s: %s, of which %d %s a twin ending in %s", code(near), count(tables, "table"), twins, verb(twins, "has", "have"), code(to))
}

func firstFew(list []string) []string { return list[:min(len(list), maxNamed)] }

// nearest finds the suffix that was likely meant: of a table on a node below, or made by an aggregator below.
func (p *Pass) nearest(members []*topology.Edge, suffix string) (diag.Span, string) {
	for _, e := range members {
		if s := e.Lower.Section; s != nil {
			for _, r := range s.Rules {
				if diag.Nearest(suffix, []string{r.To.Value}) != "" {
					return r.To.Span, r.To.Value
				}
			}
			continue
		}
		for _, t := range p.sharedTables(e) {
			if tail := tail(t.Name.Value, suffix); tail != "" {
				return t.Name.Span, tail
			}
		}
	}
	return diag.Span{}, ""
}

// tail gives the end of a table's name that resembles a suffix; "" when none does. Suffixes begin with a dot as a rule.
func tail(name, suffix string) string {
	i := strings.LastIndexByte(name, '.')
	if i < 0 || strings.HasSuffix(name, suffix) || diag.Nearest(suffix, []string{name[i:]}) == "" {
		return ""
	}
	return name[i:]
}

// elsewhere finds a node that has such a table, but is not a member of x.
func (p *Pass) elsewhere(x *topology.Vertex, suffix string) (diag.Span, string) {
	for _, n := range p.Cluster.Nodes {
		for _, t := range n.Tables {
			if n != x.Node && strings.HasSuffix(t.Name.Value, suffix) {
				return t.Name.Span, n.Name.Value
			}
		}
	}
	return diag.Span{}, ""
}

// nearMisses is about nodes without a table for a rule that the other nodes have, but with one of nearly that name.
func (p *Pass) nearMisses(x *topology.Vertex, r *topology.Rule, all *foldedFindings) {
	for _, e := range p.members(x) {
		if e.Lower.Kind != topology.Balancer || e.Lower.Absent() || p.offers(e, r.From.Value) {
			continue
		}
		for _, t := range p.sharedTables(e) {
			near := tail(t.Name.Value, r.From.Value)
			if near == "" || p.isKnownSuffix(near) {
				continue
			}
			all.add(diag.Finding{
				Summary: fmt.Sprintf("%s has no table ending in `%s`, which %s reads, but a table `%s`", e.Lower.Name, r.From.Value, x.Name, t.Name.Value),
				Primary: note(t.Name.Span, "is `%s` meant?", strings.TrimSuffix(t.Name.Value, near)+r.From.Value),
				Related: []diag.Note{note(r.From.Span, "%s reads these", x.Name)},
				Impact:  fmt.Sprintf("what %s counts is missing from the sums of %s", e.Lower.Name, x.Name),
				RunTime: &diag.RunTime{Command: "show peers", On: e.Lower.Name, Symptom: "`last_status=ESTA`, which looks healthy; the table is never asked for"},
				Nodes:   []string{e.Lower.Name, x.Name},
				Tables:  []string{t.Name.Value},
			}, e.Lower.Name, t.Name.Value, r.From.Value)
		}
	}
}

// isKnownSuffix tells whether some rule of the cluster speaks of the suffix, which then is no slip.
func (v *view) isKnownSuffix(suffix string) bool {
	for _, x := range v.Graph.Vertices {
		if x.Section == nil {
			continue
		}
		from, to, forward := suffixes(x.Section)
		for _, t := range slices.Concat(from, to, forward) {
			if t.Value == suffix {
				return true
			}
		}
	}
	return false
}
