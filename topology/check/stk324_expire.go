package check

import (
	"fmt"
	"time"

	"stktc/grammar/diag"
	"stktc/topology"
	"stktc/topology/sticktable"
)

var tableExpire = &Check{
	Code:     "STK324",
	Slug:     "table-expire-differs",
	Title:    "entries expire at different times, or before their rate has been measured",
	Severity: diag.Warning,
	Since:    "0.1",
	Text: Text{
		What:    "A table's `expire` is not the same on all nodes, an aggregate's is shorter than that of the table it is made of, or it is shorter than the period of a rate in the table.",
		Why:     "An entry that comes with more time to live than the table's own `expire` is cut to that by HAProxy 3.2 and later (2.6 keeps the longer time), and what the node itself touches gets the table's own: it is gone on one side while others still have it. With less than a rate's period, entries die before the rate is complete.",
		RunTime: "`show table` shows smaller `exp` values on one side. Nothing is logged.",
		Fix:     "Use one `expire` everywhere, at least as long as the longest period.",
	},
	Bad:  shapeExample("type ip size 100 expire 1h store http_req_rate(10s)", "type ip size 100 expire 30m store http_req_rate(10s)"),
	Good: shapeExample("type ip size 100 expire 1h store http_req_rate(10s)", "type ip size 100 expire 1h store http_req_rate(10s)"),
	Run:  runExpire,
}

func runExpire(p *Pass) {
	expire := aspect{
		of: func(t *topology.Table) (string, bool) { return lifetime(t), hasLifetime(t) },
		at: func(t *topology.Table) diag.Span { return t.Shape.Expire },
	}
	for _, m := range p.compare(expire) {
		if m.aggregate && lives(m.deviate[0].table) > lives(m.right.table) {
			continue
		}
		p.reportMismatch(&m, expire, wording{
			noun: "`expire`", what: "expire", effect: "entries end earlier", at: expire.at,
			impact:  "entries are gone on one side while the other still has them",
			command: "show table",
			runTime: "other `exp` values than on the other side; nothing is logged",
		})
	}
	p.shorterThanPeriod()
}

func lifetime(t *topology.Table) string {
	if t.Shape.Definition.Expire == 0 {
		return "never"
	}
	return sticktable.FormatDuration(t.Shape.Definition.Expire)
}

// hasLifetime tells whether a table's expire is known: one that was written and could not be read is 0 with a place.
func hasLifetime(t *topology.Table) bool {
	return !t.Shape.ExpireUnknown && (t.Shape.Definition.Expire != 0 || t.Shape.Expire.IsZero())
}

func lives(t *topology.Table) time.Duration {
	if t.Shape.Definition.Expire == 0 {
		return 1<<63 - 1
	}
	return t.Shape.Definition.Expire
}

// shorterThanPeriod is about tables alone; what is alike on many nodes is one finding.
func (p *Pass) shorterThanPeriod() {
	for _, group := range p.namesakes() {
		folded := map[string]*diag.Finding{}
		var order []*diag.Finding
		for _, d := range group {
			rate := longestRate(d.table)
			if rate == nil || !hasLifetime(d.table) || lives(d.table) >= rate.Period {
				continue
			}
			k := lifetime(d.table) + rate.String()
			if f := folded[k]; f != nil {
				f.Nodes = append(f.Nodes, d.node.Name)
				f.Related = append(f.Related, note(d.table.Shape.Expire, "%s too", d.node.Name))
				continue
			}
			folded[k] = tooShort(d, rate)
			order = append(order, folded[k])
		}
		for _, f := range order {
			p.report(*f)
		}
	}
}

func longestRate(t *topology.Table) *sticktable.Column {
	var longest *sticktable.Column
	columns := t.Shape.Definition.Columns
	for i := range columns {
		if columns[i].Period > 0 && (longest == nil || columns[i].Period > longest.Period) {
			longest = &columns[i]
		}
	}
	return longest
}

func tooShort(d decl, rate *sticktable.Column) *diag.Finding {
	return &diag.Finding{
		Summary: fmt.Sprintf("%s's `%s` expires after `%s`, before `%s` is complete", d.node.Name, d.table.Name.Value, lifetime(d.table), rate),
		Primary: note(d.table.Shape.Expire, "shorter than the period"),
		Related: []diag.Note{note(d.table.Shape.Columns.At(rate.Type), "the period")},
		Impact:  "a client that comes back after that time counts from 0, so that its rate is always too low",
		Nodes:   []string{d.node.Name},
		Tables:  []string{d.table.Name.Value},
	}
}
