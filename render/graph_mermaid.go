package render

import (
	"fmt"
	"strings"

	"stktc/grammar/diag"
	"stktc/topology"
)

// Mermaid prints the graph for Markdown pages. Names stand in quoted labels only, every character that Mermaid could take for its own is written as its number.
func (g *Graph) Mermaid() []byte {
	m := &mermaidPrinter{Graph: g, marks: g.marks(), ids: map[*topology.Vertex]string{}}
	m.line("flowchart BT")
	for i, v := range g.Vertices {
		m.ids[v] = fmt.Sprintf("n%d", i+1)
	}
	for i, site := range g.Sites() {
		m.line("  subgraph s%d[%s]", i+1, mermaidText(site))
		m.vertices("    ", site)
		m.line("  end")
	}
	m.vertices("  ", "")
	for _, e := range g.Edges {
		m.edge(e)
	}
	m.line("  classDef aggregator stroke:#4f46e5,stroke-width:2px")
	m.line("  classDef absent stroke-dasharray:4 3")
	return []byte(m.out.String())
}

type mermaidPrinter struct {
	*Graph
	out    strings.Builder
	marks  graphMarks
	ids    map[*topology.Vertex]string
	arrows int // written so far: linkStyle counts them
}

func (m *mermaidPrinter) line(format string, args ...any) {
	fmt.Fprintf(&m.out, format+"\n", args...)
}

func (m *mermaidPrinter) vertices(indent, site string) {
	for _, v := range m.Vertices {
		if v.Site != site {
			continue
		}
		lines := []string{v.Name}
		if v.Address != "" {
			lines = append(lines, v.Address)
		}
		for _, rule := range ruleTexts(v) {
			lines = append(lines, "Σ "+rule)
		}
		if label := m.marks.vertices[v].label(); label != "" {
			lines = append(lines, label)
		}
		class := ""
		switch {
		case v.Absent():
			class = ":::absent"
		case v.Kind == topology.Aggregator:
			class = ":::aggregator"
		}
		m.line("%s%s(%s)%s", indent, m.ids[v], mermaidText(lines...), class)
	}
}

func (m *mermaidPrinter) edge(e *topology.Edge) {
	mark := m.marks.edges[e]
	suffixes := func(s []string) string {
		if label := mark.label(); label != "" {
			s = append(s[:len(s):len(s)], label)
		}
		return mermaidText(s...)
	}
	lower, upper := m.ids[e.Lower], m.ids[e.Upper]
	line := "--"
	if e.State() == topology.Dead || e.State() == topology.Unknown {
		line = "-."
	}
	end := map[string]string{"--": "-->", "-.": ".->"}[line]
	arrow := func(from, to string, s []string) {
		m.line("  %s %s %s %s %s", from, line, suffixes(s), end, to)
		m.style(mark)
	}
	switch {
	case e.Mesh && mark.severity == 0:
		m.line("  %s <-.-> %s", lower, upper)
		m.style(mark)
	case e.Mesh || len(e.Up) == 0 && len(e.Down) == 0:
		m.line("  %s -. %s .- %s", lower, suffixes(nil), upper)
		m.style(mark)
	}
	if len(e.Up) > 0 {
		arrow(lower, upper, e.Up)
	}
	if len(e.Down) > 0 {
		arrow(upper, lower, e.Down)
	}
}

// style colours the arrow just written.
func (m *mermaidPrinter) style(mark graphMark) {
	if mark.severity != 0 {
		color := "#cf222e"
		if mark.severity == diag.Warning {
			color = "#9a6700"
		}
		m.line("  linkStyle %d stroke:%s,color:%s", m.arrows, color, color)
	}
	m.arrows++
}

// mermaidText quotes lines for a label. Only letters, digits and a few marks stay as they are: Mermaid has its own ideas of
// quotes, brackets, Markdown, numbered lists and the word "end". A label without text is a space, since an empty one is a syntax error.
func mermaidText(lines ...string) string {
	var out []string
	for _, l := range lines {
		var b strings.Builder
		text := []rune(printable(l))
		for i, r := range text {
			beforeSpace := i+1 == len(text) || text[i+1] == ' '
			switch {
			case beforeSpace && strings.ContainsRune(".-", r): // "1. x" and "- x" would be lists
				fmt.Fprintf(&b, "#%d;", r)
			case r >= 0x80, '0' <= r && r <= '9', 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', strings.ContainsRune(" :/,-.", r):
				b.WriteRune(r)
			default:
				fmt.Fprintf(&b, "#%d;", r)
			}
		}
		out = append(out, b.String())
	}
	text := strings.Join(out, "<br>")
	if strings.TrimSpace(text) == "" {
		text = " "
	}
	return `"` + text + `"`
}
