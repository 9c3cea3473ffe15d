package check

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology"
)

// decl is a table that a balancer declares.
type decl struct {
	node  *topology.Vertex
	table *topology.Table
}

// aspect is something in which declarations of tables are compared. Of gives its value, false where the table has none.
type aspect struct {
	of func(*topology.Table) (string, bool)
	at func(*topology.Table) diag.Span
}

// mismatch is a set of declarations that say the same, and one that says something else with more right.
type mismatch struct {
	deviate   []decl
	right     decl
	got, want string
	aggregate bool    // right is the table on the same node that the deviating one is made of; else the same table on another node
	votes     *ballot // of the nodes that declare the table; nil with aggregate
	also      []decl  // other tables that the same nodes declare wrongly in the same way
	silenced  bool    // a comment speaks of the deviating places
}

// compare finds the mismatches of an aspect: first between nodes, then between each aggregate and its source. What the
// former explain is not said again.
func (p *Pass) compare(a aspect) []mismatch {
	all := p.betweenNodes(a)
	blamed := map[*topology.Table]bool{}
	for _, m := range all {
		for _, d := range m.deviate {
			blamed[d.table] = true
		}
	}
	return append(sameNodes(all), sameNodes(p.betweenLevels(a, blamed))...)
}

// sameNodes folds what the same nodes say wrongly of several tables in the same way: a file that was copied and changed is one mistake.
func sameNodes(all []mismatch) []mismatch {
	first := map[string]int{}
	var kept []mismatch
	for _, m := range all {
		k := fmt.Sprint(declNodes(m.deviate), m.got, m.want, m.silenced)
		if m.aggregate {
			k += m.right.table.WireName()
		}
		i, again := first[k]
		if !again {
			first[k] = len(kept)
			kept = append(kept, m)
			continue
		}
		kept[i].also = append(kept[i].also, m.deviate...)
	}
	return kept
}

func declNodes(list []decl) []string {
	var nodes []string
	for _, d := range list {
		nodes = append(nodes, d.node.Name)
	}
	return unique(nodes)
}

// betweenNodes compares the tables of one wire name among nodes that have to do with each other. The value that most
// nodes state is right; of equally many the one that comes first.
func (p *Pass) betweenNodes(a aspect) []mismatch {
	var all []mismatch
	for _, group := range p.namesakes() {
		if agree(a, group) {
			continue
		}
		votes := newBallot(group[0].table.Name.Value, "")
		votes.values = nil
		byValue := map[string][]decl{}
		for _, d := range group {
			if value, ok := a.of(d.table); ok {
				votes.add(d.node.Name, value)
				byValue[value] = append(byValue[value], d)
			}
		}
		right := ""
		for _, value := range votes.values {
			if right == "" || len(byValue[value]) > len(byValue[right]) {
				right = value
			}
		}
		for _, value := range votes.values {
			if value == right {
				continue
			}
			heard, silenced := p.apart(a, byValue[value])
			m := mismatch{right: byValue[right][0], got: value, want: right, votes: votes}
			for _, m.deviate = range [][]decl{heard, silenced} {
				if len(m.deviate) > 0 {
					all = append(all, m)
				}
				m.silenced = true
			}
		}
	}
	return all
}

// agree tells whether no two declarations say different things: nearly all do, and votes cost.
func agree(a aspect, group []decl) bool {
	first, some := "", false
	for _, d := range group {
		value, ok := a.of(d.table)
		if ok && some && value != first {
			return false
		}
		if ok {
			first, some = value, true
		}
	}
	return true
}

// apart separates the declarations that a comment speaks of.
func (p *Pass) apart(a aspect, all []decl) (heard, silenced []decl) {
	for _, d := range all {
		if p.silences(a.mark(d.table)) {
			silenced = append(silenced, d)
		} else {
			heard = append(heard, d)
		}
	}
	return heard, silenced
}

// mark is the place of the aspect, the table's name where it is not written.
func (a aspect) mark(t *topology.Table) diag.Span {
	return firstOf(a.at(t), t.Name.Span)
}

// betweenLevels compares each aggregate with the table that it is made of on the same node, and folds what is alike on many.
func (p *Pass) betweenLevels(a aspect, blamed map[*topology.Table]bool) []mismatch {
	type key struct {
		source, aggregate, got, want string
		silenced                     bool
	}
	place := map[key]int{}
	var all []mismatch
	for _, s := range p.summations() {
		if blamed[s.sum] || blamed[s.source] {
			continue
		}
		got, known := a.of(s.sum)
		want, knownToo := a.of(s.source)
		if !known || !knownToo || got == want {
			continue
		}
		k := key{s.source.WireName(), s.sum.WireName(), got, want, p.silences(a.mark(s.sum))}
		i, again := place[k]
		if !again {
			i = len(all)
			place[k] = i
			all = append(all, mismatch{right: decl{s.node, s.source}, got: got, want: want, aggregate: true, silenced: k.silenced})
		}
		all[i].deviate = append(all[i].deviate, decl{s.node, s.sum})
	}
	return all
}

// summation is a table of a balancer and one that its sum comes back in.
type summation struct {
	node        *topology.Vertex
	source, sum *topology.Table
}

// summations lists each once, in the order of the flows. The result is shared.
func (v *view) summations() []summation {
	if v.summed != nil {
		return v.summed
	}
	v.summed = []summation{}
	seen := map[[2]*topology.Table]bool{}
	for _, h := range v.flows() {
		u := tableNamed(v.sharedTables(h.first), h.name)
		if u != nil && !seen[[2]*topology.Table{h.table, u}] {
			seen[[2]*topology.Table{h.table, u}] = true
			v.summed = append(v.summed, summation{h.origin, h.table, u})
		}
	}
	return v.summed
}

// namesakes groups the shared tables by wire name and by the part of the cluster that is linked together. The result is shared.
func (v *view) namesakes() [][]decl {
	if v.groups == nil {
		v.groups = v.groupNamesakes()
	}
	return v.groups
}

func (v *view) groupNamesakes() [][]decl {
	type key struct {
		island int
		name   string
	}
	islands := v.islands()
	place := map[key]int{}
	groups := [][]decl{}
	seen := map[decl]bool{}
	for _, e := range v.Graph.Edges {
		for _, x := range []*topology.Vertex{e.Lower, e.Upper} {
			s := e.PeersSection(x)
			if s == nil {
				continue
			}
			for _, t := range x.Node.Tables {
				d := decl{x, t}
				if t.Peers.Value != s.Name.Value || seen[d] {
					continue
				}
				seen[d] = true
				k := key{islands[x], t.WireName()}
				i, again := place[k]
				if !again {
					i = len(groups)
					place[k] = i
					groups = append(groups, nil)
				}
				groups[i] = append(groups[i], d)
			}
		}
	}
	return groups
}

// islands numbers the vertices by what is linked together in any way.
func (v *view) islands() map[*topology.Vertex]int {
	island := map[*topology.Vertex]int{}
	var visit func(*topology.Vertex, int)
	visit = func(x *topology.Vertex, n int) {
		island[x] = n
		for _, e := range v.edges[x] {
			if y := other(e, x); island[y] == 0 {
				visit(y, n)
			}
		}
	}
	for i, x := range v.Graph.Vertices {
		if island[x] == 0 {
			visit(x, i+1)
		}
	}
	return island
}
