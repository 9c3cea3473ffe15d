package topology

import (
	"net/netip"
	"slices"
	"strings"
)

// graphBuilder collects what each node's files say about the others before the two ends of a link are brought together.
type graphBuilder struct {
	cluster  *Cluster
	vertices []*Vertex
	balancer map[*Node]*Vertex
	section  map[*Aggregations]*Vertex
	named    map[string][]*Vertex
	at       map[endpoint][]*Vertex
	dirs     map[string][]*Vertex
	absent   map[string]*Vertex
	edges    []*Edge
	byEnds   map[[2]*Vertex]*Edge
	called   map[string]bool // names in lines about peers, see isCalled
}

func newGraphBuilder(c *Cluster) *graphBuilder {
	b := &graphBuilder{
		cluster:  c,
		balancer: map[*Node]*Vertex{},
		section:  map[*Aggregations]*Vertex{},
		named:    map[string][]*Vertex{},
		at:       map[endpoint][]*Vertex{},
		dirs:     map[string][]*Vertex{},
		absent:   map[string]*Vertex{},
		byEnds:   map[[2]*Vertex]*Edge{},
	}
	for _, n := range c.Nodes {
		if n.IsBalancer() || !n.IsAggregator() {
			v := &Vertex{Name: balancerName(n), Kind: Balancer, Site: n.Site, Node: n}
			b.balancer[n] = v
			b.add(v)
		}
		for _, s := range n.Aggregations {
			v := &Vertex{Name: n.Name.Value, Kind: Aggregator, Site: n.Site, Node: n, Section: s}
			if s.Local != nil {
				v.Name = s.Local.Name.Value
				v.Address = s.Local.Address.Raw
			}
			b.section[s] = v
			b.add(v)
		}
	}
	return b
}

// balancerName is the node's own name, except for a host that is an aggregator too: the two greet by different names.
func balancerName(n *Node) string {
	if n.IsAggregator() {
		for _, s := range n.Peers {
			if !s.Local.IsZero() {
				return s.Local.Value
			}
		}
		if !n.LocalPeer.IsZero() {
			return n.LocalPeer.Value
		}
	}
	return n.Name.Value
}

func (b *graphBuilder) add(v *Vertex) {
	b.vertices = append(b.vertices, v)
	b.named[v.Name] = append(b.named[v.Name], v)
	b.dirs[v.Node.Dir] = append(b.dirs[v.Node.Dir], v)
	for _, l := range v.listeners() {
		if at, known := l.endpoint(); known && !slices.Contains(b.at[at], v) {
			b.at[at] = append(b.at[at], v)
		}
	}
}

// linkAggregators goes first: an aggregator's words for a node whose files are absent say what that node is.
func (b *graphBuilder) linkAggregators() {
	for _, n := range b.cluster.Nodes {
		for _, s := range n.Aggregations {
			self := b.section[s]
			for _, p := range s.Peers {
				kind := Aggregator
				if p.Direction == Unmarked {
					kind = Balancer
				}
				if p.Replica {
					kind = Aggregator
				}
				other := b.resolve(self, p, kind)
				switch {
				case p.Replica:
					b.beside(self, other, p)
				case p.Direction == Up && other.Kind == Aggregator:
					b.claim(self, other).LowerPeer = p
				default:
					b.claim(other, self).UpperPeer = p
				}
			}
		}
	}
}

func (b *graphBuilder) linkBalancers() {
	for _, n := range b.cluster.Nodes {
		for _, s := range n.Peers {
			self := b.balancer[n]
			for _, p := range s.Peers {
				other := b.resolve(self, p, Aggregator)
				if other.Kind == Balancer {
					b.beside(self, other, p)
				} else {
					b.claim(self, other).LowerPeer = p // whatever the other end says, a balancer is the lower
				}
			}
		}
	}
}

// beside notes a line about an equal: the names decide which end is called the lower.
func (b *graphBuilder) beside(self, other *Vertex, p *Peer) {
	lower, upper := self, other
	if CompareNatural(other.Name, self.Name) < 0 {
		lower, upper = other, self
	}
	e := b.claim(lower, upper)
	e.Mesh = true
	if lower == self {
		e.LowerPeer = p
	} else {
		e.UpperPeer = p
	}
}

func (b *graphBuilder) claim(lower, upper *Vertex) *Edge {
	ends := [2]*Vertex{lower, upper}
	e := b.byEnds[ends]
	if e == nil {
		e = &Edge{Lower: lower, Upper: upper}
		b.byEnds[ends] = e
		b.edges = append(b.edges, e)
	}
	return e
}

// resolve finds whom a line means: by name, else by its address, else by its directory; else somebody whose files are absent.
func (b *graphBuilder) resolve(self *Vertex, p *Peer, kind Kind) *Vertex {
	find := []func() []*Vertex{
		func() []*Vertex { return b.named[p.Name.Value] },
		func() []*Vertex { return b.atAddress(self, p) },
		func() []*Vertex { return b.inDir(p.Name.Value) },
	}
	if p.Name.Unresolved {
		find = find[1:2]
	}
	for _, candidates := range find {
		found := candidates()
		found = slices.DeleteFunc(slices.Clone(found), func(v *Vertex) bool { return v == self && len(found) > 1 })
		if v := b.best(found, self, p, kind); v != nil {
			return v
		}
	}
	v := b.absent[p.Name.Value]
	if v == nil {
		v = &Vertex{Name: p.Name.Value, Kind: kind, Address: p.Address.Raw}
		b.absent[v.Name] = v
		b.vertices = append(b.vertices, v)
	}
	return v
}

// best chooses among vertices that bear the name: of the right kind, at the dialled port, listing self in turn; the earlier the better.
func (b *graphBuilder) best(found []*Vertex, self *Vertex, p *Peer, kind Kind) *Vertex {
	if len(found) == 1 {
		return found[0]
	}
	var best *Vertex
	most := -1
	for _, v := range found {
		score := 0
		if v.Kind == kind {
			score += 4
		}
		if v.listensOn(p.Address.Port) {
			score += 2
		}
		if v.lists(self.Name) {
			score++
		}
		if score > most {
			best, most = v, score
		}
	}
	return best
}

func (v *Vertex) listensOn(port int) bool {
	return slices.ContainsFunc(v.listeners(), func(a *Address) bool { return a.Port == port })
}

func (v *Vertex) lists(name string) bool {
	return slices.ContainsFunc(v.peers(), func(p *Peer) bool { return p.Name.Value == name })
}

// atAddress finds who listens at the very address. That a name may be the host of an IP address is not enough: on a port that a whole
// cluster shares, any name may be anybody's. Nor is an address of a private network, which may be there twice: one who is called otherwise elsewhere
// must list self.
func (b *graphBuilder) atAddress(self *Vertex, p *Peer) []*Vertex {
	at, known := p.Address.endpoint()
	if !known {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(b.at[at]), func(v *Vertex) bool { return !p.Name.Unresolved && !b.leadsTo(v, self) && b.isCalled(v) })
}

// leadsTo tells whether a line of v is about self: by its name, or by its address or directory where the name is nobody's.
func (b *graphBuilder) leadsTo(v, self *Vertex) bool {
	return slices.ContainsFunc(v.peers(), func(p *Peer) bool {
		if p.Name.Value == self.Name || b.named[p.Name.Value] != nil {
			return p.Name.Value == self.Name
		}
		at, known := p.Address.endpoint()
		return p.Name.Value == self.Node.Dir || known && slices.Contains(b.at[at], self)
	})
}

// peers are the lines of all of a vertex's sections.
func (v *Vertex) peers() []*Peer {
	if v.Section != nil {
		return v.Section.Peers
	}
	var all []*Peer
	for _, s := range v.Node.Peers {
		all = append(all, s.Peers...)
	}
	return all
}

// isCalled tells whether some line calls a vertex by its name.
func (b *graphBuilder) isCalled(v *Vertex) bool {
	if b.called == nil {
		b.called = map[string]bool{}
		for _, n := range b.cluster.Nodes {
			for _, s := range n.Aggregations {
				b.calls(s.Peers)
			}
			for _, s := range n.Peers {
				b.calls(s.Peers)
			}
		}
	}
	return b.called[v.Name]
}

func (b *graphBuilder) calls(peers []*Peer) {
	for _, p := range peers {
		b.called[p.Name.Value] = true
	}
}

func (b *graphBuilder) inDir(name string) []*Vertex { return b.dirs[name] }

// endpoint is a host and a port, written in one way only.
type endpoint struct {
	host string
	port int
}

// endpoint tells also whether the address is one host's.
func (a Address) endpoint() (endpoint, bool) {
	if a.Port == 0 || a.Unresolved || anyHost(a.Host) {
		return endpoint{}, false
	}
	host := strings.Trim(a.Host, "[]")
	if ip, err := netip.ParseAddr(host); err == nil {
		return endpoint{ip.Unmap().String(), a.Port}, true
	}
	return endpoint{strings.ToLower(strings.TrimSuffix(host, ".")), a.Port}, true
}

// listeners are the addresses where the vertex says that it listens.
func (v *Vertex) listeners() []*Address {
	var all []*Address
	for _, l := range v.Listeners() {
		all = append(all, l.Address)
	}
	return all
}

// addAbsent adds the nodes that the loader found named, but that no link names.
func (b *graphBuilder) addAbsent() {
	for _, t := range b.cluster.Absent {
		if b.absent[t.Value] == nil && b.named[t.Value] == nil {
			v := &Vertex{Name: t.Value, Kind: Balancer}
			b.absent[t.Value] = v
			b.vertices = append(b.vertices, v)
		}
	}
}

// settle gives the final edges: where each end claims to be below the other, or above, one edge stays and bears the contradiction.
func (b *graphBuilder) settle() []*Edge {
	dropped := map[*Edge]bool{}
	for _, e := range b.edges {
		twin := b.byEnds[[2]*Vertex{e.Upper, e.Lower}]
		if twin == nil || twin == e || dropped[e] || dropped[twin] || !contradict(e, twin) {
			continue
		}
		keep, drop := stronger(e, twin)
		keep.LowerPeer = orPeer(keep.LowerPeer, drop.UpperPeer)
		keep.UpperPeer = orPeer(keep.UpperPeer, drop.LowerPeer)
		keep.Defects = append(keep.Defects, directionDefect(keep))
		dropped[drop] = true
	}
	edges := slices.DeleteFunc(slices.Clone(b.edges), func(e *Edge) bool { return dropped[e] })
	b.nameAddresses(edges)
	return edges
}

// contradict tells whether two opposite edges are the two ends' views of one link: each is claimed by one end only, and not by the same.
func contradict(e, twin *Edge) bool {
	return (e.LowerPeer == nil) != (e.UpperPeer == nil) && (e.LowerPeer == nil) == (twin.LowerPeer == nil) &&
		(e.UpperPeer == nil) == (twin.UpperPeer == nil)
}

// stronger decides the direction: a written mark outweighs none, else the earlier line counts.
func stronger(a, b *Edge) (keep, drop *Edge) {
	marked := func(e *Edge) bool { return orPeer(e.LowerPeer, e.UpperPeer).Direction != Unmarked }
	switch {
	case marked(a) != marked(b):
		if marked(a) {
			return a, b
		}
		return b, a
	case a.Span().Compare(b.Span()) <= 0:
		return a, b
	}
	return b, a
}

func orPeer(a, b *Peer) *Peer {
	if a != nil {
		return a
	}
	return b
}

// nameAddresses tells of each balancer that listens on any address where the others find it.
func (b *graphBuilder) nameAddresses(edges []*Edge) {
	for _, v := range b.vertices {
		for _, a := range v.listeners() {
			if v.Address == "" && !a.IsZero() && !anyHost(a.Host) {
				v.Address = a.Raw
			}
		}
	}
	dial := func(v *Vertex, p *Peer) {
		if p != nil && (v.Address == "" || v.Section != nil && wildcard(v)) {
			v.Address = p.Address.Raw
		}
	}
	for _, e := range edges {
		dial(e.Lower, e.UpperPeer)
		dial(e.Upper, e.LowerPeer)
	}
}

func wildcard(v *Vertex) bool {
	own := v.Section.Local
	return own != nil && own.Address.Raw == v.Address && anyHost(own.Address.Host)
}

// levelNames names the ranks: as the topology file does, else by the section that all aggregators of the rank share, unless another rank has it too.
func levelNames(c *Cluster, vertices []*Vertex) []string {
	top := 0
	sections := map[string]map[int]bool{} // ranks by section
	for _, v := range vertices {
		top = max(top, v.Rank)
		if v.Section != nil {
			name := v.Section.Name.Value
			if sections[name] == nil {
				sections[name] = map[int]bool{}
			}
			sections[name][v.Rank] = true
		}
	}
	names := make([]string, top+1)
	for i := range min(len(names), len(c.Levels)) {
		names[i] = c.Levels[i].Name.Value
	}
	for rank := len(c.Levels); rank <= top; rank++ {
		shared := 0
		for name, ranks := range sections {
			if ranks[rank] {
				names[rank] = name
				shared += len(ranks)
			}
		}
		if shared != 1 {
			names[rank] = ""
		}
	}
	return names
}

// anyHost tells whether a listener with that host accepts on every address.
func anyHost(host string) bool {
	switch strings.Trim(host, "[]") {
	case "", "*", "0.0.0.0", "::":
		return true
	}
	return false
}
