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
	said := map[*topology.Table]bool{}
	for _, m := range p.compare(expire) {
		if m.aggregate && lives(m.deviate[0].table) > lives(m.right.table) {
			continue
		}
		impact := "entries are gone on one side while the other still has them"
		if first := m.deviate[0].table; isTooShort(first) && !isTooShort(m.right.table) {
			impact += fmt.Sprintf(", and before `%s` is complete", longestRate(first))
		}
		for _, d := range append(m.deviate[:len(m.deviate):len(m.deviate)], m.also...) {
			said[d.table] = !isTooShort(m.right.table)
		}
		p.reportMismatch(&m, expire, wording{
			noun: "`expire`", what: "expire", effect: "entries end earlier", at: expire.at,
			impact:  impact,
			command: "show table",
			runTime: "other `exp` values than on the other side; nothing is logged",
		})
	}
	p.shorterThanPeriod(said)
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

// shorterThanPeriod is about tables alone; what is alike on many nodes, or in several tables of the same nodes, is one finding. Those are left out of which it is said with
// another difference.
func (p *Pass) shorterThanPeriod(said map[*topology.Table]bool) {
	type key struct {
		expire, rate string
		silenced     bool
	}
	folded := map[key][]decl{}
	var order []key
	for _, group := range p.namesakes() {
		for _, d := range group {
			if said[d.table] || !isTooShort(d.table) {
				continue
			}
			k := key{lifetime(d.table), longestRate(d.table).String(), p.silences(d.table.Shape.Expire)}
			if folded[k] == nil {
				order = append(order, k)
			}
			folded[k] = append(folded[k], d)
		}
	}
	for _, k := range order {
		p.report(tooShort(folded[k]))
	}
}

func isTooShort(t *topology.Table) bool {
	rate := longestRate(t)
	return rate != nil && hasLifetime(t) && lives(t) < rate.Period
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

func tooShort(all []decl) diag.Finding {
	first := all[0].table
	rate := longestRate(first)
	var tables []string
	for _, d := range all {
		tables = append(tables, d.table.Name.Value)
	}
	tables = unique(tables)
	f := diag.Finding{
		Summary: fmt.Sprintf("on %s, %s %s after `%s`, before `%s` is complete", and(declNodes(all)), codes(tables), verb(len(tables), "expires", "expire"), lifetime(first), rate),
		Primary: note(first.Shape.Expire, "shorter than the period"),
		Related: []diag.Note{note(first.Shape.Columns.At(rate.Type), "the period")},
		Impact:  "a client that comes back after that time counts from 0, so that its rate is always too low",
		Nodes:   declNodes(all),
		Tables:  tables,
	}
	for _, d := range all[1:] {
		f.Related = append(f.Related, note(d.table.Shape.Expire, "`%s` on %s too", d.table.Name.Value, d.node.Name))
	}
	return f
}
