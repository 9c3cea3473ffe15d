package check

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology"
	"stktc/topology/sticktable"
)

var typeIP = &Check{
	Code:     "STK502",
	Slug:     "type-ip-ambiguous",
	Title:    "`type ip` is to change its meaning in a later HAProxy",
	Severity: diag.Info,
	Since:    "0.2",
	Text: Text{
		What:    "All balancers are said to run HAProxy 3.2 or later, and a table is declared with `type ip`. Since 3.2 there is `ipv4`, which means the same.",
		Why:     "HAProxy announces that `ip` will mean IPv6 one day. Balancers of both kinds then do not share the table, without any message.",
		RunTime: "Nothing today.",
		Fix:     "Write `type ipv4` once every balancer runs 3.2 or later; HAProxy before 3.2 refuses it.",
	},
	Bad:    altered(),
	Good:   altered("type ip ", "type ipv4 "),
	Stated: sticktable.Version{Major: 3, Minor: 2},
	Run:    runTypeIP,
}

func runTypeIP(p *Pass) {
	if p.Cluster.HAProxy.Before(recvOnlySince) || p.Cluster.Source == topology.FromTopology {
		return
	}
	var seen []sighting
	for _, n := range p.Cluster.Nodes {
		for _, t := range n.Tables {
			if t.KeyWord.Value == "ip" && !t.Peers.IsZero() && !p.skips(t.KeyWord.Span, n.Name.Value) {
				seen = append(seen, sighting{n.Name.Value, t.KeyWord.Span})
			}
		}
	}
	if len(seen) == 0 {
		return
	}
	who := nodesOf(seen)
	f := diag.Finding{
		Summary: fmt.Sprintf("%s %s tables of `type ip`, which is to mean IPv6 in a later HAProxy", and(who), verb(len(who), "has", "have")),
		Primary: note(seen[0].at, "IPv4 today"),
		Related: rest(seen),
		Impact:  "none today; after an update of some balancers these would no longer share the table with the others",
		Nodes:   who,
	}
	fix := diag.Fix{Title: "type ipv4"}
	for _, s := range seen {
		fix.Edits = append(fix.Edits, p.replace(s.at, "ipv4")...)
	}
	f.Fixes = []diag.Fix{fix}
	p.report(f)
}
