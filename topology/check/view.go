package check

import (
	"bytes"
	"slices"
	"strings"

	"stktc/grammar/diag"
	"stktc/topology"
)

// view is what the checks share: the cluster, its graph, and what follows from both. It is computed once, or when it is first
// asked for, and then only read.
type view struct {
	Cluster *topology.Cluster
	Graph   *topology.Graph

	ignores  *ignores
	edges    map[*topology.Vertex][]*topology.Edge                    // both ends' edges
	made     map[*topology.Vertex][]string                            // see produced
	renamed  map[*topology.Edge]alias                                 // see aliases
	dialled  []dial                                                   // see dials
	flowed   []hop                                                    // see flows
	followed []hop                                                    // see allFlows
	callers  map[called][]*topology.Node                              // see inOneNetwork
	lacking  []*demand                                                // see unmet
	standIns map[string][]*topology.Vertex                            // see hasStandIn
	stepped  []step                                                   // see steps
	used     map[*topology.Node]*tableUses                            // see usesOf
	sums     map[*topology.Vertex]map[*topology.Table]*topology.Table // see aggregates
	groups   [][]decl                                                 // see namesakes
	summed   []summation                                              // see summations
	reversed []*reversal                                              // see withMended
	// Lines of aggregators that take a node for one of their kind, see withMended.
	nodesAsReplicas []nodeReplica
	unlike          map[*topology.Vertex]bool     // see isUnlike
	misspelt        []*misspelling                // see withMended
	flowsOf         map[*topology.Vertex][]hop    // see orphans
	sources         map[string][]*topology.Vertex // see isSource
	sumNames        map[string][]*topology.Vertex // see hasSum
	// Hosts by the name that they claim, see sharing.
	claimants map[string][]*topology.Node
}

func newView(c *topology.Cluster) *view {
	v := &view{
		Cluster: c,
		Graph:   topology.NewGraph(c),
		ignores: newIgnores(c),
		edges:   map[*topology.Vertex][]*topology.Edge{},
		made:    map[*topology.Vertex][]string{},
	}
	for _, e := range v.Graph.Edges {
		v.edges[e.Lower] = append(v.edges[e.Lower], e)
		if e.Upper != e.Lower {
			v.edges[e.Upper] = append(v.edges[e.Upper], e)
		}
	}
	v.renamed = v.aliases()
	return v
}

// other is the far end of an edge.
func other(e *topology.Edge, x *topology.Vertex) *topology.Vertex {
	if e.Lower == x {
		return e.Upper
	}
	return e.Lower
}

// lineOf is what x's files say about the far end; nil when they do not list it.
func lineOf(e *topology.Edge, x *topology.Vertex) *topology.Peer {
	if e.Lower == x {
		return e.LowerPeer
	}
	return e.UpperPeer
}

func defect(e *topology.Edge, at *topology.Vertex, kind topology.DefectKind) bool {
	return slices.ContainsFunc(e.Defects, func(d topology.Defect) bool { return d.Kind == kind && d.At == at })
}

// ownName is where x says what it calls itself; zero when it does not.
func (v *view) ownName(e *topology.Edge, x *topology.Vertex) topology.Text {
	switch s := e.PeersSection(x); {
	case x.Node == nil:
	case x.Section != nil:
		if x.Section.Local != nil {
			return x.Section.Local.Name
		}
	case s != nil && !s.Local.IsZero():
		return s.Local
	default:
		return x.Node.LocalPeer
	}
	return topology.Text{}
}

// isUnnamed tells that x does not say what it calls itself, so that nothing is known of how it greets.
func (v *view) isUnnamed(e *topology.Edge, x *topology.Vertex) bool {
	own := v.ownName(e, x)
	return own.IsZero() || own.Unresolved
}

// listen is where x accepts the far end of an edge; zero when it does not say.
func (v *view) listen(e *topology.Edge, x *topology.Vertex) topology.Address {
	l, _ := e.Listener(x)
	return *l.Address
}

// header is the first line of x's section that an edge belongs to.
func (v *view) header(e *topology.Edge, x *topology.Vertex) diag.Span {
	switch s := e.PeersSection(x); {
	case x.Section != nil:
		return x.Section.Header
	case s != nil:
		return s.Header
	}
	return diag.Span{}
}

// lines are all lines of x's section, its own excepted.
func (v *view) lines(e *topology.Edge, x *topology.Vertex) []*topology.Peer {
	switch s := e.PeersSection(x); {
	case x.Section != nil:
		return x.Section.Peers
	case s != nil:
		return s.Peers
	}
	return nil
}

// members are the edges to all that aggregator x sums.
func (v *view) members(x *topology.Vertex) []*topology.Edge {
	return v.edgesWhere(x, func(e *topology.Edge) bool { return !e.Mesh && e.Upper == x && e.Lower != x })
}

// uppers are the edges to the aggregators above x.
func (v *view) uppers(x *topology.Vertex) []*topology.Edge {
	return v.edgesWhere(x, func(e *topology.Edge) bool { return !e.Mesh && e.Lower == x && e.Upper != x })
}

func (v *view) edgesWhere(x *topology.Vertex, keep func(*topology.Edge) bool) []*topology.Edge {
	var kept []*topology.Edge
	for _, e := range v.edges[x] {
		if keep(e) {
			kept = append(kept, e)
		}
	}
	return kept
}

// isSettled tells whether no mark at either end contradicts the edge's direction: else little follows from it.
func isSettled(e *topology.Edge) bool {
	up, down := e.LowerPeer, e.UpperPeer
	if e.Lower.Kind == topology.Balancer {
		return down == nil || down.Direction == topology.Unmarked
	}
	return (up == nil || up.Direction == topology.Up) && (down == nil || down.Direction == topology.Down)
}

// balancersBelow lists the balancers whose counters reach x, x itself when it is one, in natural order.
func (v *view) balancersBelow(x *topology.Vertex) []*topology.Vertex {
	var found []*topology.Vertex
	seen := map[*topology.Vertex]bool{}
	var walk func(*topology.Vertex)
	walk = func(x *topology.Vertex) {
		if seen[x] {
			return
		}
		seen[x] = true
		if x.Kind == topology.Balancer {
			found = append(found, x)
		}
		for _, e := range v.members(x) {
			walk(e.Lower)
		}
	}
	walk(x)
	slices.SortStableFunc(found, func(a, b *topology.Vertex) int { return topology.CompareNatural(a.Name, b.Name) })
	return found
}

func names(vertices []*topology.Vertex) []string {
	var list []string
	for _, x := range vertices {
		list = append(list, x.Name)
	}
	return unique(list)
}

// replace is the edit that puts text in the place of a span. In a topology the values that checks compare are derived,
// so there nothing is edited.
func (v *view) replace(at diag.Span, text string) []diag.Edit {
	if !v.canEdit(at) {
		return nil
	}
	return []diag.Edit{{Span: at, NewText: text}}
}

// canEdit tells whether text may be put in the place of a span: it must be the very text that counts, without a variable in it.
func (v *view) canEdit(at diag.Span) bool {
	text := v.Cluster.Files[at.File]
	if v.Cluster.Source == topology.FromTopology || at.IsZero() || at.End.Offset > len(text) {
		return false
	}
	return !bytes.ContainsAny(text[at.Start.Offset:at.End.Offset], "$\n")
}

// insertBefore is the edit that puts a line before the line of a span, indented alike.
func (v *view) insertBefore(at diag.Span, line string) []diag.Edit {
	if v.Cluster.Source == topology.FromTopology || at.IsZero() {
		return nil
	}
	start := at.Start
	text := v.Cluster.Files[at.File]
	from := start.Offset - (start.Column - 1)
	if from < 0 || start.Offset > len(text) {
		return nil
	}
	indent := string(text[from:start.Offset])
	if strings.TrimLeft(indent, " \t") != "" {
		return nil
	}
	return []diag.Edit{{Span: diag.Span{File: at.File, Start: start, End: start}, NewText: line + "\n" + indent}}
}
