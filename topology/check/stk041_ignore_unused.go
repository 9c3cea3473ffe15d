package check

import "stktc/grammar/diag"

var ignoreUnused = &Check{
	Code:     "STK041",
	Slug:     "ignore-unused",
	Title:    "a comment silences a finding that is not there",
	Severity: diag.Warning,
	Since:    "0.2",
	Text: Text{
		What:    "A comment `# stktc:ignore CODE -- REASON` speaks of its own line, or, on a line of its own, of the next one; on or above a section's header or a key, of all that belongs to it. No finding of that code is there. While files of some hosts are absent this is not reported: what the comment speaks of may be in those.",
		Why:     "The mistake was mended, or the comment stands at another place than the finding. If the mistake comes back later, it stays silent.",
		RunTime: "Nothing; HAProxy and the aggregator do not read comments.",
		Fix:     "Delete the comment, or put it on the line that the finding's arrow points to.",
	},
	Bad:  ignoreExample("44444 # stktc:ignore STK201 -- the router maps 44445 to 44444"),
	Good: ignoreExample("44445 # stktc:ignore STK201 -- the router maps 44445 to 44444"),
}

// ignoreExample is a node and its aggregator, which dials it at a port.
func ignoreExample(port string) string {
	return `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1  192.168.56.111:11111 local
  peer hapee1 192.168.56.101:` + port + `
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
`
}
