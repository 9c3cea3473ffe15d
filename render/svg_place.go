package render

import (
	"cmp"
	"slices"
)

// point is a place on the picture, y downwards.
type point struct{ x, y int }

// place gives every block, link and strip its coordinates. All arithmetic is on integers: the same on every machine.
func (d *drawing) place() {
	gutter := margin
	for rank := range d.rows {
		gutter = max(gutter, margin+proportional(clip(d.levelName(rank), maxName), 13)+margin)
	}
	right := d.placeStrips(gutter)
	right = max(right, d.placeFree(gutter))
	d.width = max(right+margin, margin+proportional(clip(d.title(), 60), 19)+margin, margin+proportional(d.summary(), 12)+margin, d.legendNeeds())
	if spare := d.width - margin - right; spare > 0 {
		d.shift(spare / 2)
	}
	d.joinEnds()
	d.placeMeshes()
	d.placeRows()
	for _, s := range d.strips {
		s.placeCaption(d)
	}
	for _, m := range d.meshes {
		m.leftBottom, m.rightBottom = m.from.y+m.from.height, m.to.y+m.to.height
		if m.from.x > m.to.x {
			m.leftBottom, m.rightBottom = m.rightBottom, m.leftBottom
		}
	}
}

func (d *drawing) legendNeeds() int {
	need := 2 * margin
	for _, k := range d.legendKeys() {
		need += legendWidth(k)
	}
	return need
}

func (d *drawing) placeStrips(left int) (right int) {
	right = left
	for i, s := range d.strips {
		layers := d.layers(i)
		from, to := spread(layers)
		if from > to {
			continue // nobody there
		}
		pad := 0
		if s.site != "" {
			pad = sitePad
		}
		s.x = left
		s.width = max(to-from+2*pad, s.captionNeeded+2*pad)
		move := left + (s.width-(to-from))/2 - from
		for _, layer := range layers {
			for _, b := range layer {
				b.x += move
			}
		}
		right = s.x + s.width
		left = right + stripGap
	}
	return right
}

// spread places the blocks of a strip over and under their neighbours and tells the extent; from > to when the strip is empty.
func spread(layers [][]*block) (from, to int) {
	for _, layer := range layers {
		center(layer)
	}
	up := func() {
		for _, layer := range layers {
			align(layer, func(b *block) []*block { return sameStrip(b, b.below) })
		}
	}
	for range sweeps {
		up()
		for r := len(layers) - 1; r >= 0; r-- {
			align(layers[r], func(b *block) []*block { return sameStrip(b, b.above) })
		}
	}
	up()
	from, to = 1, 0
	for _, layer := range layers {
		for _, b := range layer {
			if from > to {
				from, to = b.x-b.slot/2, b.x+b.slot/2
			}
			from, to = min(from, b.x-b.slot/2), max(to, b.x+b.slot/2)
		}
	}
	return from, to
}

// center packs a layer around 0.
func center(layer []*block) {
	total := -slotGap
	for _, b := range layer {
		total += b.slot + slotGap
	}
	x := -total / 2
	for _, b := range layer {
		b.x = x + b.slot/2
		x += b.slot + slotGap
	}
}

// align moves the blocks of a layer as near to the middle of their neighbours as their order and room allow.
func align(layer []*block, neighbours func(*block) []*block) {
	wanted, apart := make([]int, len(layer)), make([]int, len(layer))
	weight := make([]int, len(layer))
	for i, b := range layer {
		near := neighbours(b)
		wanted[i], weight[i] = b.x, 1
		if len(near) > 0 {
			sum := 0
			for _, o := range near {
				sum += o.x
			}
			wanted[i], weight[i] = sum/len(near), 4*len(near)
		}
		if i > 0 {
			apart[i] = (layer[i-1].slot+b.slot)/2 + slotGap
		}
	}
	for i, x := range nearest(wanted, weight, apart) {
		layer[i].x = x
	}
}

// nearest finds the places with the least weighted squares of distance from those wanted that keep place i at least apart[i]
// behind place i-1: isotonic regression by pooling adjacent violators, O(n).
func nearest(wanted, weight, apart []int) []int {
	type pool struct{ sum, weight, n int }
	var pools []pool
	offset := 0
	offsets := make([]int, len(wanted))
	for i := range wanted {
		if i > 0 {
			offset += apart[i]
		}
		offsets[i] = offset
		p := pool{(wanted[i] - offset) * weight[i], weight[i], 1}
		for len(pools) > 0 {
			last := pools[len(pools)-1]
			if last.sum*p.weight < p.sum*last.weight {
				break
			}
			p = pool{last.sum + p.sum, last.weight + p.weight, last.n + p.n}
			pools = pools[:len(pools)-1]
		}
		pools = append(pools, p)
	}
	var result []int
	for _, p := range pools {
		for range p.n {
			result = append(result, floorDiv(p.sum, p.weight)+offsets[len(result)])
		}
	}
	return result
}

// floorDiv rounds down, so that it keeps the order of fractions below 0 too.
func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// placeFree puts what stands above all sites over its members, level by level.
func (d *drawing) placeFree(left int) (right int) {
	for rank := range d.rows {
		var layer []*block
		for _, b := range d.blocks {
			if b.strip == free && b.rank == rank {
				layer = append(layer, b)
			}
		}
		center(layer)
		middle := func(b *block) int {
			sum := 0
			for _, o := range b.below {
				sum += o.x
			}
			return sum / max(1, len(b.below))
		}
		slices.SortStableFunc(layer, func(a, b *block) int { return cmp.Compare(middle(a), middle(b)) })
		align(layer, func(b *block) []*block { return b.below })
		for _, b := range layer {
			right = max(right, b.x+b.slot/2)
			if short := left - (b.x - b.slot/2); short > 0 {
				d.shift(short)
				right += short
			}
		}
	}
	for _, b := range d.blocks {
		right = max(right, b.x+b.slot/2)
	}
	return right
}

// shift moves everything that has a place to the right.
func (d *drawing) shift(by int) {
	for _, b := range d.blocks {
		b.x += by
	}
	for _, s := range d.strips {
		s.x += by
	}
}

// joinEnds settles where links leave and meet their boxes: in the order of the other ends.
func (d *drawing) joinEnds() {
	for _, b := range d.blocks {
		slices.SortStableFunc(b.rising, func(r, o *route) int { return cmp.Compare(r.next().x, o.next().x) })
		total := 0
		for _, r := range b.rising {
			total += r.laneWidth(d.marks.edges[r.edges[0]])
		}
		x := -total / 2
		for _, r := range b.rising {
			w := r.laneWidth(d.marks.edges[r.edges[0]])
			r.lane = x + w/2
			x += w
		}
	}
	for _, b := range d.blocks {
		b.joinPorts()
	}
}

// next is the block that the route goes to from its bottom; last is the one from which it comes to its top.
func (r *route) next() *block { return append(r.bends[:len(r.bends):len(r.bends)], r.top)[0] }

// lastX is where the route comes from at its top.
func (r *route) lastX() int {
	if n := len(r.bends); n > 0 {
		return r.bends[n-1].x
	}
	return r.bottom.x + r.lane
}

// joinPorts leads links to a box's lower side: straight up where the box is wide enough, else drawn together to its middle.
func (b *block) joinPorts() {
	slices.SortStableFunc(b.falling, func(r, o *route) int { return cmp.Compare(r.lastX(), o.lastX()) })
	n := len(b.falling)
	wanted, weight, apart := make([]int, n), make([]int, n), make([]int, n)
	room := b.width/2 - padding - portPitch/2
	for i, r := range b.falling {
		from := r.lastX() - b.x
		wanted[i], weight[i], apart[i] = from, 1, portPitch
		if from < -room || from > room {
			wanted[i] = max(-room, min(room, from/4))
		}
	}
	for i, x := range nearest(wanted, weight, apart) {
		low, high := -room+i*portPitch, room-(n-1-i)*portPitch
		b.falling[i].port = max(low, min(high, x))
	}
}

// placeRows stacks the ranks from the top down. The room between two ranks grows with the distance that links must cross there.
func (d *drawing) placeRows() {
	y := margin + 36 + 24
	for rank := len(d.rows) - 1; rank >= 0; rank-- {
		row := &d.rows[rank]
		if rank < len(d.rows)-1 {
			y += d.bendingRoom(rank)
		}
		row.lanes = y
		y += d.laneHeight(rank)
		row.labels = y
		if d.siteEdge(rank, func(s *strip) int { return s.high }) {
			y += captionRow
			row.labels += 6
		}
		row.top, row.bottom = y, y
		for _, b := range d.blocks {
			if b.rank == rank {
				b.y = y
				row.bottom = max(row.bottom, y+b.height)
			}
		}
		row.foot = row.bottom
		for _, m := range d.meshes {
			if m.from.rank == rank {
				row.foot = max(row.foot, row.bottom+24+meshPitch*m.track)
			}
		}
		if d.siteEdge(rank, func(s *strip) int { return s.low }) {
			row.foot += sitePad
		}
		y = row.foot
	}
	for _, s := range d.strips {
		s.top, s.bottom = d.rows[s.high].top-captionRow, d.rows[min(s.low, len(d.rows)-1)].foot
	}
	d.height = y + 34 + margin
}

func (d *drawing) siteEdge(rank int, edge func(*strip) int) bool {
	return slices.ContainsFunc(d.strips, func(s *strip) bool { return s.site != "" && edge(s) == rank })
}

// bendingRoom is the height between the lanes of a rank and the rank above.
func (d *drawing) bendingRoom(rank int) int {
	far := 0
	for _, r := range d.routes {
		x := r.bottom.x + r.lane
		for i := range len(r.bends) + 1 {
			to := r.top.x + r.port
			if i < len(r.bends) {
				to = r.bends[i].x
			}
			if r.bottom.rank+i == rank {
				far = max(far, x-to, to-x)
			}
			x = to
		}
	}
	return min(max(34, 24+far/5), 180)
}

// laneHeight is the height of the labels of the links that rise from a rank.
func (d *drawing) laneHeight(rank int) int {
	lines, pill := 0, 0
	for _, r := range d.routes {
		if r.bottom.rank != rank {
			continue
		}
		left, right := r.labels()
		lines = max(lines, len(left), len(right))
		if d.marks.edges[r.edges[0]].severity != 0 {
			pill = pillHeight + 6
		}
	}
	if lines == 0 && pill == 0 {
		return 0
	}
	return lines*lineHeight + 16 + pill
}

// points lists where a route goes, from its bottom block to its top block.
func (d *drawing) points(r *route) []point {
	x := r.bottom.x + r.lane
	points := []point{{x, r.bottom.y}, {x, d.rows[r.bottom.rank].lanes}}
	for _, b := range r.bends {
		points = append(points, point{b.x, d.rows[b.rank].foot}, point{b.x, d.rows[b.rank].lanes})
	}
	x = r.top.x + r.port
	return append(points, point{x, d.rows[r.top.rank].foot}, point{x, r.top.y + r.top.height})
}

// placeCaption finds a place for the site's name where no link passes; where none is wide enough the name is cut.
func (s *strip) placeCaption(d *drawing) {
	if s.site == "" {
		return
	}
	gaps := []int{s.x + sitePad - labelAway, s.x + s.width - sitePad + labelAway}
	for _, r := range d.routes {
		if r.bottom.rank == s.high && d.stripAt(r.bottom) == s {
			gaps = append(gaps, r.bottom.x+r.lane)
		}
		for _, b := range r.bends {
			if b.rank == s.high && d.stripAt(b) == s {
				gaps = append(gaps, b.x)
			}
		}
	}
	slices.Sort(gaps)
	widest := 0
	for i := range len(gaps) - 1 {
		room := gaps[i+1] - gaps[i] - 2*labelAway
		if room > widest {
			s.caption, widest = gaps[i]+labelAway, room
		}
		if room >= s.captionNeeded {
			break
		}
	}
	s.name = clip(s.site, maxName)
	for n := maxName; n > 1 && proportional(s.name, 12) > widest; n-- {
		s.name = clip(s.site, n)
	}
}

func (d *drawing) stripAt(b *block) *strip {
	if b.strip == free {
		return nil
	}
	return d.strips[b.strip]
}

// placeMeshes gives each link among equals a depth at which it crosses no other lengthwise: the shortest lie highest.
func (d *drawing) placeMeshes() {
	ends := map[*block]int{}
	for _, m := range d.meshes {
		ends[m.from]++
		ends[m.to]++
	}
	used := map[*block]int{}
	port := func(b *block) int {
		used[b]++
		return b.x - b.width/2 + b.width*used[b]/(ends[b]+1)
	}
	for _, m := range d.meshes {
		a, b := m.from, m.to
		if a.x > b.x {
			a, b = b, a
		}
		m.left, m.right = port(a), port(b)
		if m.left > m.right {
			m.left, m.right = m.right, m.left
		}
	}
	sorted := slices.Clone(d.meshes)
	slices.SortStableFunc(sorted, func(a, b *meshLink) int { return cmp.Compare(a.right-a.left, b.right-b.left) })
	for i, m := range sorted {
		for slices.ContainsFunc(sorted[:i], func(o *meshLink) bool {
			return o.from.rank == m.from.rank && o.track == m.track && o.left <= m.right && m.left <= o.right
		}) {
			m.track++
		}
	}
}
