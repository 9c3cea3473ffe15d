package check

import (
	"fmt"
	"path"

	"stktc/grammar/diag"
	"stktc/topology"
)

var peerName = &Check{
	Code:     "STK103",
	Slug:     "peer-name-mismatch",
	Title:    "one end calls the other by a name that is not its own",
	Severity: diag.Error,
	Since:    "0.1",
	Outside:  "the command line: with `-L NAME` the host has another name than its files say",
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

// misnaming is a wrong name for a host, and the lines that have it.
type misnaming struct {
	of    *topology.Vertex
	own   topology.Text // what the host calls itself
	wrong string
	by    []namer
	quiet *diag.Ignore // the comment that silences it; nil for none
}

// namer is one line with a wrong name.
type namer struct {
	vertex   *topology.Vertex
	line     *topology.Peer
	evidence string // why the line is taken to mean that host
}

func runPeerName(p *Pass) {
	ballots := p.nameBallots()
	for _, m := range p.misnamings() {
		p.report(m.finding(p, ballots[m.of]))
	}
}

// misnamings folds what is one mistake: the same wrong name for the same host.
func (p *Pass) misnamings() []*misnaming {
	type key struct {
		of    *topology.Vertex
		wrong string
		quiet *diag.Ignore
	}
	groups := map[key]*misnaming{}
	var all []*misnaming
	add := func(of *topology.Vertex, own topology.Text, n namer) {
		k := key{of, n.line.Name.Value, p.ignoring(n.line.Name.Span, own.Span)}
		if groups[k] == nil {
			groups[k] = &misnaming{of: of, own: own, wrong: k.wrong, quiet: k.quiet}
			all = append(all, groups[k])
		}
		groups[k].by = append(groups[k].by, n)
	}
	for _, d := range p.dials() {
		own := p.ownName(d.edge, d.to)
		if defect(d.edge, d.from, topology.NameDiffers) && !own.IsZero() && !own.Unresolved && !d.line.Name.Unresolved && own.Value != d.line.Name.Value && !p.namesake(d.to) { // a host of two names is STK101's
			add(d.to, own, namer{d.from, d.line, "the line leads to it"})
		}
	}
	for _, e := range p.Graph.Edges {
		if a, ok := p.renamed[e]; ok {
			add(a.of, p.ownName(e, a.of), namer{a.by, a.line, "no other line has a name like its own"})
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

func (m *misnaming) finding(p *Pass, b *ballot) diag.Finding {
	var who []string
	for _, n := range m.by {
		who = append(who, n.vertex.Name)
	}
	first := m.by[0]
	f := diag.Finding{
		Summary: fmt.Sprintf("%s %s %s `%s`, but its own name is `%s`", and(who), verb(len(who), "calls", "call"), m.of.Name, m.wrong, m.own.Value),
		Primary: note(first.line.Name.Span, "%s is not called so; %s", m.of.Name, first.evidence),
		Related: []diag.Note{note(m.own.Span, "%s's own name", m.of.Name)},
		Notes:   notesOf(b.note()),
		Impact:  fmt.Sprintf("peers greet each other by name: %s and %s refuse each other, and no table passes between them", and(who), m.of.Name),
		RunTime: &diag.RunTime{Command: "show peers", On: first.vertex.Name, Symptom: fmt.Sprintf("`last_status=NAME` for `%s`; on %s `last_status=UNKN` for %s; nothing is logged", m.wrong, m.of.Name, first.vertex.Name)},
		Nodes:   append(who, m.of.Name),
	}
	filed := path.Base(m.of.Node.Dir) == m.wrong // the operator's own name for the host speaks against its files
	fix := diag.Fix{Title: fmt.Sprintf("call it `%s`", m.own.Value), Safe: b.backed(m.wrong) && !filed}
	for i, n := range m.by {
		f.Edges = append(f.Edges, n.vertex.Name+"->"+m.of.Name)
		fix.Edits = append(fix.Edits, p.replace(n.line.Name.Span, m.own.Value)...)
		if i > 0 {
			f.Related = append(f.Related, note(n.line.Name.Span, "%s calls it so too", n.vertex.Name))
		}
	}
	own := diag.Fix{Title: fmt.Sprintf("call it `%s` in its own files", m.wrong), Edits: p.replace(m.own.Span, m.wrong)}
	f.Fixes = []diag.Fix{fix, own}
	if filed {
		f.Notes = append(f.Notes, fmt.Sprintf("the directory of its files is called `%s` too", m.wrong))
	}
	if b.outvoted(m.wrong) {
		f.Primary, f.Related[0] = note(m.own.Span, "%s's own name; most others say `%s`", m.of.Name, m.wrong), note(first.line.Name.Span, "%s calls it so", first.vertex.Name)
		f.Fixes = []diag.Fix{own, fix}
	}
	silence(&f, m.quiet)
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
