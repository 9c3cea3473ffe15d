// Package corpus makes topologies of any size, to measure by what a cluster's size costs. Same numbers, same bytes. Generate is the entry point.
package corpus

import (
	"bytes"
	"fmt"
	"math"
	"strings"
)

// Size is how large a topology is to be.
type Size struct {
	Balancers   int // 1 to 60,000
	Aggregators int // 1 to 2,000; one is the top, the others stand in levels below it
	// Tables is how many tables are summed; 0 is 2.
	Tables int
}

// Topology is a topology file and all bases that it names.
type Topology struct {
	File  string            // the name of the topology in Files
	Files map[string][]byte // by path
	// Levels is the number of levels of aggregators.
	Levels int
}

// Generate makes a topology in which every host is an entry of its own, as tools write it; ranges would cost less to read. Each of the lowest
// aggregators stands in a site with the balancers that it sums, whose base is the site's own.
func Generate(s Size) *Topology {
	tiers := tiers(s.Aggregators)
	g := &generator{size: s, tiers: tiers, out: &Topology{File: "topology.yaml", Files: map[string][]byte{}, Levels: len(tiers)}}
	g.head()
	g.aggregators()
	g.balancers()
	g.out.Files[g.out.File] = g.text.Bytes()
	return g.out
}

// tiers spreads aggregators over levels, the lowest first: each sums about the square root of their number.
func tiers(aggregators int) []int {
	fan := max(2, int(math.Sqrt(float64(aggregators))))
	tiers := []int{1}
	for left := aggregators - 1; left > 0; {
		n := min(left, tiers[0]*fan)
		if left-n < n { // what is left would be a level of fewer than this one has
			n = left
		}
		tiers = append([]int{n}, tiers...)
		left -= n
	}
	return tiers
}

type generator struct {
	size  Size
	tiers []int
	text  bytes.Buffer
	out   *Topology
}

func (g *generator) linef(format string, args ...any) {
	fmt.Fprintf(&g.text, format+"\n", args...)
}

func (g *generator) head() {
	g.linef("version: 1")
	g.linef(`haproxy: "2.6"`)
	g.linef("tables:")
	for t := range g.tables() {
		g.linef("  t%d: {type: ip, size: 100k, expire: 1h, store: \"http_req_rate(10s),gpc0\"}", t)
	}
	g.linef("levels:")
	g.linef("  - {name: nodes, suffix: .local}")
	for l := range g.tiers {
		g.linef("  - {name: level%d, suffix: .sum%d}", l+1, l+1)
	}
	g.linef("defaults:")
	g.linef(`  balancer: {base: "bases/{site}.cfg", peers: {mypeers: 10000}, bind: 0.0.0.0}`)
}

func (g *generator) tables() int {
	if g.size.Tables == 0 {
		return 2
	}
	return g.size.Tables
}

func (g *generator) aggregators() {
	g.linef("aggregators:")
	for l, n := range g.tiers {
		for i := range n {
			g.linef("  agg%d-%d: {address: \"10.%d.%d.%d:11000\", sums: [%s]%s}", l+1, i, 200+l, i/250, i%250+1, g.sums(l, i), g.site(l, i))
		}
	}
}

// sums selects the members of the i-th aggregator of a level: a site, or its share of the level below.
func (g *generator) sums(level, i int) string {
	if level == 0 {
		return fmt.Sprintf(`"@site%d"`, i)
	}
	below, here := g.tiers[level-1], g.tiers[level]
	var members []string
	for k := i * below / here; k < (i+1)*below/here; k++ {
		members = append(members, fmt.Sprintf("agg%d-%d", level, k))
	}
	return strings.Join(members, ", ")
}

func (g *generator) site(level, i int) string {
	if level > 0 {
		return ""
	}
	return fmt.Sprintf(", site: site%d", i)
}

func (g *generator) balancers() {
	g.linef("balancers:")
	sites := g.tiers[0]
	for i := range g.size.Balancers {
		site := i * sites / g.size.Balancers
		g.linef("  lb%05d: {address: 10.%d.%d.%d, site: site%d}", i, i/62500, i/250%250, i%250+1, site)
	}
	for site := range sites {
		g.out.Files[fmt.Sprintf("bases/site%d.cfg", site)] = g.base(site)
	}
}

// base is a configuration of about 100 lines, with proxies for some of the tables and rules that count.
func (g *generator) base(site int) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\nglobal\n  log 127.0.0.1:514 local0\n  maxconn 20000\n  stats socket /run/haproxy/admin.sock mode 600 level admin\n\n", fmt.Sprintf("site%d", site))
	b.WriteString("defaults\n  mode http\n  log global\n  option httplog\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n\nfrontend web\n  bind :8080\n")
	for t := range g.tables() {
		fmt.Fprintf(&b, "  http-request track-sc%d src table t%d.local\n", t%3, t)
		fmt.Fprintf(&b, "  http-request deny deny_status 429 if { src,table_http_req_rate(t%d.sum1) gt 1000 }\n", t)
	}
	for i := range 20 {
		fmt.Fprintf(&b, "  acl host%d hdr(host) -i host%d.example.com www.host%d.example.com\n  use_backend app%d if host%d\n", i, i, i, i, i)
	}
	for i := range 20 {
		fmt.Fprintf(&b, "\nbackend app%d\n  balance leastconn\n  server s1 192.0.2.%d:8080 check inter 2s\n", i, i+1)
	}
	return []byte(b.String())
}
