package check

import (
	"fmt"
	"slices"

	"stktc/grammar/diag"
	"stktc/topology"
)

var oneWay = &Check{
	Code:     "STK202",
	Slug:     "one-way-link",
	Title:    "one end lists a peer that does not list it",
	Severity: diag.Error,
	Since:    "0.1",
	Text: Text{
		What:    "A balancer names an aggregator that has no line for it, or an aggregator names a balancer that has no line for the aggregator.",
		Why:     "Both ends must list each other. The end without the line refuses every greeting of the other, so that no session comes up.",
		RunTime: "`show peers` says `last_status=UNKN` (status 504) at the end that has the line; HAProxy does not dial again after it. Nothing is logged.",
		Fix:     "Add the missing line, or delete the one that is left over.",
	},
	Bad: `-- aggr1/hapee-stktagg.cfg --
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
-- hapee2/hapee-lb.cfg --
backend mytable.uncombined
  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers
backend mytable.aggr
  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers
peers mypeers
  bind 0.0.0.0:44444
  server hapee2
  server aggr1 192.168.56.111:11111
`,
	Good: `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1  192.168.56.111:11111 local
  peer hapee1 192.168.56.101:44444
  peer hapee2 192.168.56.102:44444
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
-- hapee2/hapee-lb.cfg --
backend mytable.uncombined
  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers
backend mytable.aggr
  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers
peers mypeers
  bind 0.0.0.0:44444
  server hapee2
  server aggr1 192.168.56.111:11111
`,
	Run: runOneWay,
}

func runOneWay(p *Pass) {
	var all foldedFindings
	for _, e := range p.Graph.Edges {
		if e.Lower == e.Upper || e.Lower.Kind == topology.Aggregator && e.Upper.Kind == topology.Aggregator {
			continue // STK101; STK210, STK211 and STK217 are about these
		}
		for _, silent := range []*topology.Vertex{e.Lower, e.Upper} {
			_, explained := p.renamed[e]
			if defect(e, silent, topology.OneWay) && !explained && !p.isUnnamed(e, other(e, silent)) && !p.namesake(other(e, silent)) && !eitherTorn(e) {
				all.add(oneWayFinding(p, e, silent), other(e, silent).Name, silent.Name, p.header(e, silent).String())
			}
		}
	}
	all.report(p, func(who, key []string) string {
		return fmt.Sprintf("%s list %s, but %s does not list them", and(who), key[0], key[0])
	})
}

// isTorn tells whether a balancer has two names, of which the others may know either: STK101 is about that.
func isTorn(n *topology.Node) bool {
	own := n.LocalPeer
	return slices.ContainsFunc(n.Peers, func(s *topology.PeersSection) bool {
		return !own.IsZero() && !own.Unresolved && !s.Local.IsZero() && !s.Local.Unresolved && s.Local.Value != own.Value
	})
}

// eitherTorn tells whether one end of an edge is such a balancer.
func eitherTorn(e *topology.Edge) bool {
	return slices.ContainsFunc([]*topology.Vertex{e.Lower, e.Upper}, func(x *topology.Vertex) bool { return x.Node != nil && x.Section == nil && isTorn(x.Node) })
}

func oneWayFinding(p *Pass, e *topology.Edge, silent *topology.Vertex) diag.Finding {
	from := other(e, silent)
	line := lineOf(e, from)
	return diag.Finding{
		Summary: fmt.Sprintf("%s lists %s, but %s does not list %s", from.Name, silent.Name, silent.Name, from.Name),
		Primary: note(line.Name.Span, "%s expects a session with %s", from.Name, silent.Name),
		Related: p.missingLine(e, silent),
		Impact:  fmt.Sprintf("%s refuses %s's greeting: no table passes between them", silent.Name, from.Name),
		RunTime: &diag.RunTime{Command: "show peers", On: from.Name, Symptom: fmt.Sprintf("`last_status=UNKN` for %s, and it is not dialled again; nothing is logged", silent.Name)},
		Fixes:   p.missingFixes(e, silent),
		Nodes:   []string{from.Name, silent.Name},
		Edges:   []string{from.Name + "->" + silent.Name},
	}
}

// missingFixes adds the line, but where the two ends must not share what is summed: there the other end's line is to go.
func (p *Pass) missingFixes(e *topology.Edge, silent *topology.Vertex) []diag.Fix {
	from := other(e, silent)
	if !e.Mesh || p.summed(e, from) == nil {
		return []diag.Fix{addLine(p, e, silent)}
	}
	line := lineOf(e, from)
	return []diag.Fix{{Title: fmt.Sprintf("take the line about `%s` out of %s, where `%s` is summed", line.Name.Value, from.Name, p.summed(e, from).table.Name.Value)}}
}

// missingLine marks the section that lacks a line about the far end, and says what it has instead.
func (p *Pass) missingLine(e *topology.Edge, silent *topology.Vertex) []diag.Note {
	header := p.header(e, silent)
	if header.IsZero() {
		return nil
	}
	var have []string
	for _, l := range p.lines(e, silent) {
		have = append(have, l.Name.Value)
	}
	if len(have) == 0 {
		return []diag.Note{note(header, "%s lists nobody here", silent.Name)}
	}
	return []diag.Note{note(header, "%s lists %s here", silent.Name, and(have))}
}

// oldStyle tells whether a balancer names its peers in "peer" lines: in the section of the edge, or where that is not known in all.
func oldStyle(e *topology.Edge, x *topology.Vertex) bool {
	if s := e.PeersSection(x); s != nil {
		return s.Style == topology.PeerStyle
	}
	newStyle := func(s *topology.PeersSection) bool { return s.Style == topology.ServerStyle }
	return x.Node != nil && len(x.Node.Peers) > 0 && !slices.ContainsFunc(x.Node.Peers, newStyle)
}

// addLine proposes the line that silent lacks. The far end's address is known when it listens on one, and else left open.
func addLine(p *Pass, e *topology.Edge, silent *topology.Vertex) diag.Fix {
	from := other(e, silent)
	keyword, mark := "peer", ""
	if silent.Kind == topology.Balancer && !oldStyle(e, silent) {
		keyword = "server"
	}
	if from.Kind == topology.Aggregator && silent.Kind == topology.Aggregator {
		mark = " down"
		if silent == e.Lower {
			mark = " up"
		}
	}
	listen := p.listen(e, from)
	if endpoint(listen) == "" {
		return diag.Fix{Title: fmt.Sprintf("add `%s %s ADDRESS:%d%s` to %s", keyword, from.Name, listen.Port, mark, silent.Name)}
	}
	line := fmt.Sprintf("%s %s %s%s", keyword, from.Name, endpoint(listen), mark)
	fix := diag.Fix{Title: fmt.Sprintf("add `%s` to %s", line, silent.Name)}
	if lines := p.lines(e, silent); len(lines) > 0 {
		fix.Edits = p.insertBefore(lines[0].Span, line)
	}
	return fix
}
