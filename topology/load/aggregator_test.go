package load

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/topology"
)

func TestAggregatorOfTheSeed(t *testing.T) {
	for _, name := range []string{"aggr1", "aggr2", "aggr3"} {
		text, err := os.ReadFile("testdata/deployed/seed/" + name + "/hapee-stktagg.cfg")
		if err != nil {
			t.Fatal(err)
		}
		n, findings := Aggregator(nil, name+".cfg", text)
		if len(findings) > 0 {
			t.Errorf("%s: findings %v", name, findings)
		}
		if n.Name.Value != name || n.NameFrom != topology.NameFromLocalServer || len(n.Aggregations) != 1 || n.Stats[0].Address.Unix != "/tmp/stktagg.socket" {
			t.Errorf("%s: %+v", name, n)
		}
	}
}

func TestAggregatorSettings(t *testing.T) {
	n, findings := Aggregator(nil, "f", []byte(`global
  stats socket ipv4@127.0.0.1:9999 mode 0600 level operator
  learn-timeout 5s
  hold 10m
  give-back on
aggregations a
  peer x 1.2.3.4:5 local
  from .a to .b
`))
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	s := n.Settings
	if s.LearnTimeout.Value != 5*time.Second || s.Hold.Value != 10*time.Minute || !s.GiveBack.On || s.Hold.Span.Start.Line != 4 {
		t.Errorf("settings %+v", s)
	}
	if st := n.Stats[0]; st.Address.Port != 9999 || st.Mode.Value != "0600" || st.Level.Value != "operator" {
		t.Errorf("stats socket %+v", st)
	}
}

// TestAggregatorSectionSettings: what a section says stays with it, beside what the file says for all.
func TestAggregatorSectionSettings(t *testing.T) {
	const section = "  peer x 1.2.3.4:5 local\n  from .a to .b\n"
	n, findings := Aggregator(nil, "f", []byte("global\n  hold 1m\naggregations a\n  give-back off\n"+section+"aggregations b\n  hold 2m\n  learn-timeout 1s\n  pace 5ms\n  lease t.l 3s\n"+section))
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	a, b := n.Aggregations[0].Settings, n.Aggregations[1].Settings
	if n.Settings.Hold.Value != time.Minute || !a.Hold.Span.IsZero() || a.GiveBack.On || a.GiveBack.Span.IsZero() {
		t.Errorf("all %+v, a %+v", n.Settings, a)
	}
	if b.Hold.Value != 2*time.Minute || b.LearnTimeout.Value != time.Second || b.Pace.Value != 5*time.Millisecond || len(b.Leases) != 1 || b.Leases[0].Table.Value != "t.l" || b.Leases[0].Period.Value != 3*time.Second {
		t.Errorf("b %+v", b)
	}
}

// TestAggregatorGlobal: what the global section says is in the model, each with its place.
func TestAggregatorGlobal(t *testing.T) {
	const text = `global
  bind 10.0.0.1:1 ssl crt /c key /k ca-file /a verify optional use_aggrs b,a
  bind :2 use_aggrs all
  bind :3
  dynamic-peers
  source 10.0.0.9:77
  cpu-map 1/all 0-2,5 5
  cpu-map auto:1/1-4 odd
aggregations a
  peer x 1.2.3.4:5 local ssl crt /x
  peer up 1.2.3.4:6 up group 2 ssl crt /c ca-file /a verifyhost top sni str(top.example) force-tlsv13 no-tls-tickets
  peer same 1.2.3.4:7 replica no-ssl ca-file /a
  from .a to .b up-only
aggregations b
  peer y 1.2.3.4:8 local
  from any to .b
`
	n, findings := Aggregator(nil, "f", []byte(text))
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	b := n.Binds
	if len(b) != 3 || b[0].All || len(b[0].Sections) != 2 || b[0].Sections[1].Value != "a" || text[b[0].Sections[1].Span.Start.Offset] != 'a' || !b[1].All || !b[2].All || b[2].TLS.On {
		t.Errorf("binds %+v", b)
	}
	if s := b[0].TLS; !s.On || s.Crt.Value != "/c" || s.Key.Value != "/k" || s.CAFile.Value != "/a" || s.Verify.Value != "optional" || s.Verify.Span.Start.Line != 2 {
		t.Errorf("TLS of a bind line: %+v", s)
	}
	if !n.DynamicPeers.On || n.Settings.Source.Port != 77 || fmt.Sprint(n.CPUMap[0].CPUs) != "[0 1 2 5]" || len(n.CPUMap[1].CPUs) != 512 || n.CPUMap[1].CPUs[511] != 1023 {
		t.Errorf("%+v", n)
	}
	a := n.Aggregations[0]
	if !a.Local.TLS.On || a.Local.TLS.Crt.Value != "/x" || !a.Rules[0].UpOnly || a.Peers[0].Group != 2 || !a.Peers[1].Replica || a.Peers[1].TLS.On {
		t.Errorf("%+v", a)
	}
	if s := a.Peers[0].TLS; s.VerifyHost.Value != "top" || s.SNI.Value != "str(top.example)" || s.MinVersion.Value != "TLSv1.3" || s.MaxVersion.Value != "TLSv1.3" {
		t.Errorf("TLS of a peer line: %+v", s)
	}
}

// TestAggregatorEnvironment: variables become what they stand for, and everything that is wrong with that points at the variable.
func TestAggregatorEnvironment(t *testing.T) {
	env := func(name string) (string, bool) {
		v, ok := map[string]string{"HOST": "10.0.0.7", "PEERS": "up group 3", "NAME": "n1"}[name]
		return v, ok
	}
	n, findings := Aggregator(env, "f", []byte("aggregations a\n  peer x \"${HOST}:1\" local\n  peer \"$NAME\" 1.2.3.4:\"${PORT-99}\" \"${PEERS[*]}\"\n  from .a to .b\n"))
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	a := n.Aggregations[0]
	if p := a.Peers[0]; a.Local.Address.Host != "10.0.0.7" || p.Name.Value != "n1" || p.Address.Port != 99 || p.Group != 3 || p.Direction != topology.Up {
		t.Errorf("%+v", p)
	}
	_, findings = Aggregator(env, "f", []byte("aggregations a\n  peer x \"${HOST}:1\" local\n  peer n \"$NONE\"\n  peer m \"${.LINE}\":1\n  from .a to .b\n"))
	if len(findings) != 3 || findings[0].Primary.Span.Start.Line != 3 || !strings.Contains(findings[0].Summary+findings[1].Summary, "`NONE` is not set") ||
		findings[2].Code != grammar.CodeExecuted || findings[2].Primary.Span.Start.Line != 4 {
		t.Errorf("findings %v", findings)
	}
}

// TestAggregatorFindings has lines of a file that is otherwise in order, and what is said of each.
func TestAggregatorFindings(t *testing.T) {
	const section = "aggregations a\n  peer x 1.2.3.4:5 local\n  peer n 1.2.3.4:6\n  from .a to .b\n"
	for _, tt := range []struct {
		global, section string
		code            diag.Code
		severity        diag.Severity
		finding, at     string
	}{
		{global: "trash-batch 10", code: grammar.CodeExecuted, severity: diag.Warning, finding: "`trash-batch` has no effect: entries expire one by one", at: "trash-batch"},
		{global: "hash-table 10", code: grammar.CodeExecuted, severity: diag.Warning, finding: "`hash-table` has no effect: tables grow", at: "hash-table"},
		{global: "stats socket /a user root", code: grammar.CodeExecuted, severity: diag.Warning, finding: "`user` of `stats socket`", at: "user"},
		{global: "cpu-map x 0-3", code: grammar.CodeLine, severity: diag.Error, finding: "`x` is not a set of processes", at: "x"},
		{global: "cpu-map 1/all 0-3,z", code: grammar.CodeLine, severity: diag.Error, finding: "`z` is not a set of processors", at: "z"},
		{global: "cpu-map 1/all 3-1", code: grammar.CodeLine, severity: diag.Error, finding: "`3-1` is not a set of processors", at: "3-1"},
		{global: "cpu-map 1/all 1024", code: grammar.CodeLine, severity: diag.Error, finding: "up to 1023", at: "1024"},
		{global: "bind :1 use_aggrs b", code: grammar.CodeLine, severity: diag.Error, finding: "there is no section `aggregations b`", at: "b"},
		{global: "bind :1 use_aggrs a,b", code: grammar.CodeLine, severity: diag.Error, finding: "there is no section `aggregations b`; accepted are `all`, `a`", at: "b"},
		{global: "bind :1 use_aggrs a,", code: grammar.CodeLine, severity: diag.Error, finding: "names nothing beside a comma", at: "a,"},
		{global: "bind :1 use_aggr a", code: grammar.CodeLine, severity: diag.Error, finding: "did you mean `use_aggrs`", at: "use_aggr"},
		{global: "bind :1 use_aggrs", code: grammar.CodeArgument, severity: diag.Error, finding: "a value must follow", at: "use_aggrs"},
		{global: "bind :1 ssl", code: grammar.CodeArgument, severity: diag.Error, finding: "add `crt FILE`", at: "ssl"},
		{global: "bind :1 ssl crt /c verify required", code: grammar.CodeArgument, severity: diag.Error, finding: "no `ca-file` says by which", at: "required"},
		{global: "bind :1 ssl crt /c ca-file /a", code: grammar.CodeLine, severity: diag.Warning, finding: "`ca-file` is not used", at: "/a"},
		{global: "bind :1 ssl crt /c ca-file /a verify needed", code: grammar.CodeLine, severity: diag.Error, finding: "verify `needed` is not known here", at: "needed"},
		{global: "bind :1 ssl crt /c verifyhost h", code: grammar.CodeLine, severity: diag.Error, finding: "for peers that are dialled", at: "h"},
		{global: "bind :1 crt /c", code: grammar.CodeLine, severity: diag.Error, finding: "`crt` stands without `ssl`", at: "crt"},
		{global: "bind :1 ssl crt /c strict-sni", code: grammar.CodeExecuted, severity: diag.Error, finding: "`strict-sni` of `bind` is not carried out", at: "strict-sni"},
		{global: "bind 1.2.3.4:5 ssl crt /c"},
		{global: "bind 1.2.3.4:5"},
		{global: "bind :7\n  bind 0.0.0.0:7", code: grammar.CodeDuplicate, severity: diag.Error, finding: "two `bind` lines listen on `0.0.0.0:7`", at: "bind 0.0.0.0:7"},
		{section: "lease t 99ms", code: grammar.CodeDuration, severity: diag.Error, finding: "a lease of `99ms` is too short", at: "99ms"},
		{section: "lease t 100ms"},
		{section: "from .c to .d up-only"},
		{section: "peer t 1.2.3.4:9 up ssl crt /x ca-file /a verifyhost t"},
		{section: "peer t 1.2.3.4:9 ssl verify none crt /x key /y ssl-min-ver TLSv1.3"},
		{section: "peer t 1.2.3.4:9 ssl", code: grammar.CodeArgument, severity: diag.Error, finding: "no `ca-file` says by which", at: "ssl"},
		{section: "peer t 1.2.3.4:9 ssl verify optional ca-file /a", code: grammar.CodeLine, severity: diag.Error, finding: "verify `optional` is not known here; accepted are `none`, `required`", at: "optional"},
		{section: "peer t 1.2.3.4:9 ca-file /a", code: grammar.CodeLine, severity: diag.Error, finding: "in clear text; add `ssl`", at: "ca-file"},
		{section: "peer t 1.2.3.4:9 no-ssl ca-file /a"},
		{section: "peer t 1.2.3.4:9 ssl ca-file /a key /k", code: grammar.CodeLine, severity: diag.Error, finding: "`key` stands without `crt`", at: "/k"},
		{section: "peer t 1.2.3.4:9 ssl ca-file /a ca-file /b", code: grammar.CodeDuplicate, severity: diag.Error, finding: "`ca-file` stands twice", at: "ca-file"},
		{section: "peer t 1.2.3.4:9 ssl ca-file /a alpn h2", code: grammar.CodeExecuted, severity: diag.Error, finding: "`alpn` of `peer` is not carried out", at: "alpn"},
		{section: "peer t 1.2.3.4:9 ssl ca-file /a sni req.hdr(host)", code: grammar.CodeLine, severity: diag.Error, finding: "accepted is `str(NAME)`", at: "req.hdr(host)"},
		{section: "peer t 1.2.3.4:9 ssl ca-file /a ssl-min-ver TLSv1.1", code: grammar.CodeLine, severity: diag.Error, finding: "version `TLSv1.1` is not carried out", at: "TLSv1.1"},
		{section: "peer t 1.2.3.4:9 ssl ca-file /a ssl-min-ver TLSv1.3 ssl-max-ver TLSv1.2", code: grammar.CodeLine, severity: diag.Error, finding: "no version is left", at: "TLSv1.2"},
		{section: "peer t 1.2.3.4:9 ssl verify none ca-file /a", code: grammar.CodeLine, severity: diag.Warning, finding: "`ca-file` is not used", at: "/a"},
		{section: "peer t 1.2.3.4:9 ssl verify none verifyhost h", code: grammar.CodeLine, severity: diag.Warning, finding: "`verifyhost` is not used", at: "h"},
		{section: "peer t 1.2.3.4:9 replica"},
		{section: "peer t 1.2.3.4:9 up replica", code: grammar.CodeLine, severity: diag.Error, finding: "`replica` and `up` contradict", at: "replica"},
		{section: "peer t 1.2.3.4:9 up group 1\n  peer u 1.2.3.4:10 up group 1"},
		{section: "peer t 1.2.3.4:9 down group 1\n  peer u 1.2.3.4:10 down group 1"},
		{section: "peer t 1.2.3.4:9 group 1", code: grammar.CodeLine, severity: diag.Error, finding: "`group 1` stands without `up` or `down`", at: "1"},
		{section: `peer "$NAME" 1.2.3.4:9`, code: grammar.CodeExecuted, severity: diag.Error, finding: "the variable in `$NAME`", at: `"$NAME"`},
		{section: ".if 1\n  forward .x\n  .endif", code: grammar.CodeExecuted, severity: diag.Error, finding: "`.if`", at: ".if"},
		{section: "no-ascend", code: grammar.CodeDirective, severity: diag.Warning, finding: "`no-ascend` is not known", at: "no-ascend"},
		{section: "froward .x", code: grammar.CodeDirective, severity: diag.Error, finding: "did you mean `forward`", at: "froward"},
		{section: "peer t 192.168.", code: grammar.CodeAddress, severity: diag.Error, finding: "host `192.168.`", at: "192.168."},
		{section: "peer t 192.168.56.1", code: grammar.CodeAddress, severity: diag.Error, finding: "has no port", at: "192.168.56.1"},
		{section: "peer t local", code: grammar.CodeAddress, severity: diag.Error, finding: "address `local` has no port", at: "local"},
		{section: "peer t :9", code: grammar.CodeAddress, severity: diag.Error, finding: "`:9` cannot be dialled: it names no host", at: ":9"},
		{section: "peer t [::]:9 up", code: grammar.CodeAddress, severity: diag.Error, finding: "cannot be dialled", at: "[::]:9"},
		{section: "hold forever", code: grammar.CodeDuration, severity: diag.Error, finding: "duration `forever`", at: "forever"},
		{section: "peer t 1.2.3.4:9 up group one", code: grammar.CodeLine, severity: diag.Error, finding: "group `one`", at: "one"},
		{global: "trash-batch 0", code: grammar.CodeLine, severity: diag.Error, finding: "trash-batch `0`", at: "0"},
		{global: "stats socket /a mode 888", code: grammar.CodeLine, severity: diag.Error, finding: "mode `888`", at: "888"},
		{global: "stats socket /a level amdin", code: grammar.CodeLine, severity: diag.Error, finding: "did you mean `admin`", at: "amdin"},
	} {
		text := "global\n  " + tt.global + "\n" + section + "  " + tt.section + "\n"
		_, findings := Aggregator(nil, "f", []byte(text))
		found := 0
		for _, f := range findings {
			place := text[f.Primary.Span.Start.Offset:f.Primary.Span.End.Offset]
			if f.Code == tt.code && f.Severity == tt.severity && strings.Contains(f.Summary, tt.finding) && place == tt.at {
				found++
			} else if f.Code != grammar.CodeExecuted || tt.code == grammar.CodeExecuted {
				t.Errorf("%s%s: also %s %s at %q: %s", tt.global, tt.section, f.Severity, f.Code, place, f.Summary)
			}
		}
		if want := min(1, len(tt.finding)); found != want {
			t.Errorf("%s%s: findings %v", tt.global, tt.section, findings)
		}
	}
}

// TestAggregatorStrictNames: a name that no certificate proves is an error, wherever strict-names stands.
func TestAggregatorStrictNames(t *testing.T) {
	const mutual = " ssl crt /c ca-file /a verify required"
	for _, tt := range []struct {
		global, section, local, peer string
		want                         []int // lines
	}{
		{section: "strict-names", local: mutual, peer: mutual},
		{global: "strict-names", local: mutual, peer: mutual},
		{local: ""},
		{section: "strict-names", local: mutual, want: []int{6}},
		{section: "strict-names", local: mutual, peer: " ssl verify none", want: []int{6}},
		{section: "strict-names", local: " ssl crt /c", peer: mutual, want: []int{5}},
		{global: "strict-names", local: " ssl crt /c ca-file /a verify optional", peer: mutual, want: []int{5}},
		{global: "bind 1.2.3.4:5" + mutual, section: "strict-names", peer: mutual},
		{global: "bind 1.2.3.4:99", section: "strict-names", local: mutual, peer: mutual, want: []int{2}},
		{global: "bind 1.2.3.4:99 use_aggrs b", section: "strict-names", local: mutual, peer: mutual},
	} {
		text := "global\n" + tt.global + "\naggregations a\n" + tt.section + "\npeer x 1.2.3.4:5 local" + tt.local + "\npeer n 1.2.3.4:6" + tt.peer + "\nfrom .a to .b\naggregations b\npeer y 1.2.3.4:7 local\nfrom .a to .b\n"
		if tt.global == "strict-names" {
			text, _, _ = strings.Cut(text, "aggregations b")
		}
		_, findings := Aggregator(nil, "f", []byte(text))
		var got []int
		for _, f := range findings {
			got = append(got, f.Primary.Span.Start.Line)
			if !strings.Contains(f.Summary, "`strict-names`") || f.Severity != diag.Error {
				t.Errorf("%+v: %s", tt, f.Summary)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%+v: findings %v in lines %v", tt, findings, got)
		}
	}
}

// TestAggregatorDynamicPeers: the peers that are listed must leave room for one at least, or be all.
func TestAggregatorDynamicPeers(t *testing.T) {
	for listed, want := range map[int]int{64: 0, 65: 1} {
		text := "global\n dynamic-peers\n"
		for _, name := range []string{"a", "b"} { // one session belongs to both
			text += "aggregations " + name + "\n peer x 1.2.3.4:5 local\n from .a to .b\n"
			for i := range listed {
				text += fmt.Sprintf(" peer p%d 1.2.3.4:%d\n", i, 100+i)
			}
		}
		if _, findings := Aggregator(nil, "f", []byte(text)); len(findings) != want {
			t.Errorf("%d: findings %v", listed, findings)
		}
	}
}

func TestAggregatorWithoutSections(t *testing.T) {
	for _, text := range []string{"", "global\n  stats socket /a\n", "frontend f\n  bind :80\n"} {
		n, findings := Aggregator(nil, "f", []byte(text))
		if n == nil || len(findings) != 1 || !strings.Contains(findings[0].Summary, "no section `aggregations NAME`") || findings[0].Primary.Span.Start.Line != 1 {
			t.Errorf("%q: %v", text, findings)
		}
	}
}

// TestAggregatorCut cuts the seed's files behind each byte: a cut inside a line is an error with a place, wherever it falls.
func TestAggregatorCut(t *testing.T) {
	for _, name := range []string{"aggr1", "aggr3"} {
		text, err := os.ReadFile("testdata/deployed/seed/" + name + "/hapee-stktagg.cfg")
		if err != nil {
			t.Fatal(err)
		}
		sections := strings.Index(string(text), "aggregations")
		for n := range len(text) {
			_, findings := Aggregator(nil, "f", text[:n])
			whole := n > sections && text[n-1] == '\n' && bytes.Count(text[sections:n], []byte("\n")) > 1
			if whole == (findings.Count(diag.Error) > 0) {
				t.Errorf("%s cut behind %q: %v", name, text[max(0, n-20):n], findings)
			}
			for _, f := range findings {
				if f.Primary.Span.File != "f" || f.Primary.Span.Start.Line == 0 {
					t.Errorf("%s cut behind %q: a finding points nowhere: %s", name, text[max(0, n-20):n], f.Summary)
				}
			}
		}
	}
}

func FuzzAggregator(f *testing.F) {
	for _, name := range []string{"aggr1", "aggr3"} {
		text, err := os.ReadFile("testdata/deployed/seed/" + name + "/hapee-stktagg.cfg")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("global\n stats socket /a mode 6 level x\n hold 1\n lease a b\naggregations a\n peer a b:1 up group 1 ssl\n from any to .b up-only\n give-back off\n"))
	f.Add([]byte("peers p\n bind :1\n server a\n server b\n peer c 1.2.3.4:5\n table t type ip size 1 store gpc(3)\nbackend b\n stick-table type string len 3 size 1\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		n, findings := Aggregator(nil, "f", text)
		if n == nil {
			t.Fatal("no node")
		}
		for _, x := range findings {
			if x.Primary.Span.Start.Line == 0 || x.Primary.Span.End.Offset > len(text) || x.Slug == "" {
				t.Fatalf("finding %+v", x)
			}
		}
		_ = fmt.Sprint(dumpNode(n))
	})
}

func dumpNode(n *topology.Node) string {
	d := dumper{}
	d.node(n)
	return d.String()
}
