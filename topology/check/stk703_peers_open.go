package check

import (
	"fmt"
	"net/netip"
	"slices"

	"stktc/grammar/diag"
)

var peersOpen = &Check{
	Code:     "STK703",
	Slug:     "peers-port-open",
	Title:    "a peers port in clear text listens on a public address",
	Severity: diag.Warning,
	Since:    "0.2",
	Text: Text{
		What:    "A peers section or an aggregator listens without TLS on an address that is not private (RFC 1918, RFC 4193), link-local or loopback.",
		Why:     "The peers protocol knows no password: whoever reaches the port and knows two names, which are often host names, reads every tracked key and writes any value.",
		RunTime: "Nothing shows.",
		Fix:     "Listen on a private address, or use TLS with `verify required` at both ends, or let a firewall admit the peers only.",
	},
	Bad:  altered("192.168.56.111:11111", "203.0.112.11:11111"),
	Good: altered(),
	Run:  runPeersOpen,
}

func runPeersOpen(p *Pass) {
	for _, x := range p.Graph.Vertices {
		for _, l := range x.Listeners() {
			if !l.TLS.On && isPublic(l.Address.Host) && !l.Address.Unresolved {
				p.report(diag.Finding{
					Summary: fmt.Sprintf("%s listens for peers in clear text on `%s`, a public address", x.Name, l.Address.Raw),
					Primary: note(l.Address.Span, "open to whoever reaches it"),
					Impact:  "whoever reaches the port and knows two names reads every tracked key and writes any value",
					Fixes:   []diag.Fix{{Title: "listen on a private address, or with `ssl … verify required`"}},
					Nodes:   []string{x.Name},
				})
			}
		}
	}
}

// reserved are networks that no host of the internet has: RFC 6598, and those of documents (RFC 5737, RFC 3849).
var reserved = []netip.Prefix{
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32"),
}

// isPublic tells whether a host is a literal address that the internet may reach.
func isPublic(host string) bool {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	ip = ip.Unmap()
	kept := slices.ContainsFunc(reserved, func(p netip.Prefix) bool { return p.Contains(ip) })
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !kept
}
