package check

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"stktc/grammar/diag"
)

// sites makes the files of 60 hosts, collected from three sites with address translation between them: 54 balancers, an aggregator for each site, two
// redundant ones above, and a host that has nothing to do with it. Everything is right; where translation makes it look wrong, a comment says so.
//
// Paris and Singapore have the same private network. New York's balancers have old-style lines and several files, Singapore's have their addresses
// from the environment, and reach their aggregator by a floating address.
func sites() fstest.MapFS {
	s := siteFiles{}
	for i := range 18 {
		s.paris(i + 1)
		s.newYork(i + 1)
		s.singapore(i + 1)
	}
	s.aggregator("agg-par", "10.1.0.5:10443 local", "", "par", "10.1.1.%d", 10443, "10.1.0.9:10443", "10.1.0.10:10443", "")
	s.aggregator("agg-nyc", "10.2.0.5:10443 local", "", "nyc", "10.2.1.%d", 10443, "203.0.113.9:10443", "203.0.113.10:10443", "  # stktc:ignore STK201 -- NAT: the tops as seen from New York")
	s.aggregator("agg-sin", "10.1.0.5:10443 local", "  # stktc:ignore STK201 -- reached by the floating address 10.1.0.100", "sin", "10.1.1.%d", 10443,
		"203.0.113.9:10443", "203.0.113.10:10443", "  # stktc:ignore STK201 -- NAT: the tops as seen from Singapore")
	s.top("top1", "10.1.0.9")
	s.top("top2", "10.1.0.10")
	s.add("bastion/etc/haproxy.cfg", "global\n  log stdout local0\ndefaults\n  mode http\nfrontend web\n  bind :80\n  default_backend b\nbackend b\n  server s 10.9.9.9:80\n")
	return fstest.MapFS(s)
}

type siteFiles fstest.MapFS

func (s siteFiles) add(name, text string) { s[name] = &fstest.MapFile{Data: []byte(text)} }

const siteRules = `frontend web
  bind :80
  http-request track-sc0 src table st.local
  http-request deny if { src,table_http_req_rate(st.all) gt 100 }
  http-request tarpit if { sc0_http_req_rate(st.site) gt 50 }
`

const siteTables = `backend st.local
  stick-table type ip size 200k expire 10m store http_req_rate(10s) peers agg
backend st.site
  stick-table type ip size 4m expire 10m store http_req_rate(10s) peers agg
backend st.all
  stick-table type ip size 16m expire 10m store http_req_rate(10s) peers agg
`

func (s siteFiles) paris(i int) {
	name := fmt.Sprintf("par%02d", i)
	s.add(name+"/haproxy.cfg", fmt.Sprintf("global\n  localpeer %s\n%s%speers agg\n  bind 10.1.1.%d:10443\n  server %s\n  server agg-par 10.1.0.5:10443\n", name, siteRules, siteTables, i, name))
}

func (s siteFiles) newYork(i int) {
	name := fmt.Sprintf("nyc%02d", i)
	s.add(name+"/conf.d/10-web.cfg", siteRules)
	s.add(name+"/conf.d/20-tables.cfg", siteTables)
	s.add(name+"/conf.d/30-peers.cfg", fmt.Sprintf("peers agg\n  peer %s 10.2.1.%d:10443\n  peer agg-nyc agg.nyc.example.net:10443\n", name, i))
}

func (s siteFiles) singapore(i int) {
	name := fmt.Sprintf("sin%02d", i)
	s.add(name+"/haproxy.cfg", fmt.Sprintf("global\n  localpeer %s\n%s%speers agg\n  bind \"${BIND_IP}:10443\"\n  server %s\n  server agg-sin 10.1.0.100:10443\n", name, siteRules, siteTables, name))
}

func (s siteFiles) aggregator(name, local, comment, site, host string, port int, top1, top2, nat string) {
	var b strings.Builder
	fmt.Fprintf(&b, "global\n  stats socket /run/stktc/%s.sock mode 660\n\naggregations site\n  peer %s %s%s\n", name, name, local, comment)
	for i := range 18 {
		fmt.Fprintf(&b, "  peer %s%02d %s:%d\n", site, i+1, fmt.Sprintf(host, i+1), port)
	}
	fmt.Fprintf(&b, "  peer top1 %s up group 1%s\n  peer top2 %s up group 1%s\n  from .local to .site\n  forward .all\n", top1, nat, top2, nat)
	s.add(name+"/hapee-stktagg.cfg", b.String())
}

func (s siteFiles) top(name, host string) {
	s.add(name+"/hapee-stktagg.cfg", fmt.Sprintf(`aggregations global
  peer %s %s:10443 local
  peer agg-par 10.1.0.5:10443 down
  # stktc:ignore STK201 -- NAT: New York's router maps 20443 to 10443
  peer agg-nyc 198.51.100.5:20443 down
  peer agg-sin 198.51.100.69:10443 down  # stktc:ignore peer-address-mismatch -- NAT: Singapore's public address
  from .site to .all
`, name, host))
}

// parisList are the lines of Paris's balancers at their aggregator.
func parisList() string {
	var b strings.Builder
	for i := range 18 {
		fmt.Fprintf(&b, "  peer par%02d 10.1.1.%d:10443\n", i+1, i+1)
	}
	return b.String()
}

// TestSitesSilent: what is right has no finding, through address translation, equal private networks, environment variables and DNS.
func TestSitesSilent(t *testing.T) {
	fsys := sites()
	dirs := map[string]bool{}
	for name := range fsys {
		dir, _, _ := strings.Cut(name, "/")
		dirs[dir] = true
	}
	if len(dirs) != 60 {
		t.Fatalf("%d hosts", len(dirs))
	}
	c, findings := linted(t, fsys)
	if len(c.Nodes) != 60 {
		t.Errorf("%d nodes", len(c.Nodes))
	}
	silenced := 0
	for _, f := range findings {
		switch {
		case f.Silenced != nil:
			silenced++
		case f.Code == singlePoint.Code: // an info: each site has one aggregator
		default:
			t.Errorf("%s: %s", f.Code, f.Summary)
		}
	}
	if silenced == 0 {
		t.Error("the comments have nothing to silence: the test proves nothing")
	}
}

// TestRootCauses makes one mistake at a time among the 60 hosts, some of which 20 others see: each is one finding, at the place to mend.
func TestRootCauses(t *testing.T) {
	hosts := func(site, file string, old, new string) []edit {
		var list []edit
		for i := range 18 {
			list = append(list, edit{fmt.Sprintf("%s%02d/%s", site, i+1, file), old, new})
		}
		return list
	}
	par, sin, nyc, top1 := "agg-par/hapee-stktagg.cfg", "agg-sin/hapee-stktagg.cfg", "agg-nyc/hapee-stktagg.cfg", "top1/hapee-stktagg.cfg"
	for _, c := range []struct {
		name  string
		edits []edit
		want  string // code, directory and marked text
	}{
		{"a balancer renamed", []edit{{"par07/haproxy.cfg", "par07", "par7"}}, "STK103 agg-par:par07"},
		{"an aggregator renamed, 20 others know it by its old name", []edit{{par, "peer agg-par ", "peer agg-paris "}}, "STK103 agg-par:agg-paris"},
		{"a top renamed, known to three", []edit{{top1, "peer top1 ", "peer top-1 "}}, "STK103 top1:top-1"},
		{"an aggregator's port, dialled by 20", []edit{{par, "10.1.0.5:10443 local", "10.1.0.5:10444 local"}}, "STK201 agg-par:10444"},
		{"an aggregator's address", []edit{{par, "10.1.0.5:10443 local", "10.1.0.6:10443 local"}}, "STK201 agg-par:10.1.0.6"},
		{"one balancer dials wrongly", []edit{{"par03/haproxy.cfg", "agg-par 10.1.0.5:10443", "agg-par 10.1.0.5:10445"}}, "STK201 par03:10445"},
		{"a whole site dials wrongly", hosts("par", "haproxy.cfg", "agg-par 10.1.0.5:10443", "agg-par 10.1.0.5:10445"), "STK201 agg-par:10443"},
		{"TLS on an aggregator alone", []edit{{par, "10.1.0.5:10443 local", "10.1.0.5:10443 local ssl crt /x.pem"}}, "STK215 agg-par:10.1.0.5:10443"},
		{"a balancer forgotten", []edit{{par, "  peer par03 10.1.1.3:10443\n", ""}}, "STK202 par03:agg-par"},
		{"an aggregator forgotten at the top", []edit{{top1, "  peer agg-par 10.1.0.5:10443 down\n", ""}}, "STK210 agg-par:up"},
		{"a mark left out", []edit{{top1, "10.1.0.5:10443 down", "10.1.0.5:10443"}}, "STK210 agg-par:up"},
		{"no group", []edit{{par, " up group 1", " up"}}, "STK212 agg-par:peer top2 10.1.0.10:10443 up"},
		{"other rules at one top", []edit{{top1, "from .site to .all", "from .site to .all up-only"}}, "STK218 top2:aggregations global"},
		{"a suffix misspelt at an aggregator", []edit{{nyc, "from .local", "from .locl"}}, "STK301 agg-nyc:.locl"},
		{"a suffix misspelt at the tops", []edit{{top1, "from .site", "from .sit"}, {"top2/hapee-stktagg.cfg", "from .site", "from .sit"}}, "STK301 top1:.sit"},
		{"no forward", []edit{{sin, "  forward .all\n", ""}}, "STK305 agg-sin:aggregations site"},
		{"a peers section misspelt on one host", []edit{{"sin05/haproxy.cfg", "(10s) peers agg\n", "(10s) peers ag\n"}}, "STK303 sin05:ag"},
		{"a table reference misspelt at a whole site", hosts("sin", "haproxy.cfg", "st.all) gt", "st.al) gt"), "STK304 sin01:st.al"},
		{"a period changed at a whole site", hosts("nyc", "conf.d/20-tables.cfg", "(10s)", "(10m)"), "STK322 nyc01:http_req_rate(10m)"},
		{"an aggregator that lost its list", []edit{{par, parisList(), ""}}, "STK202 par01:agg-par"},
		{"a top that lost its list", []edit{{top1, "  peer agg-par 10.1.0.5:10443 down\n  # stktc:ignore STK201 -- NAT: New York's router maps 20443 to 10443\n  peer agg-nyc 198.51.100.5:20443 down\n  peer agg-sin 198.51.100.69:10443 down  # stktc:ignore peer-address-mismatch -- NAT: Singapore's public address\n", ""}}, "STK210 agg-nyc:up"},
		{"no forward at two sites", []edit{{par, "  forward .all\n", ""}, {nyc, "  forward .all\n", ""}}, "STK305 agg-nyc:aggregations site"},
		{"a suffix misspelt in the tables of a whole site", slices.Concat(hosts("sin", "haproxy.cfg", "st.local", "st.locl")), "STK301 agg-sin:.local"},
		{"a peers section misspelt at a whole site", hosts("sin", "haproxy.cfg", "(10s) peers agg\n", "(10s) peers ag\n"), "STK303 sin01:ag"},
		{"a key changed on one host", []edit{{"sin05/haproxy.cfg", "type ip", "type string"}}, "STK320 sin05:string"},
		{"an aggregate's declaration copied wrongly on all hosts", slices.Concat(hosts("sin", "haproxy.cfg", "type ip size 16m", "type ipv6 size 1m"), hosts("par", "haproxy.cfg", "type ip size 16m", "type ipv6 size 1m"), hosts("nyc", "conf.d/20-tables.cfg", "type ip size 16m", "type ipv6 size 1m")), "STK320 nyc01:ipv6"},
		{"an aggregate missing at a whole site", hosts("sin", "haproxy.cfg", "backend st.site\n  stick-table type ip size 4m expire 10m store http_req_rate(10s) peers agg\n", ""), "STK302 sin01:st.local"},
		{"localpeer of one host", []edit{{"par09/haproxy.cfg", "localpeer par09", "localpeer par9"}}, "STK101 par09:par9"},
		{"localpeer too late", []edit{{"par09/haproxy.cfg", "global\n  localpeer par09\n", ""}, {"par09/haproxy.cfg", "  server agg-par 10.1.0.5:10443\n", "  server agg-par 10.1.0.5:10443\nglobal\n  localpeer par09\n"}}, "STK102 par09:par09"},
		{"a host's file copied from another", []edit{{"par09/haproxy.cfg", "par09", "par08"}}, "STK105 par09:par08"},
		{"conn_cur everywhere", slices.Concat(hosts("sin", "haproxy.cfg", "store http_req_rate(10s)", "store http_req_rate(10s),conn_cur"), hosts("par", "haproxy.cfg", "store http_req_rate(10s)", "store http_req_rate(10s),conn_cur"), hosts("nyc", "conf.d/20-tables.cfg", "store http_req_rate(10s)", "store http_req_rate(10s),conn_cur")), "STK325 nyc01:conn_cur"},
		{"the aggregate tracked at a whole site", hosts("par", "haproxy.cfg", "track-sc0 src table st.local", "track-sc0 src table st.site"), "STK326 par01:track-sc0"},
		{"a fetch of what is not stored at a whole site", hosts("par", "haproxy.cfg", "table_http_req_rate(st.all)", "table_http_err_rate(st.all)"), "STK308 par01:table_http_err_rate"},
		{"a node that nobody lists", []edit{{par, "  peer par03 10.1.1.3:10443\n", ""}, {"par03/haproxy.cfg", "  server agg-par 10.1.0.5:10443\n", ""}}, "STK216 par03:st.local"},
		{"a balancer listens on another port", []edit{{"par05/haproxy.cfg", "10.1.1.5:10443", "10.1.1.5:10444"}}, "STK201 agg-par:10443"},
		{"a balancer listens on another address", []edit{{"par05/haproxy.cfg", "bind 10.1.1.5:", "bind 10.1.1.50:"}}, "STK201 agg-par:10.1.1.5"},
		{"a balancer does not listen", []edit{{"par05/haproxy.cfg", "  bind 10.1.1.5:10443\n", ""}}, "STK204 par05:peers agg"},
		{"an aggregator dials a balancer wrongly", []edit{{nyc, "10.2.1.5:10443", "10.2.1.50:10443"}}, "STK201 agg-nyc:10.2.1.50"},
		{"an aggregator misspells a balancer", []edit{{nyc, "peer nyc05 ", "peer nyc5 "}}, "STK103 agg-nyc:nyc5"},
		{"a balancer misspells its aggregator", []edit{{"par05/haproxy.cfg", "server agg-par ", "server agg_par "}}, "STK103 par05:agg_par"},
		{"a top misspells an aggregator", []edit{{top1, "peer agg-par ", "peer aggpar "}}, "STK103 top1:aggpar"},
		{"TLS on one balancer", []edit{{"par05/haproxy.cfg", "agg-par 10.1.0.5:10443", "agg-par 10.1.0.5:10443 ssl verify none"}}, "STK215 par05:server agg-par 10.1.0.5:10443 ssl verify none"},
		{"an expire on one host", []edit{{"par05/haproxy.cfg", "size 16m expire 10m", "size 16m expire 5m"}}, "STK324 par05:5m"},
		{"an expire in all tables of one host", []edit{{"par05/haproxy.cfg", "expire 10m", "expire 5m"}}, "STK324 par05:5m"},
		{"an expire below the period on one host", []edit{{"par05/haproxy.cfg", "expire 10m", "expire 1s"}}, "STK324 par05:1s"},
		{"a size on one host", []edit{{"par05/haproxy.cfg", "size 16m", "size 1m"}}, "STK323 par05:1m"},
		{"a store on one host", []edit{{"par05/haproxy.cfg", "store http_req_rate(10s)", "store http_req_rate(10s),gpc0"}}, "STK321 par05:http_req_rate(10s),gpc0"},
		{"a period on one host", []edit{{"par05/haproxy.cfg", "store http_req_rate(10s)", "store http_req_rate(60s)"}}, "STK322 par05:http_req_rate(60s)"},
		{"a period of one table on one host", []edit{{"sin05/haproxy.cfg", "size 16m expire 10m store http_req_rate(10s)", "size 16m expire 10m store http_req_rate(60s)"}}, "STK322 sin05:http_req_rate(60s)"},
		{"a type of one table on one host", []edit{{"sin05/haproxy.cfg", "type ip size 16m", "type ipv6 size 16m"}}, "STK320 sin05:ipv6"},
		{"a suffix in a table of one host", []edit{{"sin05/haproxy.cfg", "backend st.all", "backend st.al"}}, "STK309 sin05:st.al"},
		{"a suffix in the source of one host", []edit{{"sin05/haproxy.cfg", "st.local", "st.locl"}}, "STK301 sin05:st.locl"},
		{"a table of one host gone", []edit{{"sin05/haproxy.cfg", "backend st.all\n  stick-table type ip size 16m expire 10m store http_req_rate(10s) peers agg\n", ""}}, "STK302 sin05:st.local"},
		{"a table in a peers section", []edit{{"sin05/haproxy.cfg", "backend st.all\n  stick-table type ip size 16m expire 10m store http_req_rate(10s) peers agg\n", ""}, {"sin05/haproxy.cfg", "  server sin05\n", "  server sin05\n  table st.all type ip size 16m expire 10m store http_req_rate(10s)\n"}, {"sin05/haproxy.cfg", "table_http_req_rate(st.all)", "table_http_req_rate(agg/st.all)"}}, "STK306 sin05:st.all"},
		{"another key tracked on one host", []edit{{"sin05/haproxy.cfg", "track-sc0 src table", "track-sc0 req.hdr_ip(x-forwarded-for) table"}}, "STK330 sin05:req.hdr_ip(x-forwarded-for)"},
		{"a group number at one aggregator", []edit{{par, "10.1.0.10:10443 up group 1", "10.1.0.10:10443 up group 2"}}, "STK212 agg-par:peer top2 10.1.0.10:10443 up group 2"},
		{"an up left out", []edit{{par, "10.1.0.10:10443 up group 1", "10.1.0.10:10443"}}, "STK211 top2:down"},
		{"a top not listed", []edit{{par, "  peer top2 10.1.0.10:10443 up group 1\n", ""}}, "STK211 top2:down"},
		{"a balancer marked", []edit{{par, "10.1.1.3:10443", "10.1.1.3:10443 down"}}, "STK217 agg-par:down"},
		{"a rule swapped at one aggregator", []edit{{par, "from .local to .site", "from .site to .local"}}, "STK410 agg-par:from .site to .local"},
		{"a destination misspelt at one top", []edit{{top1, "from .site to .all", "from .site to .al"}}, "STK218 top2:aggregations global"},
		{"a forward misspelt", []edit{{par, "forward .all", "forward .al"}}, "STK305 agg-par:.al"},
		{"a keyword misspelt at an aggregator", []edit{{par, "  forward .all", "  forwrad .all"}}, "STK021 agg-par:forwrad"},
		{"a keyword misspelt on a host", []edit{{"par05/haproxy.cfg", "server agg-par", "sever agg-par"}}, "STK021 par05:sever"},
		{"an aggregator's file cut", []edit{{par, "  from .local to .site\n  forward .all\n", "  from .lo"}}, "STK027 agg-par:from .lo"},
		{"a host's file empty", []edit{{"par05/haproxy.cfg", string(sites()["par05/haproxy.cfg"].Data), ""}}, "STK027 par05:"},
		{"an aggregator's file empty", []edit{{par, string(sites()[par].Data), ""}}, "STK027 agg-par:"},
		{"an aggregator's files not given, whose address another site has too", nil, ""},
		{"an unused comment", []edit{{par, "from .local to .site", "from .local to .site # stktc:ignore STK301 -- old"}}, "STK041 agg-par:# stktc:ignore STK301 -- old"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fsys := sites()
			for _, e := range c.edits {
				e.apply(t, fsys)
			}
			if c.edits == nil {
				delete(fsys, par)
			}
			cluster, findings := linted(t, fsys)
			var got []string
			for _, f := range findings.Heard() {
				at := f.Primary.Span
				if f.Severity > diag.Info {
					dir, _, _ := strings.Cut(at.File, "/")
					got = append(got, string(f.Code)+" "+dir+":"+string(cluster.Files[at.File][at.Start.Offset:at.End.Offset]))
				}
			}
			slices.Sort(got)
			if g := strings.Join(got, ", "); g != c.want {
				t.Errorf("got  %s\nwant %s", g, c.want)
				for _, f := range findings.Heard() {
					if f.Severity > diag.Info {
						t.Logf("%s %s: %s", f.Code, f.Primary.Span, f.Summary)
					}
				}
			}
		})
	}
}
