package check

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology"
)

var noExpire = &Check{
	Code:     "STK329",
	Slug:     "no-expire",
	Title:    "entries of a table that is summed never expire",
	Severity: diag.Info,
	Since:    "0.2",
	Text: Text{
		What:    "A table that an aggregator sums has no `expire`.",
		Why:     "A key that was seen once stays until the table is full, in every sum too. For lists that are kept on purpose that is meant; for counters and rates of clients it fills all tables with those who never come back.",
		RunTime: "`show table` says `exp=0` for every key, and `used` grows up to `size`.",
		Fix:     "Add `expire`, at least as long as the longest period, on all nodes and to the sums.",
	},
	Bad:  altered("size 100 expire 1h store", "size 100 store", "size 200 expire 1h store", "size 200 store"),
	Good: altered(),
	Run:  runNoExpire,
}

func runNoExpire(p *Pass) {
	var all places[string]
	seen := map[*topology.Table]bool{}
	for _, h := range p.flows() {
		t := h.table
		if !seen[t] && t.Shape.Expire.IsZero() && !t.Shape.ExpireUnknown && t.Shape.Definition.Expire == 0 && !p.skips(t.Name.Span, h.origin.Name) {
			seen[t] = true
			all.add(t.Name.Value, h.origin.Name, t.Name.Span)
		}
	}
	for _, name := range all.order {
		who := nodesOf(all.at[name])
		p.report(diag.Finding{
			Summary: fmt.Sprintf("entries of `%s` never expire on %s, and so never leave the sums", name, and(who)),
			Primary: note(all.at[name][0].at, "no `expire`"),
			Related: rest(all.at[name]),
			Impact:  "tables fill with keys that never come back",
			Nodes:   who,
			Tables:  []string{name},
		})
	}
}
