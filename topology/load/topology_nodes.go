package load

import (
	"slices"

	"stktc/topology"
	"stktc/topology/sticktable"
)

// nodes writes what was derived into the cluster. Of a file's sections the host's own comes first: it names the node.
func (b *topologyBuilder) nodes() {
	for _, h := range b.order {
		if h.aggregator != nil && h.on == nil {
			h.node.Aggregations = []*topology.Aggregations{b.aggregations(h)}
		}
	}
	for _, h := range b.order {
		if h.on != nil {
			h.on.node.Aggregations = append(h.on.node.Aggregations, b.aggregations(h))
			continue
		}
		if h.balancer != nil {
			b.peersSections(h)
			b.declare(h)
			b.declareLeases(h)
		}
		b.cluster.Nodes = append(b.cluster.Nodes, h.node)
	}
}

// aggregations is an aggregator's section: its members first, then those that stand in for it, then the aggregators that sum it.
func (b *topologyBuilder) aggregations(a *host) *topology.Aggregations {
	out := &topology.Aggregations{Height: max(a.height, 0), Name: b.sectionName(a), Settings: a.settings, Extra: a.extra}
	out.Header = out.Name.Span
	out.Local = &topology.Peer{Name: a.node.Name, Address: a.address, Direction: topology.Local, Role: a.node.Name.Span, TLS: a.tls, Span: a.node.Name.Span}
	down, up := groups(a.members), groups(a.sums)
	for _, m := range a.members {
		p := a.lower(m)
		p.Group = down[m.host]
		out.Peers = append(out.Peers, p)
	}
	if a.height == 1 {
		for _, r := range a.replicas {
			p := a.line(r, r.node.Name)
			p.Replica = true
			out.Peers = append(out.Peers, p)
		}
	}
	for _, m := range a.sums {
		p := a.line(m.host, text(m.by))
		p.Direction, p.Role, p.Group = topology.Up, m.by.Span, up[m.host]
		out.Peers = append(out.Peers, p)
	}
	for _, t := range a.carries {
		a.addRule(out, t)
	}
	for _, t := range a.carries {
		a.addForwards(out, t)
	}
	b.addLeases(a, out)
	return out
}

// line is what a host writes about another: where it dials it, and how.
func (h *host) line(other *host, by topology.Text) *topology.Peer {
	p := &topology.Peer{Name: other.node.Name, Address: other.from(h), TLS: h.tls, Span: by.Span}
	p.Translated = other.aggregator != nil && isTranslated(p.Address, other.address)
	return p
}

// lower is an aggregator's line for a member.
func (a *host) lower(m member) *topology.Peer {
	p := a.line(m.host, text(m.by))
	if m.aggregator != nil {
		p.Direction, p.Role = topology.Down, m.by.Span
		return p
	}
	if l := m.section(a.aggregator.Peers); l != nil {
		p.Address = l.at(p.Address)
		p.Translated = isTranslated(p.Address, l.address)
	} else {
		p.Address.Unresolved = true
	}
	return p
}

// addRule adds the rule for a table. All tables of its suffixes go by the same one.
func (a *host) addRule(out *topology.Aggregations, t *table) {
	from, to := t.suffixes[a.height-1], t.suffixes[a.height]
	known := slices.ContainsFunc(out.Rules, func(r *topology.Rule) bool { return r.From.Value == from.Value && r.To.Value == to.Value })
	if !known {
		out.Rules = append(out.Rules, &topology.Rule{From: text(from), Any: from.Value == "", To: text(to), UpOnly: !t.delivers(a.height), Span: to.Span})
	}
}

// addForwards lists the suffixes that aggregators above make of a table, and that reach the nodes through this one.
func (a *host) addForwards(out *topology.Aggregations, t *table) {
	for height := a.height + 1; height <= a.tops[t]; height++ {
		suffix := t.suffixes[height]
		if !t.delivers(height) {
			continue
		}
		known := slices.ContainsFunc(out.Forwards, func(f topology.Text) bool { return f.Value == suffix.Value })
		if !known {
			out.Forwards = append(out.Forwards, text(suffix))
		}
	}
}

// peersSections adds a balancer's peers sections, but for those that neither a table nor an aggregator uses: defaults
// may name sections for some balancers only. One without any use keeps its first, and so stays a balancer.
func (b *topologyBuilder) peersSections(h *host) {
	for i := range h.listens {
		l := &h.listens[i]
		section := peersSection(h, l)
		used := slices.ContainsFunc(b.tableList, func(t *table) bool { return t.isOn(h) && t.section(h) == l })
		if used || len(section.Peers) > 0 {
			h.node.Peers = append(h.node.Peers, section)
		}
	}
	if len(h.node.Peers) == 0 && len(h.listens) > 0 {
		h.node.Peers = append(h.node.Peers, peersSection(h, &h.listens[0]))
	}
}

func peersSection(h *host, l *listener) *topology.PeersSection {
	out := &topology.PeersSection{
		Name: text(l.section), Header: l.section.Span, Local: h.node.Name, Listen: l.address, TLS: h.tls, Style: h.node.Build.Style, Extra: h.extra,
	}
	for _, up := range h.sums {
		if h.section(up.aggregator.Peers) == l {
			out.Peers = append(out.Peers, h.line(up.host, text(up.by)))
		}
	}
	return out
}

// declare adds a balancer's tables: those of every level that is delivered, as nodes that differ in a table never meet over it.
func (b *topologyBuilder) declare(h *host) {
	for _, t := range b.tableList {
		if !t.isOn(h) {
			continue
		}
		var peers topology.Text
		if l := t.section(h); l != nil {
			peers = text(l.section)
			if at := t.entry.Peers; !at.IsZero() {
				peers.Span = at.Span
			}
		}
		for i, suffix := range t.suffixes {
			if !t.delivers(i) {
				continue
			}
			h.node.Tables = append(h.node.Tables, &topology.Table{
				Name:    topology.Text{Value: t.entry.Name.Value + suffix.Value, Span: t.entry.Name.Span},
				Peers:   peers,
				InPeers: t.entry.Declare.Value == "peers",
				Shape:   t.shapes[i],
				Span:    t.entry.Name.Span,

				RecvOnly: i > 0 && b.learnsCurrent() && t.shapes[i].Definition.Column(sticktable.ConnCur) != nil,
			})
		}
	}
}

// recvOnlySince is the first HAProxy that can keep current connections of peers.
var recvOnlySince = sticktable.Version{Major: 3, Minor: 2}

// learnsCurrent tells whether every node can take the number of current connections from an aggregator.
func (b *topologyBuilder) learnsCurrent() bool {
	v := b.cluster.HAProxy
	return v != (sticktable.Version{}) && !v.Before(recvOnlySince)
}
