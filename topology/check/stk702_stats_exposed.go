package check

import (
	"fmt"
	"net/netip"
	"slices"

	"stktc/grammar/diag"
	"stktc/topology"
)

var statsExposed = &Check{
	Code:     "STK702",
	Slug:     "stats-socket-exposed",
	Title:    "a stats socket can be reached from other hosts",
	Severity: diag.Warning,
	Since:    "0.1",
	Alone:    true,
	Text: Text{
		What:    "`stats socket` of an aggregator or a balancer opens a TCP port on an address other than loopback.",
		Why:     "The socket asks for no password. Whoever reaches the port reads every key that the nodes track, addresses and session cookies for instance, and may clear tables; on a balancer with `level admin` change servers too.",
		RunTime: "Nothing shows.",
		Fix:     "Use a UNIX socket or a loopback address, and a tunnel for remote access; or restrict the port with a firewall.",
	},
	Bad:  statsExample("ipv4@192.168.56.111:9999"),
	Good: statsExample("ipv4@127.0.0.1:9999"),
	Run:  runStatsExposed,
}

func runStatsExposed(p *Pass) {
	for _, n := range p.Cluster.Nodes {
		for _, s := range slices.Concat(n.Stats, n.CLI) {
			if !isExposed(s.Address) {
				continue
			}
			p.report(diag.Finding{
				Summary: fmt.Sprintf("%s's stats socket listens on `%s`, which other hosts can reach", n.Name.Value, s.Address.Raw),
				Primary: note(s.Address.Span, "no password is asked for"),
				Impact:  "whoever reaches the port can read every tracked key and clear tables",
				Nodes:   []string{n.Name.Value},
			})
		}
	}
}

// isExposed tells whether other hosts can reach an address.
func isExposed(a topology.Address) bool {
	ip, err := netip.ParseAddr(a.Host)
	return a.Unix == "" && !a.IsZero() && !a.Unresolved && a.Host != "localhost" && (err != nil || !ip.IsLoopback())
}
