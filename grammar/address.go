package grammar

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"stktc/grammar/diag"
)

// The port is what follows the last colon, as in HAProxy's str2sa_range: "::1" is the host ":" and the port 1. A colon inside
// brackets is none. Groups do not capture: the lexer keeps captures for its states, and panics over one that took no part.
var addressParser = participle.MustBuild[addressSyntax](participle.Lexer(lexer.MustStateful(lexer.Rules{
	"Root": {
		{Name: "Local", Pattern: `(?:stream\+|dgram\+)?(?:unix|uxst|uxdg|abnsz?)@`, Action: lexer.Push("Local")},
		{Name: "Opaque", Pattern: `(?:stream\+|dgram\+)?(?:fd|sockpair|rhttp|rev)@`, Action: lexer.Push("Local")},
		{Name: "Family", Pattern: `(?:stream\+|dgram\+|quic\+)?(?:ip|ipv[46]|(?:mp)?tcp[46]?|udp[46]?|quic[46])@`},
		{Name: "Path", Pattern: `/(?s:.*)`},
		{Name: "Port", Pattern: `:[^:\]]*$`},
		{Name: "Bracketed", Pattern: `\[[^\]]*\]`},
		{Name: "Text", Pattern: `[^:/\[]+`},
		{Name: "Other", Pattern: `(?s:.)`},
	},
	"Local": {{Name: "Rest", Pattern: `(?s:.+)`}},
})))

// addressSyntax is a plain sequence: a branch that matches nothing makes participle panic.
type addressSyntax struct {
	Prefix lexer.Token `parser:"(@Local | @Opaque | @Family)?"`
	Path   lexer.Token `parser:"(@Path | @Rest)?"`
	Host   string      `parser:"(@Bracketed | @Text | @Other)*"`
	Port   lexer.Token `parser:"@Port?"`
}

// Address is an address as HAProxy reads it.
type Address struct {
	Whole  Scalar // as written
	Family string // "ipv4", "ipv6", "unix" … of a prefix such as ipv4@; "" without
	Host   Scalar // without brackets; an IP address, a name, "*", or "" as in ":80"
	Port   int    // 0: not stated
	PortAt diag.Span
	// Unix is the path of a UNIX socket, instead of host and port; an abstract one starts with "@".
	Unix string
	// Unresolved is set when nothing is known of the address: an environment variable stands in it, or it is a file descriptor.
	Unresolved bool
}

const acceptedAddress = "IP:PORT, [IPV6]:PORT, NAME:PORT, *:PORT, :PORT and the path of a UNIX socket"

// ParseAddress reads an address. Whether a port must be there is left to the caller.
func ParseAddress(s Scalar) (Address, *diag.Finding) {
	a := Address{Whole: s}
	if s.Unresolved {
		a.Unresolved = true
		return a, nil
	}
	if s.Value == "" {
		return a, Findingf(CodeAddress, s.Span, "an address is empty; accepted are %s", acceptedAddress)
	}
	syntax, plain := plainAddress(s.Value)
	if !plain {
		var err error
		if syntax, err = addressParser.ParseString("", s.Value); err != nil {
			return a, s.refuse(CodeAddress, "address", err, acceptedAddress)
		}
	}
	a.Family, a.Unix = family(syntax.Prefix.Value), syntax.Path.Value
	switch {
	case syntax.Prefix.Type == opaquePrefix:
		a.Unresolved, a.Unix = true, ""
	case syntax.Prefix.Type == localPrefix && a.Unix == "":
		return a, Findingf(CodeAddress, s.Span, "address `%s` has no path; accepted are %s", s.Value, acceptedAddress)
	case a.Unix == "":
		return s.hostPort(a, syntax)
	case strings.HasPrefix(a.Family, "abns"):
		a.Unix = "@" + a.Unix
	}
	return a, nil
}

// plainAddress reads HOST:PORT without any sign beside. Nearly all addresses are so, each is another, and the parser takes some 10 µs and 10 kB for one.
func plainAddress(value string) (*addressSyntax, bool) {
	host, port, found := strings.Cut(value, ":")
	if !found || strings.ContainsAny(host, "@/[+") || strings.ContainsAny(port, ":]") {
		return nil, false
	}
	return &addressSyntax{Host: host, Port: lexer.Token{Value: value[len(host):], Pos: lexer.Position{Offset: len(host)}}}, true
}

var localPrefix, opaquePrefix = addressParser.Lexer().Symbols()["Local"], addressParser.Lexer().Symbols()["Opaque"]

// family strips the socket type and the sign: "stream+ipv4@" is "ipv4".
func family(prefix string) string {
	_, after, found := strings.Cut(prefix, "+")
	if !found {
		after = prefix
	}
	return strings.TrimSuffix(after, "@")
}

func (s Scalar) hostPort(a Address, syntax *addressSyntax) (Address, *diag.Finding) {
	from, to := len(syntax.Prefix.Value), len(s.Value)-len(syntax.Port.Value)
	host := s.Value[from:to]
	if len(host) > 1 && host[0] == '[' && host[len(host)-1] == ']' {
		from, to = from+1, to-1
	}
	a.Host = s.slice(from, to)
	if bad := s.checkHost(a.Host); bad != nil {
		return a, bad
	}
	return s.port(a, syntax.Port)
}

// checkHost refuses what looks like an IP address and is none: HAProxy would look it up as a name, or fail.
func (s Scalar) checkHost(host Scalar) *diag.Finding {
	if host.Value == "" || host.Value == "*" {
		return nil
	}
	if strings.ContainsAny(host.Value, ":[]") {
		if _, err := netip.ParseAddr(host.Value); err != nil {
			return Findingf(CodeAddress, host.Span, "host `%s` of address `%s` is not an IPv6 address; what follows the last colon is the port, write [IPV6]:PORT", host.Value, s.Value)
		}
		return nil
	}
	if strings.Trim(host.Value, "0123456789.") == "" {
		if _, err := netip.ParseAddr(host.Value); err != nil {
			return Findingf(CodeAddress, host.Span, "host `%s` of address `%s` is not an IPv4 address; accepted are %s", host.Value, s.Value, acceptedAddress)
		}
		return nil
	}
	if i := strings.IndexFunc(host.Value, notInHost); i >= 0 {
		return Findingf(CodeAddress, host.Span, "host `%s` of address `%s` holds `%c`; accepted are %s", host.Value, s.Value, rune(host.Value[i]), acceptedAddress)
	}
	return nil
}

func notInHost(r rune) bool {
	return r <= ' ' || r == 0x7f || strings.ContainsRune(`/\,;"'(){}<>@=|&`, r)
}

func (s Scalar) port(a Address, token lexer.Token) (Address, *diag.Finding) {
	if len(token.Value) < 2 {
		return a, nil
	}
	from := token.Pos.Offset + 1
	a.PortAt = s.At(from, len(s.Value))
	n, err := strconv.ParseUint(s.Value[from:], 10, 16)
	if err != nil || n == 0 {
		return a, Findingf(CodeAddress, a.PortAt, "port `%s` of address `%s` is not a number from 1 to 65535", s.Value[from:], s.Value)
	}
	a.Port = int(n)
	return a, nil
}
