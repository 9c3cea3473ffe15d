package check

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology"
)

var tlsOneSide = &Check{
	Code:     "STK215",
	Slug:     "tls-on-one-side",
	Title:    "one end of a link speaks TLS and the other does not",
	Severity: diag.Error,
	Since:    "0.1",
	Outside:  "a tunnel between the hosts that adds or removes the encryption",
	Text: Text{
		What:    "The line about a peer asks for TLS (`ssl`), but the peer listens in clear text; or the reverse. What counts is the listener: the `bind` line of a balancer, the `local` or `bind` line of an aggregator.",
		Why:     "The dial fails: one end sends a TLS greeting where plain text is expected, or the reverse. If the other end's dial is right, the link lives by that one only.",
		RunTime: "`show peers` says `last_status=CONN` or `last_status=HSHK` for ever. Nothing is logged.",
		Fix:     "Use TLS at both ends, or at neither.",
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
  server aggr1 192.168.56.111:11111 ssl verify none
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
	Run: runTLSOneSide,
}

// misfit is a set of dials to one listener, all with TLS where it has none, or the reverse.
type misfit struct {
	dials []dial
	tls   topology.Listener
	by    *diag.Ignore
}

func runTLSOneSide(p *Pass) {
	type key struct {
		to   *topology.Vertex
		at   diag.Span
		dead bool
		by   *diag.Ignore
	}
	groups := map[key]*misfit{}
	var all []*misfit
	for _, d := range p.dials() {
		listener, ok := d.edge.Listener(d.to)
		if !ok || !defect(d.edge, d.from, topology.TLSDiffers) {
			continue
		}
		by := p.ignoring(d.line.Span, listener.Address.Span)
		k := key{d.to, listener.Address.Span, d.edge.State() == topology.Dead, by}
		if groups[k] == nil {
			groups[k] = &misfit{tls: listener, by: by}
			all = append(all, groups[k])
		}
		groups[k].dials = append(groups[k].dials, d)
	}
	for _, m := range all {
		p.report(m.finding(p))
	}
}

func inTLS(on bool) string {
	if on {
		return "with TLS"
	}
	return "in clear text"
}

func (m *misfit) finding(p *Pass) diag.Finding {
	d, on := m.dials[0], m.tls.TLS.On
	votes := newBallot(d.to.Name, inTLS(on))
	for _, other := range p.dials() {
		if l, ok := other.edge.Listener(d.to); other.to == d.to && ok && l.Address.Span == m.tls.Address.Span {
			votes.add(other.from.Name, inTLS(other.line.TLS.On))
		}
	}
	var who []string
	for _, d := range m.dials {
		who = append(who, d.from.Name)
	}
	who = unique(who)
	f := diag.Finding{
		Summary: fmt.Sprintf("%s %s %s %s, but %s listens %s", and(who), verb(len(who), "dials", "dial"), d.to.Name, inTLS(!on), d.to.Name, inTLS(on)),
		Primary: note(d.line.Span, "%s", inTLS(!on)),
		Related: []diag.Note{note(m.tls.Address.Span, "%s listens here, %s", d.to.Name, inTLS(on))},
		Notes:   notesOf(votes.note()),
		Nodes:   append(who, d.to.Name),
	}
	if votes.outvoted(inTLS(!on)) {
		f.Primary, f.Related[0] = note(m.tls.Address.Span, "%s listens here, %s; most others dial it %s", d.to.Name, inTLS(on), inTLS(!on)), note(d.line.Span, "%s dials %s", d.from.Name, inTLS(!on))
	}
	for i, d := range m.dials {
		f.Edges = append(f.Edges, d.name())
		if i > 0 {
			f.Related = append(f.Related, note(d.line.Span, "%s dials %s too", d.from.Name, inTLS(!on)))
		}
	}
	f.Impact = fmt.Sprintf("no session between %s and %s comes up from either end", and(who), d.to.Name)
	symptom := "`last_status=CONN` or `HSHK` for %s, for ever"
	if d.edge.State() != topology.Dead {
		f.Impact = fmt.Sprintf("%s only by %s's own dial", verb(len(who), "the link lives", "the links live"), d.to.Name)
		symptom = "`last_status=CONN` or `HSHK` for %s until it has dialled in, then `last_status=ESTA`"
	}
	f.RunTime = &diag.RunTime{Command: "show peers", On: d.from.Name, Symptom: fmt.Sprintf(symptom, d.to.Name)}
	silence(&f, m.by)
	return f
}
