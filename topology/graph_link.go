package topology

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// DefectKind is a way in which the two ends of a link disagree.
type DefectKind uint8

// The kinds of defects.
const (
	OneWay           DefectKind = iota + 1 // one end does not list the other
	NameDiffers                            // one end calls the other by a name that is not its own
	PortDiffers                            // one end dials a port that the other does not listen on
	AddressDiffers                         // one end dials an address that is not the other's
	DirectionDiffers                       // both claim to be above, or below, or one end leaves the mark out
	TLSDiffers                             // TLS on one end only
)

var defectWords = [...]string{"", "one-way", "name", "port", "address", "direction", "tls"}

// String gives a word, "port".
func (k DefectKind) String() string { return defectWords[k] }

// Defect is one disagreement. At is the end whose file deviates or lacks the line.
type Defect struct {
	Kind DefectKind
	At   *Vertex
	Text string // "aggr1 dials aggr3 on port `11111`, but aggr3 listens on `22222`"
}

// compareEnds finds out where what one end says of the other is not what the other says of itself.
func (b *graphBuilder) compareEnds(e *Edge) []Defect {
	defects := b.compareDial(e, e.Lower, e.Upper, e.LowerPeer)
	defects = append(defects, b.compareDial(e, e.Upper, e.Lower, e.UpperPeer)...)
	return append(defects, compareMarks(e)...)
}

// compareMarks looks at the word with which an aggregator marks its member: none for a balancer, "down" for an aggregator.
// Contradictions between two marks are found when the ends are brought together.
func compareMarks(e *Edge) []Defect {
	line := e.UpperPeer
	settled := slices.ContainsFunc(e.Defects, func(d Defect) bool { return d.Kind == DirectionDiffers })
	switch {
	case e.Mesh || line == nil || settled:
	case e.Lower.Kind == Balancer && line.Direction != Unmarked:
		return []Defect{{DirectionDiffers, e.Upper, fmt.Sprintf("%s lists %s as `%s`, but %s is a balancer", e.Upper.Name, e.Lower.Name, line.Direction, e.Lower.Name)}}
	case e.Lower.Kind == Aggregator && line.Direction == Unmarked:
		return []Defect{{DirectionDiffers, e.Upper, fmt.Sprintf("%s lists %s without `down`, but %s is an aggregator", e.Upper.Name, e.Lower.Name, e.Lower.Name)}}
	}
	return nil
}

// compareDial looks at the line that self has about other. Nothing is said of an end whose files are absent.
func (b *graphBuilder) compareDial(e *Edge, self, other *Vertex, line *Peer) []Defect {
	if line == nil {
		if self.Absent() || self.HidesName() || self.Section != nil && self.Node.DynamicPeers.On && other.Kind == Balancer {
			return nil
		}
		return []Defect{{OneWay, self, fmt.Sprintf("%s lists %s, but %s does not list %s", other.Name, self.Name, self.Name, other.Name)}}
	}
	if other.Absent() {
		return nil
	}
	var defects []Defect
	if line.Name.Value != other.Name && !line.Name.Unresolved && !other.nameUnknown() {
		defects = append(defects, Defect{NameDiffers, self, fmt.Sprintf("%s calls %s `%s`", self.Name, other.Name, line.Name.Value)})
	}
	listener, ok := e.Listener(other)
	dialled, listen := line.Address, listener.Address
	if !ok || dialled.IsZero() || dialled.Unresolved || listen.Unresolved {
		return defects
	}
	if !line.Translated && dialled.Port != 0 && listen.Port != 0 && dialled.Port != listen.Port {
		defects = append(defects, Defect{PortDiffers, self,
			fmt.Sprintf("%s dials %s on port `%d`, but %s listens on `%d`", self.Name, other.Name, dialled.Port, other.Name, listen.Port)})
	}
	if !line.Translated && !anyHost(listen.Host) && dialled.Host != "" && !sameHost(dialled.Host, listen.Host) {
		defects = append(defects, Defect{AddressDiffers, self,
			fmt.Sprintf("%s dials %s at `%s`, but %s listens on `%s`", self.Name, other.Name, dialled.Host, other.Name, listen.Host)})
	}
	if line.TLS.On != listener.TLS.On {
		defects = append(defects, Defect{TLSDiffers, self, tlsText(self, other, line.TLS.On)})
	}
	return defects
}

func tlsText(self, other *Vertex, dialsTLS bool) string {
	if dialsTLS {
		return fmt.Sprintf("%s dials %s with TLS, but %s listens in clear text", self.Name, other.Name, other.Name)
	}
	return fmt.Sprintf("%s dials %s in clear text, but %s listens with TLS", self.Name, other.Name, other.Name)
}

// nameUnknown tells whether an environment variable hides the name by which the vertex greets.
func (v *Vertex) nameUnknown() bool {
	if v.Section != nil && v.Section.Local != nil {
		return v.Section.Local.Name.Unresolved
	}
	return v.Node != nil && (v.Node.Name.Unresolved || v.Node.LocalPeer.Unresolved)
}

// HidesName tells whether an environment variable hides the name on a line of the vertex, which may then be about anybody.
func (v *Vertex) HidesName() bool {
	return !v.Absent() && slices.ContainsFunc(v.peers(), func(p *Peer) bool { return p.Name.Unresolved })
}

// Listener is where a vertex accepts its peers. It points into the line that says so, as a copy takes a kilobyte.
type Listener struct {
	Address *Address
	TLS     *TLS
}

// Listeners are the addresses where the vertex says that it listens, its own line's first.
func (v *Vertex) Listeners() []Listener {
	var all []Listener
	switch {
	case v.Section != nil:
		if own := v.Section.Local; own != nil {
			all = append(all, Listener{&own.Address, &own.TLS})
		}
		for _, bind := range v.Node.Binds {
			if bind.All || slices.ContainsFunc(bind.Sections, func(t Text) bool { return t.Value == v.Section.Name.Value || t.Unresolved }) {
				all = append(all, Listener{&bind.Address, &bind.TLS})
			}
		}
	case v.Node != nil:
		for _, s := range v.Node.Peers {
			all = append(all, Listener{&s.Listen, &s.TLS})
		}
	}
	return all
}

// Listener is where v accepts the other end: of several listeners of an aggregator the one that is dialled. False when v does not say.
func (e *Edge) Listener(v *Vertex) (Listener, bool) {
	if v.Section == nil {
		s := e.PeersSection(v)
		if s == nil || s.Listen.IsZero() {
			return Listener{&Address{}, &TLS{}}, false
		}
		return Listener{&s.Listen, &s.TLS}, true
	}
	all := v.Listeners()
	if len(all) == 0 {
		return Listener{&Address{}, &TLS{}}, false
	}
	line := e.UpperPeer
	if v == e.Upper {
		line = e.LowerPeer
	}
	if line == nil {
		return all[0], true
	}
	own := v.Section.Local
	for _, l := range slices.Backward(all) { // where a bind line has the local peer's address, it says how to listen there
		if l.Address.Port == line.Address.Port && (anyHost(l.Address.Host) || sameHost(l.Address.Host, line.Address.Host)) {
			return l, true
		}
	}
	if line.Translated { // which one the translation leads to is not known
		for _, l := range all {
			if l.TLS.On == line.TLS.On {
				return l, true
			}
		}
	}
	return all[0], own != nil || !line.Translated
}

// PeersSection is the section of balancer v that the edge belongs to: the one that lists the other end, else the one on the port that the
// other end dials, else the only one. Nil for aggregators, for absent nodes, and when nothing decides.
func (e *Edge) PeersSection(v *Vertex) *PeersSection {
	if v.Node == nil || v.Section != nil {
		return nil
	}
	line, dialled := e.LowerPeer, e.UpperPeer
	if v == e.Upper {
		line, dialled = dialled, line
	}
	for _, s := range v.Node.Peers {
		if line != nil && slices.Contains(s.Peers, line) || len(v.Node.Peers) == 1 {
			return s
		}
	}
	for _, s := range v.Node.Peers {
		if line == nil && dialled != nil && s.Listen.Port != 0 && s.Listen.Port == dialled.Address.Port {
			return s
		}
	}
	return nil
}

// sameHost compares hosts as far as text tells: an IP address and a name may well be the same host.
func sameHost(a, b string) bool {
	x, errX := netip.ParseAddr(strings.Trim(a, "[]"))
	y, errY := netip.ParseAddr(strings.Trim(b, "[]"))
	switch {
	case errX == nil && errY == nil:
		return x.Unmap() == y.Unmap()
	case errX != nil && errY != nil:
		return strings.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
	}
	return true
}

func directionDefect(e *Edge) Defect {
	says := func(p *Peer) string {
		if p.Direction == Unmarked {
			return "unmarked"
		}
		return "`" + p.Direction.String() + "`"
	}
	lower, upper := e.Lower, e.Upper
	return Defect{DirectionDiffers, upper, fmt.Sprintf("%s lists %s as %s, but %s lists %s as %s",
		lower.Name, upper.Name, says(e.LowerPeer), upper.Name, lower.Name, says(e.UpperPeer))}
}

// flows gives the suffixes of the tables that really pass an edge: what the sender gives and the receiver takes. Of an absent end everything is assumed.
func (b *graphBuilder) flows(e *Edge) (up, down []string) {
	switch {
	case e.Mesh:
		return nil, nil
	case e.Lower.Kind == Balancer:
		return b.balancerFlows(e)
	}
	var gives, takes, sums, forwards []string // nil: unknown, nothing is ruled out
	if s := e.Lower.Section; s != nil {
		gives, forwards = s.destinations(), append([]string{}, s.forwards()...)
	}
	if s := e.Upper.Section; s != nil {
		takes, sums = s.sources(), append(s.destinations(), s.forwards()...)
	}
	return meeting(gives, takes), meeting(sums, forwards)
}

// balancerFlows compares the suffixes with the tables that the balancer declares.
func (b *graphBuilder) balancerFlows(e *Edge) (up, down []string) {
	s := e.Upper.Section
	if s == nil {
		return nil, nil
	}
	up, down = s.sources(), append(s.delivered(), s.forwards()...)
	if e.Lower.Absent() || e.Lower.Node.Tables == nil {
		return up, slices.Compact(down)
	}
	section := e.PeersSection(e.Lower)
	missing := func(suffix string) bool {
		return !slices.ContainsFunc(e.Lower.Node.Tables, func(t *Table) bool {
			shared := section == nil || t.Peers.Unresolved || t.Peers.Value == section.Name.Value
			return t.Name.Unresolved || shared && (suffix == anySuffix || strings.HasSuffix(t.Name.Value, suffix))
		})
	}
	return slices.DeleteFunc(up, missing), slices.DeleteFunc(slices.Compact(down), missing)
}

// anySuffix stands for the source of "from any".
const anySuffix = "any"

func (s *Aggregations) sources() []string {
	suffixes := []string{}
	for _, r := range s.Rules {
		suffix := r.From.Value
		if r.Any {
			suffix = anySuffix
		}
		if !slices.Contains(suffixes, suffix) {
			suffixes = append(suffixes, suffix)
		}
	}
	return suffixes
}

func (s *Aggregations) destinations() []string {
	suffixes := []string{}
	for _, r := range s.Rules {
		if !slices.Contains(suffixes, r.To.Value) {
			suffixes = append(suffixes, r.To.Value)
		}
	}
	return suffixes
}

// delivered are the destinations that nodes get too.
func (s *Aggregations) delivered() []string {
	return slices.DeleteFunc(s.destinations(), func(to string) bool {
		return slices.ContainsFunc(s.Rules, func(r *Rule) bool { return r.UpOnly && r.To.Value == to })
	})
}

func (s *Aggregations) forwards() []string {
	suffixes := []string{}
	for _, f := range s.Forwards {
		if !slices.Contains(suffixes, f.Value) {
			suffixes = append(suffixes, f.Value)
		}
	}
	return suffixes
}

// meeting gives the suffixes of tables that are both given and taken: suffixes match at a name's end, so the longer of two that match counts.
func meeting(given, taken []string) []string {
	if given == nil {
		return taken
	}
	if taken == nil {
		return given
	}
	met := []string{}
	for _, g := range given {
		for _, t := range taken {
			suffix := g
			switch {
			case t == anySuffix || strings.HasSuffix(g, t):
			case g == anySuffix || strings.HasSuffix(t, g):
				suffix = t
			default:
				continue
			}
			if !slices.Contains(met, suffix) {
				met = append(met, suffix)
			}
		}
	}
	return met
}
