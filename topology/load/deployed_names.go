package load

import (
	"net/netip"
	"slices"

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
	if own < 0 && !n.LocalPeer.IsZero() { // a localpeer that names no line: which one it was to name
		own = slices.IndexFunc(s.Peers, func(p *topology.Peer) bool { return p.Name.Value == n.Dir })
	}
	if own < 0 {
		own = d.listedLine(s)
	}
	if own < 0 {
		return
	}
	line := s.Peers[own]
	s.Local, s.Listen, s.TLS, s.LocalTLS = line.Name, line.Address, line.TLS, line.TLS
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
	at, literal := endpoint(a)
	if !literal {
		return nil
	}
	if d.listedAt == nil {
		d.listNodes()
	}
	return d.listedAt[at]
}

// listNodes notes who aggregators say is where.
func (d *deployed) listNodes() {
	d.listedAt = map[netip.AddrPort]*topology.Peer{}
	for _, n := range d.cluster.Nodes {
		for _, section := range n.Aggregations {
			for _, p := range section.Peers {
				at, literal := endpoint(p.Address)
				if p.Direction != topology.Unmarked || p.Name.Unresolved || !literal {
					continue
				}
				first, known := d.listedAt[at]
				switch {
				case !known:
					d.listedAt[at] = p
				case first != nil && first.Name.Value != p.Name.Value:
					d.listedAt[at] = nil
				}
			}
		}
	}
}

// endpoint gives a literal address in the form in which equal ones are equal: names and wildcards say too little.
func endpoint(a topology.Address) (at netip.AddrPort, literal bool) {
	ip, err := netip.ParseAddr(a.Host)
	if err != nil || ip.IsUnspecified() || a.Unresolved || a.Unix != "" {
		return at, false
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(a.Port)), true
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
