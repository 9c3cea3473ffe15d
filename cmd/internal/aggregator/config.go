// Package aggregator is where the two rows meet: what an aggregator's file means becomes what the runtime executes.
package aggregator

import (
	"net"
	"strconv"
	"time"

	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/runtime"
	"stktc/topology"
)

// Config gives what the runtime executes for a node whose sections were checked. It reads the files with certificates, keys and authorities, as they are now, and looks up the
// source address; findings tell of those that cannot be used, and with errors among them the configuration must not be executed.
func Config(n *topology.Node) (runtime.Config, diag.List) {
	b := builder{node: n, keys: keyring{findings: &diag.List{}, now: time.Now()}}
	cfg := runtime.Config{DynamicPeers: n.DynamicPeers.On, Source: b.source(n.Settings.Source)}
	for _, a := range n.Aggregations {
		cfg.Sections = append(cfg.Sections, b.section(a))
	}
	for _, l := range n.Binds {
		cfg.Binds = append(cfg.Binds, b.bind(l))
	}
	b.keys.findings.Sort()
	return cfg, *b.keys.findings
}

type builder struct {
	node *topology.Node
	keys keyring
}

// section takes what it does not say itself from the global section.
func (b *builder) section(a *topology.Aggregations) runtime.Section {
	own, all := &a.Settings, &b.node.Settings
	s := runtime.Section{
		Name: a.Name.Value, Local: b.peer(a.Local),
		LearnTimeout: stated(own.LearnTimeout, all.LearnTimeout),
		Hold:         stated(own.Hold, all.Hold),
		Pace:         stated(own.Pace, all.Pace),
		NoGiveBack:   isOff(own.GiveBack, all.GiveBack),
		StrictNames:  own.StrictNames.On || all.StrictNames.On,
	}
	for _, p := range a.Peers {
		s.Peers = append(s.Peers, b.peer(p))
	}
	for _, r := range a.Rules {
		s.Rules = append(s.Rules, runtime.Rule{From: r.From.Value, To: r.To.Value, UpOnly: r.UpOnly})
	}
	for _, f := range a.Forwards {
		s.Forwards = append(s.Forwards, f.Value)
	}
	for _, l := range append(own.Leases[:len(own.Leases):len(own.Leases)], all.Leases...) {
		s.Leases = append(s.Leases, runtime.Lease{Table: l.Table.Value, Time: l.Period.Value})
	}
	return s
}

// stated gives the first of the durations that was written. The runtime takes 0 for its default, so a written 0 is the least there is.
func stated(durations ...topology.Timing) time.Duration {
	for _, d := range durations {
		if !d.Span.IsZero() {
			return max(d.Value, 1)
		}
	}
	return 0
}

// isOff tells whether the first of the switches that was written says off.
func isOff(switches ...topology.Switch) bool {
	for _, s := range switches {
		if !s.Span.IsZero() {
			return !s.On
		}
	}
	return false
}

var directions = map[topology.Direction]runtime.Direction{
	topology.Unmarked: runtime.Node, topology.Local: runtime.Local, topology.Up: runtime.Up, topology.Down: runtime.Down,
}

func (b *builder) peer(p *topology.Peer) runtime.Peer {
	out := runtime.Peer{Name: p.Name.Value, Address: Endpoint(p.Address), Direction: directions[p.Direction], Group: p.Group}
	if p.Replica {
		out.Direction = runtime.Replica
	}
	if p.Direction == topology.Local {
		out.TLS = b.keys.forListener(p.TLS)
	} else {
		out.TLS = b.keys.forPeer(p.TLS)
	}
	return out
}

func (b *builder) bind(l *topology.Bind) runtime.Bind {
	out := runtime.Bind{Address: Endpoint(l.Address), TLS: b.keys.forListener(l.TLS)}
	if l.All {
		return out
	}
	out.Sections = []string{}
	for _, s := range l.Sections {
		out.Sections = append(out.Sections, s.Value)
	}
	return out
}

// source gives where outgoing connections come from.
func (b *builder) source(a topology.Address) *net.TCPAddr {
	if a.IsZero() {
		return nil
	}
	found, err := net.ResolveTCPAddr("tcp", Endpoint(a))
	if err != nil || a.Unix != "" {
		b.keys.findings.Add(*grammar.Findingf(grammar.CodeAddress, a.Span, "source `%s` is no address to dial from; accepted is IP[:PORT]", a.Raw))
		return nil
	}
	return found
}

// Endpoint writes an address as package net takes it: a UNIX socket's path, or host:port with an empty host for any.
func Endpoint(a topology.Address) string {
	if a.Unix != "" {
		return a.Unix
	}
	host := a.Host
	if host == "*" {
		host = ""
	}
	return net.JoinHostPort(host, strconv.Itoa(a.Port))
}
