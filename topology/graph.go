package topology

import (
	"cmp"
	"slices"
	"strings"

	"stktc/grammar/diag"
)

// Graph is a Cluster as boxes and arrows: who counts, who sums, what flows between them, and where the two ends of a link disagree.
// It is a pure function of the Cluster and shares its nodes and lines; nobody changes either after NewGraph.
type Graph struct {
	File     string
	Vertices []*Vertex // highest rank first, then by name
	Edges    []*Edge   // in the order of their lower, then upper vertices
	Levels   []string  // names of the ranks, lowest first; "" where none is known
	Cycles   []Cycle   // where counters would be summed into themselves; earliest place first
}

// Kind is what a vertex does.
type Kind uint8

// The kinds.
const (
	Balancer   Kind = iota + 1 // counts: an HAProxy node
	Aggregator                 // sums: one aggregations section
)

// String gives "balancer" or "aggregator".
func (k Kind) String() string { return [...]string{"", "balancer", "aggregator"}[k] }

// Vertex is one speaker of the peers protocol: a balancer, or one aggregations section. A host that is both, or has several sections, is several vertices.
type Vertex struct {
	Name    string // by which it greets its peers
	Kind    Kind
	Rank    int    // 0 for balancers; aggregators stand above everything that they sum
	Site    string // "" when none is stated
	Address string // where it is reached, as written: its own address, or what the others dial if that is a wildcard; "" when unknown

	Node    *Node         // nil when its files were not given
	Section *Aggregations // of an aggregator; nil when its files were not given
}

// Absent tells whether the vertex is known from the others' files only.
func (v *Vertex) Absent() bool { return v.Node == nil }

// Edge is a link. Lower gives what it counted or summed to Upper, and gets the sums.
type Edge struct {
	Lower, Upper *Vertex
	Mesh         bool     // two equals, balancers that share tables directly or replicas: Lower and Upper only order the names
	Up, Down     []string // suffixes of the tables that flow up and come down, in the order of the files; "any" for every table
	LowerPeer    *Peer    // Lower's line about Upper; nil when it has none
	UpperPeer    *Peer    // Upper's line about Lower; nil when it has none
	Defects      []Defect // where the ends disagree
	Cyclic       bool     // part of a reported cycle
}

// Span is the earliest place that speaks of the link.
func (e *Edge) Span() diag.Span {
	spans := []diag.Span{}
	for _, p := range []*Peer{e.LowerPeer, e.UpperPeer} {
		if p != nil {
			spans = append(spans, p.Span)
		}
	}
	return slices.MinFunc(spans, diag.Span.Compare)
}

// Name gives "lower->upper", as in diag.Finding.Edges.
func (e *Edge) Name() string { return e.Lower.Name + "->" + e.Upper.Name }

// State is what becomes of a link at run time, as far as the files tell.
type State uint8

// The states, best first.
const (
	Sound    State = iota + 1 // both ends agree
	Unknown                   // the files of one end were not given, and nothing speaks against the link
	Degraded                  // lives by one end's dial only, or the ends see the direction differently
	Dead                      // no session can come up
)

// String gives the state in lower case.
func (s State) String() string { return [...]string{"", "sound", "unknown", "degraded", "dead"}[s] }

// State tells what becomes of the link. A session needs both ends to list each other by the right names, and one dial that arrives.
func (e *Edge) State() State {
	lost := map[*Vertex]bool{}
	for _, d := range e.Defects {
		switch d.Kind {
		case PortDiffers, AddressDiffers, TLSDiffers:
			lost[d.At] = true
		case OneWay, NameDiffers:
			return Dead
		}
	}
	switch {
	case len(lost) == 2:
		return Dead
	case len(e.Defects) > 0:
		return Degraded
	case e.Lower.Absent() || e.Upper.Absent():
		return Unknown
	}
	return Sound
}

// Cycle is a round of edges, each ending where the next begins; the first has the earliest span.
type Cycle []*Edge

// Names lists the vertices of the round, the first once more at the end.
func (c Cycle) Names() []string {
	names := []string{c[0].Lower.Name}
	for _, e := range c {
		names = append(names, e.Upper.Name)
	}
	return names
}

// NewGraph draws a cluster's conclusions: it never fails, and what is inconsistent becomes defects.
func NewGraph(c *Cluster) *Graph {
	b := newGraphBuilder(c)
	b.linkAggregators()
	b.linkBalancers()
	b.addAbsent()
	edges := b.settle()
	for _, e := range edges {
		e.Up, e.Down = b.flows(e)
		e.Defects = append(e.Defects, b.compareEnds(e)...)
	}
	g := &Graph{File: c.File, Vertices: b.vertices, Edges: edges}
	g.rank()
	g.Levels = levelNames(c, g.Vertices)
	g.sort()
	g.Cycles = findCycles(g.Edges)
	for _, cycle := range g.Cycles {
		for _, e := range cycle {
			e.Cyclic = true
		}
	}
	return g
}

// Sites lists the sites in natural order, without "".
func (g *Graph) Sites() []string {
	var sites []string
	for _, v := range g.Vertices {
		if v.Site != "" {
			sites = append(sites, v.Site)
		}
	}
	slices.SortFunc(sites, CompareNatural)
	return slices.Compact(sites)
}

// Focus keeps the vertices of that name, or of that host, and all that feeds them or is fed by them. The second result is false when there is no such vertex.
func (g *Graph) Focus(name string) (*Graph, bool) {
	var start []*Vertex
	for _, v := range g.Vertices {
		if v.Name == name || v.Node != nil && (v.Node.Name.Value == name || v.Node.Dir == name) {
			start = append(start, v)
		}
	}
	if len(start) == 0 {
		return nil, false
	}
	up, down := map[*Vertex][]*Vertex{}, map[*Vertex][]*Vertex{}
	for _, e := range g.Edges {
		if !e.Mesh {
			up[e.Lower] = append(up[e.Lower], e.Upper)
			down[e.Upper] = append(down[e.Upper], e.Lower)
		}
	}
	above, below := reachable(up, start), reachable(down, start)
	f := &Graph{File: g.File, Levels: g.Levels}
	for _, v := range g.Vertices {
		if below[v] || above[v] {
			f.Vertices = append(f.Vertices, v)
		}
	}
	for _, e := range g.Edges {
		if below[e.Lower] && below[e.Upper] || above[e.Lower] && above[e.Upper] {
			f.Edges = append(f.Edges, e)
		}
	}
	f.Cycles = findCycles(f.Edges)
	return f, true
}

func (g *Graph) sort() {
	slices.SortStableFunc(g.Vertices, compareVertices)
	place := make(map[*Vertex]int, len(g.Vertices))
	for i, v := range g.Vertices {
		place[v] = i
	}
	slices.SortStableFunc(g.Edges, func(a, b *Edge) int {
		return cmp.Or(cmp.Compare(place[a.Lower], place[b.Lower]), cmp.Compare(place[a.Upper], place[b.Upper]))
	})
}

func compareVertices(a, b *Vertex) int {
	return cmp.Or(
		cmp.Compare(b.Rank, a.Rank),
		CompareNatural(a.Name, b.Name),
		cmp.Compare(a.Kind, b.Kind),
		CompareNatural(a.sectionName(), b.sectionName()),
	)
}

func (v *Vertex) sectionName() string {
	if v.Section == nil {
		return ""
	}
	return v.Section.Name.Value
}

// CompareNatural orders names as people do, hapee2 before hapee10; names that differ in leading zeros only are ordered by bytes.
func CompareNatural(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		n, m := digits(x), digits(y)
		if n == 0 || m == 0 {
			if x[0] != y[0] {
				return cmp.Compare(x[0], y[0])
			}
			x, y = x[1:], y[1:]
			continue
		}
		v, w := strings.TrimLeft(x[:n], "0"), strings.TrimLeft(y[:m], "0")
		if c := cmp.Or(cmp.Compare(len(v), len(w)), cmp.Compare(v, w)); c != 0 {
			return c
		}
		x, y = x[n:], y[m:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(a, b))
}

func digits(s string) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}
