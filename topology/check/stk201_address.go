package check

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology"
)

var peerAddress = &Check{
	Code:     "STK201",
	Slug:     "peer-address-mismatch",
	Title:    "a peer is dialled where it does not listen",
	Severity: diag.Error,
	Since:    "0.1",
	Outside:  "address translation, or a name that DNS resolves differently from site to site",
	Text: Text{
		What:    "The address or port in a line about a peer is not the one that the peer listens on. IP addresses are compared with IP addresses and names with names; a listener on any address (`*`, `0.0.0.0`, `::`) accepts every host; what an environment variable decides is not compared.",
		Why:     "The session cannot be opened from this end. Since both ends dial, it may still come up from the other end, and everything seems to be well until a firewall, address translation or a changed start order stands in that way. If the other end's dial is wrong too, there is no session at all.",
		RunTime: "`haproxy -c` accepts both files and nothing is logged. `show peers` says `last_status=CONN` for ever, or `last_status=ESTA` once the other end's dial has succeeded.",
		Fix:     "Write the port and address of the peer's `local` line (an aggregator) or `bind` line (a balancer). Where address translation makes them differ both are right as they stand: say so in a comment on the line that dials, `# stktc:ignore STK201 -- NAT: …`; where most peers dial the translated address, the finding points to the listener, and one comment there is enough. A topology has `seen_as` for it.",
	},
	Bad: `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1 192.168.56.111:11111 local
  peer aggr3 192.168.56.113:11111 up
  from .uncombined to .aggr
-- aggr3/hapee-stktagg.cfg --
aggregations myl2
  peer aggr3 192.168.56.113:22222 local
  peer aggr1 192.168.56.111:11111 down
  from .aggr to .l2
`,
	Good: `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1 192.168.56.111:11111 local
  peer aggr3 192.168.56.113:22222 up
  from .uncombined to .aggr
-- aggr3/hapee-stktagg.cfg --
aggregations myl2
  peer aggr3 192.168.56.113:22222 local
  peer aggr1 192.168.56.111:11111 down
  from .aggr to .l2
`,
	Run: runPeerAddress,
}

// misdial is a set of dials to one listener that are wrong in the same way.
type misdial struct {
	dials  []dial
	differ part
	votes  *ballot
	by     *diag.Ignore // the comment that silences it; nil for none
}

func runPeerAddress(p *Pass) {
	for _, m := range p.misdials() {
		p.report(m.finding(p))
	}
}

// misdials folds what is one mistake: the same wrong value for the same listener, with the same effect.
func (p *Pass) misdials() []*misdial {
	type key struct {
		to     *topology.Vertex
		at     diag.Span
		differ part
		value  string
		state  topology.State
		by     *diag.Ignore
	}
	groups := map[key]*misdial{}
	var all []*misdial
	for _, d := range p.dials() {
		differ, wrong := d.differs()
		if !wrong {
			continue
		}
		by := p.ignoring(d.line.Address.Span, d.listen.Span)
		k := key{d.to, d.listen.Span, differ, differ.value(d.line.Address), d.edge.State(), by}
		if groups[k] == nil {
			groups[k] = &misdial{differ: differ, votes: p.addressBallot(d, differ), by: by}
			all = append(all, groups[k])
		}
		groups[k].dials = append(groups[k].dials, d)
	}
	return all
}

// addressBallot counts what all lines about the dialled host say of its address.
func (p *Pass) addressBallot(about dial, w part) *ballot {
	b := newBallot(about.to.Name, w.value(about.listen))
	for _, d := range p.dials() {
		if d.to == about.to && d.listen.Span == about.listen.Span && !d.line.Address.Unresolved && !d.line.Address.IsZero() {
			b.add(d.from.Name, w.value(d.line.Address))
		}
	}
	return b
}

func (m *misdial) finding(p *Pass) diag.Finding {
	d := m.dials[0]
	dialled, listen := m.differ.value(d.line.Address), m.differ.value(d.listen)
	f := diag.Finding{
		Summary: fmt.Sprintf("%s %s %s %s `%s`, but %s listens on `%s`", and(m.dialers()), verb(len(m.dials), "dials", "dial"), d.to.Name, m.differ.on(), dialled, d.to.Name, listen),
		Primary: note(m.differ.span(d.line.Address), "dialled %s", m.differ.noun()),
		Related: []diag.Note{note(m.differ.span(d.listen), "%s listens here", d.to.Name)},
		Notes:   notesOf(m.votes.note()),
		Nodes:   append(m.dialers(), d.to.Name),
	}
	for i, other := range m.dials {
		f.Edges = append(f.Edges, other.name())
		if i > 0 {
			f.Related = append(f.Related, note(m.differ.span(other.line.Address), "%s dials the same", other.from.Name))
		}
	}
	f.Fixes = m.fixes(p)
	if m.votes.outvoted(dialled) {
		f.Primary = note(m.differ.span(d.listen), "%s listens here; most others dial `%s`", d.to.Name, dialled)
		f.Related[0] = note(m.differ.span(d.line.Address), "%s dials this", d.from.Name)
		f.Fixes[0], f.Fixes[1] = f.Fixes[1], f.Fixes[0]
	}
	f.Impact, f.RunTime = m.effect(p)
	silence(&f, m.by)
	return f
}

func (m *misdial) dialers() []string {
	var list []string
	for _, d := range m.dials {
		list = append(list, d.from.Name)
	}
	return unique(list)
}

// fixes gives both ways out, the one that trusts the listener first.
func (m *misdial) fixes(p *Pass) []diag.Fix {
	d := m.dials[0]
	dialled, listen := m.differ.value(d.line.Address), m.differ.value(d.listen)
	dial := diag.Fix{Title: fmt.Sprintf("dial `%s`", listen), Safe: m.votes.backed(dialled)}
	for _, d := range m.dials {
		dial.Edits = append(dial.Edits, p.replace(m.differ.span(d.line.Address), listen)...)
	}
	return []diag.Fix{dial, {
		Title: fmt.Sprintf("let %s listen on `%s`", d.to.Name, dialled),
		Edits: p.replace(m.differ.span(d.listen), dialled),
	}}
}

// effect tells what becomes of the links: they live by the other end's dial, or not at all.
func (m *misdial) effect(p *Pass) (string, *diag.RunTime) {
	d := m.dials[0]
	below := names(p.balancersBelow(d.edge.Lower))
	lost := ""
	if len(below) > 0 {
		lost = ": what " + and(below) + verb(len(below), " counts", " count") + " is then missing from the sums of " + d.edge.Upper.Name
	}
	if len(m.dials) > 1 {
		lost = ""
	}
	if d.edge.State() != topology.Degraded {
		return fmt.Sprintf("no session between %s and %s comes up from either end", and(m.dialers()), d.to.Name) + lost,
			&diag.RunTime{Command: "show peers", On: d.from.Name, Symptom: fmt.Sprintf("`last_status=CONN` for %s, for ever; HAProxy accepts both files and nothing is logged", d.to.Name)}
	}
	var back []string
	for _, d := range m.dials {
		back = append(back, fmt.Sprintf("%s at `%s`", d.from.Name, lineOf(d.edge, d.to).Address.Raw))
	}
	links, way := verb(len(m.dials), "the link comes up and lives", "the links come up and live"), verb(len(m.dials), "it", "them")
	return fmt.Sprintf("%s only by %s's own dial to %s; a firewall or address translation that blocks that way cuts %s", links, d.to.Name, and(back), way) + lost,
		&diag.RunTime{Command: "show peers", On: d.from.Name, Symptom: fmt.Sprintf("`last_status=CONN` for %s until %s has dialled in, then `last_status=ESTA` as if all were well; nothing is logged", d.to.Name, d.to.Name)}
}
