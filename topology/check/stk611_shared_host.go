package check

import (
	"fmt"
	"net/netip"

	"stktc/grammar/diag"
	"stktc/topology"
)

var sharedHost = &Check{
	Code:     "STK611",
	Slug:     "aggregator-on-node",
	Title:    "an aggregator runs on a host of a balancer that it sums",
	Severity: diag.Warning,
	Since:    "0.2",
	Text: Text{
		What:    "The files of a host make it both a balancer and an aggregator; or an aggregator listens on the address at which a balancer is dialled.",
		Why:     "A host that fails takes a share of the traffic and all sums with it, and under load the two compete for memory and processors. The vendor asks for a host of its own.",
		RunTime: "Nothing, until the host is overloaded or fails.",
		Fix:     "Run the aggregator on a host without a balancer of the cluster.",
	},
	Bad:  altered("192.168.56.111:11111", "192.168.56.101:11111"),
	Good: altered(),
	Run:  runSharedHost,
}

func runSharedHost(p *Pass) {
	onHost := map[string]*topology.Vertex{}
	for _, x := range p.balancers() {
		if host := ownHost(x.Address); host != "" && onHost[host] == nil {
			onHost[host] = x
		}
	}
	for _, x := range p.Graph.Vertices {
		if x.Section == nil || x.Section.Local == nil {
			continue
		}
		local := x.Section.Local
		b := onHost[ownHost(local.Address.Raw)]
		if x.Node.IsBalancer() {
			b = x
		}
		if b == nil {
			continue
		}
		balancer := b.Name
		if own := b.Node.LocalPeer; b == x && !own.IsZero() && !own.Unresolved {
			balancer = own.Value // one host with both files goes by the aggregator's name
		}
		f := diag.Finding{
			Summary: fmt.Sprintf("%s runs on the host of the balancer %s", x.Name, balancer),
			Primary: note(local.Address.Span, "the aggregator is here"),
			Impact:  "when the host fails, all sums stop with it; under load the two compete for memory and processors",
			Nodes:   []string{x.Name, b.Name},
		}
		if len(b.Node.Peers) > 0 {
			f.Related = []diag.Note{note(b.Node.Peers[0].Header, "and so is the balancer")}
		}
		p.report(f)
	}
}

// ownHost is the IP address in an address as written; "" for names, for loopback addresses, which every host has, and for any.
func ownHost(raw string) string {
	at, err := netip.ParseAddrPort(raw)
	if err != nil || at.Addr().IsLoopback() || at.Addr().IsUnspecified() {
		return ""
	}
	return at.Addr().Unmap().String()
}
