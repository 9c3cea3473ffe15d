package load

import (
	"cmp"
	"slices"
	"strings"

	"stktc/grammar"
	"stktc/topology"
	"stktc/topology/sticktable"
)

// leaseTable is the table in which nodes see that sums are fresh: a key for each section that they get sums of.
const leaseTable = "stktc" + leaseSuffix

// leaseSuffix is what aggregators forward.
const leaseSuffix = ".lease"

// leaseSize is how many sections a node may get sums of. A table takes the room of the keys that are there.
const leaseSize = 1 << 10

// lease reads how long an aggregator's key lasts: what its entry says, else the whole topology.
func (b *topologyBuilder) lease(e *grammar.AggregatorEntry) topology.Timing {
	s := e.Lease
	if s.IsZero() {
		s = b.file.Lease
	}
	t := b.timing(s)
	if !t.Span.IsZero() && t.Value == 0 {
		b.errorf(grammar.CodeDuration, s.Span, "lease `%s` is no time; accepted is 1 ms and more, as in `3s`", s.Value)
		return topology.Timing{}
	}
	return t
}

// leases makes sure that leases can be written: the key is the section's name, which must fit, and no rule must sum the table.
func (b *topologyBuilder) leases() {
	b.leaseInPeers = b.leasesInPeers()
	for _, a := range b.aggregators {
		if a.lease.Span.IsZero() {
			continue
		}
		done := b.about(a.node.Name.Value, "")
		name := b.sectionName(a)
		if most := sticktable.String.DefaultLen(); len(name.Value) > most {
			b.related(grammar.CodeName, name.Span, a.lease.Span, "the lease", "section `%s` of `%s` has a lease, whose key is the section's name: at most %d characters", name.Value, a.node.Name.Value, most)
		}
		done()
	}
	for _, t := range b.tableList {
		done := b.about("", t.entry.Name.Value)
		for _, s := range t.suffixes {
			if s.Value != "" && (strings.HasSuffix(leaseTable, s.Value) || strings.HasSuffix(s.Value, leaseSuffix)) && b.leased() != nil {
				b.related(grammar.CodeName, s.Span, b.leased().lease.Span, "the lease", "suffix `%s` of table `%s` ends as `%s` does, the table of leases", s.Value, t.entry.Name.Value, leaseTable)
			}
		}
		done()
	}
}

// longestLease is what the tables are declared with, alike on all nodes. Each key comes with the time that it has left.
func (b *topologyBuilder) longestLease() topology.Timing {
	return slices.MaxFunc(b.aggregators, func(x, y *host) int { return cmp.Compare(x.lease.Value, y.lease.Value) }).lease
}

// leased is the first aggregator with a lease; nil when there is none.
func (b *topologyBuilder) leased() *host {
	i := slices.IndexFunc(b.aggregators, func(a *host) bool { return !a.lease.Span.IsZero() })
	if i < 0 {
		return nil
	}
	return b.aggregators[i]
}

// leasesInPeers tells whether lease tables are declared in peers sections: where the tables of a section all are, and where a node gets leases over
// several sections, as HAProxy takes no two tables of one name otherwise. All are declared alike, which rules can rely on.
func (b *topologyBuilder) leasesInPeers() bool {
	for _, a := range b.aggregators {
		if !a.lease.Span.IsZero() && slices.ContainsFunc(a.families(), b.allInPeers) {
			return true
		}
	}
	return slices.ContainsFunc(b.balancers, func(h *host) bool { return len(h.leasedSections()) > 1 })
}

// leasedSections are the peers sections over which a balancer gets sums with a lease.
func (h *host) leasedSections() []*listener {
	var leased []*listener
	for i := range h.listens {
		l := &h.listens[i]
		over := slices.DeleteFunc(slices.Clone(h.sums), func(up member) bool { return h.section(up.aggregator.Peers) != l })
		if len(leasesAbove(over)) > 0 {
			leased = append(leased, l)
		}
	}
	return leased
}

// allInPeers tells whether all tables of a peers section are declared in it.
func (b *topologyBuilder) allInPeers(section string) bool {
	found := false
	for _, t := range b.tableList {
		shared := slices.ContainsFunc(b.balancers, func(h *host) bool {
			l := t.section(h)
			return t.isOn(h) && l != nil && l.section.Value == section
		})
		if shared && t.entry.Declare.Value != "peers" {
			return false
		}
		found = found || shared
	}
	return found
}

// addLeases says that a section keeps its key, and hands down those of the sections above.
func (b *topologyBuilder) addLeases(a *host, out *topology.Aggregations) {
	if !a.lease.Span.IsZero() {
		name := topology.Text{Value: leaseTable, Span: a.lease.Span}
		if b.leaseInPeers {
			name.Value = "/" + leaseTable
		}
		out.Settings.Leases = append(out.Settings.Leases, topology.Lease{Table: name, Period: a.lease, Span: a.lease.Span})
	}
	if above := leasesAbove(a.sums); len(above) > 0 {
		out.Forwards = append(out.Forwards, topology.Text{Value: leaseSuffix, Span: above[0].Span})
	}
}

// leasesAbove are the leases of aggregators and of those that sum them, each once.
func leasesAbove(list []member) []topology.Timing {
	var found []topology.Timing
	seen := map[*host]bool{}
	var walk func([]member)
	walk = func(list []member) {
		for _, up := range list {
			if seen[up.host] {
				continue
			}
			seen[up.host] = true
			if !up.lease.Span.IsZero() {
				found = append(found, up.lease)
			}
			walk(up.sums)
		}
	}
	walk(list)
	return found
}

// declareLeases adds a balancer's lease tables, one in each peers section over which it gets sums with a lease.
func (b *topologyBuilder) declareLeases(h *host) {
	for _, l := range h.leasedSections() {
		t := leaseDeclaration(b.longestLease())
		t.Peers, t.InPeers = text(l.section), b.leaseInPeers
		h.node.Tables = append(h.node.Tables, t)
	}
}

// leaseDeclaration is the table as aggregators define it.
func leaseDeclaration(lease topology.Timing) *topology.Table {
	return &topology.Table{
		Name: topology.Text{Value: leaseTable, Span: lease.Span},
		Span: lease.Span,
		Shape: topology.Shape{
			Size: leaseSize,
			Definition: sticktable.Definition{
				Key: sticktable.String, KeyLen: sticktable.String.WireLen(sticktable.String.DefaultLen()), Expire: lease.Value,
				Columns: []sticktable.Column{{Type: sticktable.GPC0, Elems: 1}},
			},
			Key: lease.Span, SizeSpan: lease.Span, Expire: lease.Span, Store: lease.Span,
			Columns: topology.ColumnSpans{{Type: sticktable.GPC0, Span: lease.Span}},
		},
	}
}
