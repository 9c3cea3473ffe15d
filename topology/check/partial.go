package check

import (
	"slices"

	"stktc/grammar/diag"
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

// withoutLack leaves out what hosts seem to lack of which some files could not be read.
func (v *view) withoutLack(found diag.List) diag.List {
	if len(v.Cluster.Unread) == 0 {
		return found
	}
	unread := map[string]bool{}
	for _, n := range v.Cluster.Nodes {
		if v.Cluster.Unread[n.Dir] {
			unread[n.Name.Value], unread[hostname(n)] = true, true
		}
	}
	lack := []*Check{localpeer, localpeerLate, oneWay, upWithoutDown, downWithoutUp, local, island, binds, fromMatchesNothing, destinationMissing,
		unattached, tableReference, forward, sourceMissing, rules, sourceRead, aggregateUnread}
	return slices.DeleteFunc(found, func(f diag.Finding) bool {
		about := slices.ContainsFunc(lack, func(k *Check) bool { return k.Code == f.Code })
		return about && slices.ContainsFunc(f.Nodes, func(name string) bool { return unread[name] })
	})
}
