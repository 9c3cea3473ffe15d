package grammar

import (
	"fmt"
	"strings"
	"testing"
)

// TestTableUses reads rules as they stand in configurations. Each line gives "kind table counter data index" of its uses.
func TestTableUses(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"http-request track-sc0 src", "counts  0"},
		{"http-request track-sc1 src table t.raw if { path /x }", "counts t.raw 1"},
		{"http-request track-sc12 src,ipmask(24) table p/t", "counts p/t 12"},
		{"tcp-request connection track-sc0 src table t", "counts t 0"},
		{"tcp-request content track-sc2 hdr(x-forwarded-for,-1) table t", "counts t 2"},
		{"stick on src table t", "counts t -1"},
		{"stick on src", "counts  -1"},
		{"stick store-request src table t if x", "counts t -1"},
		{"stick match src table t", "mentions t -1"},
		{"acl a sc0_http_req_rate gt 10", "reads  0 http_req_rate"},
		{"acl a sc0_http_req_rate(t.aggr) gt 10", "reads t.aggr 0 http_req_rate"},
		{"acl a sc_http_req_rate(1,p/t) gt 10", "reads p/t 1 http_req_rate"},
		{"acl a sc_get_gpc(2,0) gt 1", "reads  0 gpc[2]"},
		{"acl a sc_get_gpc(2,0,t) gt 1", "reads t 0 gpc[2]"},
		{"acl a src_get_gpc(3,t) gt 1", "reads t -1 gpc[3]"},
		{"acl a src_conn_cur ge 10", "reads  -1 conn_cur"},
		{"http-request deny if { src,table_http_req_rate(t) gt 10 }", "reads t -1 http_req_rate"},
		{"http-request deny if !{ src,ipmask(24),table_gpc(1,t),sub(3) gt 10 } x", "reads t -1 gpc[1]"},
		{"http-request deny if { src,in_table(t) }", "mentions t -1"},
		{"http-request deny if { src,table_idle(t,5) gt 3 }", "mentions t -1"},
		{"http-request sc-inc-gpc0(0) if x", "writes  0 gpc0"},
		{"http-request sc-set-gpt(3,1) int(7)", "writes  1 gpt[3]"},
		{"http-request sc-set-gpt0(1) 7", "writes  1 gpt0"},
		{"acl a sc0_inc_gpc0(t) gt 0", "writes t 0 gpc0"},
		{"acl a src_clr_gpc0(t) gt 0", "writes t -1 gpc0"},
		{"acl a src_updt_conn_cnt(t) gt 0", "writes t -1 conn_cnt"},
		{"acl a sc0_kbytes_in gt 5", "reads  0 bytes_in_cnt"},
		{"acl a sc_trackers(0) gt 5", "mentions  0"},
		{`http-request set-header X "rate %[sc0_http_req_rate(t)] and %{+Q}[src,table_conn_cur(u)]"`, "reads t 0 http_req_rate; reads u -1 conn_cur"},
		{"log-format %[sc0_gpc0_rate]%%[sc1_gpc0_rate]", "reads  0 gpc0_rate"},
		{"use_backend %[src,table_server_id(t)]", "reads t -1 server_id"},
		{`http-request set-var(txn.k) 'str("a,b)c"),concat(,txn.x),table_gpc0(t)'`, "reads t -1 gpc0"},
		{`http-request deny if { src,table_gpc0("${T}") gt 1 }`, `reads ${T} -1 gpc0`},

		// What looks like a use and is none.
		{`http-request set-header X "see sc0_conn_cur(t)"`, ""},
		{"http-request set-header X src-x", ""},
		{"acl a hdr(src_conn_cur) -m found", ""},
		{"acl a src_is_local", ""},
		{"acl a sc_http_req_rate() gt 1", ""},
		{"acl a sc_get_gpc(x,0) gt 1", ""},
		{"acl a table_http_req_rate gt 1", ""},
		{"acl a scx_http_req_rate gt 1", ""},
		{"server track-sc0 src table t", ""},
		{"# http-request track-sc0 src", ""},
		{`acl a "sc0_conn_cur`, ""},
	} {
		f, _ := ParseConfig("f", []byte("frontend fe\n  "+c.line+"\n"))
		var got []string
		for _, u := range TableUses(f) {
			s := fmt.Sprintf("%s %s %d", map[UseKind]string{Counts: "counts", Reads: "reads", Writes: "writes", Mentions: "mentions"}[u.Kind], u.Table.Value, u.Counter)
			if u.Data != "" {
				s += " " + u.Data
			}
			if u.Index >= 0 {
				s += fmt.Sprintf("[%d]", u.Index)
			}
			if u.Proxy.Value != "fe" || u.Section.Value != "frontend" || u.At.Start.Line != 2 {
				t.Errorf("%s: stands in %s %s at %v", c.line, u.Section.Value, u.Proxy.Value, u.At)
			}
			got = append(got, s)
		}
		if g := strings.Join(got, "; "); g != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.line, g, c.want)
		}
	}
}

// TestTableUsesDecide tells what decides from what is only shown, and what may not be there.
func TestTableUsesDecide(t *testing.T) {
	f, _ := ParseConfig("f", []byte(`frontend fe
  http-request set-header X %[sc0_conn_cur] if { sc1_conn_cur gt 1 }
  acl a sc2_conn_cur gt 1
  .if defined(X)
  http-request deny unless { sc3_conn_cur gt 1 }
  .endif
`))
	var got []string
	for _, u := range TableUses(f) {
		got = append(got, fmt.Sprint(u.Counter, u.Decides, u.Conditional))
	}
	if g := strings.Join(got, ", "); g != "0 false false, 1 true false, 2 true false, 3 true true" {
		t.Error(g)
	}
}

// TestTableUsesPlaces: a use marks its fetch, and its table the very name, through quotes and log formats.
func TestTableUsesPlaces(t *testing.T) {
	text := "frontend fe\n  http-request set-header \"X y\" \"a %[src,table_conn_cur(t)] c\"\n"
	f, _ := ParseConfig("f", []byte(text))
	uses := TableUses(f)
	if len(uses) != 1 {
		t.Fatalf("%d uses", len(uses))
	}
	u := uses[0]
	if got := text[u.At.Start.Offset:u.At.End.Offset]; got != "table_conn_cur" {
		t.Errorf("marks %q", got)
	}
}

// TestTableUsesGaps: a rule that names no table can be made to name one.
func TestTableUsesGaps(t *testing.T) {
	for line, want := range map[string]string{
		"http-request track-sc0 src if x":               "http-request track-sc0 src table T if x",
		"stick on src":                                  "stick on src table T",
		"acl a sc0_http_req_rate gt 1":                  "acl a sc0_http_req_rate(T) gt 1",
		"acl a sc_http_req_rate(0) gt 1":                "acl a sc_http_req_rate(0,T) gt 1",
		"acl a sc0_get_gpc0() gt 1":                     "acl a sc0_get_gpc0(T) gt 1",
		`log-format "x %[sc_get_gpc(1,0)] y"`:           `log-format "x %[sc_get_gpc(1,0,T)] y"`,
		"http-request track-sc0 src table t":            "",
		"http-request deny if { src,table_gpc0(t) gt 1": "",
	} {
		text := "frontend fe\n  " + line + "\n"
		f, _ := ParseConfig("f", []byte(text))
		u := TableUses(f)[0]
		got := ""
		if u.Naming != "" {
			at := u.Gap.Start.Offset
			got = strings.TrimSpace(strings.TrimPrefix(text[:at]+fmt.Sprintf(u.Naming, "T")+text[at:], "frontend fe\n"))
		}
		if got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

func FuzzTableUses(f *testing.F) {
	f.Add(`http-request deny if { src,table_gpc(1,t) gt "%[sc0_conn_cur(a,"b)] }`)
	f.Add("acl a %{%[%[sc_(,),,")
	f.Fuzz(func(t *testing.T, line string) {
		file, _ := ParseConfig("f", []byte("frontend fe\n"+line+"\n"))
		for _, u := range TableUses(file) {
			if u.At.Start.Offset > u.At.End.Offset || u.At.End.Offset > len(file.Text) || u.Kind == 0 {
				t.Errorf("%q: %+v", line, u)
			}
		}
	})
}
