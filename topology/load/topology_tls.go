package load

import (
	"cmp"
	"slices"

	"stktc/grammar"
)

// checkTLS reports links with TLS at one end. Whoever differs from most of its neighbours is taken for the one mistake behind all of them.
func (b *topologyBuilder) checkTLS() {
	differ := map[*host][]*host{}
	for _, a := range b.aggregators {
		for _, m := range a.members {
			if a.tls.On != m.tls.On {
				differ[a] = append(differ[a], m.host)
				differ[m.host] = append(differ[m.host], a)
			}
		}
	}
	odd := slices.DeleteFunc(slices.Clone(b.order), func(h *host) bool { return differ[h] == nil })
	slices.SortStableFunc(odd, func(x, y *host) int { return cmp.Compare(len(differ[y]), len(differ[x])) })
	said := map[*host]bool{}
	for _, h := range odd {
		rest := slices.DeleteFunc(differ[h], func(other *host) bool { return said[other] })
		if said[h] = true; len(rest) > 0 {
			b.halfTLS(h, rest)
		}
	}
}

func (b *topologyBuilder) halfTLS(odd *host, partners []*host) {
	defer b.about(odd.node.Name.Value, "")()
	var names []string
	for _, p := range partners {
		names = append(names, p.node.Name.Value)
	}
	first := partners[0]
	if odd.tls.On {
		b.related(grammar.CodeEndpoint, odd.tls.Span, first.node.Name.Span, "without", "`%s` has `tls`, but is linked with %s, where there is none; a link needs it at both ends or at neither", odd.node.Name.Value, grammar.List(names))
		return
	}
	b.related(grammar.CodeEndpoint, odd.node.Name.Span, first.tls.Span, "with TLS", "`%s` has no `tls`, but is linked with %s, where there is; a link needs it at both ends or at neither", odd.node.Name.Value, grammar.List(names))
}
