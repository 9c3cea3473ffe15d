package check

import (
	"slices"

	"stktc/grammar/diag"
	"stktc/topology"
	"stktc/topology/sticktable"
)

var bratesFactor = &Check{
	Code:     "STK328",
	Slug:     "brates-factor-differs",
	Title:    "the unit of byte rates is not the same everywhere",
	Severity: diag.Error,
	Since:    "0.2",
	Text: Text{
		What:    "A table that stores `bytes_in_rate` or `bytes_out_rate` has another `brates-factor` on another node, or than the table that it is made of. Without the keyword the factor is 1.",
		Why:     "Byte rates are kept in units of that many bytes, and the unit is not told to peers: the numbers are read as of the reader's own unit, and are wrong by the ratio of the two.",
		RunTime: "All sessions look healthy; only the numbers are wrong. HAProxy before 3.1 refuses the keyword.",
		Fix:     "Use one factor in all declarations of the table and of its aggregates.",
	},
	Bad:  altered("size 200 expire 1h store http_req_rate(1m)", "size 200 expire 1h store bytes_in_rate(1m) brates-factor 1024", "size 100 expire 1h store http_req_rate(1m)", "size 100 expire 1h store bytes_in_rate(1m)", "table_http_req_rate", "table_bytes_in_rate"),
	Good: altered("store http_req_rate(1m)", "store bytes_in_rate(1m) brates-factor 1024", "table_http_req_rate", "table_bytes_in_rate"),
	Run:  runBrates,
}

func runBrates(p *Pass) {
	if !p.says("brates-factor") {
		return
	}
	factor := aspect{
		of: func(t *topology.Table) (string, bool) {
			d := &t.Shape.Definition
			if d.Column(sticktable.BytesInRate) == nil && d.Column(sticktable.BytesOutRate) == nil || t.Shape.StoreUnknown {
				return "", false
			}
			if o := t.Option("brates-factor"); o != nil {
				return o.Value.Value, !o.Value.Unresolved
			}
			return "1", true
		},
		at: func(t *topology.Table) diag.Span {
			if o := t.Option("brates-factor"); o != nil {
				return o.Value.Span
			}
			return diag.Span{}
		},
	}
	for _, m := range p.compare(factor) {
		p.reportMismatch(&m, factor, wording{
			noun: "`brates-factor`", what: "brates-factor", effect: "byte rates are wrong by the ratio", at: factor.at,
			impact:  "byte rates are read in the wrong unit: every value is wrong, and nothing shows it",
			command: "show table",
			runTime: "byte rates that are wrong by the ratio of the two factors; all sessions look healthy",
		})
	}
}

// says tells whether any table's declaration has the keyword.
func (v *view) says(keyword string) bool {
	return slices.ContainsFunc(v.Cluster.Nodes, func(n *topology.Node) bool {
		return slices.ContainsFunc(n.Tables, func(t *topology.Table) bool { return t.Option(keyword) != nil })
	})
}
