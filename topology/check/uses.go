package check

import (
	"slices"
	"strings"

	"stktc/grammar/diag"
	"stktc/topology"
	"stktc/topology/sticktable"
)

// tableUses tells which tables the rules of one node use.
type tableUses struct {
	node *topology.Node
	// tables are all that the node declares, by the names that rules have for them.
	tables map[string]*topology.Table
	names  []string // theirs, sorted
	// unknown is set when an environment variable hides the name of a table: then any name may be one.
	unknown bool
}

func newTableUses(n *topology.Node) *tableUses {
	u := &tableUses{node: n, tables: map[string]*topology.Table{}}
	for _, list := range [][]*topology.Table{n.BaseTables, n.Tables} {
		for _, t := range list {
			if u.tables[t.RuleName()] == nil {
				u.names = append(u.names, t.RuleName())
			}
			u.tables[t.RuleName()] = t
			u.unknown = u.unknown || t.Name.Unresolved || t.InPeers && t.Peers.Unresolved
		}
	}
	slices.SortFunc(u.names, topology.CompareNatural)
	return u
}

// usesOf gives a node's uses, made once.
func (v *view) usesOf(n *topology.Node) *tableUses {
	if v.used == nil {
		v.used = map[*topology.Node]*tableUses{}
	}
	if v.used[n] == nil {
		v.used[n] = newTableUses(n)
	}
	return v.used[n]
}

// of gives the tables that one use may be about: several when counters follow several tables. False when that is not known.
func (u *tableUses) of(use *topology.TableUse) ([]*topology.Table, bool) {
	switch {
	case use.Table.Unresolved || u.unknown:
		return nil, false
	case !use.Table.IsZero():
		t := u.tables[use.Table.Value]
		return one(t), t != nil
	case use.Kind != topology.Counts && use.Counter >= 0:
		return u.tracked(use)
	}
	t := u.tables[use.Proxy]
	return one(t), t != nil && use.Proxy != ""
}

func one(t *topology.Table) []*topology.Table {
	if t == nil {
		return nil
	}
	return []*topology.Table{t}
}

// tracked gives the tables that a counter may follow where it is read: what rules of the same proxy track, else what those of any proxy do, as a
// connection takes its counters along from frontend to backend.
func (u *tableUses) tracked(use *topology.TableUse) ([]*topology.Table, bool) {
	var here, anywhere []*topology.Table
	for _, track := range u.node.Uses {
		if track.Kind != topology.Counts || track.Counter != use.Counter {
			continue
		}
		t, known := u.of(track)
		if !known {
			return nil, false
		}
		anywhere = append(anywhere, t...)
		if track.Proxy == use.Proxy {
			here = append(here, t...)
		}
	}
	if len(here) > 0 {
		anywhere = here
	}
	return anywhere, len(anywhere) > 0
}

// stores tells whether a table has what a fetch of a data type reads: gpc0, gpc1 and gpt0 are found in the arrays too, whose elements have no such names.
func stores(t *topology.Table, data sticktable.DataType, index int) bool {
	d := &t.Shape.Definition
	if c := d.Column(data); c != nil {
		return index < c.Elems
	}
	inArray := map[sticktable.DataType]struct {
		array sticktable.DataType
		index int
	}{
		sticktable.GPC0: {sticktable.GPC, 0}, sticktable.GPC1: {sticktable.GPC, 1}, sticktable.GPT0: {sticktable.GPT, 0},
		sticktable.GPC0Rate: {sticktable.GPCRate, 0}, sticktable.GPC1Rate: {sticktable.GPCRate, 1},
	}
	a, ok := inArray[data]
	return ok && d.Column(a.array) != nil && a.index < d.Column(a.array).Elems
}

// aggregates gives the tables in which a balancer gets sums, and of each the table that it is made of.
func (v *view) aggregates(x *topology.Vertex) map[*topology.Table]*topology.Table {
	if v.sums == nil {
		v.sums = map[*topology.Vertex]map[*topology.Table]*topology.Table{}
		sources := map[*topology.Table]bool{} // a table that is both is STK401's or STK405's
		for _, h := range v.flows() {
			sources[h.table] = true
		}
		for _, h := range v.flows() {
			u := tableNamed(v.sharedTables(h.first), h.name)
			if u == nil || sources[u] || !h.delivered {
				continue
			}
			if v.sums[h.origin] == nil {
				v.sums[h.origin] = map[*topology.Table]*topology.Table{}
			}
			v.sums[h.origin][u] = h.table
		}
	}
	return v.sums[x]
}

// balancers lists the vertices of balancers whose files are known.
func (v *view) balancers() []*topology.Vertex {
	var list []*topology.Vertex
	for _, x := range v.Graph.Vertices {
		if x.Kind == topology.Balancer && !x.Absent() {
			list = append(list, x)
		}
	}
	return list
}

// similar finds the name that was likely meant: the same table in the other place, which is certain, or one that is spelt much alike.
func (u *tableUses) similar(name string) (meant string, certain bool) {
	_, plain, inPeers := strings.Cut(name, "/")
	var same []string
	for _, rule := range u.names {
		t := u.tables[rule]
		if inPeers && rule == plain || !inPeers && t.InPeers && t.Name.Value == name {
			same = append(same, rule)
		}
	}
	if len(same) == 1 {
		return same[0], true
	}
	return diag.Nearest(name, u.names), false
}
