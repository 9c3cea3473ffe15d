package check

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology/sticktable"
)

var connCur = &Check{
	Code:     "STK325",
	Slug:     "conn-cur-not-learned",
	Title:    "an aggregate stores current connections, which the balancer does not take from peers",
	Severity: diag.Warning,
	Since:    "0.2",
	Text: Text{
		What:    "A table that an aggregator fills stores `conn_cur`, and its declaration does not say `recv-only`.",
		Why:     "Since 2.5 HAProxy sends `conn_cur` to its peers but does not learn it from them, because that number is the node's own to count. The sum arrives and is thrown away. HAProxy 3.2 learns it into tables with `recv-only`.",
		RunTime: "`show table` of the aggregate shows `conn_cur=0` for every key. All sessions look healthy, and nothing is logged.",
		Fix:     "With HAProxy 3.2 and later, add `recv-only` to the aggregate. Before, leave `conn_cur` out of it: it cannot be had.",
	},
	Bad:  altered("store http_req_rate(1m)", "store http_req_rate(1m),conn_cur"),
	Good: altered("size 200 expire 1h store http_req_rate(1m)", "size 200 expire 1h store http_req_rate(1m),conn_cur recv-only", "size 100 expire 1h store http_req_rate(1m)", "size 100 expire 1h store http_req_rate(1m),conn_cur"),
	Run:  runConnCur,
}

var (
	learnsNoConnCur = sticktable.Version{Major: 2, Minor: 5}
	recvOnlySince   = sticktable.Version{Major: 3, Minor: 2}
)

func runConnCur(p *Pass) {
	stated := p.Cluster.HAProxy
	if stated != (sticktable.Version{}) && stated.Before(learnsNoConnCur) {
		return
	}
	var seen []sighting
	var tables []string
	var ends []diag.Edit
	for _, x := range p.balancers() {
		sums := p.aggregates(x)
		for _, t := range x.Node.Tables {
			at := t.Shape.Columns.At(sticktable.ConnCur)
			if sums[t] == nil || at.IsZero() || t.RecvOnly || p.skips(at, x.Name) {
				continue
			}
			seen = append(seen, sighting{x.Name, at})
			tables = append(tables, t.Name.Value)
			end := t.Span
			end.Start = end.End
			ends = append(ends, p.replace(end, " recv-only")...)
		}
	}
	if seen == nil {
		return
	}
	who := nodesOf(seen)
	tables = unique(tables)
	f := diag.Finding{
		Summary: fmt.Sprintf("%s %s `conn_cur` in %s, which %s filled by aggregators; without `recv-only` it is not taken from peers", and(who), verb(len(who), "stores", "store"), codes(tables), verb(len(tables), "is", "are")),
		Primary: note(seen[0].at, "stays 0"),
		Related: rest(seen),
		Impact:  "a rule that looks at the sum of current connections never applies",
		RunTime: &diag.RunTime{Command: "show table " + tables[0], On: who[0], Symptom: "`conn_cur=0` for every key; all sessions look healthy"},
		Nodes:   who,
		Tables:  tables,
	}
	if stated.Before(recvOnlySince) {
		f.Fixes = []diag.Fix{{Title: "leave `conn_cur` out of the sums; or, once all balancers run HAProxy 3.2, add `recv-only`"}}
	} else {
		f.Fixes = []diag.Fix{{Title: "add `recv-only`", Safe: true, Edits: ends}}
	}
	p.report(f)
}
