package load

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"stktc/grammar/diag"
	"stktc/topology"
)

func TestTopologySeed(t *testing.T) {
	c, findings, err := Topology(os.DirFS("../../testdata/seed"), "topology.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(findings) > 0 {
		t.Errorf("findings: %v", findings)
	}
	golden(t, "testdata/topology/seed.golden", dumpTopology(c, findings))
}

// TestTopology reads the archives of testdata/topology: a topology and its bases, and what they make under the name "want".
func TestTopology(t *testing.T) {
	archives, err := filepath.Glob("testdata/topology/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, file := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			fsys := fstest.MapFS{}
			var inputs []txtar.File
			for _, f := range a.Files {
				if f.Name != "want" {
					fsys[f.Name] = &fstest.MapFile{Data: f.Data}
					inputs = append(inputs, f)
				}
			}
			c, findings, err := Topology(fsys, a.Files[0].Name)
			if err != nil {
				t.Fatal(err)
			}
			checkSpans(t, c, findings)
			a.Files = append(inputs, txtar.File{Name: "want", Data: []byte(dumpTopology(c, findings))})
			golden(t, file, string(txtar.Format(a)))
		})
	}
}

// small is a topology without findings, one key in a line, for tests to change.
const small = `haproxy: 2.6
tables:
  t:
    type: ip
    size: 1k
    expire: 1m
    store: gpc0,http_req_rate(10s)
levels:
  - {name: nodes, suffix: .n}
  - {name: one, suffix: .o}
  - {name: two, suffix: .t}
aggregators:
  a1: {address: "10.0.1.1:1", sums: [b1, b2]}
  a2: {address: "10.0.1.2:1", sums: [b3]}
  top: {address: "10.0.2.1:1", sums: ["a*"]}
defaults:
  aggregator: {stats_socket: /run/s}
  balancer: {base: base.cfg, peers: {p: 1024}}
balancers:
  b[1-3]: {address: "10.0.0.[1-3]"}
`

// upper are the levels and aggregators of the small topology.
var upper = small[strings.Index(small, "  - {name: one"):strings.Index(small, "defaults:")]

// twoSections is the small topology with a second peers section, and an aggregator for it.
var twoSections = strings.NewReplacer("levels:", "  u: {type: ip, size: 1, store: gpc0, suffixes: [.x, .y], peers: q}\nlevels:",
	"p: 1024", "p: 1024, q: 1025", "defaults:", "  other: {address: \"10.0.3.1:1\", peers: q, sums: [b1]}\ndefaults:").Replace(small)

func loadText(t *testing.T, text string) (*topology.Cluster, diag.List) {
	t.Helper()
	c, findings, err := Topology(fstest.MapFS{"f": {Data: []byte(text)}, "base.cfg": {Data: []byte("global\n")}}, "f")
	if err != nil {
		t.Fatal(err)
	}
	checkSpans(t, c, findings)
	return c, findings
}

// TestTopologyFindings changes the small topology at one place. A finding is wanted as "CODE text-it-points-at: part of the summary".
func TestTopologyFindings(t *testing.T) {
	for _, tt := range []struct {
		name, old, new string
		want           []string
	}{
		{"nothing", "haproxy: 2.6\n", "", nil},
		{"haproxy", "2.6", "2.x", []string{"STK004 2.x: accepted is MAJOR.MINOR"}},
		{"type", "type: ip", "type: ipv5", []string{"STK004 ipv5: did you mean `ipv4`"}},
		{"type with its length", "type: ip", "type: string len 32", []string{"STK004 string len 32: its length has a key of its own: `type: string`, `len: 32`"}},
		{"len", "type: ip", "type: ip\n    len: 3", []string{"STK004 3: takes no `len`"}},
		{"size", "1k", "1q", []string{"STK024 q: "}},
		{"expire without unit", "1m", "60", []string{"STK023 60: has no unit"}},
		{"period without unit", "10s", "10", []string{"STK023 10: has no unit"}},
		{"store", "gpc0,", "gpc9,", []string{"STK022 gpc9: did you mean `gpc0`"}},
		{"store, cut", "(10s)", "(10s", []string{"STK022 : ends too early"}},
		{"store, empty", "gpc0,http_req_rate(10s)", "\"\"", []string{"STK004 \"\": stores nothing"}},
		{"size by level", "size: 1k", "size: {nodes: 1k, one: 2k}", []string{"STK005 size: says nothing of level `two`"}},
		{"level that is not there", "size: 1k", "size: {nodes: 1k, one: 2k, two: 3k, tow: 1}", []string{"STK015 tow: did you mean `two`?"}},
		{"too many suffixes", "size: 1k", "size: 1k\n    suffixes: [.a, .b, .c, .d]", []string{"STK013 .d: has 4 suffixes, but `levels` lists 3"}},
		{"suffix twice", ".o}", ".n}", []string{"STK012 .n: is there twice"}},
		{"suffixes that end alike", ".o}", ".x.n}", []string{"STK012 .x.n: end alike"}},
		{"empty suffix above", ".o}", "\"\"}", []string{"STK012 \"\": only the first may be"}},
		{"suffix", ".o}", "\"#o\"}", []string{"STK012 \"#o\": cannot be used"}},
		{"level twice", "name: one", "name: Nodes", []string{"STK012 Nodes: is there twice"}},
		{"table name", "  t:\n", "  t t:\n", []string{"STK012 t t: cannot be used"}},
		{"tables of one name", "levels:", "  T: {type: ip, size: 1, store: gpc0}\nlevels:", []string{"STK012 T: is there twice"}},
		{"table made twice", "levels:", "  t.n: {type: ip, size: 1, store: gpc0, suffixes: [\"\", .x]}\nlevels:", []string{"STK012 t.n: is made twice"}},
		{"table on nobody", "size: 1k", "size: 1k\n    on: [b4]", []string{"STK010 b4: matches no balancer; did you mean `b1`? accepted are `b1`, `b2`, `b3`"}},
		{"table on an aggregator", "size: 1k", "size: 1k\n    on: [top]", []string{"STK010 top: matches no balancer"}},
		{"table's peers", "size: 1k", "size: 1k\n    peers: q", []string{"STK015 q: is not in `peers` of `b1`, `b2`, `b3`"}},

		{"name", "  a1:", "  -a1:", []string{"STK012 -a1: cannot be used"}},
		{"name taken", "  a2:", "  A1:", []string{"STK012 A1: is taken"}},
		{"name taken by a range", "  a2:", "  B2:", []string{"STK012 b[1-3]: name `b2` is taken"}},
		{"selector", "[b1, b2]", "[b1, b5]", []string{"STK010 b5: matches no node; did you mean `b1`?"}},
		{"selector, glob", "[b1, b2]", "[b1, b2, \"c*\"]", []string{"STK010 \"c*\": matches no node"}},
		{"selector, range", "[b1, b2]", "[\"b[1-2]\", \"b[2-5]\"]", []string{"STK010 \"b[2-5]\": `b4`, `b5` of selector `b[2-5]` matches no node", "STK013 b3: both sum `b3`"}},
		{"selector, site", "[b1, b2]", "[b1, b2, \"@par\"]", []string{"STK010 \"@par\": matches no balancer"}},
		{"selector, case", "[b1, b2]", "[b1, B2]", []string{"STK010 B2: did you mean `b2`?"}},
		{"range, backwards", "b[1-3]", "b[3-1]", []string{"STK011 [3-1]: runs backwards; accepted is `[1-3]`"}},
		{"range, lengths", "10.0.0.[1-3]", "10.0.0.[1-4]", []string{"STK011 \"10.0.0.[1-4]\": has 4 numbers, but `b[1-3]` has 3"}},
		{"range, huge", "b[1-3]", "b[1-30000]", []string{"STK011 [1-30000]: at most 10000"}},
		{"range, digits", "b[1-3]", "b[1-3000000000]", []string{"STK011 [1-3000000000]: 9 digits"}},
		{"range, zeros", "b[1-3]", "b[001-03]", []string{"STK011 [001-03]: accepted is `[001-003]`", "STK010 b1: ", "STK010 b2: ", "STK010 b3: "}},
		{"range, letters", "b[1-3]", "b[a-c]", []string{"STK011 [a-c]: is not a range"}},
		{"range without one in the name", "\"10.0.1.2:1\"", "\"10.0.1.[2-3]:1\"", []string{"STK011 \"10.0.1.[2-3]:1\": the name `a2` has none"}},
		{"placeholder", "base: base.cfg", "base: \"{nam}.cfg\"", []string{"STK004 {nam}: accepted are `{name}`, `{site}`"}},
		{"site that is not there", "base: base.cfg", "base: \"{site}.cfg\"", []string{"STK015 \"{site}.cfg\": `b1` has no `site`"}},
		{"site", "base: base.cfg", "site: ../x, base: base.cfg", []string{"STK012 ../x: site `../x`"}},

		{"sums itself", "[\"a*\"]", "[top]", []string{"STK013 top: `top` sums itself"}},
		{"circle", "sums: [b3]", "sums: [top]", []string{"STK013 \"a*\": `top` sums `a2`, which sums `top` again"}},
		{"mixed heights", "[\"a*\"]", "[a1, b3]", []string{"STK013 b3: members must all stand on one level"}},
		{"too high", "  - {name: two, suffix: .t}\n", "", []string{"STK013 top: stands 2 levels above the nodes, but `levels` ends at 1"}},
		{"overlap", "sums: [b3]", "sums: [b2, b3]", []string{"STK013 b2: `a1` and `a2` both sum `b2`, but not all the same"}},
		{"replicas", "sums: [b3]", "sums: [b2, b1]", nil},
		{"no table", "size: 1k", "size: 1k\n    suffixes: [.x, .y]", []string{"STK013 top: no table reaches `top`"}},
		{"three replicas", "  top:", "  a3: {address: \"10.0.1.3:1\", sums: [b3]}\n  a4: {address: \"10.0.1.4:1\", sums: [b3]}\n  top:", nil},
		{"half of the replicas", "  top: {address: \"10.0.2.1:1\", sums: [\"a*\"]}", "  top: {address: \"10.0.2.1:1\", sums: [a1, a2]}\n  r: {address: \"10.0.1.3:1\", sums: [b3]}",
			[]string{"STK013 a2: sums `a2`, but not `r`"}},
		{"deliver, the first level", ".n}", ".n, deliver: false}", []string{"STK004 false: the first level is what the nodes count themselves"}},
		{"deliver, the last level", ".t}", ".t, deliver: false}", []string{"STK004 false: it is the last"}},
		{"deliver", ".o}", ".o, deliver: false}", nil},
		{"deliver, said", ".o}", ".o, deliver: true}", nil},
		{"summed for nobody", upper, strings.Replace(strings.Replace(upper, ".o}", ".o, deliver: false}", 1), "\"a*\"", "a1", 1), []string{"STK013 a2: `a2` sums table `t` for nobody"}},
		{"delivered and kept by one rule", "size: 1k\n    expire: 1m\n    store: gpc0,http_req_rate(10s)\nlevels:\n  - {name: nodes, suffix: .n}\n  - {name: one, suffix: .o}",
			"size: 1k\n    store: gpc0\n  u: {type: ip, size: 1k, store: gpc0, suffixes: [.n, .o]}\nlevels:\n  - {name: nodes, suffix: .n}\n  - {name: one, suffix: .o, deliver: false}",
			[]string{"STK013 u: would send `.o` of table `u` to the nodes, but not that of table `t`"}},

		{"host that is not there", "sums: [b3]", "host: a3, sums: [b3]", []string{"STK015 a3: did you mean `a1`?"}},
		{"host that is a balancer", "sums: [b3]", "host: b1, sums: [b3]", []string{"STK015 b1: host `b1` of `a2` is not an aggregator"}},
		{"host that is a guest", "sums: [b1, b2]}", "host: a2, section: s, sums: [b1, b2]}\n  a3: {host: a1, address: \"10.0.1.3:1\", sums: [b3]}", []string{"STK015 a1: its host is `a2`"}},
		{"two sections of one name", "sums: [b3]", "host: a1, sums: [b3]", []string{"STK012 a2: section `one` of `a2` would stand twice in the file of `a1`"}},
		{"two sections of one name, said", "sums: [b3]", "host: a1, section: one, sums: [b3]", []string{"STK012 one: would stand twice"}},
		{"a guest", "sums: [b3]", "host: a1, section: guest, sums: [b3]", nil},

		{"tls on one end", "sums: [b3]", "tls: {crt: x, verify: none}, sums: [b3]", []string{"STK014 tls: `a2` has `tls`, but is linked with `b3`, `top`, where there is none"}},
		{"tls on all ends but one", small, strings.NewReplacer("defaults:\n", "defaults:\n  any: {tls: {crt: x, verify: none}}\n", "sums: [b3]", "tls: off, sums: [b3]").Replace(small),
			[]string{"STK014 a2: `a2` has no `tls`, but is linked with `b3`, `top`, where there is"}},
		{"tls without certificate", "  balancer:", "  any: {tls: {ca_file: x}}\n  balancer:", []string{"STK005 tls: has no `crt`"}},
		{"tls without authorities", "  balancer:", "  any: {tls: {crt: x}}\n  balancer:", []string{"STK005 tls: has no `ca_file`"}},
		{"tls without authorities, asked for", "  balancer:", "  any: {tls: {crt: x, verify: required}}\n  balancer:", []string{"STK005 required: but has no `ca_file`"}},
		{"tls in the old style", "  balancer: {", "  any: {tls: {crt: x, verify: none}}\n  balancer: {style: peer, ", []string{"STK004 peer: `peer` lines listen in clear text"}},
		{"tls with a placeholder", "  balancer:", "  any: {tls: {crt: \"{site}.pem\", verify: none}}\n  balancer:", []string{"STK015 \"{site}.pem\": `a1` has no `site`"}},

		{"seen from nowhere", "sums: [b3]", "seen_as: {nyc: \"1.2.3.4:5\"}, sums: [b3]", []string{"STK015 nyc: no host stands in site `nyc`"}},
		{"seen from its own site", "sums: [b3]", "site: nyc, seen_as: {nyc: \"1.2.3.4:5\"}, sums: [b3]", []string{"STK015 nyc: stands in site `nyc` itself"}},
		{"seen at no port", "sums: [b3]", "site: nyc, seen_as: {par: 1.2.3.4}, sums: [b3]", []string{"STK014 1.2.3.4: has no port", "STK015 par: accepted are `nyc`"}},
		{"seen at one address", "base: base.cfg", "site: x, seen_as: {y: 1.2.3.4}, base: base.cfg", []string{"STK015 y: accepted are `x`"}},
		{"seen at one address, by somebody", small, strings.NewReplacer("base: base.cfg", "site: x, seen_as: {y: 1.2.3.4}, base: base.cfg", "sums: [b1", "site: y, sums: [b1").Replace(small),
			[]string{"STK014 1.2.3.4: address `1.2.3.4:1024` of `b2` is that of `b1` too"}},
		{"one address in two sites", small, strings.NewReplacer("b[1-3]: {address: \"10.0.0.[1-3]\"}", "b[1-2]: {address: \"10.0.0.[1-2]\"}\n  b3: {address: 10.0.0.1, site: y}",
			"10.0.1.2:1", "10.0.1.1:1", "sums: [b3]", "site: y, seen_as: {z: \"1.2.3.4:1\"}, sums: [b3]", "sums: [\"a*\"]", "site: z, sums: [\"a*\"]").Replace(small), nil},
		{"one address in two sites, which a third sees", small, strings.NewReplacer("10.0.1.2:1", "10.0.1.1:1", "sums: [b3]", "site: y, sums: [b3]", "sums: [\"a*\"]", "site: z, sums: [\"a*\"]").Replace(small),
			[]string{"STK014 \"10.0.1.1:1\": address `10.0.1.1:1` of `a2` is that of `a1` too"}},
		{"seen at a port of one section", "base: base.cfg, peers: {p: 1024}", "site: x, seen_as: {y: \"1.2.3.4:5\"}, base: base.cfg, peers: {p: 1024, q: 1025}", []string{"STK014 5: `b1` has 2 peers sections", "STK015 y: accepted are `x`"}},
		{"site's name", "sums: [b3]", "seen_as: {\"n y\": \"1.2.3.4:5\"}, sums: [b3]", []string{"STK012 \"n y\": site `n y`"}},

		{"hold without unit", "sums: [b3]", "hold: 60, sums: [b3]", []string{"STK023 60: has no unit"}},
		{"lease of no time", "haproxy", "lease: 0s\nhaproxy", []string{"STK023 0s: is no time"}},
		{"lease", "haproxy", "lease: 3s\nhaproxy", nil},
		{"lease whose key is too long", "sums: [b3]", "lease: 3s, section: a123456789b123456789c123456789d1, sums: [b3]", []string{"STK012 a123456789b123456789c123456789d1: at most 31 characters"}},
		{"lease table that is summed", small, "lease: 3s\n" + strings.Replace(small, ".o}", ".lease}", 1), []string{"STK012 .lease: ends as `stktc.lease` does"}},
		{"lease table's suffix in another", small, "lease: 3s\n" + strings.Replace(small, ".o}", ".o.lease}", 1), []string{"STK012 .o.lease: ends as `stktc.lease` does"}},
		{"lease over two peers sections", small, "lease: 3s\n" + twoSections, nil},
		{"extra that begins a section", "sums: [b3]", "extra: {section: \"peers x\"}, sums: [b3]", []string{"STK004 peers x: `peers` begins a section"}},
		{"extra that is derived", "sums: [b3]", "extra: {section: [\"forward .x\"]}, sums: [b3]", []string{"STK004 forward .x: has no place in `extra`: it is derived from `levels`"}},
		{"extra with a key", "sums: [b3]", "extra: {global: hold 3s}, sums: [b3]", []string{"STK004 hold 3s: it has a key of its own"}},
		{"extra with a slip", "sums: [b3]", "extra: {global: trash-bath 3}, sums: [b3]", []string{"STK021 trash-bath: did you mean `trash-batch`?"}},
		{"extra with a condition", "sums: [b3]", "extra: {global: [.endif]}, sums: [b3]", []string{"STK020 .endif: no `.if` before it", "STK004 .endif: conditions are not for generated lines"}},
		{"extra with an open quote", "sums: [b3]", "extra: {global: [\"source 'x\"]}, sums: [b3]", []string{"STK027 ': "}},
		{"extra", "sums: [b3]", "extra: {global: [\"# why\", source 1.2.3.4], section: strict-names}, sums: [b3]", nil},
		{"extra of a balancer", "base: base.cfg", "base: base.cfg, extra: {section: \"server x 1.2.3.4:5\"}", []string{"STK004 server x 1.2.3.4:5: it is derived from `sums`"}},
		{"aggregator's file", "sums: [b3]", "file: a/b, sums: [b3]", []string{"STK012 a/b: is not the name of a file"}},
		{"aggregator's peers", "sums: [b3]", "peers: q, sums: [b3]", []string{"STK015 q: is not that of `b3`"}},
		{"aggregator's section", "sums: [b3]", "section: a b, sums: [b3]", []string{"STK012 a b: section `a b`"}},
		{"two sources of one suffix", "levels:", "  u: {type: ip, size: 1, store: gpc0, suffixes: [.x, .o]}\nlevels:", []string{"STK013 .x: from both `.n` and `.x`"}},
		{"rule that takes another's sums", "levels:", "  u: {type: ip, size: 1, store: gpc0, suffixes: [.o, .z]}\nlevels:", []string{"STK013 .o: would sum `.o`, for table `u`, and with it table `t`"}},
		{"rule that takes another's suffix", "levels:", "  u: {type: ip, size: 1, store: gpc0, suffixes: [.x.n, .z]}\nlevels:", []string{"STK013 .n: whose suffix `.x.n` ends alike"}},
		{"shorter list beside the levels", "levels:", "  u: {type: ip, size: 1, store: gpc0, suffixes: [.n, .o]}\nlevels:", nil},

		{"aggregator without port", "10.0.1.2:1", "10.0.1.2", []string{"STK014 \"10.0.1.2\": has no port"}},
		{"aggregator everywhere", "10.0.1.2:1", "0.0.0.0:1", []string{"STK014 0.0.0.0: cannot be dialled"}},
		{"aggregator at a path", "10.0.1.2:1", "/run/a", []string{"STK014 \"/run/a\": is the path of a socket"}},
		{"aggregator's address", "10.0.1.2:1", "10.0.1.256:1", []string{"STK025 10.0.1.256: is not an IPv4 address"}},
		{"aggregators at one address", "10.0.1.2:1", "10.0.1.1:1", []string{"STK014 \"10.0.1.1:1\": address `10.0.1.1:1` of `a2` is that of `a1` too"}},
		{"balancer with port", "10.0.0.[1-3]", "10.0.0.[1-3]:80", []string{"STK014 80: a balancer's ports are the values of its `peers`"}},
		{"balancers at one address", "\"10.0.0.[1-3]\"", "10.0.0.1", []string{"STK014 10.0.0.1: address `10.0.0.1:1024` of `b2` is that of `b1` too"}},
		{"balancer everywhere", "\"10.0.0.[1-3]\"", "\"*\"", []string{"STK014 \"*\": cannot be dialled"}},
		{"bind with port", "base: base.cfg", "base: base.cfg, bind: \"*:1\"", []string{"STK014 1: has a port"}},
		{"port", "p: 1024", "p: 70000", []string{"STK004 70000: is not a number from 1 to 65535"}},
		{"ports", "p: 1024", "p: 1024, q: 1024", []string{"STK014 1024: two peers sections on port `1024`"}},
		{"peers section", "p: 1024", "\"p q\": 1024", []string{"STK012 \"p q\": peers section"}},
		{"file", "base: base.cfg", "base: base.cfg, file: ../x", []string{"STK012 ../x: is not the name of a file"}},
		{"base that is not there", "base: base.cfg", "base: bas.cfg", []string{"STK015 bas.cfg: is not there"}},
		{"base outside", "base: base.cfg", "base: ../base.cfg", []string{"STK015 ../base.cfg: is not below"}},
		{"base at a full path", "base: base.cfg", "base: /etc/base.cfg", []string{"STK015 /etc/base.cfg: is not below"}},
		{"socket", "/run/s", "\"/run/s mode 9 level root owner me\"", []string{"STK004 level: `level root`", "STK004 mode: `mode 9`", "STK004 owner: is not known"}},
	} {
		text := strings.Replace(small, tt.old, tt.new, 1)
		if text == small {
			t.Fatalf("%s: %q is not in the small topology", tt.name, tt.old)
		}
		_, findings := loadText(t, text)
		for _, want := range tt.want {
			if !hasFinding(findings, text, want) {
				t.Errorf("%s: no finding %s", tt.name, want)
			}
		}
		for _, f := range findings {
			if len(f.Nodes)+len(f.Tables) == 0 && !ofNoNode[tt.name] {
				t.Errorf("%s: a finding names neither a node nor a table: %s", tt.name, f.Summary)
			}
		}
		if len(findings) != len(tt.want) {
			t.Errorf("%s: %d findings, want %d:", tt.name, len(findings), len(tt.want))
			for _, f := range findings {
				s := f.Primary.Span
				t.Logf("%s %s: %s", f.Code, text[s.Start.Offset:s.End.Offset], f.Summary)
			}
		}
	}
}

// ofNoNode are the cases of TestTopologyFindings that concern the version and the levels.
var ofNoNode = map[string]bool{
	"haproxy": true, "deliver, the first level": true, "deliver, the last level": true, "suffix twice": true, "suffixes that end alike": true, "empty suffix above": true, "suffix": true, "level twice": true,
}

func hasFinding(findings diag.List, text, want string) bool {
	code, rest, _ := strings.Cut(want, " ")
	at, says, _ := strings.Cut(rest, ": ")
	for _, f := range findings {
		s := f.Primary.Span
		if f.Code == diag.Code(code) && text[s.Start.Offset:s.End.Offset] == at && strings.Contains(f.Summary, says) {
			return true
		}
	}
	return false
}

// TestMistakesTogether: what the schema, the names and the sums say is reported in one run.
func TestMistakesTogether(t *testing.T) {
	text := strings.NewReplacer("expire: 1m", "expiry: 1m", "sums: [b3]", "sums: [b3, c9]", "2.6", "two", "p: 1024", "p: none", "base: base.cfg", "base: no.cfg").Replace(small)
	_, findings := loadText(t, text)
	want := map[string]bool{"1:10 STK004": true, "6:5 STK002": true, "14:42 STK010": true, "18:20 STK015": true, "18:39 STK004": true}
	for _, f := range findings {
		got := fmt.Sprintf("%d:%d %s", f.Primary.Span.Start.Line, f.Primary.Span.Start.Column, f.Code)
		if !want[got] {
			t.Errorf("%s: %s", got, f.Summary)
		}
		delete(want, got)
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
}

// TestManyNodes bounds the cost of a topology far larger than any that HAProxy could run, in which every aggregator sums through ladders of others.
func TestManyNodes(t *testing.T) {
	var b strings.Builder
	b.WriteString("tables: {t: {type: ip, size: 1k, store: gpc0}}\nlevels:\n")
	const rungs = 40
	for i := range rungs + 2 {
		fmt.Fprintf(&b, "  - {name: l%d, suffix: .s%02d}\n", i, i)
	}
	b.WriteString("balancers:\n  n[0001-9000]: {address: \"n[0001-9000]\", base: base.cfg, peers: {p: 1}}\naggregators:\n")
	b.WriteString("  x0: {address: x0:1, sums: [\"n*\"]}\n  y0: {address: y0:1, sums: [\"n*\"]}\n")
	for i := 1; i <= rungs; i++ {
		fmt.Fprintf(&b, "  x%d: {address: x%d:1, sums: [x%d, y%d]}\n  y%d: {address: y%d:1, sums: [x%d, y%d]}\n", i, i, i-1, i-1, i, i, i-1, i-1)
	}
	start := time.Now()
	c, findings := loadText(t, b.String())
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("took %v", d)
	}
	if len(findings) > 0 {
		t.Errorf("%d findings, the first is %v", len(findings), findings[0])
	}
	if got := len(c.Nodes); got != 9000+2*(rungs+1) {
		t.Errorf("%d nodes", got)
	}
}

// FuzzTopology: no text makes Topology panic or point outside of the file, and what it has no error about is complete.
func FuzzTopology(f *testing.F) {
	seed, err := os.ReadFile("../../testdata/seed/topology.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(small))
	for _, archive := range []string{"peers", "three-sites", "redundant"} {
		a, err := txtar.ParseFile("testdata/topology/" + archive + ".txtar")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(a.Files[0].Data)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if strings.Contains(string(text), "000") {
			t.Skip() // long ranges only cost time
		}
		c, findings, err := Topology(fstest.MapFS{"f": {Data: text}, "base.cfg": {}, "bases/par.cfg": {}}, "f")
		if err != nil {
			t.Skip() // a base that is a directory
		}
		checkSpans(t, c, findings)
		if findings.Worst() < diag.Error {
			checkComplete(t, c)
		}
	})
}

// checkComplete looks for what the compiler relies on.
func checkComplete(t *testing.T, c *topology.Cluster) {
	t.Helper()
	for _, n := range c.Nodes {
		if n.Build == nil || n.IsAggregator() == n.IsBalancer() {
			t.Errorf("%s: %+v", n.Name.Value, n)
		}
		for _, a := range n.Aggregations {
			if a.Name.Value == "" || a.Local == nil || a.Local.Address.Unresolved || len(a.Peers) == 0 || len(a.Rules) == 0 || a.Height < 1 {
				t.Errorf("%s: %+v", n.Name.Value, a)
			}
			checkPeers(t, a.Peers)
		}
		for _, p := range n.Peers {
			if p.Name.Value == "" || p.Listen.Unresolved || p.Listen.Port == 0 || p.Local.Value != n.Name.Value {
				t.Errorf("%s: %+v", n.Name.Value, p)
			}
			checkPeers(t, p.Peers)
		}
		for _, s := range n.Tables {
			sh := s.Shape
			if s.Peers.Value == "" || sh.KeyUnknown || sh.SizeUnknown || sh.ExpireUnknown || sh.StoreUnknown || sh.Size == 0 || len(sh.Columns) == 0 {
				t.Errorf("%s: %+v", n.Name.Value, s)
			}
		}
		for _, b := range n.Build.Base {
			if _, read := c.Files[b.Name]; !read {
				t.Errorf("%s: base %s is not read", n.Name.Value, b.Name)
			}
		}
	}
}

func checkPeers(t *testing.T, peers []*topology.Peer) {
	t.Helper()
	for _, p := range peers {
		if p.Name.Value == "" || p.Address.Unresolved || p.Address.Port == 0 || p.Span.IsZero() {
			t.Errorf("%+v", p)
		}
	}
}

// TestLeaseTables: rules call the table of leases alike on all nodes, by its own name alone where that can be.
func TestLeaseTables(t *testing.T) {
	for _, tt := range []struct{ name, text, wire string }{
		{"in proxies", small, "stktc.lease"},
		{"in peers", strings.Replace(small, "store: gpc0", "declare: peers\n    store: gpc0", 1), "/stktc.lease"},
		{"over two sections", twoSections, "/stktc.lease"},
	} {
		c, findings := loadText(t, "lease: 3s\n"+tt.text)
		if findings.Worst() == diag.Error {
			t.Fatalf("%s: %v", tt.name, findings)
		}
		for _, n := range c.Nodes {
			for _, a := range n.Aggregations {
				if l := a.Settings.Leases; len(l) != 1 || l[0].Table.Value != tt.wire {
					t.Errorf("%s: %s leases %v", tt.name, n.Name.Value, l)
				}
				if forwards := slices.ContainsFunc(a.Forwards, func(f topology.Text) bool { return f.Value == ".lease" }); forwards != (n.Name.Value != "top" && n.Name.Value != "other") {
					t.Errorf("%s: %s forwards leases: %v", tt.name, n.Name.Value, forwards)
				}
			}
			declared := 0
			for _, table := range n.Tables {
				if strings.HasSuffix(table.Name.Value, ".lease") {
					declared++
					if table.WireName() != tt.wire {
						t.Errorf("%s: %s has %s", tt.name, n.Name.Value, table.WireName())
					}
				}
			}
			if want := min(1, len(n.Peers)); declared != want && n.Name.Value != "b1" || declared > len(n.Peers) {
				t.Errorf("%s: %s has %d lease tables", tt.name, n.Name.Value, declared)
			}
		}
	}
}
