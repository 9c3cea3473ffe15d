package check

import (
	"stktc/grammar/diag"
	"stktc/topology"
)

var tableKey = &Check{
	Code:     "STK320",
	Slug:     "table-key-differs",
	Title:    "the key of a table is not the same everywhere",
	Severity: diag.Error,
	Since:    "0.1",
	Text: Text{
		What:    "A table's `type`, and `len` for strings and binary keys, must be equal on all nodes, and equal in a table and its aggregates.",
		Why:     "HAProxy ignores every update for a table whose key type or length is not its own. An aggregator takes the definition that it learned first, and refuses the others.",
		RunTime: "`show peers` says `last_status=ESTA`, which looks healthy, but `remote_id=0` for the table. Nothing is logged.",
		Fix:     "Copy `type` and `len` from the table that is counted in.",
	},
	Bad:  shapeExample("type ip size 100 expire 1h store http_req_rate(1h)", "type string len 32 size 100 expire 1h store http_req_rate(1h)"),
	Good: shapeExample("type ip size 100 expire 1h store http_req_rate(1h)", "type ip size 100 expire 1h store http_req_rate(1h)"),
	Run:  runKey,
}

// shapeExample is a node with a table and its aggregate.
func shapeExample(source, aggregate string, above ...string) string {
	lines := ""
	for _, l := range above {
		lines += l + "\n"
	}
	return `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1  192.168.56.111:11111 local
  peer hapee1 192.168.56.101:44444
  from .uncombined to .aggr
-- hapee1/hapee-lb.cfg --
backend mytable.uncombined
  stick-table ` + source + ` peers mypeers
backend mytable.aggr
` + lines + `  stick-table ` + aggregate + ` peers mypeers
peers mypeers
  bind 0.0.0.0:44444
  server hapee1
  server aggr1 192.168.56.111:11111
`
}

func runKey(p *Pass) {
	key := aspect{
		of: func(t *topology.Table) (string, bool) { return t.Shape.Definition.KeyString(), !t.Shape.KeyUnknown },
		at: func(t *topology.Table) diag.Span { return t.Shape.Key },
	}
	for _, m := range p.compare(key) {
		p.reportMismatch(&m, key, wording{
			noun: "the key", what: "type", effect: "HAProxy ignores the whole table", at: key.at,
			impact:  "updates whose key type or length is not the table's own are ignored: the table stays empty on one side",
			command: "show peers",
			runTime: "`last_status=ESTA`, which looks healthy, but `remote_id=0` for the table; nothing is logged",
		})
	}
}
