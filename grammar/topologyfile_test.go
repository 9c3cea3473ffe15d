package grammar

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"stktc/grammar/diag"
)

// brief writes findings as "line:column-line:column code", one in a line.
func brief(findings diag.List) string {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "%s %s\n", between(f.Primary.Span), f.Code)
	}
	return b.String()
}

const minimal = `tables: {t: {type: ip, size: 1k, store: gpc0}}
levels: [{name: a, suffix: .a}, {name: b, suffix: .b}]
aggregators: {agg: {address: "10.0.0.1:1", sums: [n]}}
balancers: {n: {address: 10.0.0.2, base: b.cfg, peers: {p: 2}}}
`

func TestParseTopologySeed(t *testing.T) {
	text, err := os.ReadFile("../testdata/seed/topology.yaml")
	if err != nil {
		t.Fatal(err)
	}
	f, findings := ParseTopology("topology.yaml", text)
	if len(findings) > 0 {
		t.Fatalf("findings:\n%s", brief(findings))
	}
	if len(f.Tables) != 1 || len(f.Levels) != 3 || len(f.Aggregators) != 3 || len(f.Balancers) != 1 {
		t.Fatalf("%d tables, %d levels, %d aggregators, %d balancers", len(f.Tables), len(f.Levels), len(f.Aggregators), len(f.Balancers))
	}
	if s := f.HAProxy; s.Value != "2.7" || between(s.Span) != "3:10-3:15" {
		t.Errorf("haproxy is %q at %s", s.Value, between(s.Span))
	}
	if s := f.Tables[0].Size.One; s.Value != "100" || between(s.Span) != "6:29-6:32" {
		t.Errorf("size is %q at %s", s.Value, between(s.Span))
	}
	if s := f.Aggregators[2].Sums[1]; s.Value != "aggr2" || between(s.Span) != "20:58-20:63" {
		t.Errorf("the last selector is %q at %s", s.Value, between(s.Span))
	}
	b := f.Balancers[0]
	if b.Bind.Value != "0.0.0.0" || between(b.Bind.Span) != "15:72-15:79" {
		t.Errorf("bind of the defaults is %q at %s", b.Bind.Value, between(b.Bind.Span))
	}
	if len(b.Peers) != 1 || b.Peers[0].Key.Value != "mypeers" || b.Peers[0].Value.Value != "44444" {
		t.Errorf("peers are %v", b.Peers)
	}
}

func TestDefaults(t *testing.T) {
	f, findings := ParseTopology("f", []byte(`defaults:
  any: {site: here}
  aggregator: {stats_socket: [/a, /b]}
  balancer: {base: [one.cfg, two.cfg], peers: {p: 1, q: 2}, bind: "*"}
`+strings.Replace(minimal, "base: b.cfg, peers: {p: 2}", "peers: {r: 3}, site: there", 1)))
	if len(findings) > 0 {
		t.Fatalf("findings:\n%s", brief(findings))
	}
	a, b := f.Aggregators[0], f.Balancers[0]
	if a.Site.Value != "here" || len(a.StatsSocket) != 2 {
		t.Errorf("aggregator has site %q, sockets %v", a.Site.Value, a.StatsSocket)
	}
	if b.Site.Value != "there" || len(b.Base) != 2 || b.Bind.Value != "*" {
		t.Errorf("balancer has site %q, bases %v, bind %q", b.Site.Value, b.Base, b.Bind.Value)
	}
	if len(b.Peers) != 1 || b.Peers[0].Key.Value != "r" {
		t.Errorf("a balancer's own peers replace those of the defaults: %v", b.Peers)
	}
}

// TestTLSDefaults: each key is the entry's own, else the balancers', else anybody's.
func TestTLSDefaults(t *testing.T) {
	f, findings := ParseTopology("f", []byte(`defaults:
  any: {tls: {crt: a.pem, ca_file: ca.pem, verify: required}}
  balancer: {tls: {crt: b.pem}}
`+strings.Replace(minimal, "{n: {address: 10.0.0.2,", "{o: {address: 10.0.0.3, base: b.cfg, peers: {p: 2}, tls: off}, n: {tls: {verify: none}, address: 10.0.0.2,", 1)))
	if len(findings) > 0 {
		t.Fatalf("findings:\n%s", brief(findings))
	}
	text := func(e TLSEntry) string {
		return fmt.Sprintf("%v %s %s %s", e.IsOn(), e.Crt.Value, e.CAFile.Value, e.Verify.Value)
	}
	got := []string{text(f.Aggregators[0].TLS), text(f.Balancers[0].TLS), text(f.Balancers[1].TLS)}
	want := []string{"true a.pem ca.pem required", "false b.pem ca.pem required", "true b.pem ca.pem none"}
	if strings.Join(got, "; ") != strings.Join(want, "; ") {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestGuestDefaults: what defaults say of a whole file is not a guest's.
func TestGuestDefaults(t *testing.T) {
	f, findings := ParseTopology("f", []byte(`defaults: {aggregator: {stats_socket: /run/s, file: agg.cfg, dialect: gpe, hold: 1m, site: x, extra: {global: a, section: b}}}
`+strings.Replace(minimal, "{agg: {", "{guest: {host: agg, address: \"10.0.0.1:2\", sums: [n]}, agg: {", 1)))
	if len(findings) > 0 {
		t.Fatalf("findings:\n%s", brief(findings))
	}
	guest, agg := f.Aggregators[0], f.Aggregators[1]
	if len(guest.StatsSocket)+len(guest.Extra.Global) != 0 || guest.File.Value+guest.Dialect.Value+guest.Site.Value != "" || guest.Hold.Value != "1m" || guest.Extra.Section[0].Value != "b" {
		t.Errorf("guest %+v", guest)
	}
	if agg.File.Value != "agg.cfg" || len(agg.StatsSocket) != 1 || agg.Extra.Global[0].Value != "a" {
		t.Errorf("host %+v", agg)
	}
}

func TestNumbersAndBoolsAreText(t *testing.T) {
	for _, tt := range []struct{ yaml, want string }{
		{"2.7", "2.7"}, {`"2.7"`, "2.7"}, {"2.10", "2.10"}, {"0x1F", "0x1F"}, {"yes", "yes"}, {"true", "true"}, {"1_000", "1_000"}, {"!!str 2.7", "2.7"}, {"2026-01-01", "2026-01-01"},
	} {
		f, findings := ParseTopology("f", []byte("haproxy: "+tt.yaml+"\n"+minimal))
		if len(findings) > 0 || f.HAProxy.Value != tt.want {
			t.Errorf("%s: %q\n%s", tt.yaml, f.HAProxy.Value, brief(findings))
		}
	}
}

func TestMergeKeys(t *testing.T) {
	f, findings := ParseTopology("f", []byte(`tables:
  t: &t {type: ip, size: 1k, store: gpc0}
  u: {<<: *t, size: 2k}
  v: {size: 3k, <<: [{store: gpc1}, *t]}
`+strings.Replace(minimal, "tables: {t: {type: ip, size: 1k, store: gpc0}}\n", "", 1)))
	if len(findings) > 0 {
		t.Fatalf("findings:\n%s", brief(findings))
	}
	u, v := f.Tables[1], f.Tables[2]
	if u.Type.Value != "ip" || between(u.Type.Span) != "2:16-2:18" || u.Size.One.Value != "2k" {
		t.Errorf("u is %+v", u)
	}
	if v.Store.Value != "gpc1" || v.Size.One.Value != "3k" || v.Type.Value != "ip" {
		t.Errorf("v is %+v", v)
	}
}

// TestSchemaFindings gives each text in place of a key of the minimal topology; where wants are "line:column-line:column code", a line each.
func TestSchemaFindings(t *testing.T) {
	for _, tt := range []struct {
		name, old, new string
		want           string
		says           string // part of the first summary
	}{
		{"unknown key", "type: ip", "tpye: ip", "1:14-1:18 STK002", "did you mean `type`? accepted are `type`, `len`, `size`, `expire`, `store`, `declare`, `suffixes`, `on`, `peers`"},
		{"unknown key, in capitals", "type: ip", "TYPE: ip", "1:14-1:18 STK002", "did you mean `type`?"},
		{"unknown key, near nothing", "size: 1k", "size: 1k, colour: red", "1:34-1:40 STK002", "table `t` has no key `colour`; accepted are"},
		{"unknown key at the top", "levels:", "level:", "2:1-2:6 STK002", "did you mean `levels`?"},
		{"missing key", "type: ip, ", "", "1:10-1:11 STK005", "table `t` has no `type`"},
		{"missing key at the top", "aggregators: {agg: {address: \"10.0.0.1:1\", sums: [n]}}\n", "", "1:1-1:7 STK005", "the topology has no `aggregators`"},
		{"missing base", "base: b.cfg, ", "", "4:13-4:14 STK005", "balancer `n` has no `base`"},
		{"duplicate key", "size: 1k", "size: 1k, size: 2k", "1:34-1:38 STK003", "key `size` stands twice"},
		{"duplicate name", "{n: {address: 10.0.0.2,", "{n: {}, n: {address: 10.0.0.2,", "4:13-4:14 STK005\n4:20-4:21 STK003", "balancer `n` has no `address`, `base`, `peers`"},
		{"list for a value", "type: ip", "type: [ip]", "1:20-1:21 STK004", "`type` takes one value, found a list"},
		{"mapping for a value", "type: ip", "type: {a: b}", "1:20-1:21 STK004", "found a mapping"},
		{"nothing for a value", "type: ip", "type: ", "1:20-1:20 STK004", "found nothing"},
		{"null for a value", "type: ip", "type: ~", "1:20-1:21 STK004", "found nothing"},
		{"value for a mapping", "{p: 2}", "2", "4:56-4:57 STK004", "`peers` takes a mapping, found one value"},
		{"value for an entry", "{type: ip, size: 1k, store: gpc0}", "ip", "1:13-1:15 STK004", "table `t` takes a mapping"},
		{"mapping in a list", "[n]", "[{n: m}]", "3:51-3:52 STK004", "`sums` takes a list of single values"},
		{"empty list", "[n]", "[]", "3:44-3:48 STK004", "`sums` is an empty list"},
		{"one value for a list", "[n]", "n", "", ""},
		{"key that is a list", "type: ip", "type: ip, [a]: b", "1:24-1:25 STK004", "a key is one word"},
		{"tag", "type: ip", "type: !net ip", "1:25-1:27 STK004", "tag `!net` is not accepted"},
		{"word of a few", "store: gpc0", "store: gpc0, declare: peer", "1:56-1:60 STK004", "did you mean `peers`?"},
		{"fragment without a base", "base: b.cfg", "emit: fragment", "", ""},
		{"merged without a base", "base: b.cfg", "emit: merged", "4:13-4:14 STK005", "balancer `n` has no `base`"},
		{"tls that is not there", "sums: [n]", "sums: [n], tls: off", "", ""},
		{"tls, a word", "sums: [n]", "sums: [n], tls: yes", "3:60-3:63 STK004", "`tls` is `yes`; accepted are `off`, `false`"},
		{"tls, a list", "sums: [n]", "sums: [n], tls: [{}]", "3:60-3:61 STK004", "`tls` takes a mapping, found a list"},
		{"tls, a key", "sums: [n]", "sums: [n], tls: {cafile: x}", "3:61-3:67 STK002", "did you mean `ca_file`?"},
		{"verify", "sums: [n]", "sums: [n], tls: {verify: maybe}", "3:69-3:74 STK004", "accepted are `none`, `optional`, `required`"},
		{"extra of a balancer", "base: b.cfg", "base: b.cfg, extra: {global: x}", "4:57-4:63 STK002", "`extra` has no key `global`; accepted are `section`"},
		{"dialect", "tables:", "dialect: vendor\ntables:", "1:10-1:16 STK004", "accepted are `stktc`, `gpe`, `stktagg`"},
		{"give_back", "sums: [n]", "sums: [n], give_back: maybe", "3:66-3:71 STK004", "`give_back` is `maybe`"},
		{"site of a host", "sums: [n]", "sums: [n], host: h, site: s", "3:70-3:71 STK004", "`site` of `agg` concerns the whole file; say it of its host `h`"},
		{"version", "tables:", "version: 2\ntables:", "1:10-1:11 STK004", "version `2` of the topology file is not known; accepted is `1`"},
		{"version in quotes", "tables:", "version: \"1\"\ntables:", "", ""},
		{"second document", "levels:", "---\nlevels:", "1:1-1:7 STK005\n2:1-2:4 STK008", "the topology has no `levels`, `aggregators`, `balancers`"},
		{"unused anchor", "type: ip", "type: &a ip", "1:20-1:22 STK009", "anchor `a` is never used"},
		{"cycle", "[n]", "&a [*a]", "3:54-3:56 STK001", "never ends"},
		{"merge of a value", "type: ip", "type: ip, <<: 3", "1:28-1:29 STK004", "`<<` takes a mapping"},
		{"mistake behind an alias, twice", "{t: {type: ip, size: 1k, store: gpc0}}", "{t: &t {type: ip, size: [1k], store: gpc0}, u: *t}", "1:33-1:34 STK004", ""},
		{"empty levels", "[{name: a, suffix: .a}, {name: b, suffix: .b}]", "[]", "2:1-2:7 STK004", "`levels` is an empty list"},
	} {
		text := strings.Replace(minimal, tt.old, tt.new, 1)
		if text == minimal {
			t.Fatalf("%s: %q is not in the minimal topology", tt.name, tt.old)
		}
		_, findings := ParseTopology("f", []byte(text))
		if got := strings.TrimSpace(brief(findings)); got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s\n%v", tt.name, got, tt.want, findings)
			continue
		}
		if len(findings) > 0 && !strings.Contains(findings[0].Summary, tt.says) {
			t.Errorf("%s: summary %q, want %q in it", tt.name, findings[0].Summary, tt.says)
		}
		for _, f := range findings {
			if f.Slug == "" || strings.HasSuffix(f.Summary, ".") {
				t.Errorf("%s: slug %q, summary %q", tt.name, f.Slug, f.Summary)
			}
		}
	}
}

func TestFiveMistakes(t *testing.T) {
	_, findings := ParseTopology("f", []byte(`tables:
  t: {type: ip, size: 1k, store: gpc0, expiry: 1h}
levels:
  - {name: a, suffix: .a}
  - {name: b, suffix: [.b]}
aggregators:
  agg:
    address: "10.0.0.1:1"
    sums: [n]
    sums: [m]
balancers:
  n: {address: 10.0.0.2, base: b.cfg}
  m: {address: 10.0.0.3, base: b.cfg, peers: {p: 2}, tls: {key: x}}
`))
	want := `2:40-2:46 STK002
5:23-5:24 STK004
10:5-10:9 STK003
12:3-12:4 STK005
13:60-13:63 STK002
`
	if got := brief(findings); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestFixOfUnknownKey(t *testing.T) {
	text := strings.Replace(minimal, "store:", "stoer:", 1)
	_, findings := ParseTopology("f", []byte(text))
	if len(findings) != 1 || len(findings[0].Fixes) != 1 {
		t.Fatalf("findings: %+v", findings)
	}
	edit := findings[0].Fixes[0].Edits[0]
	mended := text[:edit.Span.Start.Offset] + edit.NewText + text[edit.Span.End.Offset:]
	if mended != minimal {
		t.Errorf("mended:\n%s", mended)
	}
}

func TestSyntaxErrors(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		line       int
		says       string
	}{
		{"tab that folds", "a: 1\nb: 2\nc: 3\n\td: 4\n", 4, "a tab cannot indent"},
		{"tab that starts", "a: 1\nb:\n\tc: 3\n", 3, "indent with spaces"},
		{"open brace", "a: 1\nb: {c: 1, d\n  e: 2}\nf: 3\n", 2, "lacks a `,` or its closing `}`"},
		{"open bracket", "a: 1\nb: [1, 2\nc: 3\nd: 4\n", 2, "lacks a `,` or its closing `]`"},
		{"open bracket in the first line", "b: [1, 2\nc: 3\nd: 4\n", 1, "lacks a `,` or its closing `]`"},
		{"open quote", "a: 1\nb: \"abc\nc: 3\nd: 4\n", 2, "is not closed"},
		{"open quote in the first line", "b: \"abc\nc: 3\nd: 4\n", 1, "is not closed"},
		{"open single quote", "a: 1\nb: 'abc\nc: 3\nd: 4\n", 2, "is not closed"},
		{"indented too far", "a: 1\nb: 2\n  c: 3\nd: 4\n", 3, "a `:` stands where no key can be"},
		{"dedented between", "a:\n   b: 2\n   c: 2\n  d: 3\ne: 4\n", 4, "does not fit the mapping"},
		{"dedented between, later in the file", "# one\nz:\n  a:\n     b: 2\n     c: 2\n    d: 3\n  e: 4\n", 6, "does not fit the mapping"},
		{"list among keys", "a: 1\nb: 2\n- c\nd: 4\n", 3, "does not fit the mapping"},
		{"key among list items", "a:\n - b\n - c\n d: 1\n", 4, ""},
		{"two colons", "a: 1\nb: c: d\nd: 4\n", 2, "put values that hold `: ` in quotes"},
		{"escape", "a: 1\nb: \"\\q\"\nd: 4\n", 2, "escape sequence"},
		{"at sign", "a: 1\nb: [@par]\nd: 4\n", 2, "put it in quotes"},
		{"glob without quotes", "a: 1\nb: [*]\nd: 4\n", 2, "a glob needs quotes"},
		{"glob that looks like an alias", "a: 1\nb: [*edge]\nd: 4\n", 2, "`*edge` refers to an anchor, but no anchor of that name stands before it; a glob needs quotes"},
		{"no colon", "a: 1\n# c\n# d\n\nb\n\n# foo\n# bar\nd: 4\n", 5, "lacks its `:`"},
		{"text behind quotes", "a: \"x\" y\nb: 1\n", 1, "does not fit the mapping"},
		{"bracket too many", "a: 0\nb: [1,2]]\nc: 1\n", 2, "does not fit the mapping"},
		{"brace alone", "a: 1\nb: }\nd: 4\n", 2, "a value is expected"},
		{"second document is broken", "a: 1\n---\nb: [\n", 3, ""},
		{"directive", "%YAML 2.0\n---\na: 1\n", 1, "version of YAML"},
		{"tag handle", "a: 1\nb: !x!y y\nd: 4\n", 2, "undeclared handle"},
		{"block scalar", "a: 1\nb: |x\n  foo\n", 2, ""},
		{"nested", "a: 1\nb: " + strings.Repeat("[", 20000), 2, "nested more than"},
		{"byte order mark", "\ufeffa: 1\nb: [1, 2\nc: 3\n", 2, "lacks a `,`"},
		{"CR LF", "a: 1\r\nb: 2\r\n  c: 3\r\nd: 4\r\n", 3, "where no key can be"},
	} {
		_, findings := ParseTopology("f", []byte(tt.text))
		var syntax diag.List
		for _, f := range findings {
			if f.Code == CodeSyntax {
				syntax.Add(f)
			}
		}
		if len(syntax) != 1 {
			t.Errorf("%s: %d findings\n%v", tt.name, len(syntax), findings)
			continue
		}
		if f := syntax[0]; f.Primary.Span.Start.Line != tt.line || !strings.Contains(f.Summary, tt.says) {
			t.Errorf("%s: %s %q, want line %d, %q", tt.name, f.Primary.Span, f.Summary, tt.line, tt.says)
		}
	}
}

// TestSyntaxErrorAnywhere puts mistakes that are wrong in themselves into each line of a longer file.
func TestSyntaxErrorAnywhere(t *testing.T) {
	var lines []string
	for i := range 12 {
		lines = append(lines, fmt.Sprintf("k%d:", i), "  - {a: 1, # c", "     b: [1, 2]}", "  - x: >-", "      folded", "    y: \"q\"", "", "  # comment")
	}
	for i := 8; i < len(lines); i += 8 {
		for _, bad := range []string{"  bad: \"x\" y", "\tbad: 1", "  - - x: y: z", "  `", "  - *nobody", "   - \"\\q\""} {
			text := strings.Join(lines[:i], "\n") + "\n" + "k:\n" + bad + "\n" + strings.Join(lines[i:], "\n")
			_, findings := ParseTopology("f", []byte(text))
			if len(findings) != 1 || findings[0].Primary.Span.Start.Line != i+2 {
				t.Errorf("%q in line %d: %s", bad, i+2, brief(findings))
			}
		}
	}
}

func TestNotText(t *testing.T) {
	for _, tt := range []struct {
		name, text, want string
		says             string
	}{
		{"empty", "", "1:1-1:1 STK005", "the file is empty"},
		{"blank", "\n  \n", "1:1-1:1 STK005", "the file is empty"},
		{"comments only", "# nothing\n", "1:1-1:1 STK005", "the file is empty"},
		{"NUL", "a: b\nc: \x00", "2:4-2:4 STK007", "NUL"},
		{"ELF", "\x7fELF\x02\x01", "1:1-1:1 STK007", "control character U+007F"},
		{"Latin-1", "a: b\nc: caf\xe9\n", "2:7-2:7 STK007", "byte 0xe9"},
		{"cut in the middle of a letter", "a: caf\xc3", "1:7-1:7 STK007", "byte 0xc3"},
		{"UTF-16", "\xff\xfea\x00", "1:1-1:1 STK007", "UTF-16"},
		{"escape sequence", "a: \x1b[31m\n", "1:4-1:4 STK007", "U+001B"},
		{"too long", strings.Repeat("#", MaxFileSize+1), "1:1-1:1 STK007", "longer than 16 MiB"},
		{"a word", "hello", "1:1-1:6 STK004", "the topology takes a mapping, found one value"},
		{"a list", "- a\n- b\n", "1:1-1:2 STK004", "the topology takes a mapping, found a list"},
	} {
		_, findings := ParseTopology("f", []byte(tt.text))
		if got := strings.TrimSpace(brief(findings)); got != tt.want || !strings.Contains(findings[0].Summary, tt.says) {
			t.Errorf("%s: got %s %v, want %s %q", tt.name, got, findings, tt.want, tt.says)
		}
	}
}

func TestAliasBomb(t *testing.T) {
	var b strings.Builder
	b.WriteString("x0: &x0 {a: b}\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&b, "x%d: &x%d {<<: [*x%d, *x%d, *x%d, *x%d, *x%d, *x%d, *x%d, *x%d, *x%d]}\n", i, i, i-1, i-1, i-1, i-1, i-1, i-1, i-1, i-1, i-1)
	}
	b.WriteString("<<: *x11\n" + minimal)
	start := time.Now()
	_, findings := ParseTopology("f", []byte(b.String()))
	if len(findings) != 1 || findings[0].Code != CodeSyntax || !strings.Contains(findings[0].Summary, "stand for more than") {
		t.Errorf("findings:\n%s", brief(findings))
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("took %v", d)
	}
}

// TestManyFindings: a long file that is something else altogether costs no more than its length.
func TestManyFindings(t *testing.T) {
	start := time.Now()
	_, findings := ParseTopology("f", []byte(strings.Repeat("k: v\n", 400_000)))
	if n := len(findings); n != maxFindings || len(findings[n-1].Notes) != 1 {
		t.Errorf("%d findings", n)
	}
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("took %v", d)
	}
}

func TestSuggest(t *testing.T) {
	known := []string{"address", "sums", "site", "section"}
	for _, tt := range []struct {
		word, want string
	}{
		{"adress", "address"}, {"Sums", "sums"}, {"sum", "sums"}, {"stie", "site"}, {"colour", ""}, {"x", ""}, {"", ""},
	} {
		best, ok := Suggest(tt.word, known)
		if best != tt.want || ok != (tt.want != "") {
			t.Errorf("%q: %q, %v", tt.word, best, ok)
		}
	}
}

func FuzzParseTopology(f *testing.F) {
	seed, err := os.ReadFile("../testdata/seed/topology.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(minimal))
	for _, text := range []string{
		"a: &a [*a]\n", "<<: {tables: 1}\n", "? a\n: |2+\n   x\n", "levels:\n- >\n\n a\n  b\n c\n", "\ufeffé: \"\\x41\\\n  b\"\r\n",
		"tables:\n\tt: 1\n", "a: 'b\n\n c'' d'\n", "a: b\u2028c: d\u0085e: f", "--- # x\n...\n---\n", "a: !!str &b\n", "levels: [{deliver: x, deliver: y}]",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file, findings := ParseTopology("f", text)
		for _, finding := range findings {
			insideFile(t, text, finding.Primary.Span)
			for _, n := range finding.Related {
				insideFile(t, text, n.Span)
			}
		}
		if file == nil {
			t.Fatal("no file")
		}
		for _, s := range allScalars(file) {
			insideFile(t, text, s.Span)
			for i := range s.Value {
				insideFile(t, text, s.At(i, i+1))
			}
		}
	})
}

func allScalars(f *TopologyFile) []Scalar {
	all := []Scalar{f.HAProxy}
	for _, e := range f.Tables {
		all = append(all, e.Name, e.Type, e.Len, e.Size.One, e.Expire.One, e.Store)
		all = append(append(all, e.Suffixes...), e.On...)
	}
	for _, l := range f.Levels {
		all = append(all, l.Name, l.Suffix, l.Deliver)
	}
	for _, e := range f.Aggregators {
		all = append(append(append(all, e.Name, e.Address), e.Sums...), e.StatsSocket...)
	}
	for _, e := range f.Balancers {
		all = append(append(all, e.Name, e.Address, e.Bind), e.Base...)
		for _, p := range e.Peers {
			all = append(all, p.Key, p.Value)
		}
	}
	return all
}

func insideFile(t *testing.T, text []byte, s diag.Span) {
	t.Helper()
	if s.IsZero() {
		return
	}
	lines := strings.Split(string(text), "\n")
	for _, p := range []diag.Pos{s.Start, s.End} {
		if p.Offset < 0 || p.Offset > len(text) || p.Line < 1 || p.Line > len(lines) || p.Column < 1 || p.Column > len(lines[p.Line-1])+1 {
			t.Fatalf("%+v is outside of the file", p)
		}
		start := 0
		for _, l := range lines[:p.Line-1] {
			start += len(l) + 1
		}
		if start+p.Column-1 != p.Offset {
			t.Fatalf("%+v is not its offset", p)
		}
	}
	if s.Start.Offset > s.End.Offset {
		t.Fatalf("%+v ends before it starts", s)
	}
}
