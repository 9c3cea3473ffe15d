package lab

import (
	"slices"
	"strconv"
	"strings"

	"stktc/topology"
	"stktc/topology/sticktable"
)

// model says which tables count and what every other table is the sum of. It is drawn from the hosts' files alone, and shares
// nothing with the runtime.
type model struct {
	nodes    []*topology.Node                  // by host; nil for one without HAProxy
	byPeer   map[string]int                    // balancers by the names that they bear
	sections map[string]*topology.Aggregations // by their local peer's name
}

// source is one table of one node, by its name on the wire.
type source struct {
	node  int
	table string
}

// role is what a table of a node is to the aggregation.
type role struct {
	table   *topology.Table
	counts  bool     // its own counts are summed somewhere
	sources []source // what it is the sum of; nil for one that counts or takes no part
}

func newModel(hosts []Host, cluster *topology.Cluster) *model {
	m := &model{nodes: make([]*topology.Node, len(hosts)), byPeer: map[string]int{}, sections: map[string]*topology.Aggregations{}}
	for _, n := range cluster.Nodes {
		i := slices.IndexFunc(hosts, func(h Host) bool { return h.Name == n.Dir })
		for _, a := range n.Aggregations {
			if a.Local != nil {
				m.sections[a.Local.Name.Value] = a
			}
		}
		if !n.IsBalancer() {
			continue
		}
		m.nodes[i] = n
		m.byPeer[hosts[i].Name] = i
		for _, s := range n.Peers {
			m.byPeer[s.Local.Value] = i
		}
	}
	return m
}

// roles lists the tables of a node that take part, in the order of its files.
func (m *model) roles(node int) []role {
	var roles []role
	n := m.nodes[node]
	for _, t := range n.Tables {
		if r := m.role(n, t); r.counts || r.sources != nil {
			roles = append(roles, r)
		}
	}
	return roles
}

func (m *model) role(n *topology.Node, t *topology.Table) role {
	r := role{table: t}
	for _, s := range n.Peers {
		if s.Name.Value != t.Peers.Value {
			continue
		}
		for _, p := range s.Peers {
			a := m.sections[p.Name.Value]
			if a == nil {
				continue
			}
			if sum := m.delivered(a, t.WireName()); sum != nil {
				r.sources = sum
				return r
			}
			r.counts = r.counts || slices.ContainsFunc(a.Rules, func(rule *topology.Rule) bool { return takes(a, rule, t.WireName()) })
		}
	}
	return r
}

// delivered gives the sources of a table that an aggregator sends to its nodes; nil if it does not.
func (m *model) delivered(a *topology.Aggregations, table string) []source {
	for _, rule := range a.Rules {
		if rule.UpOnly && strings.HasSuffix(table, rule.To.Value) {
			return nil
		}
	}
	return m.sources(a, table)
}

// sources follows a table down to the counters that it is the sum of.
func (m *model) sources(a *topology.Aggregations, table string) []source {
	for _, rule := range a.Rules {
		if base, ok := strings.CutSuffix(table, rule.To.Value); ok {
			return m.members(a, base+rule.From.Value)
		}
	}
	for _, f := range a.Forwards {
		if !strings.HasSuffix(table, f.Value) {
			continue
		}
		for _, p := range a.Peers {
			if up := m.sections[p.Name.Value]; p.Direction == topology.Up && up != nil {
				return m.sources(up, table)
			}
		}
	}
	return nil
}

// members collects a table from all that a section sums; of the members of a group one counts.
func (m *model) members(a *topology.Aggregations, table string) []source {
	var all []source
	groups := map[int]bool{}
	for _, p := range a.Peers {
		if p.Group > 0 && groups[p.Group] {
			continue
		}
		groups[p.Group] = true
		switch below := m.sections[p.Name.Value]; {
		case p.Direction == topology.Down && below != nil:
			all = append(all, m.sources(below, table)...)
		case p.Direction == topology.Unmarked:
			if i, ok := m.byPeer[p.Name.Value]; ok && m.table(i, table) != nil {
				all = append(all, source{i, table})
			}
		}
	}
	return all
}

func (m *model) table(node int, wireName string) *topology.Table {
	for _, t := range m.nodes[node].Tables {
		if t.WireName() == wireName {
			return t
		}
	}
	return nil
}

// takes tells whether a rule sums a table that a node counts in.
func takes(a *topology.Aggregations, rule *topology.Rule, table string) bool {
	if rule.From.Value != "" {
		return strings.HasSuffix(table, rule.From.Value)
	}
	for _, r := range a.Rules {
		if strings.HasSuffix(table, r.To.Value) {
			return false
		}
	}
	return !slices.ContainsFunc(a.Forwards, func(f topology.Text) bool { return strings.HasSuffix(table, f.Value) })
}

// cell is one number of an entry.
type cell struct {
	column sticktable.DataType
	elem   int
}

// values are the numbers of one entry.
type values map[cell]uint64

// cells lists the numbers of a table that are summed and that a node learns: conn_cur is not, servers are not.
func cells(d *sticktable.Definition) []cell {
	var all []cell
	for _, c := range d.Columns {
		switch c.Type.Spec().Arithmetic {
		case sticktable.NotAggregated, sticktable.SumConnected:
			continue
		}
		for e := range max(c.Elems, 1) {
			all = append(all, cell{c.Type, e})
		}
	}
	return all
}

// name is the cell's as HAProxy shows it: "gpc1_rate" for the second element of gpc_rate.
func (c cell) name() string {
	name := c.column.String()
	if !c.column.Spec().Array {
		return name
	}
	base, rest, isRate := strings.Cut(name, "_")
	name = base + strconv.Itoa(c.elem)
	if isRate {
		name += "_" + rest
	}
	return name
}
