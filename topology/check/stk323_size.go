package check

import (
	"slices"
	"strconv"

	"stktc/grammar/diag"
	"stktc/topology"
)

var tableSize = &Check{
	Code:     "STK323",
	Slug:     "aggregate-smaller",
	Title:    "an aggregate has room for fewer keys than the table that it is made of, or than on other nodes",
	Severity: diag.Warning,
	Since:    "0.1",
	Text: Text{
		What:    "An aggregate holds the keys of all nodes together, yet its `size` is smaller than that of the table on a single node, or smaller than the same aggregate's on other nodes.",
		Why:     "When the table is full, its oldest keys are removed to make room. They come back with the next update, so that a lookup finds or misses them by chance.",
		RunTime: "`show table` says `used` equal to `size`. Nothing is logged.",
		Fix:     "Give the aggregate at least the size of the largest source; the sum of all sources is safe.",
	},
	Bad:  shapeExample("type ip size 100k expire 1h store http_req_rate(1h)", "type ip size 10k expire 1h store http_req_rate(1h)"),
	Good: shapeExample("type ip size 100k expire 1h store http_req_rate(1h)", "type ip size 200k expire 1h store http_req_rate(1h)"),
	Run:  runSize,
}

func runSize(p *Pass) {
	aggregates := map[*topology.Table]bool{}
	for _, h := range p.flows() {
		if t := tableNamed(p.sharedTables(h.first), h.name); t != nil {
			aggregates[t] = true
		}
	}
	size := aspect{
		of: func(t *topology.Table) (string, bool) {
			return formatSize(t.Shape.Size), t.Shape.Size > 0 && !t.Shape.SizeUnknown
		},
		at: func(t *topology.Table) diag.Span { return t.Shape.SizeSpan },
	}
	smaller := func(m mismatch) bool {
		t := m.deviate[0].table
		return aggregates[t] && t.Shape.Size < m.right.table.Shape.Size
	}
	between := slices.DeleteFunc(p.betweenNodes(size), func(m mismatch) bool { return !smaller(m) })
	blamed := map[*topology.Table]bool{}
	for _, m := range between {
		for _, d := range m.deviate {
			blamed[d.table] = true
		}
	}
	for _, m := range append(sameNodes(between), sameNodes(p.betweenLevels(size, blamed))...) {
		if !smaller(m) {
			continue
		}
		p.reportMismatch(&m, size, wording{
			noun: "the size", what: "size", effect: "the oldest keys are evicted", at: size.at,
			impact:  "with more keys than that the oldest are removed, and lookups miss them by chance",
			command: "show table",
			runTime: "`used` reaches `size`; nothing is logged",
		})
	}
}

// formatSize writes a number of entries with HAProxy's unit where one keeps it whole: k is 1024.
func formatSize(n int64) string {
	for _, u := range []struct {
		unit int64
		name string
	}{{1 << 30, "g"}, {1 << 20, "m"}, {1 << 10, "k"}} {
		if n%u.unit == 0 {
			return strconv.FormatInt(n/u.unit, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}
