package lab

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stktc/cmd/internal/haproxy/haproxytest"
)

// mostHosts is how many hosts a cluster has whose balancers are real in these tests; the larger ones are played only.
const mostHosts = 16

// Every cluster that the schema is proved on must sum rightly: replicas, leases, tables that are not delivered, guests, translated addresses, TLS.
func TestClustersPlayed(t *testing.T) { tryClusters(t, Options{}, maxHosts) }

func TestClustersWithHAProxy(t *testing.T) {
	tryClusters(t, Options{HAProxy: haproxytest.Binary(t)}, mostHosts)
}

// tryClusters runs several at a time: they wait most of theirs.
func tryClusters(t *testing.T, o Options, most int) {
	t.Parallel()
	dirs, err := filepath.Glob("../../../testdata/clusters/*")
	if err != nil || len(dirs) == 0 {
		t.Fatal("no clusters", err)
	}
	o.Limit, o.Steady = 40*time.Second, time.Second
	inParallel(len(dirs), func(i int) error {
		hosts := compiled(t, dirs[i])
		if len(hosts) > most {
			return nil
		}
		right, out, _, err := runHosts(t, t.Context(), hosts, o)
		if !right || err != nil || !strings.Contains(out, "all right: ") {
			t.Errorf("%s: right %v, error %v\n%s", dirs[i], right, err, out)
		}
		return nil
	})
}

// Of the clusters at least one must encrypt, translate and leave tables undelivered, or TestClusters shows less than it says.
func TestClustersHoldTheHardCases(t *testing.T) {
	for _, want := range []struct{ dir, text string }{{"product", " ssl crt "}, {"product", " up-only"}, {"redundant-pair", " replica"}, {"redundant-pair", "lease "}} {
		hosts := compiled(t, "../../../testdata/clusters/"+want.dir)
		if !slices.ContainsFunc(hosts, func(h Host) bool {
			return slices.ContainsFunc(h.Files, func(f File) bool { return strings.Contains(string(f.Text), want.text) })
		}) {
			t.Errorf("%s has no %q", want.dir, want.text)
		}
	}
}

// secured is a pair of balancers whose sessions are encrypted, and that look at the aggregator's name.
func secured(verifyhost string) []Host {
	lb := func(name string) Host {
		return host(name, `
peers p
  bind :10443 ssl crt /etc/hapee/lb.pem ca-file /etc/hapee/ca.pem verify required
  server `+name+` ssl crt /etc/hapee/lb.pem ca-file /etc/hapee/ca.pem verify required
  server agg 10.0.0.9:443 ssl crt /etc/hapee/lb.pem ca-file /etc/hapee/ca.pem verify required `+verifyhost+`
  table t.local type ip size 1k expire 1h store gpc0
  table t.all type ip size 1k expire 1h store gpc0
`)
	}
	return []Host{
		host("agg", `aggregations s
  peer agg 10.0.0.9:443 local ssl crt /x/agg.pem key /x/agg.key ca-file /x/ca.pem verify required
  peer lb1 10.0.0.1:10443 ssl crt /x/agg.pem key /x/agg.key ca-file /x/ca.pem verify required
  peer lb2 10.0.0.2:10443 ssl crt /x/agg.pem key /x/agg.key ca-file /x/ca.pem verify required
  from .local to .all
`), lb("lb1"), lb("lb2"),
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	for name, binary := range map[string]func(testing.TB) string{"played": func(testing.TB) string { return "" }, "real": haproxytest.Binary} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			right, out, progress, err := runHosts(t, t.Context(), secured("verifyhost sums.example.com"), Options{HAProxy: binary(t), Steady: time.Second})
			if !right || err != nil || !strings.Contains(progress, "encrypted with 3 certificates") {
				t.Errorf("right %v, error %v\n%s", right, err, out)
			}
		})
	}
}

// One end without TLS must not work in the lab either, or TestTLS shows nothing.
func TestTLSAtOneEnd(t *testing.T) {
	t.Parallel()
	hosts := secured("")
	hosts[0].Files[0].Text = []byte(strings.ReplaceAll(string(hosts[0].Files[0].Text), " ssl crt /x/agg.pem key /x/agg.key ca-file /x/ca.pem verify required", ""))
	right, out, _, err := runHosts(t, t.Context(), hosts, Options{Limit: 3 * time.Second})
	if right || err != nil || !strings.Contains(out, "no session between lb1 and agg") {
		t.Errorf("right %v, error %v\n%s", right, err, out)
	}
}

// A table of which HAProxy's own connections are all that is stored shows nothing, and the lab must not call that right.
func TestNothingCounts(t *testing.T) {
	t.Parallel()
	hosts := []Host{
		host("agg", "aggregations s\n  peer agg 10.0.0.9:11111 local\n  peer lb1 10.0.0.1:10443\n  from .local to .all\n"),
		host("lb1", `defaults
  mode http
  timeout client 5s
frontend fe
  bind :80
  http-request track-sc0 src table p/t.local
  http-request deny
peers p
  bind :10443
  server lb1
  server agg 10.0.0.9:11111
  table t.local type ip size 1k expire 1h store http_fail_cnt,http_req_cnt,gpc0
  table t.all type ip size 1k expire 1h store http_fail_cnt,http_req_cnt,gpc0
  table c.local type ip size 1k expire 1h store conn_cur
  table c.all type ip size 1k expire 1h store conn_cur
`),
	}
	right, out, _, err := runHosts(t, t.Context(), hosts, Options{HAProxy: haproxytest.Binary(t), Steady: time.Second})
	if !right || err != nil || !strings.Contains(out, "right as far as it was tried: ") || !strings.Contains(out, "c.local, of which no value is summed") {
		t.Errorf("right %v, error %v\n%s", right, err, out)
	}
	if !strings.Contains(out, "\n      http_req_cnt  http_req_cnt\n") {
		t.Errorf("the heading does not name what traffic changes:\n%s", out)
	}
}

// A score of zeros is no success, whoever made them.
func TestZerosAreNotRight(t *testing.T) {
	var out strings.Builder
	m := modelOf(t, secured(""))
	s := &score{lab: &lab{Options: Options{Out: &out}, hosts: secured(""), model: m}}
	for i := 1; i <= 2; i++ {
		for _, r := range m.roles(i) {
			scored := &scoredTable{role: r, node: i, keys: make([]key, clients), known: make([]values, clients), now: make([]values, clients)}
			for c := range clients {
				scored.known[c] = values{cells(&r.table.Shape.Definition)[0]: 0}
			}
			s.add(scored)
		}
	}
	if s.conclude(time.Second) || !strings.HasPrefix(out.String(), "not tried: every value is 0") || !strings.Contains(out.String(), "t.local: gpc0") {
		t.Errorf("verdict %q", out.String())
	}
}

// What haproxy refuses in both forms is said once.
func TestRefusedOnce(t *testing.T) {
	t.Parallel()
	hosts := secured("")
	hosts[1].Files[0].Text = append(hosts[1].Files[0].Text, "  table t.more type nonsense size 1k store gpc0\n"...)
	explained := 0
	o := Options{HAProxy: haproxytest.Binary(t), Explain: func(host, dir, output string) (string, bool) {
		explained++
		if _, err := os.Stat(filepath.Join(dir, "f.cfg")); err != nil || host != "lb1" {
			t.Errorf("host %s, directory %s: %v", host, dir, err)
		}
		return "topology.yaml:7: nonsense", true
	}}
	_, out, progress, err := runHosts(t, t.Context(), hosts, o)
	var refused *Refusal
	if !errors.As(err, &refused) || !refused.Ours || strings.Count(err.Error()+progress+out, "nonsense") != 1 {
		t.Errorf("error %v\n%s%s", err, progress, out)
	}
}

// A translated address leads to where the peer listens, whatever port is written.
func TestTranslated(t *testing.T) {
	hosts := []Host{
		{Name: "a", Files: []File{{"a.cfg", []byte("aggregations s\n  peer a 10.0.0.1:1111 local\n  peer b 203.0.113.9:443 up\n  peer c 203.0.113.9:444 up\n")}}, Translated: []string{"b"}},
		host("b", "aggregations s\n  peer b 10.0.0.2:2222 local\n"),
		host("c", "aggregations s\n  peer c 10.0.0.3:3333 local\n"),
	}
	text := string(newPlan(firstNet, "/lab", hosts).rewrite(hosts, whole)[0].text)
	if !strings.Contains(text, "peer b 127.77.0.2:2222 up") || strings.Contains(text, "peer c 127.77.0.3:3333 up") {
		t.Errorf("got\n%s", text)
	}
}
