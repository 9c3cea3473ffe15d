package check

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology"
)

var unverified = &Check{
	Code:     "STK706",
	Slug:     "callers-unverified",
	Title:    "a balancer verifies whom it dials and not who dials it",
	Severity: diag.Info,
	Since:    "0.2",
	Text: Text{
		What:    "The `server` lines of a peers section verify certificates (`verify required`, which is HAProxy's default, with `ca-file` or `verifyhost`), but its `bind` line does not say `verify required`.",
		Why:     "`verify` and `verifyhost` of a `server` line are about the sessions that this balancer opens. Both ends dial: whoever reaches the port and knows two names can open a session without any certificate, read every tracked key and write any value.",
		RunTime: "Nothing shows.",
		Fix:     "Add `ca-file` and `verify required` to the `bind` line; the peers then show their own certificates (`crt` on their `server` lines).",
	},
	Bad:  verifyExample("ssl crt /etc/hapee/node.pem"),
	Good: verifyExample("ssl crt /etc/hapee/node.pem ca-file /etc/hapee/ca.pem verify required"),
	Run:  runUnverified,
}

func verifyExample(bind string) string {
	const dial = " ssl crt /etc/hapee/node.pem ca-file /etc/hapee/ca.pem verify required"
	return altered("  bind 0.0.0.0:44444\n", "  bind 0.0.0.0:44444 "+bind+"\n  default-server"+dial+"\n",
		"192.168.56.111:11111 local", "192.168.56.111:11111 local"+dial, "192.168.56.101:44444", "192.168.56.101:44444"+dial, "192.168.56.102:44444", "192.168.56.102:44444"+dial)
}

func runUnverified(p *Pass) {
	var all places[string]
	for _, n := range p.Cluster.Nodes {
		for _, s := range n.Peers {
			if s.TLS.On && s.TLS.Verify.Value != "required" && !s.TLS.Verify.Unresolved && verifiesDials(s) && !p.skips(s.Listen.Span, n.Name.Value) {
				all.add(s.Name.Value, n.Name.Value, s.Listen.Span)
			}
		}
	}
	for _, section := range all.order {
		seen := all.at[section]
		who := nodesOf(seen)
		p.report(diag.Finding{
			Summary: fmt.Sprintf("%s %s in `peers %s` whom %s, but not who dials in", and(who), verb(len(who), "verifies", "verify"), section, verb(len(who), "it dials", "they dial")),
			Primary: note(seen[0].at, "no `verify required` here"),
			Related: rest(seen),
			Impact:  "whoever reaches the port and knows two names needs no certificate",
			Nodes:   who,
		})
	}
}

func verifiesDials(s *topology.PeersSection) bool {
	for _, l := range s.Peers {
		if l.TLS.On && l.TLS.Verify.Value != "none" && (!l.TLS.CAFile.IsZero() || !l.TLS.VerifyHost.IsZero()) {
			return true
		}
	}
	return false
}
