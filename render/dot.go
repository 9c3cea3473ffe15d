package render

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/awalterschulze/gographviz"
	"github.com/awalterschulze/gographviz/ast"

	"stktc/grammar/diag"
	"stktc/topology"
)

// DOT prints the graph for Graphviz: levels are ranks, the top on top; each direction of a link is an edge of its own, with its
// suffixes. Names stand in labels only and every value is quoted here, since gographviz writes values as they come.
func (g *Graph) DOT() []byte {
	d := &dotPrinter{Graph: g, out: gographviz.NewGraph(), marks: g.marks(), ids: map[*topology.Vertex]string{}}
	d.must(d.out.SetName("stktc"))
	d.must(d.out.SetDir(true))
	d.attributes("stktc", "label", g.title()+"\n"+g.summary(), "labelloc", "t", "rankdir", "BT", "newrank", "true",
		"fontname", dotFont, "nodesep", "0.4", "ranksep", "0.9")
	d.vertices()
	for _, e := range g.Edges {
		d.edge(e)
	}
	d.levels()
	tree, err := d.out.WriteAst()
	d.must(err)
	return printDOT(append(tree.StmtList, d.ranks()...))
}

// printDOT writes the statements one by one: the tree's own String copies all that it has for every further one, 12 s for 6,000 nodes.
func printDOT(statements ast.StmtList) []byte {
	var b bytes.Buffer
	b.WriteString("digraph stktc {\n")
	for _, s := range statements {
		fmt.Fprintf(&b, "\t%s;\n", strings.TrimSpace(s.String()))
	}
	b.WriteString("}\n")
	return b.Bytes()
}

const dotFont = "Helvetica,Arial,sans-serif"

// dotPrinter fills a gographviz graph. Identifiers are machine-made and padded with zeros, because gographviz sorts them as text.
type dotPrinter struct {
	*Graph
	out   *gographviz.Graph
	marks graphMarks
	ids   map[*topology.Vertex]string
}

// must turns an error of gographviz, which knows no errors but unknown attributes and parents, into a bug of ours.
func (d *dotPrinter) must(err error) {
	if err != nil {
		panic(fmt.Errorf("dot: %w", err))
	}
}

func (d *dotPrinter) attributes(parent string, pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		d.must(d.out.AddAttr(parent, pairs[i], q(pairs[i+1])))
	}
}

// quoted makes an attribute list of field and value in turn.
func quoted(pairs ...string) map[string]string {
	m := make(map[string]string, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = q(pairs[i+1])
	}
	return m
}

// q quotes a string for DOT. An ampersand would begin an HTML entity even in a quoted label; what has no form, and U+FFFD, which
// gographviz takes for broken UTF-8, becomes a question mark.
func q(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r != '\n' && isHarmful(r) || isNonCharacter(r) {
			return '?'
		}
		return r
	}, s)
	return `"` + dotEscapes.Replace(s) + `"`
}

var dotEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "&", "&amp;")

func (d *dotPrinter) vertices() {
	parents := map[string]string{"": "stktc"}
	for i, site := range d.Sites() {
		parents[site] = fmt.Sprintf("cluster_%d", i+1)
		d.must(d.out.AddSubGraph("stktc", parents[site], nil))
		d.attributes(parents[site], "label", site, "style", "rounded", "color", "#8c959f")
	}
	width := len(fmt.Sprint(len(d.Vertices)))
	for i, v := range d.Vertices {
		d.ids[v] = fmt.Sprintf("n%0*d", width, i+1)
		d.must(d.out.AddNode(parents[v.Site], d.ids[v], d.vertexAttributes(v)))
	}
}

func (d *dotPrinter) vertexAttributes(v *topology.Vertex) map[string]string {
	lines := []string{v.Name}
	if v.Address != "" {
		lines = append(lines, v.Address)
	}
	for _, rule := range ruleTexts(v) {
		lines = append(lines, "Σ "+rule)
	}
	style, fill, color := "rounded,filled", "#f6f8fa", "#59636e"
	if v.Kind == topology.Aggregator {
		fill, color = "#eef2ff", "#4f46e5"
	}
	if v.Absent() {
		style = "rounded,dashed"
	}
	mark := d.marks.vertices[v]
	if mark.severity != 0 {
		lines, color = append(lines, mark.label()), dotMarkColor(mark)
	}
	return quoted("label", strings.Join(lines, "\n"), "shape", "box", "style", style, "fillcolor", fill, "color", color,
		"fontname", dotFont, "tooltip", strings.Join(append([]string{v.Kind.String() + " " + v.Name}, mark.texts...), "\n"))
}

func dotMarkColor(m graphMark) string {
	if m.severity == diag.Warning {
		return "#9a6700"
	}
	return "#cf222e"
}

// edge writes each direction that carries tables as an arrow. Only the arrow upwards takes part in the layout.
func (d *dotPrinter) edge(e *topology.Edge) {
	lower, upper := d.ids[e.Lower], d.ids[e.Upper]
	if e.Mesh || len(e.Up) == 0 && len(e.Down) == 0 {
		d.arrow(e, lower, upper, nil, "color", "#8c959f", "dir", map[bool]string{true: "both", false: "none"}[e.Mesh], "constraint", constraint(e))
		return
	}
	if len(e.Up) > 0 {
		d.arrow(e, lower, upper, e.Up, "color", "#0969da", "constraint", constraint(e))
	}
	if len(e.Down) > 0 {
		d.arrow(e, upper, lower, e.Down, "color", "#bc4c00", "constraint", "false")
	}
}

func constraint(e *topology.Edge) string { return fmt.Sprint(!e.Mesh && isUpward(e)) }

func (d *dotPrinter) arrow(e *topology.Edge, from, to string, suffixes []string, pairs ...string) {
	attrs := quoted(pairs...)
	mark := d.marks.edges[e]
	label := suffixes
	if mark.severity != 0 {
		label = append(label[:len(label):len(label)], mark.label())
		attrs["color"] = q(dotMarkColor(mark))
	}
	attrs["fontcolor"] = attrs["color"]
	attrs["fontname"], attrs["fontsize"] = q(dotFont), q("11")
	attrs["label"] = q(strings.Join(label, "\n"))
	attrs["tooltip"] = q(strings.Join(append(flowTexts(e), mark.texts...), "\n"))
	switch e.State() {
	case topology.Dead:
		attrs["style"] = q("dashed")
	case topology.Unknown:
		attrs["style"] = q("dotted")
	}
	d.must(d.out.AddEdge(from, to, true, attrs))
}

// levels adds the names of the ranks, in a column of their own that holds the ranks in order even where no link does.
func (d *dotPrinter) levels() {
	for rank := range d.Graph.ranks() {
		id := fmt.Sprintf("level_%d", rank)
		d.must(d.out.AddNode("stktc", id, quoted("label", d.levelName(rank), "shape", "plaintext", "fontname", dotFont, "fontcolor", "#59636e")))
		if rank > 0 {
			d.must(d.out.AddEdge(fmt.Sprintf("level_%d", rank-1), id, true, quoted("style", "invis")))
		}
	}
}

// ranks keeps each level on one line. It is added behind gographviz, which would write every node's attributes a second time.
func (d *dotPrinter) ranks() ast.StmtList {
	var list ast.StmtList
	for rank := range d.Graph.ranks() {
		s := &ast.SubGraph{ID: ast.ID(fmt.Sprintf("rank_%d", rank))}
		s.StmtList = append(s.StmtList, &ast.Attr{Field: "rank", Value: ast.ID(q("same"))},
			&ast.NodeStmt{NodeID: ast.MakeNodeID(fmt.Sprintf("level_%d", rank), "")})
		for _, v := range d.Vertices {
			if v.Rank == rank {
				s.StmtList = append(s.StmtList, &ast.NodeStmt{NodeID: ast.MakeNodeID(d.ids[v], "")})
			}
		}
		list = append(list, s)
	}
	return list
}
