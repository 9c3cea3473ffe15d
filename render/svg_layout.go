package render

import (
	"fmt"
	"slices"
	"strings"

	"stktc/topology"
)

// Sizes, in pixels.
const (
	margin     = 24
	padding    = 10 // inside a box
	lineHeight = 15
	lineApart  = 5  // of each of a link's two lines from their middle
	labelAway  = 12 // of a label from the middle of its link
	pillHeight = 17
	cellHeight = 26 // of a rack
	cellGap    = 6
	slotGap    = 26 // between the slots of two boxes
	stripGap   = 30 // between sites
	sitePad    = 14
	captionRow = 26 // for the name of a site
	portPitch  = 22 // between links at the lower side of a box
	bendSlot   = 26 // of a link that passes a level
	meshPitch  = 20
	rackFrom   = 5 // so many equal balancers become a rack
	maxLabels  = 4 // suffixes that are shown for one direction; tooltips have all
)

// drawing is a graph on its way to a picture: blocks in layers, and the links between them.
type drawing struct {
	*Graph
	marks  graphMarks
	blocks []*block
	routes []*route
	meshes []*meshLink
	strips []*strip
	rows   []row // by rank

	topSite       int // the highest rank in which a site has a vertex
	width, height int
}

// block is what takes a place in a layer: a vertex, a rack of equal balancers, or, without vertices, the bend of a link that passes the layer.
type block struct {
	vertices []*topology.Vertex
	rank     int
	strip    int // index of its strip; free for those above all sites
	place    int // in its layer, within the strip

	x, y          int // middle, and upper side
	width, height int
	slot          int // what it needs with the labels of its links, not less than width
	lines         []string
	pill          int // height of its mark, 0 without
	columns, cell int // of a rack

	rising, falling []*route // that have their lower, their upper end here
	above, below    []*block // neighbours along the links, one layer away
}

// free is the strip of blocks that are placed after all strips, above them.
const free = -1

func (b *block) isBend() bool { return len(b.vertices) == 0 }
func (b *block) isRack() bool { return len(b.vertices) > 1 }

func (b *block) caption() string {
	s := counted(len(b.vertices), "balancer")
	if b.vertices[0].Absent() {
		s += ", files not given"
	}
	return s
}

// strip is a vertical part of the picture: a site, or what has none.
type strip struct {
	site          string
	low, high     int // ranks
	x, width      int
	top, bottom   int
	name          string // as shown
	caption       int    // x of the name
	captionNeeded int    // its width when nothing is cut
}

// row is the vertical extent of a rank, downwards: lanes with labels, the names of sites that begin, the blocks, links among balancers.
type row struct {
	lanes, labels, top, bottom, foot int // y where each begins; labels is where the text of the lanes stands on
}

// route is a link, or the equal links of a rack.
type route struct {
	edges       []*topology.Edge
	bottom, top *block
	bends       []*block // from the bottom up
	upward      bool     // false when the counters flow down in the picture, which a cycle makes them do
	lane, port  int      // x of its ends, from the middle of the bottom and of the top block
}

// labels gives the suffixes left and right of the lane: what rises in the picture, and what falls.
func (r *route) labels() (rising, falling []string) {
	e := r.edges[0]
	if r.upward {
		return shown(e.Up), shown(e.Down)
	}
	return shown(e.Down), shown(e.Up)
}

func shown(suffixes []string) []string {
	var texts []string
	for i, s := range suffixes {
		if i == maxLabels-1 && len(suffixes) > maxLabels {
			return append(texts, fmt.Sprintf("+%d more", len(suffixes)-i))
		}
		if s == "" {
			s = "(none)"
		}
		texts = append(texts, clip(s, maxName))
	}
	return texts
}

// texts says what the link is, and what is wrong with it; of the equal links of a rack a few.
func (r *route) texts(marks graphMarks) []string {
	e := r.edges[0]
	if len(r.edges) == 1 {
		return append(flowTexts(e), marks.edges[e].texts...)
	}
	texts := []string{
		fmt.Sprintf("%d balancers → %s: %s", len(r.edges), e.Upper.Name, strings.Join(e.Up, ", ")),
		fmt.Sprintf("%s → each of them: %s", e.Upper.Name, strings.Join(e.Down, ", ")),
	}
	for i, e := range r.edges {
		if i == maxLabels && marks.edges[e].severity != 0 {
			return append(texts, fmt.Sprintf("and %d more", len(r.edges)-i))
		}
		for _, text := range marks.edges[e].texts {
			if !slices.Contains(texts, text) {
				texts = append(texts, text)
			}
		}
	}
	return texts
}

// laneWidth is what the link needs above its lower end.
func (r *route) laneWidth(mark graphMark) int {
	left, right := r.labels()
	half := lineApart + 8
	for _, s := range slices.Concat(left, right) {
		half = max(half, labelAway+monospace(s)+6)
	}
	if label := mark.label(); label != "" {
		half = max(half, pillWidth(label)/2+4)
	}
	return 2 * half
}

func pillWidth(label string) int { return proportional(label, 11) + 14 }

// meshLink is a link between two equals, balancers or replicas, drawn below them.
type meshLink struct {
	edge                    *topology.Edge
	from, to                *block
	left, right             int
	leftBottom, rightBottom int
	track                   int
}

func newDrawing(g *Graph) *drawing {
	d := &drawing{Graph: g, marks: g.marks(), rows: make([]row, g.ranks())}
	d.makeStrips()
	at := d.makeBlocks()
	d.makeRoutes(at)
	for _, b := range d.blocks {
		d.size(b)
	}
	return d
}

func (d *drawing) makeStrips() {
	d.topSite = d.ranks()
	for _, site := range d.Sites() {
		s := &strip{site: site, low: d.ranks(), captionNeeded: proportional(clip(site, maxName), 12)}
		for _, v := range d.Vertices {
			if v.Site == site {
				s.low, s.high = min(s.low, v.Rank), max(s.high, v.Rank)
			}
		}
		d.strips = append(d.strips, s)
	}
	if len(d.strips) > 0 {
		d.topSite = slices.MaxFunc(d.strips, func(a, b *strip) int { return a.high - b.high }).high
	}
	d.strips = append(d.strips, &strip{})
}

func (d *drawing) stripOf(v *topology.Vertex) int {
	for i, s := range d.strips {
		if v.Site != "" && s.site == v.Site {
			return i
		}
	}
	if v.Rank > d.topSite {
		return free
	}
	return len(d.strips) - 1
}

// makeBlocks gives each vertex a block, and equal balancers one together.
func (d *drawing) makeBlocks() map[*topology.Vertex]*block {
	equals := map[string][]*topology.Vertex{}
	keys := make([]string, len(d.Vertices))
	for i, v := range d.Vertices {
		keys[i] = d.equalityKey(v, i)
		equals[keys[i]] = append(equals[keys[i]], v)
	}
	at := map[*topology.Vertex]*block{}
	for i, v := range d.Vertices {
		vertices := []*topology.Vertex{v}
		if same := equals[keys[i]]; len(same) >= rackFrom {
			if same[0] != v {
				continue
			}
			vertices = same
		}
		b := &block{vertices: vertices, rank: v.Rank, strip: d.stripOf(v)}
		d.blocks = append(d.blocks, b)
		for _, v := range vertices {
			at[v] = b
		}
	}
	return at
}

// equalityKey is equal for balancers of one site that nothing tells apart in the picture but their names: links and marks are the same.
func (d *drawing) equalityKey(v *topology.Vertex, i int) string {
	own := fmt.Sprintf("vertex %d", i)
	if v.Kind != topology.Balancer {
		return own
	}
	key := fmt.Sprintf("%q %t %s", v.Site, v.Absent(), d.marks.vertices[v].kind())
	for _, e := range d.Edges {
		if e.Lower != v && e.Upper != v {
			continue
		}
		if e.Mesh || e.Lower != v {
			return own
		}
		key += fmt.Sprintf(" %p %q %q %v %s", e.Upper, e.Up, e.Down, e.State(), d.marks.edges[e].kind())
	}
	return key
}

func (d *drawing) makeRoutes(at map[*topology.Vertex]*block) {
	bundles := map[[2]*block]*route{}
	for _, e := range d.Edges {
		bottom, top := at[e.Lower], at[e.Upper]
		switch {
		case bottom == top:
			continue // a section that lists itself: marked by the cycle or finding
		case e.Mesh && bottom.rank == top.rank:
			d.meshes = append(d.meshes, &meshLink{edge: e, from: bottom, to: top})
			continue
		case !isUpward(e):
			bottom, top = top, bottom
		}
		if r := bundles[[2]*block{bottom, top}]; r != nil && bottom.isRack() {
			r.edges = append(r.edges, e)
			continue
		}
		r := &route{edges: []*topology.Edge{e}, bottom: bottom, top: top, upward: isUpward(e)}
		bundles[[2]*block{bottom, top}] = r
		d.routes = append(d.routes, r)
		d.bend(r)
	}
}

// bend gives the route a block in every layer that it passes, so that it finds a way between the boxes there.
func (d *drawing) bend(r *route) {
	r.bottom.rising = append(r.bottom.rising, r)
	r.top.falling = append(r.top.falling, r)
	last := r.bottom
	for rank := r.bottom.rank + 1; rank < r.top.rank; rank++ {
		b := &block{rank: rank, strip: r.bottom.strip}
		if rank > d.topSite {
			b.strip = free
		}
		d.blocks = append(d.blocks, b)
		r.bends = append(r.bends, b)
		join(last, b)
		last = b
	}
	join(last, r.top)
}

func join(lower, upper *block) {
	lower.above = append(lower.above, upper)
	upper.below = append(upper.below, lower)
}

// size finds out how much room a block needs.
func (d *drawing) size(b *block) {
	switch {
	case b.isBend():
		b.slot = bendSlot
		return
	case b.isRack():
		d.sizeRack(b)
	default:
		d.sizeBox(b)
	}
	lanes := 0
	for _, r := range b.rising {
		lanes += r.laneWidth(d.marks.edges[r.edges[0]])
	}
	if n := len(b.rising); n > 1 {
		b.width = max(b.width, lanes) // every lane must meet the box
	}
	b.width = max(b.width, len(b.falling)*portPitch+2*padding)
	b.slot = max(b.width, lanes)
}

func (d *drawing) sizeBox(b *block) {
	v := b.vertices[0]
	if v.Address != "" {
		b.lines = append(b.lines, clip(v.Address, maxName))
	}
	for i, rule := range ruleTexts(v) {
		if i == 3 {
			b.lines = append(b.lines, "…")
			break
		}
		b.lines = append(b.lines, "Σ "+clip(rule, maxName+8))
	}
	b.width = max(90, proportional(clip(v.Name, maxName), 14)*21/20)
	for _, l := range b.lines {
		b.width = max(b.width, monospace(l))
	}
	if label := d.marks.vertices[v].label(); label != "" {
		b.width = max(b.width, pillWidth(label))
		b.pill = pillHeight + 6
	}
	b.width += 2 * padding
	b.height = 2*padding + 16 + len(b.lines)*lineHeight + b.pill
}

// sizeRack makes the grid a little wider than high.
func (d *drawing) sizeRack(b *block) {
	for _, v := range b.vertices {
		b.cell = max(b.cell, proportional(clip(v.Name, maxName), 12)+14)
	}
	n := len(b.vertices)
	b.columns = 1
	for b.columns*(b.cell+cellGap) < 2*((n+b.columns-1)/b.columns)*(cellHeight+cellGap) {
		b.columns++
	}
	rows := (n + b.columns - 1) / b.columns
	b.columns = (n + rows - 1) / rows
	b.width = max(b.columns*(b.cell+cellGap)+cellGap, monospace(b.caption())+2*padding)
	b.height = rows*(cellHeight+cellGap) + cellGap + lineHeight + 4
	if label := d.marks.vertices[b.vertices[0]].label(); label != "" {
		b.width = max(b.width, pillWidth(label)+2*padding)
		b.pill = pillHeight + 6
		b.height += b.pill
	}
}
