package check

import (
	"fmt"
	"slices"
	"strings"

	"stktc/grammar/diag"
	"stktc/topology"
)

var anySums = &Check{
	Code:     "STK409",
	Slug:     "any-sums-sums",
	Title:    "`from any` takes a table that is a sum already",
	Severity: diag.Warning,
	Since:    "0.2",
	Text: Text{
		What:    "An aggregator sums every table of its nodes, and one of these is the result of another aggregator. `any` leaves out what the section itself makes and what it forwards, nothing else.",
		Why:     "The sum that each node was sent is added up once more: tables such as `t.agg.agg` appear, whose values are too great by the number of nodes.",
		RunTime: "`show table` on the aggregator lists tables with two suffixes. All sessions look healthy.",
		Fix:     "Name the suffix that is meant instead of `any`, or `forward` the suffix of the sums.",
	},
	Bad:  altered("  from .uncombined to .aggr\n", "  from .uncombined to .aggr\n-- aggr2/hapee-stktagg.cfg --\naggregations all\n  peer aggr2  192.168.56.112:11111 local\n  peer hapee1 192.168.56.101:44444\n  peer hapee2 192.168.56.102:44444\n  from any to .all\n", "  server aggr1 192.168.56.111:11111\n", "  server aggr1 192.168.56.111:11111\n  server aggr2 192.168.56.112:11111\n", "peers mypeers\n  bind", "backend mytable.uncombined.all\n  stick-table type ip size 200 expire 1h store http_req_rate(1m) peers mypeers\npeers mypeers\n  bind"),
	Good: altered("  from .uncombined to .aggr\n", "  from .uncombined to .aggr\n-- aggr2/hapee-stktagg.cfg --\naggregations all\n  peer aggr2  192.168.56.112:11111 local\n  peer hapee1 192.168.56.101:44444\n  peer hapee2 192.168.56.102:44444\n  from .uncombined to .all\n", "  server aggr1 192.168.56.111:11111\n", "  server aggr1 192.168.56.111:11111\n  server aggr2 192.168.56.112:11111\n", "peers mypeers\n  bind", "backend mytable.all\n  stick-table type ip size 200 expire 1h store http_req_rate(1m) peers mypeers\npeers mypeers\n  bind", "{ src,table_http_req_rate(mytable.aggr) gt 100 }", "{ src,table_http_req_rate(mytable.aggr) gt 100 } { src,table_http_req_rate(mytable.all) gt 100 }"),
	Run:  runAnySums,
}

func runAnySums(p *Pass) {
	said := map[*topology.Rule]bool{}
	for _, h := range p.allFlows() {
		if h.rule.Any && h.by == h.first && h.ofSum && !said[h.rule] {
			said[h.rule] = true
			p.report(diag.Finding{
				Summary: fmt.Sprintf("%s sums every table of its nodes, and so `%s`, which is a sum already", h.at.Name, h.table.Name.Value),
				Primary: note(h.rule.Span, "takes it for a table that is counted in"),
				Related: []diag.Note{note(h.table.Name.Span, "%s gets it from an aggregator", h.origin.Name)},
				Impact:  fmt.Sprintf("`%s` adds the same sum once for every node", written(h.name)),
				RunTime: &diag.RunTime{Command: "show table", On: h.at.Name, Symptom: fmt.Sprintf("a table `%s`", written(h.name))},
				Nodes:   []string{h.at.Name, h.origin.Name},
				Tables:  []string{h.table.Name.Value},
			})
		}
	}
}

// isSum tells whether a balancer's table is what some aggregator makes of another table of the balancer.
func (v *view) isSum(x *topology.Vertex, t *topology.Table) bool {
	for _, r := range v.steps() {
		base, ok := strings.CutSuffix(t.WireName(), r.to)
		if !ok {
			continue
		}
		if source := tableNamed(x.Node.Tables, base+r.from); source != nil && source != t {
			return true
		}
	}
	return false
}

// step is what rules of the cluster make of what.
type step struct{ from, to string }

func (v *view) steps() []step {
	if v.stepped != nil {
		return v.stepped
	}
	v.stepped = []step{}
	for _, x := range v.Graph.Vertices {
		if x.Section == nil {
			continue
		}
		for _, r := range x.Section.Rules {
			s := step{r.From.Value, r.To.Value}
			if s.to != "" && !r.To.Unresolved && !r.From.Unresolved && !slices.Contains(v.stepped, s) {
				v.stepped = append(v.stepped, s)
			}
		}
	}
	return v.stepped
}
