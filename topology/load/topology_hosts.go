package load

import (
	"path"
	"regexp"
	"slices"
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
	seenAs  []seenAddress
	tls     topology.TLS    // of its sessions, as listener and as caller
	extra   []topology.Text // further lines of its sections
	height  int             // levels above the balancers; -1 while it is not known

	// Of an aggregator.
	aggregator *grammar.AggregatorEntry
	on         *host // of a second section in another's file: the aggregator whose file it is
	settings   topology.Settings
	lease      topology.Timing // zero span: none
	members    []member
	replicas   []*host        // those of one peers section that sum the same members
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
	b.cluster.HAProxy, b.cluster.HAProxyAt = sticktable.Version{Major: major, Minor: minor}, v.Span
}

// hosts makes a host of every name that the file's entries stand for. Those that are guests in another's file come last, as they must find it; all
// are kept in the order of the file.
func (b *topologyBuilder) hosts() {
	made := make([][]*host, len(b.file.Aggregators))
	for _, guests := range []bool{false, true} {
		for i, e := range b.file.Aggregators {
			if guests == !e.Host.IsZero() {
				made[i] = b.expandAggregator(e)
			}
		}
	}
	b.aggregators = slices.Concat(made...)
	for _, e := range b.file.Balancers {
		b.expandBalancer(e)
	}
	b.order = append(append(b.order, b.aggregators...), b.balancers...)
	b.sitesSeen()
}

func (b *topologyBuilder) expandAggregator(e *grammar.AggregatorEntry) (made []*host) {
	defer b.about(e.Name.Value, "")()
	s := b.newSpread(e.Name)
	site, on, address, file := s.template(e.Site), s.template(e.Host), s.template(e.Address), s.template(e.File)
	stats, seen, tls := s.templates(e.StatsSocket), s.seenTemplates(e.SeenAs), s.tlsTemplates(e.TLS)
	settings, lease, extra := b.settings(e), b.lease(e), b.extraLines(e.Extra.Section, inAggregations)
	build := topology.Build{Dialect: b.dialect(e), DialectAt: e.Dialect.Span, Extra: b.extraLines(e.Extra.Global, inGlobal)}
	if e.Dialect.IsZero() {
		build.DialectAt = b.file.Dialect.Span
	}
	s.each(site, func(h *host, at valueOf) {
		if !on.IsEmpty() && !b.settle(h, at(on)) {
			return
		}
		h.aggregator, h.address = e, b.aggregatorAddress(at(address))
		h.settings, h.lease, h.extra = settings, lease, extra
		h.seenAs, h.tls = b.seenAs(h, seen, at), b.tls(h, tls, at)
		for _, socket := range stats {
			b.statsSocket(h, at(socket))
		}
		own := build
		own.Output = b.output(at(file))
		h.node.Build = &own
		made = append(made, h)
	})
	return made
}

// settle makes a guest of a host: its section goes into the other's file, and what is said of the host holds for it.
func (b *topologyBuilder) settle(h *host, name grammar.Scalar) bool {
	on := b.byName[strings.ToLower(name.Value)]
	switch {
	case name.IsZero() || b.unnamed && on == nil:
		return false
	case on == nil || on.node.Name.Value != name.Value || on.aggregator == nil:
		var names []string
		for _, e := range b.file.Aggregators {
			if e.Host.IsZero() {
				names = append(names, e.Name.Value)
			}
		}
		b.errorf(grammar.CodeReference, name.Span, "host `%s` of `%s` is not an aggregator with a file of its own; %s", name.Value, h.node.Name.Value, grammar.Accepted(name.Value, names))
		return false
	case on.on != nil:
		b.related(grammar.CodeReference, name.Span, on.aggregator.Host.Span, "a guest itself", "host `%s` of `%s` has no file of its own; its host is `%s`", name.Value, h.node.Name.Value, on.on.node.Name.Value)
		return false
	}
	h.on, h.site, h.node.Site = on, on.site, on.node.Site
	return true
}

func (b *topologyBuilder) expandBalancer(e *grammar.BalancerEntry) {
	defer b.about(e.Name.Value, "")()
	s := b.newSpread(e.Name)
	address, site, bind, file := s.template(e.Address), s.template(e.Site), s.template(e.Bind), s.template(e.File)
	bases, seen, tls, extra := s.templates(e.Base), s.seenTemplates(e.SeenAs), s.tlsTemplates(e.TLS), b.extraLines(e.Extra.Section, inPeers)
	var ports []grammar.Template
	for _, p := range b.peersNames(e) {
		ports = append(ports, s.template(p.Value))
	}
	s.each(site, func(h *host, at valueOf) {
		h.balancer, h.address, h.extra = e, b.hostAddress(at(address), false), extra
		h.tls = b.tls(h, tls, at)
		listen := h.address
		if !e.Bind.IsZero() {
			listen = b.hostAddress(at(bind), true)
		}
		for i, p := range e.Peers {
			b.listen(h, p.Key, at(ports[i]), listen)
		}
		h.seenAs = b.seenAs(h, seen, at)
		h.node.Build = &topology.Build{Style: styles[e.Style.Value], LocalPeer: localPeerModes[e.LocalPeer.Value], Output: b.output(at(file)), Fragment: e.Emit.Value == "fragment"}
		for _, base := range bases {
			b.baseFile(h, at(base))
		}
		if h.node.Build.LocalPeer == topology.LocalPeerEmit {
			h.node.LocalPeer = topology.Text{Value: h.node.Name.Value, Span: e.LocalPeer.Span}
		}
		b.styleOf(h)
		b.balancers = append(b.balancers, h)
	})
}

// styleOf refuses TLS with lines of the old style: a peer line listens in clear text.
func (b *topologyBuilder) styleOf(h *host) {
	if h.tls.On && h.node.Build.Style == topology.PeerStyle {
		b.related(grammar.CodeValue, h.balancer.Style.Span, h.tls.Span, "TLS", "`%s` has `style: peer` and TLS, but `peer` lines listen in clear text; accepted is `server`", h.node.Name.Value)
	}
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
