package load

import (
	"slices"

	"stktc/topology"
)

// nodes writes what was derived into the cluster.
func (b *topologyBuilder) nodes() {
	for _, h := range b.order {
		if h.aggregator != nil {
			h.node.Aggregations = []*topology.Aggregations{b.aggregations(h)}
		}
		if h.balancer != nil {
			b.peersSections(h)
			b.declare(h)
		}
		b.cluster.Nodes = append(b.cluster.Nodes, h.node)
	}
}

// aggregations is an aggregator's section: its members first, then the aggregators that sum it.
func (b *topologyBuilder) aggregations(a *host) *topology.Aggregations {
	out := &topology.Aggregations{Height: max(a.height, 0), Name: text(a.aggregator.Section)}
	if out.Name.IsZero() && 0 < a.height && a.height < len(b.cluster.Levels) {
		out.Name = b.cluster.Levels[a.height].Name
	}
	out.Header = out.Name.Span
	out.Local = &topology.Peer{Name: a.node.Name, Address: a.address, Direction: topology.Local, Role: a.node.Name.Span, Span: a.node.Name.Span}
	for _, m := range a.members {
		out.Peers = append(out.Peers, a.lower(m))
	}
	for _, up := range a.sums {
		out.Peers = append(out.Peers, &topology.Peer{Name: up.node.Name, Address: up.address, Direction: topology.Up, Role: up.by.Span, Span: up.by.Span})
	}
	for _, t := range a.carries {
		a.addRule(out, t)
	}
	for _, t := range a.carries {
		a.addForwards(out, t)
	}
	return out
}

// lower is an aggregator's line for a member.
func (a *host) lower(m member) *topology.Peer {
	p := &topology.Peer{Name: m.node.Name, Address: m.address, Span: m.by.Span}
	if m.aggregator != nil {
		p.Direction, p.Role = topology.Down, m.by.Span
		return p
	}
	if l := m.section(a.aggregator.Peers); l != nil {
		p.Address = withPort(m.address, l.port, l.portAt)
	} else {
		p.Address.Unresolved = true
	}
	return p
}

func (a *host) addRule(out *topology.Aggregations, t *table) {
	from, to := t.suffixes[a.height-1], t.suffixes[a.height]
	known := slices.ContainsFunc(out.Rules, func(r *topology.Rule) bool { return r.From.Value == from.Value && r.To.Value == to.Value })
	if !known {
		out.Rules = append(out.Rules, &topology.Rule{From: text(from), Any: from.Value == "", To: text(to), Span: to.Span})
	}
}

// addForwards lists the suffixes that aggregators above make of a table, and that reach the nodes through this one.
func (a *host) addForwards(out *topology.Aggregations, t *table) {
	for height := a.height + 1; height <= a.tops[t]; height++ {
		suffix := t.suffixes[height]
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
		Name: text(l.section), Header: l.section.Span, Local: h.node.Name, Listen: l.address, Style: h.node.Build.Style,
	}
	for _, up := range h.sums {
		if h.section(up.aggregator.Peers) == l {
			out.Peers = append(out.Peers, &topology.Peer{Name: up.node.Name, Address: up.address, Span: up.by.Span})
		}
	}
	return out
}

// declare adds a balancer's tables: those of every level, as nodes that differ in a table never meet over it.
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
			h.node.Tables = append(h.node.Tables, &topology.Table{
				Name:    topology.Text{Value: t.entry.Name.Value + suffix.Value, Span: t.entry.Name.Span},
				Peers:   peers,
				InPeers: t.entry.Declare.Value == "peers",
				Shape:   t.shapes[i],
				Span:    t.entry.Name.Span,
			})
		}
	}
}
