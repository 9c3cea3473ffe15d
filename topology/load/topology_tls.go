package load

import (
	"cmp"
	"slices"

	"stktc/grammar"
)

// halfLink is a link of which one end encrypts and the other does not.
type halfLink struct{ with, without *host }

// checkTLS reports links with TLS at one end. Whoever differs from most of its neighbours is taken for the one mistake behind all of them.
func (b *topologyBuilder) checkTLS() {
	var links []halfLink
	for _, a := range b.aggregators {
		for _, m := range a.members {
			switch {
			case a.tls.On && !m.tls.On:
				links = append(links, halfLink{a, m.host})
			case !a.tls.On && m.tls.On:
				links = append(links, halfLink{m.host, a})
			}
		}
	}
	for len(links) > 0 {
		odd := b.oddest(links)
		concerns := func(l halfLink) bool { return l.with == odd || l.without == odd }
		var partners []*host
		for _, l := range links {
			if concerns(l) && l.with == odd {
				partners = append(partners, l.without)
			} else if concerns(l) {
				partners = append(partners, l.with)
			}
		}
		b.halfTLS(odd, partners)
		links = slices.DeleteFunc(links, concerns)
	}
}

// oddest is the host with the most half links; of several the first in the file.
func (b *topologyBuilder) oddest(links []halfLink) *host {
	count := map[*host]int{}
	for _, l := range links {
		count[l.with]++
		count[l.without]++
	}
	return slices.MaxFunc(b.order, func(x, y *host) int { return cmp.Compare(count[x], count[y]) })
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
