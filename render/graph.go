package render

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"stktc/grammar/diag"
	"stktc/topology"
)

// Graph is a cluster's graph and what is known to be wrong with it. Its methods print it; equal graphs give equal bytes.
type Graph struct {
	*topology.Graph
	Findings diag.List // marked on the links and nodes that they name; may be empty, then only the graph's own defects are
}

// graphMark is what a picture shows at a link or node that is not as it should be. The zero value shows nothing.
type graphMark struct {
	severity diag.Severity
	codes    []string // of findings, one of the gravest first, else words for the defects: "port"
	texts    []string // sentences, in the same order
}

func (m *graphMark) add(severity diag.Severity, code, text string) {
	at := len(m.texts)
	if severity > m.severity {
		m.severity, at = severity, 0
		m.codes = slices.DeleteFunc(m.codes, func(c string) bool { return c == code })
	}
	if !slices.Contains(m.codes, code) {
		m.codes = slices.Insert(m.codes, min(at, len(m.codes)), code)
	}
	m.texts = slices.Insert(m.texts, at, text)
}

// label is short enough for a picture: "STK201", or "STK201 +1".
func (m graphMark) label() string {
	switch len(m.codes) {
	case 0:
		return ""
	case 1:
		return m.codes[0]
	}
	return fmt.Sprintf("%s +%d", m.codes[0], len(m.codes)-1)
}

// kind is equal for marks that look the same.
func (m graphMark) kind() string { return fmt.Sprintf("%v%q", m.severity, m.codes) }

// graphMarks are the marks of one picture.
type graphMarks struct {
	edges    map[*topology.Edge]graphMark
	vertices map[*topology.Vertex]graphMark
}

// marks puts each finding on the links that it names, else on its nodes; where no finding speaks of a link, its own defects do. Findings of severity info mark nothing.
func (g *Graph) marks() graphMarks {
	m := graphMarks{map[*topology.Edge]graphMark{}, map[*topology.Vertex]graphMark{}}
	for i := range g.Findings {
		if f := &g.Findings[i]; f.Severity > diag.Info && !m.markEdges(g.Edges, f) {
			m.markVertices(g, f)
		}
	}
	for _, e := range g.Edges {
		mark := m.edges[e]
		if mark.severity != 0 {
			continue
		}
		for _, d := range e.Defects {
			mark.add(diag.Error, d.Kind.String(), d.Text)
		}
		if e.Cyclic {
			mark.add(diag.Error, "cycle", e.Lower.Name+" is summed, in the end, into itself")
		}
		if mark.severity != 0 {
			m.edges[e] = mark
		}
	}
	return m
}

func (m graphMarks) markEdges(edges []*topology.Edge, f *diag.Finding) bool {
	found := false
	for _, e := range edges {
		if slices.Contains(f.Edges, e.Name()) || slices.Contains(f.Edges, e.Upper.Name+"->"+e.Lower.Name) {
			mark := m.edges[e]
			mark.add(f.Severity, string(f.Code), f.Summary)
			m.edges[e] = mark
			found = true
		}
	}
	return found
}

func (m graphMarks) markVertices(g *Graph, f *diag.Finding) {
	for _, v := range g.Vertices {
		if slices.Contains(f.Nodes, v.Name) || v.Node != nil && slices.Contains(f.Nodes, v.Node.Name.Value) {
			mark := m.vertices[v]
			mark.add(f.Severity, string(f.Code), f.Summary)
			m.vertices[v] = mark
		}
	}
}

// title names the picture after the file, never after a place on this machine.
func (g *Graph) title() string {
	name := path.Base(strings.ReplaceAll(g.File, `\`, "/"))
	if g.File == "" || name == "." || name == "/" {
		return "cluster"
	}
	return name
}

// summary counts what is there: "3 aggregators, 4 balancers, 1 broken link".
func (g *Graph) summary() string {
	aggregators, absent := 0, 0
	for _, v := range g.Vertices {
		if v.Kind == topology.Aggregator {
			aggregators++
		}
		if v.Absent() {
			absent++
		}
	}
	parts := []string{counted(aggregators, "aggregator"), counted(len(g.Vertices)-aggregators, "balancer")}
	if n := len(g.Sites()); n > 0 {
		parts = append(parts, counted(n, "site"))
	}
	if absent > 0 {
		parts = append(parts, fmt.Sprintf("%d without files", absent))
	}
	broken := 0
	for _, m := range g.marks().edges {
		if m.severity == diag.Error {
			broken++
		}
	}
	if broken > 0 {
		parts = append(parts, counted(broken, "broken link"))
	}
	return strings.Join(parts, ", ")
}

// levelName is what a rank is called: as in the topology, else by its number.
func (g *Graph) levelName(rank int) string {
	if rank < len(g.Levels) && g.Levels[rank] != "" {
		return g.Levels[rank]
	}
	if rank == 0 {
		return "nodes"
	}
	return fmt.Sprintf("level %d", rank)
}

// ranks is the number of ranks up to the highest vertex.
func (g *Graph) ranks() int {
	top := 0
	for _, v := range g.Vertices {
		top = max(top, v.Rank)
	}
	return top + 1
}

// ruleTexts writes what an aggregator sums, one rule a line: ".uncombined → .aggr".
func ruleTexts(v *topology.Vertex) []string {
	if v.Section == nil {
		return nil
	}
	var texts []string
	for _, r := range v.Section.Rules {
		from := r.From.Value
		if r.Any {
			from = "any"
		}
		texts = append(texts, from+" → "+r.To.Value)
	}
	return texts
}

// flowTexts says in words what passes a link, one direction a line.
func flowTexts(e *topology.Edge) []string {
	if e.Mesh {
		if e.Lower.Kind == topology.Aggregator {
			return []string{e.Lower.Name + " and " + e.Upper.Name + " stand in for each other"}
		}
		return []string{e.Lower.Name + " and " + e.Upper.Name + " share tables without an aggregator"}
	}
	texts := []string{}
	if len(e.Up) > 0 {
		texts = append(texts, e.Lower.Name+" → "+e.Upper.Name+": "+strings.Join(e.Up, ", "))
	}
	if len(e.Down) > 0 {
		texts = append(texts, e.Upper.Name+" → "+e.Lower.Name+": "+strings.Join(e.Down, ", "))
	}
	if len(texts) == 0 {
		texts = append(texts, e.Lower.Name+" and "+e.Upper.Name+": no table passes, as far as the files tell")
	}
	return texts
}

// isUpward tells whether the edge rises in the picture; those that close a cycle do not.
func isUpward(e *topology.Edge) bool { return e.Lower.Rank < e.Upper.Rank }

// isNonCharacter tells of the two code points that XML cannot hold, though they are no control characters.
func isNonCharacter(r rune) bool { return r == 0xFFFE || r == 0xFFFF }
