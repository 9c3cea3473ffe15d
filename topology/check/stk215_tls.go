package check

import (
	"fmt"

	"stktc/grammar/diag"
)

var tlsOneSide = &Check{
	Code:     "STK215",
	Slug:     "tls-on-one-side",
	Title:    "one end of a link speaks TLS and the other does not",
	Severity: diag.Error,
	Since:    "0.1",
	Text: Text{
		What:    "The line about a peer asks for TLS (`ssl`), the peer's line about this host does not.",
		Why:     "A dial from either end fails: one sends a TLS greeting where plain text is expected, the other the reverse.",
		RunTime: "`show peers` says `last_status=CONN` or `last_status=HSHK` for ever.",
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

func runTLSOneSide(p *Pass) {
	for _, e := range p.Graph.Edges {
		if e.LowerPeer == nil || e.UpperPeer == nil || e.LowerPeer.TLS.On == e.UpperPeer.TLS.On {
			continue
		}
		with, without := e.Lower, e.Upper
		if e.UpperPeer.TLS.On {
			with, without = without, with
		}
		p.report(diag.Finding{
			Summary: fmt.Sprintf("%s speaks TLS with %s, but %s speaks plain text with %s", with.Name, without.Name, without.Name, with.Name),
			Primary: note(lineOf(e, without).Span, "without TLS"),
			Related: []diag.Note{note(lineOf(e, with).Span, "with TLS")},
			Impact:  "no session comes up from either end",
			RunTime: &diag.RunTime{Command: "show peers", On: with.Name, Symptom: fmt.Sprintf("`last_status=CONN` for %s, for ever", without.Name)},
			Nodes:   []string{with.Name, without.Name},
			Edges:   []string{with.Name + "->" + without.Name},
		})
	}
}
