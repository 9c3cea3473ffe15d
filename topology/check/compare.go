package check

import (
	"fmt"
	"slices"

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
}

// compare finds the mismatches of an aspect: first between nodes, then between each aggregate and its source. What the
// former explain is not said again.
func (v *view) compare(a aspect) []mismatch {
	all := v.betweenNodes(a)
	blamed := map[*topology.Table]bool{}
	for _, m := range all {
		for _, d := range m.deviate {
			blamed[d.table] = true
		}
	}
	return append(all, v.betweenLevels(a, blamed)...)
}

// betweenNodes compares the tables of one wire name among nodes that have to do with each other. The value that most
// nodes state is right; of equally many the one that comes first.
func (v *view) betweenNodes(a aspect) []mismatch {
	var all []mismatch
	for _, group := range v.namesakes() {
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
			if value != right {
				all = append(all, mismatch{byValue[value], byValue[right][0], value, right, false, votes})
			}
		}
	}
	return all
}

// betweenLevels compares each aggregate with the table that it is made of on the same node, and folds what is alike on many.
func (v *view) betweenLevels(a aspect, blamed map[*topology.Table]bool) []mismatch {
	type key struct{ source, aggregate, got, want string }
	place := map[key]int{}
	seen := map[[2]*topology.Table]bool{}
	var all []mismatch
	for _, h := range v.flows() {
		u := tableNamed(v.sharedTables(h.first), h.name)
		if u == nil || seen[[2]*topology.Table{h.table, u}] || blamed[u] || blamed[h.table] {
			continue
		}
		seen[[2]*topology.Table{h.table, u}] = true
		got, known := a.of(u)
		want, knownToo := a.of(h.table)
		if !known || !knownToo || got == want {
			continue
		}
		k := key{h.table.WireName(), h.name, got, want}
		i, again := place[k]
		if !again {
			i = len(all)
			place[k] = i
			all = append(all, mismatch{right: decl{h.origin, h.table}, got: got, want: want, aggregate: true})
		}
		all[i].deviate = append(all[i].deviate, decl{h.origin, u})
	}
	return all
}

// namesakes groups the shared tables by wire name and by the part of the cluster that is linked together.
func (v *view) namesakes() [][]decl {
	type key struct {
		island int
		name   string
	}
	islands := v.islands()
	place := map[key]int{}
	var groups [][]decl
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

// wording is what a check of shapes says of a mismatch.
type wording struct {
	noun    string // "the key", "the period of `http_req_rate`"
	impact  string
	runTime string // what show peers or show table shows
	command string
}

// finding words a mismatch at both ends.
func (m *mismatch) finding(p *Pass, a aspect, w wording) diag.Finding {
	d, r := m.deviate[0], m.right
	var nodes []string
	for _, d := range m.deviate {
		nodes = append(nodes, d.node.Name)
	}
	f := diag.Finding{
		Primary: note(m.mark(a, d.table), "%s on %s", code(m.got), d.node.Name),
		Related: []diag.Note{note(m.mark(a, r.table), "%s on %s", code(m.want), r.node.Name)},
		Impact:  w.impact,
		RunTime: &diag.RunTime{Command: w.command, On: d.node.Name, Symptom: w.runTime},
		Nodes:   append(slices.Clone(nodes), r.node.Name),
		Tables:  []string{d.table.Name.Value},
	}
	if m.aggregate {
		f.Summary = fmt.Sprintf("on %s, %s is `%s` in `%s`, but `%s` in `%s`, which is summed into it", and(nodes), w.noun, m.got, d.table.Name.Value, m.want, r.table.Name.Value)
		f.Primary.Label = fmt.Sprintf("`%s` in the aggregate", m.got)
		f.Related[0].Label = fmt.Sprintf("`%s` where %s counts", m.want, r.node.Name)
		f.Tables = append(f.Tables, r.table.Name.Value)
	} else {
		f.Summary = fmt.Sprintf("on %s, %s is `%s` in `%s`, but `%s` on %s", and(nodes), w.noun, m.got, d.table.Name.Value, m.want, r.node.Name)
		f.Notes = notesOf(m.voteNote())
	}
	for _, d := range m.deviate[1:] {
		f.Related = append(f.Related, note(m.mark(a, d.table), "%s too", d.node.Name))
	}
	return f
}

// mark is the place of the aspect, the table's name where it is not written.
func (m *mismatch) mark(a aspect, t *topology.Table) diag.Span {
	if at := a.at(t); !at.IsZero() {
		return at
	}
	return t.Name.Span
}

func (m *mismatch) voteNote() string {
	if m.votes.total() < quorum {
		return ""
	}
	agree := m.votes.voters[m.want]
	return fmt.Sprintf("vote: %d of %d nodes say %s (%s)", len(agree), m.votes.total(), code(m.want), and(agree))
}
