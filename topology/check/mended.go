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
	m := mender{rules: map[*topology.Rule]bool{}, lines: map[*topology.Peer]bool{}, names: map[*topology.Table]string{}}
	replicas := v.nodeReplicas()
	for _, r := range replicas {
		m.lines[r.line] = true
	}
	v = m.mend(v)
	reversed := v.reversals()
	for _, r := range reversed {
		m.rules[r.rule] = true
	}
	v = m.mend(v)
	misspelt := v.misspellings()
	for _, t := range misspelt {
		m.names[t.table] = t.meant
	}
	v = m.mend(v)
	v.nodesAsReplicas, v.reversed, v.misspelt = replicas, reversed, misspelt
	return v
}

// mender copies what it changes.
type mender struct {
	rules map[*topology.Rule]bool // whose suffixes are swapped
	lines map[*topology.Peer]bool // whose "replica" is left out
	names map[*topology.Table]string
	done  int // changes that were made
}

func (m *mender) mend(v *view) *view {
	wanted := len(m.rules) + len(m.lines) + len(m.names)
	if wanted == m.done {
		return v
	}
	m.done = wanted
	mended := *v.Cluster
	mended.Nodes = slices.Clone(mended.Nodes)
	for i, n := range mended.Nodes {
		mended.Nodes[i] = m.node(n)
	}
	return newView(&mended)
}

func (m *mender) node(n *topology.Node) *topology.Node {
	renames := slices.ContainsFunc(n.Tables, func(t *topology.Table) bool { return m.names[t] != "" })
	if !renames && !slices.ContainsFunc(n.Aggregations, m.changes) {
		return n
	}
	copied := *n
	if renames {
		m.rename(&copied)
	}
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

// rename gives tables other names, in the rules too.
func (m *mender) rename(n *topology.Node) {
	n.Tables, n.Uses = slices.Clone(n.Tables), slices.Clone(n.Uses)
	for i, t := range n.Tables {
		if m.names[t] == "" {
			continue
		}
		table := *t
		table.Name.Value = m.names[t]
		n.Tables[i] = &table
		for j, use := range n.Uses {
			if use.Table.Value == t.RuleName() || !t.InPeers && use.Proxy == t.Name.Value {
				n.Uses[j] = renamedUse(use, t, &table)
			}
		}
	}
}

func renamedUse(use *topology.TableUse, old, table *topology.Table) *topology.TableUse {
	copied := *use
	if use.Table.Value == old.RuleName() {
		copied.Table.Value = table.RuleName()
	}
	if !old.InPeers && use.Proxy == old.Name.Value {
		copied.Proxy = table.Name.Value
	}
	return &copied
}
