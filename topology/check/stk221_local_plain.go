package check

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology"
)

var localPlain = &Check{
	Code:     "STK221",
	Slug:     "local-peer-plain",
	Title:    "a balancer listens with TLS and dials itself in clear text",
	Severity: diag.Warning,
	Since:    "0.2",
	Text: Text{
		What:    "The `bind` line of a peers section has `ssl`, the `server` line for the balancer itself has not.",
		Why:     "When HAProxy is reloaded, the new process dials the old one by that line to learn its tables. In clear text the TLS listener refuses it: after every reload the tables start empty, and every counter begins at 0.",
		RunTime: "`haproxy -c` warns \"local peer have a SSL listener and a non-SSL server configured\" and exits with 0.",
		Fix:     "Add `ssl` to the `server` line of the balancer itself, or `default-server ssl …` for all lines of the section.",
	},
	Bad:  altered("  bind 0.0.0.0:44444\n", "  bind 0.0.0.0:44444 ssl crt /etc/hapee/node.pem\n", "192.168.56.101:44444", "192.168.56.101:44444 ssl verify none", "192.168.56.102:44444", "192.168.56.102:44444 ssl verify none"),
	Good: altered("  bind 0.0.0.0:44444\n", "  bind 0.0.0.0:44444 ssl crt /etc/hapee/node.pem\n", "192.168.56.101:44444", "192.168.56.101:44444 ssl verify none", "192.168.56.102:44444", "192.168.56.102:44444 ssl verify none", "server hapee1\n", "server hapee1 ssl verify none\n", "server hapee2\n", "server hapee2 ssl verify none\n"),
	Run:  runLocalPlain,
}

func runLocalPlain(p *Pass) {
	if p.Cluster.Source == topology.FromTopology {
		return // the compiler writes both
	}
	var all places[string]
	listen := map[string]diag.Span{}
	for _, n := range p.Cluster.Nodes {
		for _, s := range n.Peers {
			if s.Style == topology.ServerStyle && s.TLS.On && !s.LocalTLS.On && !s.Local.IsZero() && !p.skips(s.Local.Span, n.Name.Value) {
				all.add(s.Name.Value, n.Name.Value, s.Local.Span)
				if listen[s.Name.Value].IsZero() {
					listen[s.Name.Value] = s.Listen.Span
				}
			}
		}
	}
	for _, section := range all.order {
		seen := all.at[section]
		who := nodesOf(seen)
		p.report(diag.Finding{
			Summary: fmt.Sprintf("%s %s in `peers %s` with TLS, but %s own `server` line has none", and(who), verb(len(who), "listens", "listen"), section, verb(len(who), "its", "their")),
			Primary: note(seen[0].at, "without `ssl`"),
			Related: append([]diag.Note{note(listen[section], "with TLS")}, rest(seen)...),
			Impact:  "after a reload the new process cannot learn the tables from the old one: they start empty",
			RunTime: &diag.RunTime{Command: "haproxy -c", On: who[0], Symptom: "a warning, `local peer have a SSL listener and a non-SSL server configured`, and exit 0"},
			Fixes:   []diag.Fix{{Title: "add `ssl verify none`, or what the other lines have"}},
			Nodes:   who,
		})
	}
}
