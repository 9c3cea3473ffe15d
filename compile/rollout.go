package compile

import (
	"cmp"
	"slices"
)

// rollout orders hosts from the top of the cluster down, within a level as the topology has them.
//
// HAProxy dials every peer as soon as it starts, and a refusal that names a reason (503 for a wrong name, 504 for an unknown
// caller) ends its redialling until it is reloaded or that peer dials in. So whoever is dialled must know its caller first:
// aggregators before nodes, and for the same reason the upper aggregator before the lower one that reports to it.
func rollout(hosts []*host) []string {
	sorted := slices.Clone(hosts)
	slices.SortStableFunc(sorted, func(a, b *host) int { return cmp.Compare(b.height(), a.height()) })
	names := make([]string, len(sorted))
	for i, h := range sorted {
		names[i] = h.node.Name.Value
	}
	return names
}

func (h *host) height() int {
	height := 0
	for _, a := range h.node.Aggregations {
		height = max(height, a.Height)
	}
	return height
}
