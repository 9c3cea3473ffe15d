package check

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology"
	"stktc/topology/sticktable"
)

var longName = &Check{
	Code:     "STK108",
	Slug:     "name-too-long",
	Title:    "a balancer's own name is longer than a host name can be",
	Severity: diag.Warning,
	Since:    "0.2",
	Text: Text{
		What:    "The line of a peers section that stands for the balancer itself has a name of more than 63 characters, and no `localpeer` line gives the process that name; or the stated HAProxy is older than 2.2, which has no `localpeer`.",
		Why:     "Without `localpeer` the process goes by its host name, which the kernel cuts at 64 characters, or by `-L`, which HAProxy before 2.2 cuts at 63. The cut name has no line in the section, and HAProxy removes the section.",
		RunTime: "`haproxy -c` on a host with the shorter name warns \"Removing incomplete section 'peers …'\" and exits with 0. With a `localpeer` line HAProxy 2.6 takes names of 1000 characters and more.",
		Fix:     "Shorten the name, or write it in a `localpeer` line.",
	},
	Bad:  altered("hapee1", "balancer-number-one-of-the-cluster-in-the-second-hall-of-the-old-datacenter"),
	Good: altered(),
	Run:  runLongName,
}

// maxHostName is the greatest length of a host name that HAProxy keeps whole (MAX_HOSTNAME_LEN with its closing NUL).
const maxHostName = 63

func runLongName(p *Pass) {
	old := p.Cluster.HAProxy.Before(sticktable.Version{Major: 2, Minor: 2}) && p.Cluster.HAProxy != sticktable.Version{}
	for _, n := range p.Cluster.Nodes {
		if !n.LocalPeer.IsZero() && !old {
			continue
		}
		for _, s := range n.Peers {
			if len(s.Local.Value) <= maxHostName || s.Local.Unresolved {
				continue
			}
			p.report(longNameFinding(n, s))
			break
		}
	}
}

func longNameFinding(n *topology.Node, s *topology.PeersSection) diag.Finding {
	return diag.Finding{
		Summary: fmt.Sprintf("%s has a name of %d characters; host names, and names that HAProxy before 2.2 is given, end after %d", n.Name.Value, len(s.Local.Value), maxHostName),
		Primary: note(s.Local.Span, "too long for a host name"),
		Impact:  fmt.Sprintf("unless a newer HAProxy is started with `-L`, it removes `peers %s`, and no table in it is shared", s.Name.Value),
		RunTime: &diag.RunTime{Command: "haproxy -c", On: n.Name.Value, Symptom: "one warning, `Removing incomplete section`, and exit 0"},
		Fixes:   []diag.Fix{{Title: "shorten the name, or write it in a `localpeer` line"}},
		Nodes:   []string{n.Name.Value},
	}
}
