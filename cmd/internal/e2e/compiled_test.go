package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"stktc/cmd/internal/certtest"
	"stktc/cmd/internal/haproxy"
	"stktc/cmd/internal/haproxy/haproxytest"
	"stktc/compile"
	"stktc/grammar/diag"
	"stktc/render"
	loading "stktc/topology/load"
)

// compiledTopology is everything that makes the two ends' files depend on each other: TLS with certificates at both ends, a pair that stands
// in for each other, a top above it, sums that only go up, a second section in another's file, leases, and lines in both forms.
const compiledTopology = `
haproxy: "2.6"
lease: 2s
tables:
  st: {type: ip, size: 1k, expire: 1h, store: "http_req_rate(1h)"}
  no: {type: ip, size: 1k, expire: 1h, store: "http_req_cnt", declare: peers, peers: other, suffixes: [.raw, .sum]}
levels:
  - {name: nodes, suffix: .own}
  - {name: site,  suffix: .site, deliver: false}
  - {name: world, suffix: .world}
defaults:
  any: {tls: {crt: "PKI/{name}.pem", ca_file: PKI/ca.pem, verify: required}}
  balancer: {base: "{name}.cfg", peers: {cluster: 10000, other: 10001}, localpeer: emit}
aggregators:
  "a[1-2]": {address: "NET.10[1-2]:10000", sums: ["n*"]}
  top:      {address: "NET.110:10000", sums: ["a*"]}
  guest:    {host: top, section: guests, address: "NET.110:10001", peers: other, sums: ["n*"]}
balancers:
  "n[1-2]": {address: "NET.[1-2]"}
`

// TestCompiled runs what is compiled of a topology: the aggregators' files as the daemon reads them, the balancers' with real HAProxys.
func TestCompiled(t *testing.T) {
	c := newCluster(t)
	pki := t.TempDir()
	authority := certtest.NewAuthority(t, "ca")
	for _, name := range []string{"a1", "a2", "top", "n1", "n2"} {
		copyFile(t, authority.Pair(certtest.Leaf{Name: name}), filepath.Join(pki, name+".pem"))
	}
	copyFile(t, authority.File(), filepath.Join(pki, "ca.pem"))
	input := fstest.MapFS{"topology.yaml": {Data: []byte(strings.NewReplacer("NET", c.net, "PKI", pki).Replace(compiledTopology))}}
	for n := range 2 {
		b := c.newBalancer(n)
		c.nodes = append(c.nodes, b)
		input[b.name+".cfg"] = &fstest.MapFile{Data: []byte(fmt.Sprintf("defaults\n  mode http\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n"+
			"frontend fe\n  bind %s\n  http-request track-sc0 src table st.own\n  http-request track-sc1 src table other/no.raw\n"+
			"  http-request return status 503 unless { str(world),table_gpc0(cluster/stktc.lease) eq 0 } { str(world),in_table(cluster/stktc.lease) }\n"+
			"  http-request return status 200\n", b.frontend()))}
	}
	c.runCompiled(input)
	source := netip.MustParseAddr(c.net + ".200")
	for i, b := range c.nodes {
		if err := haproxy.Request(t.Context(), source, b.frontend(), 3+4*i); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range c.nodes {
		haproxytest.Eventually(c.t, func() error {
			rate, count := b.value("st.world", source.String(), "http_req_rate"), b.value("other/no.sum", source.String(), "http_req_cnt")
			site, world := b.value("cluster/stktc.lease", "site", "gpc0"), b.lease("world")
			if rate != 10 || count != 10 || site != 0 || !world {
				return fmt.Errorf("%s: rate %d, count %d, want 10 of each; %d sources missing, lease of the world %v", b.name, rate, count, site, world)
			}
			return nil
		})
		if _, err := b.ShowTable(t.Context(), "st.site"); err == nil {
			t.Errorf("%s has st.site, which is not delivered", b.name)
		}
	}
}

// lease tells whether a section's key is there.
func (b *balancer) lease(section string) bool {
	e, err := b.ShowTableKey(b.c.t.Context(), "cluster/stktc.lease", section)
	return err == nil && e != nil
}

// runCompiled compiles a topology and runs all of it.
func (c *cluster) runCompiled(input fstest.MapFS) {
	c.t.Helper()
	model, findings, err := loading.Topology(input, "topology.yaml")
	if err != nil {
		c.t.Fatal(err)
	}
	result, more := compile.Compile(model)
	if findings.Add(more...); findings.Worst() > diag.Info {
		c.t.Fatalf("%s", (&render.Findings{List: findings, Files: model.Files}).Text(render.TextOptions{}))
	}
	for _, o := range render.Tree(result) {
		if o.File.Aggregator {
			c.startFile(string(o.Text))
		}
	}
	for _, o := range render.Tree(result) {
		if !o.File.Aggregator {
			c.startCompiled(o)
		}
	}
}

// startCompiled starts the HAProxy of a file, which says its own name.
func (c *cluster) startCompiled(o render.Output) {
	c.t.Helper()
	for _, b := range c.nodes {
		if b.name == path.Dir(o.File.Path) {
			b.Process = haproxytest.Start(c.t, haproxy.Config{Text: string(o.Text)})
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
