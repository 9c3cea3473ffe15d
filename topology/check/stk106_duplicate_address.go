package check

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"stktc/grammar/diag"
	"stktc/topology"
)

var duplicateAddress = &Check{
	Code:     "STK106",
	Slug:     "duplicate-address",
	Title:    "two peers have one address, or two listeners share one",
	Severity: diag.Error,
	Since:    "0.1",
	Outside:  "address translation: hosts of different sites may have equal private addresses",
	Alone:    true,
	Text: Text{
		What:    "Two lines of a section dial the same address and port, two hosts listen on the same address and port (of a private address in deployed files: and somebody dials both there, as sites may have equal private networks), or two peers sections of a balancer listen on the same port.",
		Why:     "Behind one address there is one host with one name: the line with the other name is refused. Of two listeners on one port the kernel picks one for each session, so that about half of the greetings reach the wrong section.",
		RunTime: "`haproxy -c` accepts it. `show peers` says `last_status=NAME` for the line with the wrong name, or `UNKN` where the wrong section answered; HAProxy does not dial again after either.",
		Fix:     "Correct the address of one of the two lines; give each peers section a port of its own.",
	},
	Bad: `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1  192.168.56.111:11111 local
  peer hapee1 192.168.56.101:44444
  peer hapee2 192.168.56.101:44444
  from .uncombined to .aggr
`,
	Good: `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1  192.168.56.111:11111 local
  peer hapee1 192.168.56.101:44444
  peer hapee2 192.168.56.102:44444
  from .uncombined to .aggr
`,
	Run: runDuplicateAddress,
}

func runDuplicateAddress(p *Pass) {
	for _, n := range p.Cluster.Nodes {
		for _, s := range n.Aggregations {
			p.sharedDials(n, "aggregations "+s.Name.Value, s.Peers)
		}
		for i, s := range n.Peers {
			p.sharedDials(n, "peers "+s.Name.Value, s.Peers)
			p.sharedPort(n, n.Peers[:i], s)
		}
	}
	p.sharedListeners()
}

// endpoint writes an address that means one listener for certain; "" for others. Names may be several hosts.
func endpoint(a topology.Address) string {
	ip, err := netip.ParseAddr(a.Host)
	if err != nil || a.Unresolved || a.Port == 0 || ip.IsUnspecified() {
		return ""
	}
	return net.JoinHostPort(ip.Unmap().String(), strconv.Itoa(a.Port))
}

func (p *Pass) sharedDials(n *topology.Node, section string, lines []*topology.Peer) {
	first := map[string]*topology.Peer{}
	for _, l := range lines {
		at := endpoint(l.Address)
		before := first[at]
		if at == "" || before == nil || before.Name.Value == l.Name.Value {
			first[at] = l
			continue
		}
		p.report(diag.Finding{
			Summary: fmt.Sprintf("%s dials both `%s` and `%s` at `%s` in `%s`", n.Name.Value, before.Name.Value, l.Name.Value, at, section),
			Primary: note(l.Address.Span, "the same address again"),
			Related: []diag.Note{note(before.Address.Span, "this is `%s`", before.Name.Value)},
			Impact:  "one host with one name answers there: the line with the other name is refused, and what that peer counts is missing from every sum",
			RunTime: &diag.RunTime{Command: "show peers", On: n.Name.Value, Symptom: "`last_status=NAME` for one of the two; nothing is logged"},
			Nodes:   []string{n.Name.Value, before.Name.Value, l.Name.Value},
		})
	}
}

// sharedPort is about peers sections of one balancer: each needs a listener of its own.
func (p *Pass) sharedPort(n *topology.Node, earlier []*topology.PeersSection, s *topology.PeersSection) {
	for _, e := range earlier {
		a, b := e.Listen, s.Listen
		if a.Unresolved || b.Unresolved || a.Port == 0 || a.Port != b.Port || !overlap(a.Host, b.Host) {
			continue
		}
		p.report(diag.Finding{
			Summary: fmt.Sprintf("%s listens on port `%d` for both `peers %s` and `peers %s`", n.Name.Value, b.Port, e.Name.Value, s.Name.Value),
			Primary: note(portOnly.span(b), "taken already"),
			Related: []diag.Note{note(portOnly.span(a), "by `peers %s`", e.Name.Value)},
			Impact:  "the kernel gives each session to one of the two listeners: about half of the greetings meet a section that does not list the caller",
			RunTime: &diag.RunTime{Command: "show peers", On: "the peers of " + n.Name.Value, Symptom: "`last_status=UNKN` now and then, and HAProxy does not dial again; `haproxy -c` accepts it"},
			Nodes:   []string{n.Name.Value},
		})
	}
}

// overlap tells whether listeners on two hosts meet on some address; names are taken as different hosts unless they are equal.
func overlap(a, b string) bool {
	return a == b || anyHost(a) || anyHost(b)
}

func anyHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || host == "*" || err == nil && ip.IsUnspecified()
}

// sharedListeners is about two hosts. Loopback addresses are each host's own.
func (p *Pass) sharedListeners() {
	type listener struct {
		node    *topology.Node
		address topology.Address
	}
	first := map[string]listener{}
	meet := func(n *topology.Node, a topology.Address) {
		at := endpoint(a)
		if ip, _ := netip.ParseAddr(a.Host); at == "" || ip.IsLoopback() {
			return
		}
		inSite := n.Site + " " + at // sites may use the same addresses behind their translation
		before, taken := first[inSite]
		if !taken || before.node == n {
			first[inSite] = listener{n, a}
			return
		}
		if isPrivate(a.Host) && p.Cluster.Source == topology.FromDeployed && !p.inOneNetwork(before.node, n, a.Host) {
			return
		}
		p.report(diag.Finding{
			Summary: fmt.Sprintf("%s listens on `%s`, and so does %s", n.Name.Value, at, before.node.Name.Value),
			Primary: note(a.Span, "the same address"),
			Related: []diag.Note{note(before.address.Span, "%s listens here", before.node.Name.Value)},
			Impact:  "an address belongs to one host: whoever dials it reaches one of the two, and the other's name is refused",
			Nodes:   []string{n.Name.Value, before.node.Name.Value},
		})
	}
	for _, n := range p.Cluster.Nodes {
		for _, s := range n.Aggregations {
			if s.Local != nil {
				meet(n, s.Local.Address)
			}
		}
		for _, s := range n.Peers {
			meet(n, s.Listen)
		}
	}
}

// isPrivate tells whether networks apart from each other may have the address at once.
func isPrivate(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsPrivate()
}

// inOneNetwork tells whether somebody dials both hosts at the address: only then it is the same network. Deployed files do not tell sites.
func (p *Pass) inOneNetwork(a, b *topology.Node, host string) bool {
	if p.callers == nil {
		p.callers = map[called][]*topology.Node{}
		for _, d := range p.dials() {
			k := called{d.to.Node, d.line.Address.Host}
			p.callers[k] = append(p.callers[k], d.from.Node)
		}
	}
	ofB := p.callers[called{b, host}]
	return slices.ContainsFunc(p.callers[called{a, host}], func(n *topology.Node) bool { return slices.Contains(ofB, n) })
}

// called is a host, and the address that it is dialled at.
type called struct {
	node *topology.Node
	host string
}
