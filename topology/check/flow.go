package check

import (
	"slices"
	"strings"

	"stktc/topology"
)

// hop is one table of one balancer at one aggregator on its way up: the aggregator makes name of it.
type hop struct {
	origin *topology.Vertex // the balancer that counts
	table  *topology.Table  // the table that it counts in
	first  *topology.Edge   // from the balancer to its aggregator
	at     *topology.Vertex // the aggregator
	by     *topology.Edge   // the edge over which the table came to it
	rule   *topology.Rule
	name   string // wire name of the result
	// delivered tells that the result comes back to the balancer: every aggregator on the way forwards it.
	delivered bool
	ofSum     bool // "from any" took the table, which is a sum itself
}

// flows follows every table of every balancer as far as rules carry it. The order is that of the graph's edges. Sums that "from any" takes for
// tables that are counted in are left out: STK409 is about those. The result is shared.
func (v *view) flows() []hop {
	if v.flowed == nil {
		v.flowed = slices.DeleteFunc(slices.Clone(v.allFlows()), func(h hop) bool { return h.ofSum })
	}
	return v.flowed
}

// allFlows gives the flows with those sums among them.
func (v *view) allFlows() []hop {
	if v.followed == nil {
		v.followed = v.follow()
	}
	return v.followed
}

func (v *view) follow() []hop {
	all := []hop{}
	for _, e := range v.Graph.Edges {
		if e.Mesh || e.Lower.Kind != topology.Balancer || e.Lower.Absent() || e.Upper.Absent() {
			continue
		}
		for _, t := range v.sharedTables(e) {
			v.climb(hop{origin: e.Lower, table: t, first: e, by: e, name: t.WireName()}, nil, &all)
		}
	}
	return all
}

// climb applies the rules of the aggregator at the upper end of h.by, and goes on from there. Path are the aggregators behind.
func (v *view) climb(h hop, path []*topology.Vertex, all *[]hop) {
	h.at = h.by.Upper
	if h.at.Section == nil || slices.Contains(path, h.at) {
		return
	}
	for _, r := range h.at.Section.Rules {
		name, ok := apply(h.at.Section, r, h.name)
		if !ok {
			continue
		}
		made := h
		made.rule, made.name = r, name
		made.ofSum = made.ofSum || r.Any && h.by == h.first && v.isSum(h.first.Lower, h.table)
		made.delivered = !r.UpOnly && !slices.ContainsFunc(path, func(x *topology.Vertex) bool { return !forwards(x.Section, name) })
		*all = append(*all, made)
		for _, e := range v.uppers(h.at) {
			up := made
			up.by = e
			v.climb(up, append(slices.Clone(path), h.at), all)
		}
	}
}

// apply gives the table that a rule makes of another; false when the rule does not take it.
func apply(s *topology.Aggregations, r *topology.Rule, name string) (string, bool) {
	if r.From.Unresolved || r.To.Unresolved {
		return "", false
	}
	if !r.Any {
		base, ok := strings.CutSuffix(name, r.From.Value)
		return base + r.To.Value, ok
	}
	made := slices.ContainsFunc(s.Rules, func(r *topology.Rule) bool { return strings.HasSuffix(name, r.To.Value) })
	leased := slices.ContainsFunc(s.Settings.Leases, func(l topology.Lease) bool { return l.Table.Value == name })
	return name + r.To.Value, !made && !leased && !forwards(s, name)
}

// forwards tells whether a section hands a table from above down to its members.
func forwards(s *topology.Aggregations, name string) bool {
	return slices.ContainsFunc(s.Forwards, func(f topology.Text) bool { return f.Value != "" && strings.HasSuffix(name, f.Value) })
}

// sharedTables are the tables that the balancer at the lower end of an edge shares over it, and those that it shares with nobody: STK303 is about the latter.
func (v *view) sharedTables(e *topology.Edge) []*topology.Table {
	s := e.PeersSection(e.Lower)
	if s == nil {
		return nil
	}
	var shared []*topology.Table
	for _, t := range e.Lower.Node.Tables {
		if t.Peers.IsZero() || t.Peers.Value == s.Name.Value {
			shared = append(shared, t)
		}
	}
	return shared
}

// tableNamed finds a balancer's table by its wire name; nil when it has none.
func tableNamed(tables []*topology.Table, name string) *topology.Table {
	i := slices.IndexFunc(tables, func(t *topology.Table) bool { return t.WireName() == name })
	if i < 0 {
		return nil
	}
	return tables[i]
}

// otherForm is the wire name of a table declared in the other place: "/t" in a peers section, "t" in a proxy.
func otherForm(name string) string {
	if plain, ok := strings.CutPrefix(name, "/"); ok {
		return plain
	}
	return "/" + name
}

// produced lists the wire names of the tables that an aggregator makes of what is known to come from below, sorted.
func (v *view) produced(x *topology.Vertex) []string {
	if made, done := v.made[x]; done || x.Section == nil {
		return made
	}
	v.made[x] = nil // a cycle ends here
	var made []string
	for _, name := range v.arriving(x) {
		for _, r := range x.Section.Rules {
			if result, ok := apply(x.Section, r, name); ok {
				made = append(made, result)
			}
		}
	}
	slices.Sort(made)
	v.made[x] = slices.Compact(made)
	return v.made[x]
}

// arriving lists the wire names of the tables that members offer to an aggregator, as far as their files are known.
func (v *view) arriving(x *topology.Vertex) []string {
	var all []string
	for _, e := range v.members(x) {
		all = append(all, v.offered(e)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// offered lists what the lower end of an edge gives to the upper.
func (v *view) offered(e *topology.Edge) []string {
	if e.Lower.Kind == topology.Aggregator {
		return v.produced(e.Lower)
	}
	var all []string
	for _, t := range v.sharedTables(e) {
		all = append(all, t.WireName())
	}
	return all
}

// isKnown tells whether the files of every member of an aggregator were given, and of the members' members.
func (v *view) isKnown(x *topology.Vertex) bool { return v.known(x, map[*topology.Vertex]bool{}) }

func (v *view) known(x *topology.Vertex, seen map[*topology.Vertex]bool) bool {
	if seen[x] {
		return true
	}
	seen[x] = true
	if x.Absent() {
		return false
	}
	for _, e := range v.members(x) {
		if !v.known(e.Lower, seen) {
			return false
		}
	}
	return true
}

// suffixes gives what a section's rules read, make, and forward, without what the environment decides.
func suffixes(s *topology.Aggregations) (from, to, forward []topology.Text) {
	add := func(list *[]topology.Text, t topology.Text) {
		if !t.Unresolved && t.Value != "" {
			*list = append(*list, t)
		}
	}
	for _, r := range s.Rules {
		if !r.Any {
			add(&from, r.From)
		}
		add(&to, r.To)
	}
	for _, f := range s.Forwards {
		add(&forward, f)
	}
	return from, to, forward
}
