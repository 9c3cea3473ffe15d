package load

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/topology"
)

// withPort adds the port that is written elsewhere.
func withPort(a topology.Address, port int, at diag.Span) topology.Address {
	if a.Unresolved || a.IsZero() || port == 0 {
		a.Unresolved = true
		return a
	}
	family := ""
	if i := strings.Index(a.Raw, "@"); i >= 0 {
		family = a.Raw[:i+1]
	}
	a.Port, a.PortSpan = port, at
	a.Raw = family + net.JoinHostPort(a.Host, strconv.Itoa(port))
	return a
}

// hostAddress reads the address of a balancer, whose ports stand elsewhere. Only a listener may be a wildcard.
func (b *topologyBuilder) hostAddress(s grammar.Scalar, wildcard bool) topology.Address {
	if s.IsZero() {
		return topology.Address{Unresolved: true}
	}
	a := topology.Address{Host: s.Value, Raw: s.Value, Span: s.Span, HostSpan: s.Span}
	if _, err := netip.ParseAddr(s.Value); err != nil {
		a = readAddress(s, &b.findings)
	}
	switch {
	case a.Unresolved:
	case a.Unix != "":
		b.errorf(grammar.CodeEndpoint, s.Span, "address `%s` is the path of a socket; accepted are IP and NAME", s.Value)
	case a.Port != 0:
		b.errorf(grammar.CodeEndpoint, a.PortSpan, "address `%s` has a port; a balancer's ports are the values of its `peers`", s.Value)
	case isWildcard(a.Host) && !wildcard:
		b.errorf(grammar.CodeEndpoint, s.Span, "address `%s` cannot be dialled; accepted are IP and NAME", s.Value)
	default:
		return a
	}
	a.Unresolved = true
	return a
}

func (b *topologyBuilder) aggregatorAddress(s grammar.Scalar) topology.Address {
	if s.IsZero() {
		return topology.Address{Unresolved: true}
	}
	a := readAddress(s, &b.findings)
	switch {
	case a.Unresolved:
	case a.Unix != "":
		b.errorf(grammar.CodeEndpoint, s.Span, "address `%s` is the path of a socket; accepted are IP:PORT, [IPV6]:PORT and NAME:PORT", s.Value)
	case a.Port == 0:
		b.errorf(grammar.CodeEndpoint, s.Span, "address `%s` has no port; accepted are IP:PORT, [IPV6]:PORT and NAME:PORT", s.Value)
	case isWildcard(a.Host):
		b.errorf(grammar.CodeEndpoint, a.HostSpan, "address `%s` cannot be dialled; accepted are IP:PORT, [IPV6]:PORT and NAME:PORT", s.Value)
	default:
		return a
	}
	a.Unresolved = true
	return a
}

func isWildcard(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || host == "*" || err == nil && ip.IsUnspecified()
}

// seenAddress is where hosts of another site dial a host, since addresses are translated on the way.
type seenAddress struct {
	site    grammar.Scalar
	address topology.Address // of a balancer without a port, unless that is translated too
}

type seenTemplate struct {
	site    grammar.Scalar
	address grammar.Template
}

func (s *spread) seenTemplates(pairs []grammar.Pair) []seenTemplate {
	var seen []seenTemplate
	for _, p := range pairs {
		if s.checkName("site", p.Key) {
			seen = append(seen, seenTemplate{p.Key, s.template(p.Value)})
		}
	}
	return seen
}

func (b *topologyBuilder) seenAs(h *host, templates []seenTemplate, at valueOf) []seenAddress {
	var seen []seenAddress
	for _, t := range templates {
		address := at(t.address)
		if h.aggregator != nil {
			seen = append(seen, seenAddress{t.site, b.aggregatorAddress(address)})
		} else {
			seen = append(seen, seenAddress{t.site, b.seenHost(h, address)})
		}
	}
	return seen
}

// seenHost reads the address of a balancer as others see it. Where it has a port, that is all that is seen of it, so there must be no second.
func (b *topologyBuilder) seenHost(h *host, s grammar.Scalar) topology.Address {
	if _, err := netip.ParseAddr(s.Value); err == nil || s.IsZero() {
		return b.hostAddress(s, false)
	}
	a, bad := grammar.ParseAddress(s)
	if bad != nil || a.Port == 0 {
		return b.hostAddress(s, false)
	}
	if len(h.listens) > 1 {
		b.errorf(grammar.CodeEndpoint, a.PortAt, "address `%s` has a port, but `%s` has %d peers sections; accepted are IP and NAME", s.Value, h.node.Name.Value, len(h.listens))
		return topology.Address{Unresolved: true}
	}
	return b.aggregatorAddress(s)
}

// endpoints are where a host is reached at an address: a balancer at the port of each peers section.
func (h *host) endpoints(a topology.Address) []topology.Address {
	if h.balancer == nil {
		return []topology.Address{a}
	}
	var all []topology.Address
	for i := range h.listens {
		all = append(all, h.listens[i].at(a))
	}
	return all
}

// at is the listener's place at an address of its host.
func (l *listener) at(a topology.Address) topology.Address {
	if a.Port != 0 {
		return a
	}
	return withPort(a, l.port, l.portAt)
}

// from gives the address at which another host reaches this one.
func (h *host) from(caller *host) topology.Address {
	for _, seen := range h.seenAs {
		if seen.site.Value == caller.node.Site {
			return seen.address
		}
	}
	return h.address
}

// isTranslated tells whether a dialled address is plainly another than the listener's. A name may well be that of any IP address.
func isTranslated(dialled, listener topology.Address) bool {
	if dialled.Unresolved || listener.Unresolved {
		return false
	}
	_, err1 := netip.ParseAddr(dialled.Host)
	_, err2 := netip.ParseAddr(listener.Host)
	comparable := !isWildcard(listener.Host) && (err1 == nil) == (err2 == nil)
	return dialled.Port != listener.Port || comparable && canonical(dialled.Host) != canonical(listener.Host)
}

// sitesSeen holds the sites of "seen_as" to those that are there.
func (b *topologyBuilder) sitesSeen() {
	var sites []string
	for _, h := range b.order {
		if site := h.node.Site; site != "" && !slices.Contains(sites, site) {
			sites = append(sites, site)
		}
	}
	for _, h := range b.order {
		done := b.about(h.node.Name.Value, "")
		for _, seen := range h.seenAs {
			switch site := seen.site; {
			case site.Value == h.node.Site:
				b.errorf(grammar.CodeReference, site.Span, "`%s` stands in site `%s` itself; `seen_as` speaks of other sites", h.node.Name.Value, site.Value)
			case !slices.Contains(sites, site.Value) && !b.unnamed:
				b.errorf(grammar.CodeReference, site.Span, "no host stands in site `%s`, from which `%s` is seen; %s", site.Value, h.node.Name.Value, grammar.Accepted(site.Value, sites))
			}
		}
		done()
	}
}

// claims finds addresses that stand for two hosts, or two sections: among the hosts of one site, and among those that the hosts of a site dial.
// Sites that translate addresses between them may well use the same ones.
type claims struct {
	*topologyBuilder
	taken map[claim]claimant
}

// claim is an address as the hosts of a site see it.
type claim struct{ site, endpoint string }

type claimant struct {
	*host
	topology.Address
}

// claimed looks at all hosts in their own sites, and at all links.
func (b *topologyBuilder) claimed() {
	c := claims{b, map[claim]claimant{}}
	for _, h := range b.order {
		for _, a := range h.endpoints(h.address) {
			c.add(h.node.Site, h, a)
		}
	}
	for _, a := range b.aggregators {
		for _, m := range a.members {
			c.add(m.node.Site, a, a.from(m.host))
			c.add(a.node.Site, m.host, a.lower(m).Address)
		}
	}
}

func (c *claims) add(site string, h *host, a topology.Address) {
	if a.Unresolved {
		return
	}
	k := claim{site, net.JoinHostPort(canonical(a.Host), strconv.Itoa(a.Port))}
	first, twice := c.taken[k]
	defer c.about(h.node.Name.Value, "")()
	switch {
	case !twice:
		c.taken[k] = claimant{h, a}
	case first.host == h && first.Span == a.Span && first.PortSpan == a.PortSpan:
	case first.host == h:
		c.errorf(grammar.CodeEndpoint, a.PortSpan, "`%s` has two peers sections on port `%d`", h.node.Name.Value, a.Port)
	default:
		c.related(grammar.CodeEndpoint, a.Span, first.Span, "first here", "address `%s` of `%s` is that of `%s` too", k.endpoint, h.node.Name.Value, first.node.Name.Value)
	}
}

// canonical gives one text for one host.
func canonical(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.String()
	}
	return strings.ToLower(host)
}
