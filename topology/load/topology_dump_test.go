package load

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology"
)

// dumpTopology writes a cluster and what only a topology file gives.
func dumpTopology(c *topology.Cluster, findings diag.List) string {
	d := dumper{}
	d.line(0, "haproxy %s", c.HAProxy)
	for _, l := range c.Levels {
		d.line(0, "level %s suffix %s", d.text(l.Name), d.text(l.Suffix))
	}
	for _, n := range c.Nodes {
		if n.IsBalancer() {
			d.line(0, "%s: site %q, output %q, localpeer mode %d", n.Name.Value, n.Site, n.Build.Output, n.Build.LocalPeer)
			for _, b := range n.Build.Base {
				_, read := c.Files[b.Name]
				d.line(1, "base %s is %s, read %v", d.text(b.Path), b.Name, read)
			}
		}
		d.build(n)
	}
	return d.String() + dump(c, findings)
}

// build writes what only a topology knows of a node: how its files are to be written.
func (d *dumper) build(n *topology.Node) {
	if n.IsAggregator() {
		d.line(0, "%s: site %q, output %q, dialect %s", n.Name.Value, n.Site, n.Build.Output, n.Build.Dialect)
	} else if n.Build.Fragment {
		d.line(1, "a fragment")
	}
	d.extra("global", n.Build.Extra)
	for _, a := range n.Aggregations {
		d.line(1, "aggregations %s", a.Name.Value)
		d.settings(&a.Settings)
		d.extra("section", a.Extra)
		d.links(append([]*topology.Peer{a.Local}, a.Peers...))
	}
	for _, p := range n.Peers {
		if p.TLS.On {
			d.line(1, "peers %s tls%s", p.Name.Value, d.tls(p.TLS))
		}
		d.extra("section", p.Extra)
		d.links(p.Peers)
	}
	for _, t := range n.Tables {
		if t.RecvOnly {
			d.line(1, "table %s recv-only", t.Name.Value)
		}
	}
}

func (d *dumper) extra(where string, lines []topology.Text) {
	for _, l := range lines {
		d.line(2, "extra %s %s", where, d.text(l))
	}
}

func (d *dumper) settings(s *topology.Settings) {
	for _, t := range []struct {
		name string
		topology.Timing
	}{{"learn-timeout", s.LearnTimeout}, {"hold", s.Hold}, {"pace", s.Pace}} {
		if !t.Span.IsZero() {
			d.line(2, "%s %s %s", t.name, t.Value, d.place(t.Span))
		}
	}
	if !s.GiveBack.Span.IsZero() {
		d.line(2, "give-back %v %s", s.GiveBack.On, d.place(s.GiveBack.Span))
	}
	for _, l := range s.Leases {
		d.line(2, "lease %s %s", d.text(l.Table), l.Period.Value)
	}
}

// links writes of each line how it is encrypted, and whether its address is a translated one.
func (d *dumper) links(peers []*topology.Peer) {
	for _, p := range peers {
		marks := d.tls(p.TLS)
		if p.Translated {
			marks += " translated " + d.place(p.Address.Span)
		}
		if marks != "" {
			d.line(2, "%s%s", p.Name.Value, marks)
		}
	}
}

func (d *dumper) tls(t topology.TLS) string {
	if !t.On {
		return ""
	}
	return fmt.Sprintf(" ssl@%d crt %s ca-file %s verify %s", t.Span.Start.Line, d.text(t.Crt), d.text(t.CAFile), d.text(t.Verify))
}
