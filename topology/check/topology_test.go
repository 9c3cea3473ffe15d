package check

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"stktc/grammar/diag"
	"stktc/topology/load"
)

// twoSites is a topology of two sites that share an aggregator.
const twoSites = `version: 1
haproxy: "2.6"
tables:
  st: {type: ip, size: {nodes: 1m, all: 2m}, expire: 10m, store: "http_req_rate(10s)"}
levels:
  - {name: nodes, suffix: .local}
  - {name: all, suffix: .all}
defaults:
  balancer: {base: base.cfg, peers: {agg: 10443}}
aggregators:
  agg: {address: "10.1.0.5:10443", site: par, sums: ["par", "nyc"]}
balancers:
  par: {address: 10.1.1.1, site: par}
  nyc: {address: 10.2.1.1, site: nyc}
`

const twoSitesBase = `frontend web
  bind :80
  http-request track-sc0 src table st.local
  http-request deny if { src,table_http_req_rate(st.all) gt 100 }
backend own
  stick-table type ip size 1k store gpc0
`

// TestTopologies: what can still go wrong where most is derived, at the line of the topology or of the base that says it.
func TestTopologies(t *testing.T) {
	for _, c := range []struct {
		name string
		yaml []string // old, new …
		base []string
		want []string
	}{
		{"as it is", nil, nil, []string{`STK705 "10.1.0.5:10443"`}},
		{"one site", []string{"site: nyc", "site: par"}, nil, nil},
		{"a comment", []string{"sums: [\"par\", \"nyc\"]}", "sums: [\"par\", \"nyc\"]}  # stktc:ignore STK705 -- a private line"}, nil, nil},
		{"a public address", []string{"site: nyc", "site: par", "10.1.0.5:10443", "203.0.112.5:10443"}, nil, []string{`STK703 "203.0.112.5:10443"`}},
		{"a fetch of what is not stored", []string{"site: nyc", "site: par"}, []string{"table_http_req_rate(st.all)", "table_http_err_rate(st.all)"}, []string{"STK308 table_http_err_rate"}},
		{"a table that is not there", []string{"site: nyc", "site: par"}, []string{"track-sc0 src table st.local", "track-sc0 src table st.loc"}, []string{"STK304 st.loc"}},
		{"a table of the base", []string{"site: nyc", "site: par"}, []string{"gt 100 }", "gt 100 } { src,table_gpc0(own) gt 1 }"}, nil},
		{"a table of the base that is too new", []string{"site: nyc", "site: par"}, []string{"store gpc0", "store gpc0 recv-only"}, []string{"STK501 recv-only"}},
		{"the sum tracked", []string{"site: nyc", "site: par"}, []string{"track-sc0 src table st.local", "track-sc0 src table st.all"}, []string{"STK326 track-sc0"}},
		{"current connections", []string{"site: nyc", "site: par", "http_req_rate(10s)", "http_req_rate(10s),conn_cur"}, nil, []string{"STK325 conn_cur"}},
		{"a socket for everybody", []string{"site: nyc", "site: par"}, []string{"frontend web", "global\n  stats socket /run/x mode 666\nfrontend web"}, []string{"STK704 666"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fsys := fstest.MapFS{
				"topology.yaml": {Data: []byte(alter(twoSites, c.yaml...))},
				"base.cfg":      {Data: []byte(alter(twoSitesBase, c.base...))},
			}
			cluster, findings, err := load.Topology(fsys, "topology.yaml")
			if err != nil {
				t.Fatal(err)
			}
			findings.Add(Run(cluster)...)
			var got []string
			for _, f := range Settle(cluster, findings).Heard() {
				if at := f.Primary.Span; f.Severity > diag.Info {
					got = append(got, string(f.Code)+" "+string(cluster.Files[at.File][at.Start.Offset:at.End.Offset]))
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %s, want %s", strings.Join(got, ", "), strings.Join(c.want, ", "))
			}
		})
	}
}
