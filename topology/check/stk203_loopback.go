package check

import (
	"fmt"
	"net/netip"

	"stktc/grammar/diag"
	"stktc/topology"
)

var loopback = &Check{
	Code:     "STK203",
	Slug:     "loopback-dialled",
	Title:    "a line about another host dials the own host",
	Severity: diag.Warning,
	Since:    "0.2",
	Text: Text{
		What:    "The address of a peer on another host is a loopback address, or the very address where the dialling host itself listens. If all hosts dial each other by loopback addresses, they are one machine and nothing is said.",
		Why:     "The dial ends at the host that makes it, where nobody answers, or somebody with another name. The link then lives by the other end's dial, or not at all.",
		RunTime: "`show peers` says `last_status=CONN` for ever, or `NAME` when the own listener answers. `haproxy -c` accepts it.",
		Fix:     "Write the address under which the other host is reached.",
	},
	Bad:  altered("server aggr1 192.168.56.111:11111", "server aggr1 127.0.0.1:11111", "peer aggr1  192.168.56.111:11111 local", "peer aggr1  0.0.0.0:11111 local", "  server hapee2\n  server aggr1 127.0.0.1", "  server hapee2\n  server aggr1 192.168.56.111"),
	Good: altered("peer aggr1  192.168.56.111:11111 local", "peer aggr1  0.0.0.0:11111 local"),
	Run:  runLoopback,
}

func runLoopback(p *Pass) {
	var lost []dial
	others := false // some dial leads to another host
	for _, d := range p.dials() {
		ip, err := netip.ParseAddr(d.line.Address.Host)
		own := endpoint(d.line.Address) != "" && endpoint(d.line.Address) == endpoint(p.listen(d.edge, d.from))
		switch {
		case err != nil || d.from.Node == d.to.Node:
		case !ip.IsLoopback() && !own:
			others = true
		case !defect(d.edge, d.from, topology.AddressDiffers) && !defect(d.edge, d.from, topology.PortDiffers) && anyHost(d.listen.Host):
			lost = append(lost, d)
		}
	}
	var all places[*topology.Vertex]
	by := map[*topology.Vertex]dial{}
	for _, d := range lost {
		if others && !p.skips(d.line.Address.Span, d.from.Name) {
			all.add(d.to, d.from.Name, d.line.Address.Span)
			by[d.to] = d
		}
	}
	for _, to := range all.order {
		p.report(loopbackFinding(to, all.at[to], by[to]))
	}
}

func loopbackFinding(to *topology.Vertex, seen []sighting, d dial) diag.Finding {
	who := nodesOf(seen)
	f := diag.Finding{
		Summary: fmt.Sprintf("%s %s %s at `%s`, which is the own host", and(who), verb(len(who), "dials", "dial"), to.Name, d.line.Address.Raw),
		Primary: note(seen[0].at, "leads back to %s", seen[0].node),
		Related: append([]diag.Note{note(d.listen.Span, "%s listens here", to.Name)}, rest(seen)...),
		Impact:  fmt.Sprintf("%s never reached from there; the link lives by %s's own dial, or not at all", to.Name+" is", to.Name),
		RunTime: &diag.RunTime{Command: "show peers", On: seen[0].node, Symptom: fmt.Sprintf("`last_status=CONN` for %s", to.Name)},
		Nodes:   append(who, to.Name),
	}
	for _, n := range who {
		f.Edges = append(f.Edges, n+"->"+to.Name)
	}
	return f
}
