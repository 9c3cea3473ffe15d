package load

import (
	"net"
	"net/netip"
	"path"
	"regexp"
	"strconv"
	"strings"

	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/topology"
	"stktc/topology/sticktable"
)

// host is one node on its way from an entry of the file, which may stand for many, to the model.
type host struct {
	node    *topology.Node
	site    grammar.Scalar
	address topology.Address // a balancer's has no port
	height  int              // levels above the balancers; -1 while it is not known

	// Of an aggregator.
	aggregator *grammar.AggregatorEntry
	members    []member
	carries    []*table       // the tables that come to it from below
	tops       map[*table]int // and the height of the highest aggregator that each goes to through this one
	visit      visit

	// Of a balancer.
	balancer *grammar.BalancerEntry
	listens  []listener

	family []string // see families
	sums   []member // the aggregators that sum it, each with the selector that says so
}

// member is one end of a link and the selector that made it.
type member struct {
	*host
	by grammar.Scalar
}

// listener is a balancer's side of one peers section.
type listener struct {
	section grammar.Scalar
	port    int
	portAt  diag.Span
	address topology.Address // where it accepts peers
}

// maxHosts is how many nodes a topology may have; HAProxy's own limits are far below.
const maxHosts = 100_000

var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

const acceptedName = "accepted are letters, digits, `.`, `_` and `-`, the first a letter or digit"

var validVersion = regexp.MustCompile(`^([0-9]{1,3})\.([0-9]{1,3})$`)

func (b *topologyBuilder) version() {
	v := b.file.HAProxy
	if v.IsZero() {
		return
	}
	m := validVersion.FindStringSubmatch(v.Value)
	if m == nil {
		b.errorf(grammar.CodeValue, v.Span, "haproxy version `%s` is not understood; accepted is MAJOR.MINOR, as in `2.6`", v.Value)
		return
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	b.cluster.HAProxy = sticktable.Version{Major: major, Minor: minor}
}

// hosts makes a host of every name that the file's entries stand for.
func (b *topologyBuilder) hosts() {
	for _, e := range b.file.Aggregators {
		b.expandAggregator(e)
	}
	for _, e := range b.file.Balancers {
		b.expandBalancer(e)
	}
	b.order = append(append(b.order, b.aggregators...), b.balancers...)
	b.endpoints()
}

func (b *topologyBuilder) expandAggregator(e *grammar.AggregatorEntry) {
	defer b.about(e.Name.Value, "")()
	s := b.newSpread(e.Name)
	address, site := s.template(e.Address), s.template(e.Site)
	var stats []grammar.Template
	for _, socket := range e.StatsSocket {
		stats = append(stats, s.template(socket))
	}
	s.each(site, func(h *host, at func(grammar.Template) grammar.Scalar) {
		h.aggregator, h.address = e, b.aggregatorAddress(at(address))
		for _, socket := range stats {
			b.statsSocket(h, at(socket))
		}
		h.node.Build = &topology.Build{}
		b.aggregators = append(b.aggregators, h)
	})
}

func (b *topologyBuilder) expandBalancer(e *grammar.BalancerEntry) {
	defer b.about(e.Name.Value, "")()
	s := b.newSpread(e.Name)
	address, site, bind, file := s.template(e.Address), s.template(e.Site), s.template(e.Bind), s.template(e.File)
	var bases, ports []grammar.Template
	for _, base := range e.Base {
		bases = append(bases, s.template(base))
	}
	for _, p := range b.peersNames(e) {
		ports = append(ports, s.template(p.Value))
	}
	s.each(site, func(h *host, at func(grammar.Template) grammar.Scalar) {
		h.balancer, h.address = e, b.hostAddress(at(address), false)
		listen := h.address
		if !e.Bind.IsZero() {
			listen = b.hostAddress(at(bind), true)
		}
		for i, p := range e.Peers {
			b.listen(h, p.Key, at(ports[i]), listen)
		}
		h.node.Build = &topology.Build{Style: styles[e.Style.Value], LocalPeer: localPeerModes[e.LocalPeer.Value], Output: b.output(at(file))}
		for _, base := range bases {
			b.baseFile(h, at(base))
		}
		if h.node.Build.LocalPeer == topology.LocalPeerEmit {
			h.node.LocalPeer = topology.Text{Value: h.node.Name.Value, Span: e.LocalPeer.Span}
		}
		b.balancers = append(b.balancers, h)
	})
}

var styles = map[string]topology.Style{"": topology.ServerStyle, "server": topology.ServerStyle, "peer": topology.PeerStyle}

var localPeerModes = map[string]topology.LocalPeerMode{
	"": topology.LocalPeerExternal, "external": topology.LocalPeerExternal, "emit": topology.LocalPeerEmit,
}

// peersNames gives a balancer's peers sections after a look at their names.
func (b *topologyBuilder) peersNames(e *grammar.BalancerEntry) []grammar.Pair {
	for _, p := range e.Peers {
		b.checkName("peers section", p.Key)
	}
	return e.Peers
}

func (b *topologyBuilder) checkName(kind string, name grammar.Scalar) bool {
	if name.IsZero() || validName.MatchString(name.Value) {
		return true
	}
	b.errorf(grammar.CodeName, name.Span, "%s `%s` has a name that cannot be used; %s", kind, name.Value, acceptedName)
	return false
}

// output checks the name of a file, which must not lead out of its directory.
func (b *topologyBuilder) output(file grammar.Scalar) string {
	if file.IsZero() {
		return ""
	}
	if !validName.MatchString(file.Value) {
		b.errorf(grammar.CodeName, file.Span, "file `%s` is not the name of a file; %s", file.Value, acceptedName)
		return ""
	}
	return file.Value
}

func (b *topologyBuilder) baseFile(h *host, base grammar.Scalar) {
	if base.Value == "" {
		return
	}
	name := path.Join(path.Dir(b.file.Name), base.Value)
	h.node.Build.Base = append(h.node.Build.Base, topology.BaseFile{Path: text(base), Name: name})
}

// listen adds a peers section: the port that the file states, at the address of its bind.
func (b *topologyBuilder) listen(h *host, section, port grammar.Scalar, address topology.Address) {
	l := listener{section: section, portAt: port.Span}
	n, err := strconv.ParseUint(port.Value, 10, 16)
	if (err != nil || n == 0) && !port.IsZero() {
		b.errorf(grammar.CodeValue, port.Span, "port `%s` of peers section `%s` is not a number from 1 to 65535", port.Value, section.Value)
	}
	l.port = int(n)
	l.address = withPort(address, l.port, l.portAt)
	h.listens = append(h.listens, l)
}

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

var socketLevels = []string{"user", "operator", "admin"}

var validMode = regexp.MustCompile(`^[0-7]{3,4}$`)

// statsSocket reads "ADDRESS [mode M] [level L]".
func (b *topologyBuilder) statsSocket(h *host, s grammar.Scalar) {
	words := s.Words()
	if len(words) == 0 {
		b.errorf(grammar.CodeValue, s.Span, "`stats_socket` is empty; accepted is ADDRESS [mode MODE] [level LEVEL]")
		return
	}
	socket := topology.StatsSocket{Address: readEndpoint(words[0], &b.findings)}
	for i := 1; i < len(words); i += 2 {
		var value grammar.Scalar
		if i+1 < len(words) {
			value = words[i+1]
		}
		switch key := words[i].Value; {
		case key == "mode" && validMode.MatchString(value.Value):
			socket.Mode = text(value)
		case key == "level" && (value.Value == "user" || value.Value == "operator" || value.Value == "admin"):
			socket.Level = text(value)
		case key == "mode":
			b.errorf(grammar.CodeValue, words[i].Span, "`mode %s` of `stats_socket` is not understood; accepted are three or four octal digits", value.Value)
		case key == "level":
			b.errorf(grammar.CodeValue, words[i].Span, "`level %s` of `stats_socket` is not understood; %s", value.Value, grammar.Accepted(value.Value, socketLevels))
		default:
			b.errorf(grammar.CodeValue, words[i].Span, "`%s` of `stats_socket` is not known; %s", key, grammar.Accepted(key, []string{"mode", "level"}))
		}
	}
	h.node.Stats = append(h.node.Stats, socket)
}

// endpoints reports addresses at which two nodes, or two sections, would listen.
func (b *topologyBuilder) endpoints() {
	type taken struct {
		by *host
		at diag.Span
	}
	seen := map[string]taken{}
	claim := func(h *host, a topology.Address) {
		defer b.about(h.node.Name.Value, "")()
		if a.Unresolved {
			return
		}
		key := net.JoinHostPort(canonical(a.Host), strconv.Itoa(a.Port))
		first, twice := seen[key]
		switch {
		case !twice:
			seen[key] = taken{h, a.Span}
		case first.by.node.Name.Value == h.node.Name.Value:
			b.errorf(grammar.CodeEndpoint, a.PortSpan, "`%s` has two peers sections on port `%d`", h.node.Name.Value, a.Port)
		default:
			b.related(grammar.CodeEndpoint, a.Span, first.at, "first here", "address `%s` of `%s` is that of `%s` too", key, h.node.Name.Value, first.by.node.Name.Value)
		}
	}
	for _, h := range b.order {
		if h.aggregator != nil {
			claim(h, h.address)
		}
		for _, l := range h.listens {
			claim(h, withPort(h.address, l.port, l.portAt))
		}
	}
}

// canonical gives one text for one host.
func canonical(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.String()
	}
	return strings.ToLower(host)
}
