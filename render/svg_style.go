package render

import (
	"stktc/grammar/diag"
	"stktc/topology"
)

// svgStyle holds every colour twice. The page has a background of its own, since a picture cannot know what it is put on.
const svgStyle = `text{font:12px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#1f2328}
.h1{font-size:18px;font-weight:600}
.note,.level,.detail,.key,.caption{fill:#59636e}
.level{font-weight:600}
.caption{font-weight:600;paint-order:stroke;stroke:#f6f8fa;stroke-width:4px}
.detail,.suffix{font:11px ui-monospace,Menlo,Consolas,"Liberation Mono","DejaVu Sans Mono",monospace}
.name,.small,.node .detail,.code{text-anchor:middle}
.name{font-size:14px;font-weight:600}
.before{text-anchor:end}
.page{fill:#fff}
.site{fill:#f6f8fa;stroke:#d1d9e0}
.node rect{fill:#fff;stroke:#818b98;stroke-width:1.2}
.node.aggregator rect{fill:#eef2ff;stroke:#4f46e5;stroke-width:1.6}
.node .frame{fill:none;stroke-dasharray:none}
.node.absent rect{stroke-dasharray:5 3}
.node.absent .name,.node.absent .small{fill:#59636e}
.link path{fill:none;stroke-width:1.6;stroke:#818b98}
.link path.up{stroke:#0969da}
.link path.down{stroke:#bc4c00}
.link.bundle path{stroke-width:2.6}
.link.unknown path,.link .empty{stroke-dasharray:2 3}
.link.mesh path{stroke-dasharray:6 3}
.link.dead path{stroke-dasharray:7 4}
.link.bad path,.link.bad path.up,.link.bad path.down{stroke:#cf222e}
.link.doubt path,.link.doubt path.up,.link.doubt path.down{stroke:#9a6700}
.link .head{stroke:none!important;fill:#0969da}
.link .head.down{fill:#bc4c00}
.link.bad .head,.link.bad .head.down{fill:#cf222e}
.link.doubt .head,.link.doubt .head.down{fill:#9a6700}
.suffix.up{fill:#0550ae}
.suffix.down{fill:#953800}
.pill rect,.node .pill rect{fill:#cf222e;stroke:none}
.pill.doubt rect,.node .pill.doubt rect{fill:#9a6700}
.code{fill:#fff!important;font-size:11px;font-weight:600}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}
.note,.level,.detail,.key,.caption{fill:#9198a1}
.caption{stroke:#151b23}
.page{fill:#0d1117}
.site{fill:#151b23;stroke:#3d444d}
.node rect{fill:#0d1117;stroke:#9198a1}
.node.aggregator rect{fill:#1c2149;stroke:#8b9cf9}
.node.absent .name,.node.absent .small{fill:#9198a1}
.link path{stroke:#9198a1}
.link path.up{stroke:#58a6ff}
.link path.down{stroke:#f0883e}
.link.bad path,.link.bad path.up,.link.bad path.down{stroke:#ff7b72}
.link.doubt path,.link.doubt path.up,.link.doubt path.down{stroke:#d29922}
.link .head{fill:#58a6ff}
.link .head.down{fill:#f0883e}
.link.bad .head,.link.bad .head.down{fill:#ff7b72}
.link.doubt .head,.link.doubt .head.down{fill:#d29922}
.suffix.up{fill:#79c0ff}
.suffix.down{fill:#ffa657}
}
`

// legendKey is one entry of the legend: a drawing and what it means.
type legendKey struct {
	svg   string // drawn around 0,0 in a field of 30 by 16
	label string
}

// legend explains what occurs in this picture, and nothing else.
func (p *svgPrinter) legend() {
	x, y := margin, p.height-margin
	for _, k := range p.legendKeys() {
		p.line(`<g transform="translate(%d %d)">%s</g>`, x, y-4, k.svg)
		p.text(x+38, y, "key", k.label)
		x += legendWidth(k)
	}
}

func legendWidth(k legendKey) int { return 38 + proportional(k.label, 12) + 22 }

func (d *drawing) legendKeys() []legendKey {
	var aggregator, balancer, absent, dead, bad, mesh, flow bool
	for _, v := range d.Vertices {
		aggregator = aggregator || v.Kind == topology.Aggregator
		balancer = balancer || v.Kind == topology.Balancer
		absent = absent || v.Absent()
	}
	for _, e := range d.Edges {
		flow = flow || !e.Mesh
		mesh = mesh || e.Mesh
		m := d.marks.edges[e]
		bad = bad || m.severity == diag.Error && e.State() != topology.Dead
		dead = dead || m.severity == diag.Error && e.State() == topology.Dead
	}
	var keys []legendKey
	add := func(present bool, svg, label string) {
		if present {
			keys = append(keys, legendKey{svg, label})
		}
	}
	const box = `<rect y="-8" width="30" height="16" rx="4"/></g>`
	add(aggregator, `<g class="node aggregator">`+box, "aggregator")
	add(balancer, `<g class="node balancer">`+box, "balancer")
	add(absent, `<g class="node balancer absent">`+box, "files not given")
	add(flow, `<g class="link"><path class="up" d="M15 8V-4"/><path class="up head" d="M15 -8l-4 9h8z"/></g>`, "counts go up")
	add(flow, `<g class="link"><path class="down" d="M15 -8V4"/><path class="down head" d="M15 8l-4 -9h8z"/></g>`, "sums come down")
	add(mesh, `<g class="link mesh"><path d="M0 0H30"/></g>`, "equals: plain peers, replicas")
	add(bad, `<g class="link bad"><path d="M0 0H30"/></g>`, "the ends disagree")
	add(dead, `<g class="link bad dead"><path d="M0 0H30"/></g>`, "cannot come up")
	return keys
}
