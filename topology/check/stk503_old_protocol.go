package check

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology/sticktable"
)

var oldProtocol = &Check{
	Code:     "STK503",
	Slug:     "old-protocol",
	Title:    "the stated HAProxy is too old to tell when entries expire",
	Severity: diag.Warning,
	Since:    "0.2",
	Text: Text{
		What:    "The oldest HAProxy in the cluster is said to be older than 1.8. It speaks version 2.0 of the peers protocol, without the time that entries have left to live.",
		Why:     "When such a node is reloaded, its entries come back with the table's whole `expire`, and live longer than they should.",
		RunTime: "`show table` shows `exp` values near the table's `expire` after a reload.",
		Fix:     "Update HAProxy; 1.8 and later tell the time.",
	},
	Bad: alter(altered("  bind 0.0.0.0:44444\n", "", "  server hapee1\n", "  peer hapee1 192.168.56.101:44444\n", "  server hapee2\n", "  peer hapee2 192.168.56.102:44444\n"), "  server aggr1", "  peer aggr1"),
	Good: `-- hapee1/hapee-lb.cfg --
backend mytable
  stick-table type ip size 100 expire 1h store http_req_rate(1m) peers mypeers
peers mypeers
  peer hapee1 192.168.56.101:44444
`,
	Stated: sticktable.Version{Major: 1, Minor: 7},
	Run:    runOldProtocol,
}

func runOldProtocol(p *Pass) {
	stated := p.Cluster.HAProxy
	if stated == (sticktable.Version{}) || !stated.Before(sticktable.Version{Major: 1, Minor: 8}) {
		return
	}
	var who []string
	f := diag.Finding{Primary: note(p.Cluster.HAProxyAt, "older than 1.8")}
	for _, x := range p.balancers() {
		for _, e := range p.edges[x] {
			if !e.Mesh && e.LowerPeer != nil && e.Lower == x {
				who = append(who, x.Name)
				if f.Primary.Span.IsZero() {
					f.Primary = note(e.LowerPeer.Span, "by version 2.0 of the protocol")
				}
				break
			}
		}
	}
	if who == nil {
		return
	}
	f.Summary = fmt.Sprintf("%s may run HAProxy %s, which does not tell peers when entries expire", and(who), stated)
	f.Impact = "after a reload entries live longer than they should"
	f.Nodes = who
	p.report(f)
}
