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
			h.balancer = newBalancer(h.node)
		}
	}
}

func newBalancer(n *topology.Node) *balancer {
	b := &balancer{node: n}
	for _, p := range n.Peers {
		b.peers = append(b.peers, peersLines(n, p)...)
	}
	for _, t := range n.Tables {
		if t.InPeers {
			if peersSection(n, t.Peers.Value) == nil {
				panic(fmt.Sprintf("%s: table %s belongs to peers section %q, which the node has not", n.Name.Value, t.Name.Value, t.Peers.Value))
			}
			continue
		}
		line := Line{Indent: 1, Words: append([]string{"stick-table"}, shapeWords(&t.Shape)...), Origin: t.Span}
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

func peersLines(n *topology.Node, p *topology.PeersSection) []Line {
	lines := section(p.Header, "peers", p.Name.Value)
	keyword := "server"
	if p.Style == topology.PeerStyle {
		keyword = "peer"
		lines = append(lines, Line{Indent: 1, Words: []string{keyword, p.Local.Value, p.Listen.Raw}, Origin: p.Local.Span})
	} else {
		lines = append(lines,
			Line{Indent: 1, Words: []string{"bind", p.Listen.Raw}, Origin: p.Listen.Span},
			Line{Indent: 1, Words: []string{keyword, p.Local.Value}, Origin: p.Local.Span})
	}
	for _, o := range p.Peers {
		lines = append(lines, Line{Indent: 1, Words: []string{keyword, o.Name.Value, o.Address.Raw}, Origin: o.Span})
	}
	for _, t := range n.Tables {
		if t.InPeers && t.Peers.Value == p.Name.Value {
			words := append([]string{"table", t.Name.Value}, shapeWords(&t.Shape)...)
			lines = append(lines, Line{Indent: 1, Words: words, Origin: t.Span})
		}
	}
	return lines
}

// shapeWords are the words that "table" and "stick-table" lines share.
func shapeWords(s *topology.Shape) []string {
	d := &s.Definition
	words := append([]string{"type"}, strings.Fields(d.KeyString())...)
	words = append(words, "size", formatSize(s.Size))
	if d.Expire > 0 {
		words = append(words, "expire", sticktable.FormatDuration(d.Expire))
	}
	if len(d.Columns) > 0 {
		words = append(words, "store", storeText(s))
	}
	return words
}

// storeText writes the columns in the order in which the user did; the definition has them in the order of the wire.
func storeText(s *topology.Shape) string {
	d := sticktable.Definition{Columns: slices.Clone(s.Definition.Columns)}
	slices.SortStableFunc(d.Columns, func(a, b sticktable.Column) int { return s.Columns[a.Type].Compare(s.Columns[b.Type]) })
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
