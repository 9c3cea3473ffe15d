package check

import (
	"slices"

	"stktc/topology"
)

// withMended gives the cluster as it would be without mistakes that change what everything else means, and keeps these to be reported: what follows from
// them is no second mistake. A topology's values are derived, so that there it is the cluster itself.
func withMended(v *view) *view {
	if v.Cluster.Source == topology.FromTopology {
		return v
	}
	m := mender{rules: map[*topology.Rule]bool{}, lines: map[*topology.Peer]bool{}}
	replicas := v.nodeReplicas()
	for _, r := range replicas {
		m.lines[r.line] = true
	}
	v = m.mend(v)
	v.nodesAsReplicas = replicas
	reversed := v.reversals()
	if len(reversed) == 0 {
		return v
	}
	for _, r := range reversed {
		m.rules[r.rule] = true
	}
	v = m.mend(v)
	v.nodesAsReplicas, v.reversed = replicas, reversed
	return v
}

// mender copies what it changes.
type mender struct {
	rules map[*topology.Rule]bool // whose suffixes are swapped
	lines map[*topology.Peer]bool // whose "replica" is left out
}

func (m *mender) mend(v *view) *view {
	if len(m.rules)+len(m.lines) == 0 {
		return v
	}
	mended := *v.Cluster
	mended.Nodes = slices.Clone(mended.Nodes)
	for i, n := range mended.Nodes {
		mended.Nodes[i] = m.node(n)
	}
	return newView(&mended)
}

func (m *mender) node(n *topology.Node) *topology.Node {
	if !slices.ContainsFunc(n.Aggregations, m.changes) {
		return n
	}
	copied := *n
	copied.Aggregations = slices.Clone(n.Aggregations)
	for i, s := range copied.Aggregations {
		copied.Aggregations[i] = m.section(s)
	}
	return &copied
}

func (m *mender) changes(s *topology.Aggregations) bool {
	return slices.ContainsFunc(s.Rules, func(r *topology.Rule) bool { return m.rules[r] }) ||
		slices.ContainsFunc(s.Peers, func(p *topology.Peer) bool { return m.lines[p] })
}

func (m *mender) section(s *topology.Aggregations) *topology.Aggregations {
	copied := *s
	copied.Rules, copied.Peers = slices.Clone(s.Rules), slices.Clone(s.Peers)
	for i, r := range copied.Rules {
		if m.rules[r] {
			rule := *r
			rule.From, rule.To = r.To, r.From
			copied.Rules[i] = &rule
		}
	}
	for i, p := range copied.Peers {
		if m.lines[p] {
			peer := *p
			peer.Replica = false
			copied.Peers[i] = &peer
		}
	}
	return &copied
}
