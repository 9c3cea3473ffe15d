package check

import (
	"fmt"
	"net"
	"strconv"

	"stktc/grammar/diag"
	"stktc/topology"
)

// quorum is the least number of lines about a host whose majority outweighs what the host says of itself.
const quorum = 3

// dial is one end's line about the other, whose files are known.
type dial struct {
	edge     *topology.Edge
	from, to *topology.Vertex
	line     *topology.Peer
	listen   topology.Address // where to accepts from; zero when it does not say
}

// dials lists every line whose other end is known, in the order of the graph's edges. The result is shared.
func (v *view) dials() []dial {
	if v.dialled != nil {
		return v.dialled
	}
	all := []dial{}
	for _, e := range v.Graph.Edges {
		for _, from := range []*topology.Vertex{e.Lower, e.Upper} {
			to := other(e, from)
			if line := lineOf(e, from); line != nil && !to.Absent() && to != from {
				all = append(all, dial{e, from, to, line, v.listen(e, to)})
			}
		}
	}
	v.dialled = all
	return all
}

// part is what of two addresses is compared: the whole of them, or where one half agrees only the other.
type part uint8

const (
	hostAndPort part = iota
	hostOnly
	portOnly
)

// differs tells which part of the dialled address is not the listener's.
func (d dial) differs() (part, bool) {
	host, port := defect(d.edge, d.from, topology.AddressDiffers), defect(d.edge, d.from, topology.PortDiffers)
	switch {
	case host && port:
		return hostAndPort, true
	case host:
		return hostOnly, true
	}
	return portOnly, port
}

func (w part) value(a topology.Address) string {
	switch w {
	case hostOnly:
		return a.Host
	case portOnly:
		return strconv.Itoa(a.Port)
	}
	return net.JoinHostPort(a.Host, strconv.Itoa(a.Port))
}

func (w part) span(a topology.Address) diag.Span {
	switch {
	case w == hostOnly && !a.HostSpan.IsZero():
		return a.HostSpan
	case w == portOnly && !a.PortSpan.IsZero():
		return a.PortSpan
	}
	return a.Span
}

// noun names the part, and on says how one dials it.
func (w part) noun() string { return [...]string{"address", "host", "port"}[w] }
func (w part) on() string   { return [...]string{"at", "at", "on port"}[w] }

// name writes the direction of a dial as findings name it.
func (d dial) name() string { return d.from.Name + "->" + d.to.Name }

// ballot counts who says what of one host.
type ballot struct {
	subject string
	own     string // what the host says of itself
	values  []string
	voters  map[string][]string
}

func newBallot(subject, own string) *ballot {
	return &ballot{subject, own, []string{own}, map[string][]string{}}
}

func (b *ballot) add(voter, value string) {
	if value != b.own && b.voters[value] == nil {
		b.values = append(b.values, value)
	}
	b.voters[value] = append(b.voters[value], voter)
}

func (b *ballot) total() int {
	n := 0
	for _, v := range b.voters {
		n += len(v)
	}
	return n
}

// outvoted tells whether most of at least quorum lines say value, against the host itself.
func (b *ballot) outvoted(value string) bool {
	return value != b.own && b.total() >= quorum && 2*len(b.voters[value]) > b.total()
}

// backed tells whether at least as many speak for the host's own word, itself included, as for value.
func (b *ballot) backed(value string) bool { return 1+len(b.voters[b.own]) >= len(b.voters[value]) }

// note writes the votes in a sentence; "" when nobody but the host and one line speak.
func (b *ballot) note() string {
	if b.total() < 2 {
		return ""
	}
	s := fmt.Sprintf("vote: of %d lines about %s, ", b.total()+1, b.subject)
	for i, value := range b.values {
		who := b.voters[value]
		if value == b.own {
			who = append([]string{b.subject + " itself"}, who...)
		}
		if i > 0 {
			s += "; "
		}
		s += fmt.Sprintf("%d %s %s (%s)", len(who), verb(len(who), "says", "say"), code(value), and(who))
	}
	return s
}

func notesOf(lines ...string) []string {
	var kept []string
	for _, l := range lines {
		if l != "" {
			kept = append(kept, l)
		}
	}
	return kept
}
