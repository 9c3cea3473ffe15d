package compile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"stktc/grammar/diag"
	"stktc/topology"
	"stktc/topology/sticktable"
)

// balancer is a node's HAProxy configuration on its way to files.
type balancer struct {
	node   *topology.Node
	bases  []*base
	peers  []Line // every peers section of ours, whole
	tables []*proxyTable
	local  localPeer
}

// proxyTable is a table that is declared by a stick-table line.
type proxyTable struct {
	table *topology.Table
	line  Line
	place place // zero: no proxy of a base bears the table's name, so it becomes a backend
}

// place is an offset in one of a balancer's bases.
type place struct {
	base   *base
	offset int
}

func lowerBalancers(u *unit) {
	for _, h := range u.hosts {
		if h.node.IsBalancer() {
			h.balancer = u.newBalancer(h.node)
		}
	}
}

func (u *unit) newBalancer(n *topology.Node) *balancer {
	b := &balancer{node: n}
	for _, p := range n.Peers {
		b.peers = append(b.peers, u.peersLines(n, p)...)
	}
	for _, t := range n.Tables {
		if t.InPeers {
			if peersSection(n, t.Peers.Value) == nil {
				panic(fmt.Sprintf("%s: table %s belongs to peers section %q, which the node has not", n.Name.Value, t.Name.Value, t.Peers.Value))
			}
			continue
		}
		line := Line{Indent: 1, Words: append([]string{"stick-table"}, u.tableWords(t)...), Origin: t.Span}
		if !t.Peers.IsZero() {
			line.Words = append(line.Words, "peers", t.Peers.Value)
		}
		b.tables = append(b.tables, &proxyTable{table: t, line: line})
	}
	return b
}

func peersSection(n *topology.Node, name string) *topology.PeersSection {
	for _, p := range n.Peers {
		if p.Name.Value == name {
			return p
		}
	}
	return nil
}

// section starts a section of ours: a blank line and the header.
func section(origin diag.Span, words ...string) []Line {
	return []Line{{Origin: origin}, {Words: words, Origin: origin}}
}

func (u *unit) peersLines(n *topology.Node, p *topology.PeersSection) []Line {
	lines := append(make([]Line, 0, 6+len(p.Peers)+len(p.Extra)+len(n.Tables)), section(p.Header, "peers", p.Name.Value)...)
	add := func(l Line) { lines = append(lines, l) }
	keyword := "server"
	if p.Style == topology.PeerStyle {
		keyword = "peer"
		add(Line{Indent: 1, Words: []string{keyword, p.Local.Value, p.Listen.Raw}, Origin: p.Local.Span})
	} else {
		add(Line{Indent: 1, Words: append([]string{"bind", p.Listen.Raw}, tlsWords(p.TLS, true)...), Origin: p.Listen.Span})
		// The old process dials the new one by this line when HAProxy is reloaded.
		add(Line{Indent: 1, Words: append([]string{keyword, p.Local.Value}, tlsWords(p.TLS, false)...), Origin: p.Local.Span})
	}
	for _, o := range p.Peers {
		words := append([]string{keyword, o.Name.Value, o.Address.Raw}, tlsWords(o.TLS, false)...)
		add(Line{Indent: 1, Words: words, Comment: translation(o), Origin: o.Span})
	}
	lines = append(lines, rawLines("peers x", p.Extra)...)
	for _, t := range n.Tables {
		if t.InPeers && t.Peers.Value == p.Name.Value {
			add(Line{Indent: 1, Words: append([]string{"table", t.Name.Value}, u.tableWords(t)...), Origin: t.Span})
		}
	}
	return lines
}

// ipv4Since is the first HAProxy that knows the type "ipv4", and wants it instead of "ip".
var ipv4Since = sticktable.Version{Major: 3, Minor: 2}

// tableWords are the words that "table" and "stick-table" lines share.
func (u *unit) tableWords(t *topology.Table) []string {
	s := &t.Shape
	d := &s.Definition
	key := strings.Fields(d.KeyString())
	if d.Key == sticktable.IPv4 && u.isSince(ipv4Since) {
		key[0] = "ipv4"
	}
	words := append([]string{"type"}, key...)
	words = append(words, "size", formatSize(s.Size))
	if d.Expire > 0 {
		words = append(words, "expire", sticktable.FormatDuration(d.Expire))
	}
	if len(d.Columns) > 0 {
		words = append(words, "store", storeText(s))
	}
	if t.RecvOnly {
		words = append(words, "recv-only")
	}
	return words
}

// isSince tells whether all nodes are known to run that HAProxy, or a later one.
func (u *unit) isSince(v sticktable.Version) bool {
	stated := u.cluster.HAProxy
	return stated != (sticktable.Version{}) && !stated.Before(v)
}

// storeText writes the columns in the order in which the user did; the definition has them in the order of the wire.
func storeText(s *topology.Shape) string {
	d := sticktable.Definition{Columns: slices.Clone(s.Definition.Columns)}
	slices.SortStableFunc(d.Columns, func(a, b sticktable.Column) int { return s.Columns.At(a.Type).Compare(s.Columns.At(b.Type)) })
	return d.StoreString()
}

// formatSize writes a number of entries with the greatest unit that keeps it whole; HAProxy's k is 1024.
func formatSize(n int64) string {
	for _, unit := range []struct {
		shift uint
		name  string
	}{{30, "g"}, {20, "m"}, {10, "k"}} {
		if n > 0 && n%(1<<unit.shift) == 0 {
			return strconv.FormatInt(n>>unit.shift, 10) + unit.name
		}
	}
	return strconv.FormatInt(n, 10)
}
