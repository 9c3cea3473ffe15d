package check

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology"
)

var peerName = &Check{
	Code:     "STK103",
	Slug:     "peer-name-mismatch",
	Title:    "one end calls the other by a name that is not its own",
	Severity: diag.Error,
	Since:    "0.1",
	Text: Text{
		What:    "Two peers greet each other by name, in both directions: the one that dials says whom it wants and who it is. Both must be spelt as the other end spells its own name, capitals included.",
		Why:     "The end that is called by a wrong name hangs up, and so does the end that is dialled by somebody whom it does not list. No session comes up.",
		RunTime: "`show peers` says `last_status=NAME` (status 503) where the wrong name is dialled, and `last_status=UNKN` (504) at the other end. HAProxy does not dial again after either. Nothing is logged.",
		Fix:     "Give the line the name that the other end has: its `localpeer` or `server` line without address, or the name on an aggregator's `local` line.",
	},
	Bad: `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1  192.168.56.111:11111 local
  peer hapee-1 192.168.56.101:44444
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
	Run: runPeerName,
}

// misnaming is one line that calls a host by a wrong name.
type misnaming struct {
	edge     *topology.Edge
	by, of   *topology.Vertex
	line     *topology.Peer
	own      topology.Text // what the host calls itself
	evidence string        // why the line is taken to mean that host
}

func runPeerName(p *Pass) {
	ballots := p.nameBallots()
	for _, m := range p.misnamings() {
		p.report(m.finding(p, ballots[m.of]))
	}
}

func (p *Pass) misnamings() []misnaming {
	var all []misnaming
	for _, d := range p.dials() {
		own := p.ownName(d.edge, d.to)
		if !defect(d.edge, d.from, topology.NameDiffers) || own.IsZero() || own.Unresolved || d.line.Name.Unresolved || p.namesake(d.to) {
			continue
		}
		all = append(all, misnaming{d.edge, d.from, d.to, d.line, own, "the line has its address"})
	}
	for _, e := range p.Graph.Edges {
		if a, ok := p.renamed[e]; ok {
			all = append(all, misnaming{e, a.by, a.of, a.line, p.ownName(e, a.of), "no other line has a name like it"})
		}
	}
	return all
}

// nameBallots counts what all lines call each host.
func (p *Pass) nameBallots() map[*topology.Vertex]*ballot {
	ballots := map[*topology.Vertex]*ballot{}
	vote := func(of *topology.Vertex, own topology.Text, by *topology.Vertex, name string) {
		if ballots[of] == nil {
			ballots[of] = newBallot(of.Name, own.Value)
		}
		ballots[of].add(by.Name, name)
	}
	for _, d := range p.dials() {
		vote(d.to, p.ownName(d.edge, d.to), d.from, d.line.Name.Value)
	}
	for _, e := range p.Graph.Edges {
		if a, ok := p.renamed[e]; ok {
			vote(a.of, p.ownName(e, a.of), a.by, a.line.Name.Value)
		}
	}
	return ballots
}

func (m misnaming) finding(p *Pass, b *ballot) diag.Finding {
	wrong := m.line.Name.Value
	f := diag.Finding{
		Summary: fmt.Sprintf("%s calls %s `%s`, but its own name is `%s`", m.by.Name, m.of.Name, wrong, m.own.Value),
		Primary: note(m.line.Name.Span, "%s is not called so; %s", m.of.Name, m.evidence),
		Related: []diag.Note{note(m.own.Span, "%s's own name", m.of.Name)},
		Notes:   notesOf(b.note()),
		Impact:  fmt.Sprintf("peers greet each other by name: %s and %s refuse each other, and no table passes between them", m.by.Name, m.of.Name),
		RunTime: &diag.RunTime{Command: "show peers", On: m.by.Name, Symptom: fmt.Sprintf("`last_status=NAME` for `%s`; on %s `last_status=UNKN` for %s; nothing is logged", wrong, m.of.Name, m.by.Name)},
		Fixes:   []diag.Fix{{Title: fmt.Sprintf("call it `%s`", m.own.Value), Safe: b.backed(wrong), Edits: p.replace(m.line.Name.Span, m.own.Value)}},
		Nodes:   []string{m.by.Name, m.of.Name},
		Edges:   []string{m.by.Name + "->" + m.of.Name},
	}
	if b.outvoted(wrong) {
		f.Primary, f.Related = note(m.own.Span, "%s's own name; most others say `%s`", m.of.Name, wrong), []diag.Note{note(m.line.Name.Span, "%s calls it so", m.by.Name)}
		f.Fixes = []diag.Fix{{Title: fmt.Sprintf("call %s `%s` in its own files", m.of.Name, wrong), Edits: p.replace(m.own.Span, wrong)}}
	}
	return f
}

// namesake tells whether another host claims the same name: then that is the mistake.
func (v *view) namesake(x *topology.Vertex) bool {
	for _, y := range v.Graph.Vertices {
		if y.Node != nil && x.Node != nil && y.Node != x.Node && y.Name == x.Name {
			return true
		}
	}
	return false
}
