package check

import (
	"fmt"

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
		spec := dataType.Spec()
		if !spec.Array && spec.Kind != sticktable.FreqCtr {
			continue
		}
		column := aspect{
			of: func(t *topology.Table) (string, bool) {
				c := t.Shape.Definition.Column(dataType)
				if c == nil {
					return "", false
				}
				return c.String(), true
			},
			at: func(t *topology.Table) diag.Span { return t.Shape.Columns[dataType] },
		}
		for _, m := range p.compare(column) {
			p.report(m.periodFinding(p, column, dataType))
		}
	}
}

func (m *mismatch) periodFinding(p *Pass, a aspect, t sticktable.DataType) diag.Finding {
	w := wording{
		noun:    "the period of " + t.String(),
		impact:  fmt.Sprintf("`%s` is read as `%s` without conversion: every value of `%s` is wrong, and nothing shows it", m.want, m.got, m.deviate[0].table.Name.Value),
		command: "show peers",
		runTime: "`last_status=ESTA`, all normal; only the values are wrong, and nothing is logged",
	}
	if m.deviate[0].table.Shape.Definition.Column(t).Elems != m.right.table.Shape.Definition.Column(t).Elems {
		w.noun = "the length of " + t.String()
		w.impact = fmt.Sprintf("the elements that one side lacks are dropped, and an aggregator leaves `%s` out of the sum", t)
	}
	f := m.finding(p, a, w)
	fix := diag.Fix{Title: m.want}
	for _, d := range m.deviate {
		fix.Edits = append(fix.Edits, p.replace(a.at(d.table), m.want)...)
	}
	f.Fixes = []diag.Fix{fix}
	return f
}
