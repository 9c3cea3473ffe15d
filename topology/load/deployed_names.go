package load

import (
	"cmp"
	"net/netip"

	"stktc/topology"
)

// localPeers finds the host's own line in sections of the old style, where it looks like the others. HAProxy knows it by the
// name of the process: localpeer, else what -L or the host is called. The latter two are not in the files; the directory's
// name stands for them, or that an aggregator has a line like it.
func (d *deployed) localPeers() {
	for _, n := range d.cluster.Nodes {
		for _, s := range n.Peers {
			if s.Style == topology.PeerStyle && s.Local.IsZero() {
				d.localPeer(n, s)
			}
		}
	}
}

func (d *deployed) localPeer(n *topology.Node, s *topology.PeersSection) {
	if n.LocalPeer.Unresolved {
		return
	}
	own := -1
	for i, p := range s.Peers {
		switch {
		case !n.LocalPeer.IsZero():
			if p.Name.Value == n.LocalPeer.Value {
				own = i
			}
		case p.Name.Value == n.Dir:
			own = i
		}
	}
	if own < 0 && n.LocalPeer.IsZero() {
		own = d.listedLine(s)
	}
	if own < 0 {
		return
	}
	s.Local, s.Listen = s.Peers[own].Name, s.Peers[own].Address
	s.Peers = append(s.Peers[:own:own], s.Peers[own+1:]...)
}

// listedLine is the only line of the section that an aggregator has too, as a node that it sums; -1 when none or several are.
func (d *deployed) listedLine(s *topology.PeersSection) int {
	own := -1
	for i, p := range s.Peers {
		if listed := d.listed(p.Address); listed == nil || listed.Name.Value != p.Name.Value {
			continue
		}
		if own >= 0 {
			return -1
		}
		own = i
	}
	return own
}

// listed is the line of an aggregator about the node at an address; nil when there is none, or when lines disagree on its name.
func (d *deployed) listed(a topology.Address) *topology.Peer {
	var found *topology.Peer
	for _, n := range d.cluster.Nodes {
		for _, section := range n.Aggregations {
			for _, p := range section.Peers {
				if p.Direction != topology.Unmarked || !sameAddress(p.Address, a) || p.Name.Unresolved {
					continue
				}
				if found != nil && found.Name.Value != p.Name.Value {
					return nil
				}
				found = cmp.Or(found, p)
			}
		}
	}
	return found
}

// sameAddress tells whether two literal addresses are one: names and wildcards say too little.
func sameAddress(a, b topology.Address) bool {
	if a.Unresolved || b.Unresolved || a.Port != b.Port || a.Unix != "" || b.Unix != "" {
		return false
	}
	x, err := netip.ParseAddr(a.Host)
	y, err2 := netip.ParseAddr(b.Host)
	return err == nil && err2 == nil && !x.IsUnspecified() && x.Unmap() == y.Unmap()
}

// names gives every node its name: what it says of itself, else what aggregators call it, else its directory's.
func (d *deployed) names() {
	for _, n := range d.cluster.Nodes {
		n.Name, n.NameFrom = topology.Text{Value: n.Dir}, topology.NameFromDir
		if own := ownNames(n); len(own) > 0 && !own[0].Unresolved {
			n.Name, n.NameFrom = own[0], topology.NameFromLocalServer
			continue
		}
		for _, s := range n.Peers {
			if p := d.listed(s.Listen); p != nil {
				n.Name, n.NameFrom = p.Name, topology.NameFromOthers
				break
			}
		}
	}
	for _, n := range d.cluster.Nodes {
		if !n.LocalPeer.IsZero() && !n.LocalPeer.Unresolved {
			n.Name, n.NameFrom = n.LocalPeer, topology.NameFromLocalPeer
		}
	}
}
