package render

import (
	"cmp"
	"slices"
)

// sweeps is how often the order is improved up and down; more than this hardly ever helps.
const sweeps = 8

// order settles who stands left of whom in each layer of each strip: neighbours' places are averaged up and down in turn
// (the barycentre heuristic), and the order with the fewest crossings stays.
func (d *drawing) order() {
	for i := range d.strips {
		layers := d.layers(i)
		best, fewest := savedPlaces(layers), crossings(layers)
		for s := 0; s < sweeps && fewest > 0; s++ {
			if s%2 == 0 {
				for _, layer := range layers[1:] {
					sortByNeighbours(layer, func(b *block) []*block { return b.below })
				}
			} else {
				for r := len(layers) - 2; r >= 0; r-- {
					sortByNeighbours(layers[r], func(b *block) []*block { return b.above })
				}
			}
			if n := crossings(layers); n < fewest {
				best, fewest = savedPlaces(layers), n
			}
		}
		for b, place := range best {
			b.place = place
		}
	}
}

// layers lists the blocks of a strip by rank, in their order.
func (d *drawing) layers(strip int) [][]*block {
	layers := make([][]*block, d.ranks())
	for _, b := range d.blocks {
		if b.strip == strip {
			layers[b.rank] = append(layers[b.rank], b)
		}
	}
	for _, layer := range layers {
		slices.SortStableFunc(layer, func(a, b *block) int { return cmp.Compare(a.place, b.place) })
		number(layer)
	}
	return layers
}

func number(layer []*block) {
	for i, b := range layer {
		b.place = i
	}
}

func savedPlaces(layers [][]*block) map[*block]int {
	all := map[*block]int{}
	for _, layer := range layers {
		for _, b := range layer {
			all[b] = b.place
		}
	}
	return all
}

// sortByNeighbours puts each block at the mean place of its neighbours in the same strip; those without any keep their own.
func sortByNeighbours(layer []*block, neighbours func(*block) []*block) {
	type mean struct{ sum, n int }
	means := map[*block]mean{}
	for _, b := range layer {
		m := mean{b.place, 1}
		if near := sameStrip(b, neighbours(b)); len(near) > 0 {
			m = mean{0, len(near)}
			for _, o := range near {
				m.sum += o.place
			}
		}
		means[b] = m
	}
	slices.SortStableFunc(layer, func(a, b *block) int {
		return cmp.Compare(means[a].sum*means[b].n, means[b].sum*means[a].n)
	})
	number(layer)
}

func sameStrip(b *block, others []*block) []*block {
	var same []*block
	for _, o := range others {
		if o.strip == b.strip {
			same = append(same, o)
		}
	}
	return same
}

// crossings counts the pairs of links that cross between neighbouring layers.
func crossings(layers [][]*block) int {
	n := 0
	for _, layer := range layers {
		var ends [][2]int
		for _, b := range layer {
			for _, o := range sameStrip(b, b.above) {
				ends = append(ends, [2]int{b.place, o.place})
			}
		}
		for i, e := range ends {
			for _, f := range ends[:i] {
				if (e[0]-f[0])*(e[1]-f[1]) < 0 {
					n++
				}
			}
		}
	}
	return n
}
