package topology

import "slices"

// rank puts every aggregator above all that it sums. Edges that close a cycle are left out of account.
func (g *Graph) rank() {
	members := map[*Vertex][]*Vertex{}
	for _, e := range g.Edges {
		if !e.Mesh {
			members[e.Upper] = append(members[e.Upper], e.Lower)
		}
	}
	const visiting, done = 1, 2
	state := map[*Vertex]int{}
	var visit func(v *Vertex)
	visit = func(v *Vertex) {
		state[v] = visiting
		if v.Kind == Aggregator {
			v.Rank = 1
			if v.Section != nil {
				v.Rank = max(1, v.Section.Height)
			}
		}
		for _, m := range members[v] {
			if state[m] == 0 {
				visit(m)
			}
			if state[m] == done {
				v.Rank = max(v.Rank, m.Rank+1)
			}
		}
		state[v] = done
	}
	for _, v := range g.Vertices {
		if state[v] == 0 {
			visit(v)
		}
	}
}

// findCycles gives one round for every set of vertices that reach each other: the shortest through the set's earliest edge.
func findCycles(edges []*Edge) []Cycle {
	out := map[*Vertex][]*Edge{}
	up, down := map[*Vertex][]*Vertex{}, map[*Vertex][]*Vertex{}
	for _, e := range edges {
		if !e.Mesh {
			out[e.Lower] = append(out[e.Lower], e)
			up[e.Lower] = append(up[e.Lower], e.Upper)
			down[e.Upper] = append(down[e.Upper], e.Lower)
		}
	}
	sorted := slices.Clone(edges)
	slices.SortStableFunc(sorted, func(a, b *Edge) int { return a.Span().Compare(b.Span()) })
	var cycles []Cycle
	covered := map[*Vertex]bool{}
	for _, e := range sorted {
		if e.Mesh || covered[e.Lower] {
			continue
		}
		path, ok := shortestPath(out, e.Upper, e.Lower)
		if !ok {
			continue
		}
		cycles = append(cycles, append(Cycle{e}, path...))
		above, below := reachable(up, []*Vertex{e.Lower}), reachable(down, []*Vertex{e.Lower})
		for v := range above {
			covered[v] = covered[v] || below[v]
		}
	}
	return cycles
}

// shortestPath finds the fewest edges from one vertex to another; none when they are the same.
func shortestPath(out map[*Vertex][]*Edge, from, to *Vertex) ([]*Edge, bool) {
	if from == to {
		return nil, true
	}
	by := map[*Vertex]*Edge{from: nil}
	queue := []*Vertex{from}
	for len(queue) > 0 {
		v := queue[0]
		queue = queue[1:]
		for _, e := range out[v] {
			if _, seen := by[e.Upper]; seen {
				continue
			}
			by[e.Upper] = e
			queue = append(queue, e.Upper)
		}
	}
	if by[to] == nil {
		return nil, false
	}
	var path []*Edge
	for v := to; v != from; v = by[v].Lower {
		path = append(path, by[v])
	}
	slices.Reverse(path)
	return path, true
}

// reachable gives the vertices that next leads to, the first ones included.
func reachable(next map[*Vertex][]*Vertex, from []*Vertex) map[*Vertex]bool {
	seen := map[*Vertex]bool{}
	for queue := slices.Clone(from); len(queue) > 0; queue = queue[1:] {
		if v := queue[0]; !seen[v] {
			seen[v] = true
			queue = append(queue, next[v]...)
		}
	}
	return seen
}
