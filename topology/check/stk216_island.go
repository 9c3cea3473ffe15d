package check

import (
	"fmt"
	"slices"
	"strings"

	"stktc/grammar/diag"
	"stktc/topology"
)

var island = &Check{
	Code:     "STK216",
	Slug:     "island",
	Title:    "a node or an aggregator is cut off from the aggregation that its tables belong to",
	Severity: diag.Error,
	Since:    "0.2",
	Outside:  "the intention: a balancer or an aggregator that is not to be part of the cluster yet, or no longer",
	Text: Text{
		What:    "A node counts in a table that aggregators sum on other nodes, but neither lists an aggregator nor is listed by one; where it does not even declare the table for the sum, that is a warning, as it may have nothing to do with the others. Or an aggregator has nobody above, while another one that makes the same tables has, and its nodes wait for a table that is made up there.",
		Why:     "What the node counts is in no sum, or the part of the cluster below the aggregator is missing from the total and never sees it.",
		RunTime: "Nothing shows: there is no session that could fail.",
		Fix:     "Add the missing lines at both ends: the node and its aggregator, or `up` and `down`.",
	},
	Bad:  altered("  server hapee2\n  server aggr1 192.168.56.111:11111\n", "  server hapee2\n", "  peer hapee2 192.168.56.102:44444\n", ""),
	Good: altered(),
	Run:  runIsland,
}

func runIsland(p *Pass) {
	p.strayNodes()
	for _, x := range p.Graph.Vertices {
		if x.Section != nil && len(p.uppers(x)) == 0 && len(x.Section.Forwards) == 0 { // a forward without anybody above is STK305's
			p.strayAggregator(x)
		}
	}
}

// strayNodes is about nodes without any aggregator; all that count in one table are one finding.
func (p *Pass) strayNodes() {
	summed := map[string]*hop{} // by the name of the table that is counted in
	for i, h := range p.flows() {
		if summed[h.table.WireName()] == nil {
			summed[h.table.WireName()] = &p.flows()[i]
		}
	}
	var all places[string]
	waits := map[string]bool{} // tables of which a node declares the sum too
	for _, x := range p.balancers() {
		linked := slices.ContainsFunc(p.edges[x], func(e *topology.Edge) bool { return !e.Mesh })
		i := slices.IndexFunc(x.Node.Tables, func(t *topology.Table) bool { return summed[t.WireName()] != nil && !t.Peers.IsZero() })
		if !linked && i >= 0 && !p.namesake(x) {
			name := x.Node.Tables[i].WireName()
			all.add(name, x.Name, x.Node.Tables[i].Name.Span)
			waits[name] = waits[name] || tableNamed(x.Node.Tables, summed[name].name) != nil
		}
	}
	for _, name := range all.order {
		seen, h := all.at[name], summed[name]
		who := nodesOf(seen)
		severity := diag.Warning
		if waits[name] {
			severity = diag.Error
		}
		p.report(diag.Finding{
			Severity: severity,
			Summary:  fmt.Sprintf("%s %s in `%s`, which %s sums on other nodes, but %s linked to no aggregator", and(who), verb(len(who), "counts", "count"), written(name), h.at.Name, verb(len(who), "is", "are")),
			Primary:  note(seen[0].at, "in no sum"),
			Related:  append([]diag.Note{note(h.table.Name.Span, "%s's is summed", h.origin.Name), note(h.at.Section.Header, "here")}, rest(seen)...),
			Impact:   fmt.Sprintf("the sums lack what %s %s, and limits there look at tables that stay empty", and(who), verb(len(who), "counts", "count")),
			Nodes:    append(who, h.at.Name),
			Tables:   []string{written(name)},
		})
	}
}

// strayAggregator is about an aggregator below nobody, whose twin is below somebody.
func (p *Pass) strayAggregator(x *topology.Vertex) {
	for _, twin := range p.Graph.Vertices {
		if twin == x || twin.Section == nil {
			continue
		}
		for _, e := range p.uppers(twin) {
			if e.Upper.Section == nil || e.Upper == x || sharedResult(x.Section, twin.Section) == "" {
				continue
			}
			if waiting, name := p.waitFor(x, e.Upper); waiting != nil {
				p.report(strayFinding(p, x, twin, e, waiting, name))
				return
			}
		}
	}
}

// waitFor finds a node below x that declares a table which the aggregator above another makes of what x makes too.
func (p *Pass) waitFor(x, above *topology.Vertex) (*topology.Vertex, *topology.Table) {
	for _, made := range p.produced(x) {
		for _, r := range above.Section.Rules {
			name, ok := apply(above.Section, r, made)
			if !ok {
				continue
			}
			for _, b := range p.balancersBelow(x) {
				if b.Absent() {
					continue
				}
				if t := tableNamed(b.Node.Tables, name); t != nil {
					return b, t
				}
			}
		}
	}
	return nil, nil
}

func strayFinding(p *Pass, x, twin *topology.Vertex, e *topology.Edge, waiting *topology.Vertex, t *topology.Table) diag.Finding {
	below := names(p.balancersBelow(x))
	return diag.Finding{
		Summary: fmt.Sprintf("%s reports up to nobody, while %s reports to %s, which makes `%s` that %s declares", x.Name, twin.Name, e.Upper.Name, t.Name.Value, waiting.Name),
		Primary: note(x.Section.Header, "no `up` peer here"),
		Related: []diag.Note{note(e.Span(), "%s is linked to %s", twin.Name, e.Upper.Name), note(t.Name.Span, "%s waits for it", waiting.Name)},
		Impact:  fmt.Sprintf("%s: `%s` stays empty there", strings.TrimSuffix(cutOff(below, e.Upper.Name), ", its total lacks their counters")+", and "+e.Upper.Name+"'s total lacks their counters", t.Name.Value),
		Fixes:   []diag.Fix{{Title: fmt.Sprintf("list %s as `up` in %s, and %s as `down` in %s", e.Upper.Name, x.Name, x.Name, e.Upper.Name)}},
		Nodes:   append(below, x.Name, e.Upper.Name),
		Tables:  []string{t.Name.Value},
	}
}
