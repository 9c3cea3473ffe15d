package check

import (
	"slices"

	"stktc/topology"
)

// whole is the cluster without the hosts of which not all is known: what they seem to lack may be in what was not understood, and is no second mistake. The
// others are checked as if those hosts' files had not been given.
func whole(c *topology.Cluster) *topology.Cluster {
	if len(c.Partial) == 0 {
		return c
	}
	known := *c
	known.Nodes = slices.DeleteFunc(slices.Clone(c.Nodes), func(n *topology.Node) bool { return c.Partial[n.Dir] })
	return &known
}
