package render

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"stktc/grammar/diag"
	"stktc/topology"
)

// SVG draws the graph: levels from the top aggregator down, sites as boxes, equal balancers of one aggregator as one rack, an arrow
// for each direction with its suffixes. It needs no font, script or program; colours follow the reader's light or dark scheme.
//
// No two labels overlap, by construction: each link owns a lane above its lower end that is as wide as its labels, lines run straight
// up in it, and they bend only between the lanes and the level above.
func (g *Graph) SVG() []byte {
	d := newDrawing(g)
	d.order()
	d.place()
	p := &svgPrinter{drawing: d}
	p.document()
	return p.out.Bytes()
}

// svgPrinter writes a drawing whose places are settled.
type svgPrinter struct {
	*drawing
	out bytes.Buffer
}

func (p *svgPrinter) line(format string, args ...any) { fmt.Fprintf(&p.out, format+"\n", args...) }

// xmlText escapes text for elements and attributes, and replaces what XML cannot hold.
func xmlText(s string) string {
	s = strings.Map(func(r rune) rune {
		if isNonCharacter(r) {
			return utf8.RuneError
		}
		return r
	}, printable(s))
	return xmlEscapes.Replace(s)
}

var xmlEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;")

func (p *svgPrinter) document() {
	p.line(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="title desc">`, p.width, p.height, p.width, p.height)
	p.line(`<title id="title">%s</title>`, xmlText("Aggregation of "+p.title()))
	p.line(`<desc id="desc">%s</desc>`, xmlText(p.describe()))
	p.line("<style>\n%s</style>", svgStyle)
	p.line(`<rect class="page" width="%d" height="%d" rx="12"/>`, p.width, p.height)
	p.text(margin, margin+16, "h1", clip(p.title(), 60))
	p.text(margin, margin+36, "note", p.summary())
	p.sites()
	p.levels()
	for _, m := range p.meshes {
		p.mesh(m)
	}
	for _, r := range p.routes {
		p.route(r)
	}
	for _, b := range p.blocks {
		p.block(b)
	}
	p.siteNames()
	p.legend()
	p.line("</svg>")
}

// describe tells in words who sums whom.
func (p *svgPrinter) describe() string {
	parts := []string{p.summary() + "."}
	for _, v := range p.Vertices {
		var members []string
		for _, e := range p.Edges {
			if e.Upper == v && !e.Mesh {
				members = append(members, e.Lower.Name)
			}
		}
		if len(members) > 0 {
			parts = append(parts, v.Name+" sums "+strings.Join(members, ", ")+".")
		}
	}
	return strings.Join(parts, " ")
}

func (p *svgPrinter) text(x, y int, class, s string) {
	p.line(`<text x="%d" y="%d" class="%s">%s</text>`, x, y, class, xmlText(s))
}

// tooltip is an element's title: browsers show it, screen readers speak it.
func (p *svgPrinter) tooltip(lines []string) {
	escaped := make([]string, len(lines))
	for i, l := range lines {
		escaped[i] = xmlText(l)
	}
	p.line("<title>%s</title>", strings.Join(escaped, "\n"))
}

func (p *svgPrinter) sites() {
	for _, s := range p.strips {
		if s.site == "" {
			continue
		}
		p.line(`<rect class="site" x="%d" y="%d" width="%d" height="%d" rx="10"><title>%s</title></rect>`, s.x, s.top, s.width, s.bottom-s.top, xmlText(s.site))
	}
}

// siteNames are written behind the links, so that their halo covers a line that passes.
func (p *svgPrinter) siteNames() {
	for _, s := range p.strips {
		if s.site != "" {
			p.text(s.caption, s.top+18, "caption", s.name)
		}
	}
}

func (p *svgPrinter) levels() {
	for rank, row := range p.rows {
		y := (row.top + row.bottom) / 2
		p.text(margin, y+4, "level", clip(p.levelName(rank), maxName))
	}
}

func (p *svgPrinter) block(b *block) {
	if b.isRack() {
		p.rack(b)
		return
	}
	if b.isBend() {
		return
	}
	v := b.vertices[0]
	p.line(`<g class="%s">`, p.vertexClass(v))
	p.tooltip(p.vertexTexts(v))
	x := b.x - b.width/2
	p.line(`<rect x="%d" y="%d" width="%d" height="%d" rx="8"/>`, x, b.y, b.width, b.height)
	y := b.y + padding + 13
	p.text(b.x, y, "name", clip(v.Name, maxName))
	for _, l := range b.lines {
		y += lineHeight
		p.text(b.x, y, "detail", l)
	}
	if mark := p.marks.vertices[v]; b.pill > 0 {
		p.pill(b.x, b.y+b.height-padding-pillHeight/2, mark.label(), mark)
	}
	p.line("</g>")
}

func (p *svgPrinter) vertexClass(v *topology.Vertex) string {
	class := "node " + v.Kind.String()
	if v.Absent() {
		class += " absent"
	}
	return class
}

func (p *svgPrinter) vertexTexts(v *topology.Vertex) []string {
	texts := []string{v.Kind.String() + " " + v.Name}
	if v.Section != nil {
		texts[0] += ", section " + v.Section.Name.Value
	}
	if v.Address != "" {
		texts = append(texts, v.Address)
	}
	if v.Absent() {
		texts = append(texts, "its files were not given")
	}
	return append(texts, p.marks.vertices[v].texts...)
}

// rack draws equal balancers as one box with a cell for each.
func (p *svgPrinter) rack(b *block) {
	p.line(`<g class="%s">`, p.vertexClass(b.vertices[0])+" rack")
	left := b.x - b.width/2
	p.line(`<rect class="frame" x="%d" y="%d" width="%d" height="%d" rx="8"/>`, left, b.y, b.width, b.height)
	for i, v := range b.vertices {
		x := left + cellGap + (i%b.columns)*(b.cell+cellGap)
		y := b.y + cellGap + (i/b.columns)*(cellHeight+cellGap)
		p.line("<g>")
		p.tooltip(p.vertexTexts(v))
		p.line(`<rect x="%d" y="%d" width="%d" height="%d" rx="5"/>`, x, y, b.cell, cellHeight)
		p.text(x+b.cell/2, y+17, "small", clip(v.Name, maxName))
		p.line("</g>")
	}
	p.text(b.x, b.y+b.height-b.pill-9, "detail", b.caption())
	if mark := p.marks.vertices[b.vertices[0]]; b.pill > 0 {
		p.pill(b.x, b.y+b.height-padding-pillHeight/2, mark.label(), mark)
	}
	p.line("</g>")
}

// route draws a link, or the equal links of a rack, as two lines side by side.
func (p *svgPrinter) route(r *route) {
	class := "link"
	mark := p.marks.edges[r.edges[0]]
	switch {
	case mark.severity == diag.Error:
		class += " bad"
	case mark.severity == diag.Warning:
		class += " doubt"
	}
	switch r.edges[0].State() {
	case topology.Dead:
		class += " dead"
	case topology.Unknown:
		class += " unknown"
	}
	if len(r.edges) > 1 {
		class += " bundle"
	}
	p.line(`<g class="%s">`, class)
	p.tooltip(r.texts(p.marks))
	rising, falling := "up", "down"
	if !r.upward {
		rising, falling = falling, rising
	}
	left, right := r.labels()
	points := p.points(r)
	if len(left) > 0 {
		p.arrow(points, -lineApart, rising, false)
	}
	if len(right) > 0 {
		p.arrow(points, lineApart, falling, true)
	}
	if len(left)+len(right) == 0 {
		p.line(`<path class="empty" d="%s"/>`, curve(points, 0))
	}
	base := p.rows[r.bottom.rank].labels - 14
	p.labels(points[0].x-labelAway, base, rising+" before", left)
	p.labels(points[0].x+labelAway, base, falling+" after", right)
	if label := mark.label(); label != "" {
		p.pill(points[0].x, points[1].y+pillHeight/2+2, label, mark)
	}
	p.line("</g>")
}

// labels writes suffixes one above the other, the first on top.
func (p *svgPrinter) labels(x, base int, class string, suffixes []string) {
	for i, s := range suffixes {
		p.text(x, base-(len(suffixes)-1-i)*lineHeight, "suffix "+class, s)
	}
}

// arrow draws one line of a link, shifted aside, with its head at the upper or the lower end.
func (p *svgPrinter) arrow(points []point, shift int, class string, down bool) {
	first, last := points[0], points[len(points)-1]
	p.line(`<path class="%s" d="%s"/>`, class, curve(points, shift))
	if down {
		x, y := first.x+shift, first.y
		p.line(`<path class="%s head" d="M%d %dl-4 -9h8z"/>`, class, x, y)
		return
	}
	x, y := last.x+shift, last.y
	p.line(`<path class="%s head" d="M%d %dl-4 9h8z"/>`, class, x, y)
}

// curve joins points by straight pieces where they stand above each other, else by an S with upright ends. The two lines of a
// link bend at different heights, so that they stay apart where they run flat.
func curve(points []point, shift int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "M%d %d", points[0].x+shift, points[0].y)
	for i := 1; i < len(points); i++ {
		from, to := points[i-1], points[i]
		if from.x == to.x {
			fmt.Fprintf(&b, "V%d", to.y)
			continue
		}
		middle := (from.y + to.y) / 2
		if from.x < to.x {
			middle += shift
		} else {
			middle -= shift
		}
		fmt.Fprintf(&b, "C%d %d %d %d %d %d", from.x+shift, middle, to.x+shift, middle, to.x+shift, to.y)
	}
	return b.String()
}

// pill is a mark's label in a filled box around (x, y).
func (p *svgPrinter) pill(x, y int, label string, m graphMark) {
	class := "pill"
	if m.severity == diag.Warning {
		class += " doubt"
	}
	w := pillWidth(label)
	p.line(`<g class="%s"><rect x="%d" y="%d" width="%d" height="%d" rx="8"/>`, class, x-w/2, y-pillHeight/2, w, pillHeight)
	p.text(x, y+4, "code", label)
	p.line("</g>")
}

// mesh draws a link between equals below them.
func (p *svgPrinter) mesh(m *meshLink) {
	mark := p.marks.edges[m.edge]
	class := "link mesh"
	if mark.severity != 0 {
		class += " bad"
	}
	y := p.rows[m.from.rank].bottom
	deep := y + 8 + m.track*meshPitch
	p.line(`<g class="%s">`, class)
	p.tooltip(append(flowTexts(m.edge), mark.texts...))
	p.line(`<path d="M%d %dV%dQ%d %d %d %dH%dQ%d %d %d %dV%d"/>`, m.left, m.leftBottom, deep, m.left, deep+6, m.left+6, deep+6,
		m.right-6, m.right, deep+6, m.right, deep, m.rightBottom)
	if label := mark.label(); label != "" {
		p.pill((m.left+m.right)/2, deep+6, label, mark)
	}
	p.line("</g>")
}
