package check

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology"
)

var clearText = &Check{
	Code:     "STK705",
	Slug:     "clear-text-between-sites",
	Title:    "a link between sites is not encrypted",
	Severity: diag.Warning,
	Since:    "0.2",
	Text: Text{
		What:    "The two ends of a link are of different sites of a topology, or one dials the other at a public address, and the link has no TLS. A virtual private network between the sites is not seen.",
		Why:     "Tracked keys are addresses of clients, session cookies or names of users: they pass foreign networks in clear text, and whoever sits in between can change the sums.",
		RunTime: "Nothing shows.",
		Fix:     "Use TLS on both ends of the link (`tls` in a topology, `ssl` in configurations), or a tunnel between the sites.",
	},
	Bad:  altered("server aggr1 192.168.56.111:11111", "server aggr1 203.0.112.11:11111", "peer aggr1  192.168.56.111:11111 local", "peer aggr1  0.0.0.0:11111 local"),
	Good: altered("peer aggr1  192.168.56.111:11111 local", "peer aggr1  0.0.0.0:11111 local"),
	Run:  runClearText,
}

func runClearText(p *Pass) {
	type key struct {
		upper *topology.Vertex
		way   string
	}
	var all places[key]
	for _, e := range p.Graph.Edges {
		for _, from := range []*topology.Vertex{e.Lower, e.Upper} {
			to, line := other(e, from), lineOf(e, from)
			if line == nil || line.TLS.On {
				continue
			}
			way := ""
			switch {
			case from.Site != "" && to.Site != "" && from.Site != to.Site:
				way = fmt.Sprintf("sites `%s` and `%s`", minmax(from.Site, to.Site)[0], minmax(from.Site, to.Site)[1])
			case isPublic(line.Address.Host) && !p.listensPublicly(e, to):
				way = "a public address"
			default:
				continue
			}
			if !p.skips(firstOf(line.Address.Span, line.Span), from.Name) {
				all.add(key{e.Upper, way}, e.Lower.Name, firstOf(line.Address.Span, line.Span))
			}
			break
		}
	}
	for _, k := range all.order {
		seen := all.at[k]
		who := nodesOf(seen)
		between := "between " + k.way
		if k.way == "a public address" {
			between = "over " + k.way
		}
		f := diag.Finding{
			Summary: fmt.Sprintf("%s and %s talk in clear text %s", and(who), k.upper.Name, between),
			Primary: note(seen[0].at, "without TLS"),
			Related: rest(seen),
			Impact:  "tracked keys pass foreign networks in clear text, and can be changed on the way",
			Nodes:   append(who, k.upper.Name),
		}
		for _, n := range who {
			f.Edges = append(f.Edges, n+"->"+k.upper.Name)
		}
		p.report(f)
	}
}

// listensPublicly tells whether STK703 says it of the listener already.
func (p *Pass) listensPublicly(e *topology.Edge, x *topology.Vertex) bool {
	l, ok := e.Listener(x)
	return ok && isPublic(l.Address.Host)
}

func minmax(a, b string) [2]string {
	if topology.CompareNatural(b, a) < 0 {
		a, b = b, a
	}
	return [2]string{a, b}
}
