package check

import (
	"fmt"
	"strconv"

	"stktc/grammar/diag"
	"stktc/topology"
	"stktc/topology/sticktable"
)

var ratePeriod = &Check{
	Code:     "STK322",
	Slug:     "rate-period-differs",
	Title:    "the period of a rate, or the length of an array, is not the same everywhere",
	Severity: diag.Error,
	Since:    "0.1",
	Text: Text{
		What:    "A rate such as `http_req_rate(10s)` has another period on another node or in the aggregate, or an array such as `gpc(3)` another number of elements.",
		Why:     "HAProxy reads the period that comes with a definition and throws it away: 2 requests per 10 seconds are shown as 2 per 10 minutes. The numbers are wrong without any sign of it. An aggregator leaves a data type whose period or length differs between nodes out of the sum.",
		RunTime: "`show peers` and `show table` look healthy; the header of `show table` shows each node's own period. Nothing is logged.",
		Fix:     "Use the same period and number of elements in all declarations.",
	},
	Bad:  shapeExample("type ip size 100 expire 1h store http_req_rate(10s)", "type ip size 100 expire 1h store http_req_rate(1m)"),
	Good: shapeExample("type ip size 100 expire 1h store http_req_rate(10s)", "type ip size 100 expire 1h store http_req_rate(10s)"),
	Run:  runPeriod,
}

func runPeriod(p *Pass) {
	for t := range sticktable.NumDataTypes {
		dataType := sticktable.DataType(t)
		if dataType.Spec().Kind == sticktable.FreqCtr {
			p.compareColumns(dataType, wording{
				noun:   "the period of " + code(dataType.String()),
				effect: "numbers of one period are read as of the other",
				impact: "the number of one period is read as that of the other, without conversion: every value is wrong, and nothing shows it",
			}, func(c *sticktable.Column) string { return sticktable.FormatDuration(c.Period) })
		}
		if dataType.Spec().Array {
			p.compareColumns(dataType, wording{
				noun:   "the number of elements of " + code(dataType.String()),
				effect: "left out of the sum",
				impact: fmt.Sprintf("the elements that one side lacks are dropped, and an aggregator leaves `%s` out of the sum", dataType),
			}, func(c *sticktable.Column) string { return strconv.Itoa(c.Elems) })
		}
	}
}

// compareColumns compares one argument of one data type.
func (p *Pass) compareColumns(t sticktable.DataType, w wording, argument func(*sticktable.Column) string) {
	w.command, w.runTime = "show peers", "`last_status=ESTA`, all normal; only the values are wrong, and nothing is logged"
	a := aspect{
		of: func(table *topology.Table) (string, bool) {
			c := table.Shape.Definition.Column(t)
			if c == nil || table.Shape.StoreUnknown {
				return "", false
			}
			return argument(c), true
		},
		at: func(table *topology.Table) diag.Span { return table.Shape.Columns.At(t) },
	}
	w.what, w.at = "store "+t.String(), a.at
	w.column = func(table *topology.Table) string { return columnText(&table.Shape, t) }
	for _, m := range p.compare(a) {
		p.reportMismatch(&m, a, w)
	}
}
