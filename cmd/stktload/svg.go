package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
)

// plotStyle holds every colour twice. The page has a background of its own, since a picture cannot know what it is put on.
const plotStyle = `text{font:12px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#1f2328}
.h1{font-size:16px;font-weight:600}.h2{font-size:13px;font-weight:600}
.note,.tick{fill:#59636e}.tick{font-size:11px}.middle{text-anchor:middle}.end{text-anchor:end}
.page{fill:#fff}.grid{stroke:#d1d9e0;fill:none}.axis{stroke:#818b98;fill:none}
.fit{stroke:#bc4c00;stroke-width:1.4;stroke-dasharray:5 4;fill:none}.run{stroke:#0969da;fill:none}.point{fill:#0969da}.slope{fill:#953800}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}.note,.tick{fill:#9198a1}.page{fill:#0d1117}.grid{stroke:#3d444d}.axis{stroke:#9198a1}
.fit{stroke:#f0883e}.run{stroke:#58a6ff}.point{fill:#58a6ff}.slope{fill:#ffa657}
}
`

// Sizes of the picture, in pixels.
const (
	plotMargin = 24
	plotHead   = 62
	fieldW     = 360 // of a panel's field
	fieldH     = 180
	panelW     = fieldW + 84
	panelH     = fieldH + 104
	fieldLeft  = 52 // of the field in the panel
	fieldTop   = 44
)

// plotter writes SVG.
type plotter struct{ bytes.Buffer }

func (p *plotter) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *plotter) label(x, y float64, class, text string) {
	fmt.Fprintf(p, `<text x="%.1f" y="%.1f" class="%s">`, x, y, class)
	xml.EscapeText(p, []byte(text))
	p.WriteString("</text>\n")
}

// drawPanels draws the panels, two in a row.
func drawPanels(panels []panel, title, note string) []byte {
	rows := (len(panels) + 1) / 2
	width, height := 2*plotMargin+2*panelW, 2*plotMargin+plotHead+rows*panelH
	p := &plotter{}
	p.line(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="title desc">`, width, height, width, height)
	p.element("title", title)
	desc := ""
	for i := range panels {
		desc += fmt.Sprintf("%s by %s: %s. ", panels[i].title, panels[i].x, panels[i].slope)
	}
	p.element("desc", desc)
	p.line("<style>\n%s</style>", plotStyle)
	p.line(`<rect class="page" width="%d" height="%d" rx="6"/>`, width, height)
	p.label(plotMargin, plotMargin+16, "h1", title)
	p.label(plotMargin, plotMargin+38, "note", note)
	for i := range panels {
		p.line(`<g transform="translate(%d %d)">`, plotMargin+i%2*panelW, plotMargin+plotHead+i/2*panelH)
		p.panel(&panels[i])
		p.line(`</g>`)
	}
	p.line(`</svg>`)
	return p.Bytes()
}

func (p *plotter) element(name, text string) {
	fmt.Fprintf(p, `<%s id="%s">`, name, name)
	xml.EscapeText(p, []byte(text))
	fmt.Fprintf(p, "</%s>\n", name)
}

// panel draws a diagram with its field's upper left corner at fieldLeft, fieldTop.
func (p *plotter) panel(d *panel) {
	left, right, top := d.extent()
	x := func(v float64) float64 { return fieldLeft + fieldW*(v-left)/(right-left) }
	y := func(v float64) float64 { return fieldTop + fieldH*(1-v/top) }
	p.label(fieldLeft, 14, "h2", d.title+", "+d.y)
	p.label(fieldLeft, 32, "slope", d.slope)
	for v := 0.0; v <= top*1.001; v += top / ticks {
		p.line(`<path class="grid" d="M%d %.1fH%d"/>`, fieldLeft, y(v), fieldLeft+fieldW)
		p.label(fieldLeft-8, y(v)+4, "tick end", number(v))
	}
	for _, v := range d.xTicks() {
		p.line(`<path class="grid" d="M%.1f %dV%d"/>`, x(v), fieldTop, fieldTop+fieldH)
		text := number(v)
		if d.isLog {
			text = short(math.Round(math.Pow(10, v)))
		}
		p.label(x(v), fieldTop+fieldH+18, "tick middle", text)
	}
	p.label(fieldLeft+fieldW/2, fieldTop+fieldH+36, "note middle", d.x)
	p.line(`<path class="axis" d="M%d %dV%dH%d"/>`, fieldLeft, fieldTop, fieldTop+fieldH, fieldLeft+fieldW)
	first, last := d.points[0].x, d.points[len(d.points)-1].x
	p.WriteString(`<path class="fit" d="M`)
	for i := range steps + 1 {
		at := first + (last-first)*float64(i)/steps
		fmt.Fprintf(p, "%.1f %.1f ", x(at), y(max(0, d.line(at))))
	}
	p.line(`"/>`)
	for _, one := range d.points {
		p.line(`<path class="run" d="M%.1f %.1fV%.1f"/><circle class="point" cx="%.1f" cy="%.1f" r="3.5"/>`, x(one.x), y(one.least), y(one.most), x(one.x), y(one.y))
	}
}

const (
	ticks = 5  // steps of the y axis
	steps = 60 // of the fitted line, which may be a curve on a logarithmic axis
)

// extent gives the ends of the axes; y begins at 0.
func (d *panel) extent() (left, right, top float64) {
	left, right = math.Inf(1), math.Inf(-1)
	for _, one := range d.points {
		left, right, top = min(left, one.x), max(right, one.x), max(top, one.most, d.line(one.x))
	}
	if !d.isLog {
		left = 0
	}
	if left == right {
		right++
	}
	step := math.Pow(10, math.Floor(math.Log10(max(top, 1e-9)/ticks)))
	for _, n := range []float64{1, 1.5, 2, 3, 4, 5, 6, 8, 10} {
		if n*step*ticks >= top {
			return left, right, n * step * ticks
		}
	}
	return left, right, top
}

// xTicks are at powers of ten, or at the points.
func (d *panel) xTicks() []float64 {
	var all []float64
	for _, one := range d.points {
		if !d.isLog && (len(all) == 0 || one.x-all[len(all)-1] >= 4) || d.isLog && math.Abs(one.x-math.Round(one.x)) < 1e-9 {
			all = append(all, one.x)
		}
	}
	return all
}
