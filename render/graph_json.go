package render

import (
	"bytes"
	"encoding/json"

	"stktc/topology"
)

// graphVersion is raised when a field changes its meaning or goes; fields may be added without.
const graphVersion = 1

type jsonGraph struct {
	Version int          `json:"version"`
	Title   string       `json:"title"`
	Levels  []string     `json:"levels"` // by rank
	Nodes   []jsonVertex `json:"nodes"`
	Edges   []jsonEdge   `json:"edges"`
	Cycles  [][]string   `json:"cycles"` // names, the first once more at the end
}

type jsonVertex struct {
	ID       int      `json:"id"` // edges refer to it: names need not be unique
	Name     string   `json:"name"`
	Kind     string   `json:"kind"`
	Rank     int      `json:"rank"`
	Site     string   `json:"site,omitempty"`
	Address  string   `json:"address,omitempty"`
	Section  string   `json:"section,omitempty"`
	Absent   bool     `json:"absent,omitempty"`
	Findings []string `json:"findings,omitempty"`
}

type jsonEdge struct {
	From     int          `json:"from"` // the lower end
	To       int          `json:"to"`
	Name     string       `json:"name"`
	Mesh     bool         `json:"mesh,omitempty"`
	Up       []string     `json:"up"`   // suffixes
	Down     []string     `json:"down"` // suffixes
	State    string       `json:"state"`
	Group    int          `json:"group,omitempty"` // as the lower end states it
	Cyclic   bool         `json:"cyclic,omitempty"`
	Defects  []jsonDefect `json:"defects,omitempty"`
	Findings []string     `json:"findings,omitempty"`
}

type jsonDefect struct {
	Kind string `json:"kind"`
	At   string `json:"at"`
	Text string `json:"text"`
}

// JSON prints one versioned document with every node and link, for programs.
func (g *Graph) JSON() []byte {
	j := jsonGraph{Version: graphVersion, Title: g.title(), Levels: []string{}, Nodes: []jsonVertex{}, Edges: []jsonEdge{}, Cycles: [][]string{}}
	for rank := range g.ranks() {
		j.Levels = append(j.Levels, g.levelName(rank))
	}
	marks := g.marks()
	ids := map[*topology.Vertex]int{}
	for i, v := range g.Vertices {
		ids[v] = i + 1
		n := jsonVertex{ID: i + 1, Name: v.Name, Kind: v.Kind.String(), Rank: v.Rank, Site: v.Site, Address: v.Address, Absent: v.Absent(), Findings: marks.vertices[v].codes}
		if v.Section != nil {
			n.Section = v.Section.Name.Value
		}
		j.Nodes = append(j.Nodes, n)
	}
	for _, e := range g.Edges {
		n := newJSONEdge(e)
		n.From, n.To = ids[e.Lower], ids[e.Upper]
		n.Findings = g.codes(e)
		j.Edges = append(j.Edges, n)
	}
	for _, c := range g.Cycles {
		j.Cycles = append(j.Cycles, c.Names())
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(j); err != nil {
		panic(err) // strings and numbers always encode
	}
	return out.Bytes()
}

func newJSONEdge(e *topology.Edge) jsonEdge {
	n := jsonEdge{Name: e.Name(), Mesh: e.Mesh, Up: present(e.Up), Down: present(e.Down), State: e.State().String(), Cyclic: e.Cyclic}
	if e.LowerPeer != nil {
		n.Group = e.LowerPeer.Group
	}
	for _, d := range e.Defects {
		n.Defects = append(n.Defects, jsonDefect{d.Kind.String(), d.At.Name, d.Text})
	}
	return n
}

// codes are those of the findings that name the link; defects that no finding covers are in the edge itself.
func (g *Graph) codes(e *topology.Edge) []string {
	m := graphMarks{edges: map[*topology.Edge]graphMark{}}
	for i := range g.Findings {
		m.markEdges([]*topology.Edge{e}, &g.Findings[i])
	}
	return m.edges[e].codes
}
