package load

import (
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
		n, findings := Aggregator(name+".cfg", text)
		if len(findings) > 0 {
			t.Errorf("%s: findings %v", name, findings)
		}
		if n.Name.Value != name || n.NameFrom != topology.NameFromLocalServer || len(n.Aggregations) != 1 || n.Stats[0].Address.Unix != "/tmp/stktagg.socket" {
			t.Errorf("%s: %+v", name, n)
		}
	}
}

func TestAggregatorSettings(t *testing.T) {
	n, findings := Aggregator("f", []byte(`global
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

// TestAggregatorSectionSettings: what the only section says counts for the process; of several, none may differ.
func TestAggregatorSectionSettings(t *testing.T) {
	const section = "  peer x 1.2.3.4:5 local\n  from .a to .b\n"
	n, findings := Aggregator("f", []byte("global\n  hold 1m\naggregations a\n  hold 2m\n  give-back on\n  learn-timeout 1s\n"+section))
	if len(findings) > 0 || n.Settings.Hold.Value != 2*time.Minute || !n.Settings.GiveBack.On || n.Settings.LearnTimeout.Value != time.Second {
		t.Errorf("settings %+v, findings %v", n.Settings, findings)
	}
	_, findings = Aggregator("f", []byte("global\n  hold 1m\naggregations a\n  hold 1m\n"+section+"aggregations b\n  hold 2m\n"+section))
	if len(findings) != 1 || findings[0].Code != grammar.CodeExecuted || findings[0].Severity != diag.Error || findings[0].Primary.Span.Start.Line != 8 {
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
		{global: "cpu-map 1/all 0-3", code: grammar.CodeExecuted, severity: diag.Warning, finding: "`cpu-map` is not carried out by this version", at: "cpu-map"},
		{global: "source 10.0.0.1", code: grammar.CodeExecuted, severity: diag.Warning, finding: "`source`", at: "source"},
		{global: "trash-batch 10", code: grammar.CodeExecuted, severity: diag.Warning, finding: "`trash-batch`", at: "trash-batch"},
		{global: "hash-table 10", code: grammar.CodeExecuted, severity: diag.Warning, finding: "`hash-table`", at: "hash-table"},
		{global: "strict-names", code: grammar.CodeExecuted, severity: diag.Warning, finding: "`strict-names`", at: "strict-names"},
		{global: "dynamic-peers", code: grammar.CodeExecuted, severity: diag.Error, finding: "`dynamic-peers`", at: "dynamic-peers"},
		{global: "bind :1 use_aggrs all", code: grammar.CodeExecuted, severity: diag.Error, finding: "`bind`", at: "bind"},
		{global: "pace 1ms", code: grammar.CodeExecuted, severity: diag.Error, finding: "`pace`", at: "pace"},
		{section: "lease t 3s", code: grammar.CodeExecuted, severity: diag.Error, finding: "`lease`", at: "lease"},
		{global: "stats socket /a user root", code: grammar.CodeExecuted, severity: diag.Warning, finding: "`user` of `stats socket`", at: "user"},
		{section: "from .c to .d up-only", code: grammar.CodeExecuted, severity: diag.Error, finding: "`up-only`", at: "up-only"},
		{section: "peer t 1.2.3.4:9 up ssl crt /x", code: grammar.CodeExecuted, severity: diag.Error, finding: "`ssl` of `peer`", at: "ssl"},
		{section: "peer t 1.2.3.4:9 replica", code: grammar.CodeExecuted, severity: diag.Error, finding: "`replica` of `peer`", at: "replica"},
		{section: "peer t 1.2.3.4:9 up group 1\n  peer u 1.2.3.4:10 up group 1", code: grammar.CodeExecuted, severity: diag.Error, finding: "`group 1` with several `up` peers", at: "peer u 1.2.3.4:10 up group 1"},
		{section: "peer t 1.2.3.4:9 up group 1\n  peer u 1.2.3.4:10 up group 2"},
		{section: `peer "$NAME" 1.2.3.4:9`, code: grammar.CodeExecuted, severity: diag.Error, finding: "the environment variable in `$NAME`", at: `"$NAME"`},
		{section: ".if 1\n  forward .x\n  .endif", code: grammar.CodeExecuted, severity: diag.Error, finding: "`.if`", at: ".if"},
		{section: "no-ascend", code: grammar.CodeDirective, severity: diag.Warning, finding: "`no-ascend` is not known", at: "no-ascend"},
		{section: "froward .x", code: grammar.CodeDirective, severity: diag.Error, finding: "did you mean `forward`", at: "froward"},
		{section: "peer t 192.168.", code: grammar.CodeAddress, severity: diag.Error, finding: "host `192.168.`", at: "192.168."},
		{section: "peer t 192.168.56.1", code: grammar.CodeAddress, severity: diag.Error, finding: "has no port", at: "192.168.56.1"},
		{section: "peer t local", code: grammar.CodeAddress, severity: diag.Error, finding: "address `local` has no port", at: "local"},
		{section: "hold forever", code: grammar.CodeDuration, severity: diag.Error, finding: "duration `forever`", at: "forever"},
		{section: "peer t 1.2.3.4:9 up group one", code: grammar.CodeLine, severity: diag.Error, finding: "group `one`", at: "one"},
		{global: "trash-batch 0", code: grammar.CodeLine, severity: diag.Error, finding: "trash-batch `0`", at: "0"},
		{global: "stats socket /a mode 888", code: grammar.CodeLine, severity: diag.Error, finding: "mode `888`", at: "888"},
		{global: "stats socket /a level amdin", code: grammar.CodeLine, severity: diag.Error, finding: "did you mean `admin`", at: "amdin"},
	} {
		text := "global\n  " + tt.global + "\n" + section + "  " + tt.section + "\n"
		_, findings := Aggregator("f", []byte(text))
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

func TestAggregatorWithoutSections(t *testing.T) {
	for _, text := range []string{"", "global\n  stats socket /a\n", "frontend f\n  bind :80\n"} {
		n, findings := Aggregator("f", []byte(text))
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
			_, findings := Aggregator("f", text[:n])
			whole := n > sections && text[n-1] == '\n'
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
		n, findings := Aggregator("f", text)
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
