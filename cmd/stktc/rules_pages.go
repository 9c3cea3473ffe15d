package main

import (
	"strings"

	"stktc/compile"
	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/topology/sticktable"
)

// page is what there is to say of a finding about the text of files, or about bases, besides its title. The examples are archives like those of checks: with a
// topology.yaml they are a topology, with a run.cfg an aggregator's file, else the files of hosts.
type page struct {
	what, why, runTime, fix string
	bad, good               string
	since                   string
}

// exampleTopology is a small topology without a mistake, and its base.
const exampleTopology = `-- topology.yaml --
version: 1
tables:
  st: {type: ip, size: 1m, expire: 10m, store: http_req_rate(10s)}
levels:
  - {name: nodes, suffix: .local}
  - {name: all, suffix: .all}
aggregators:
  agg: {address: "10.0.0.9:10443", sums: ["lb*"]}
balancers:
  "lb[1-2]": {address: "10.0.0.[1-2]", base: base.cfg, peers: {agg: 10443}}
-- base.cfg --
frontend web
  bind :80
  http-request track-sc0 src table st.local
  http-request deny if { src,table_http_req_rate(st.all) gt 100 }
`

// exampleHost is a small balancer without a mistake.
const exampleHost = `-- lb1/haproxy.cfg --
backend st
  stick-table type ip size 1m expire 10m store http_req_rate(10s) peers agg
peers agg
  bind 10.0.0.1:10443
  server lb1
`

// exampleAggregator is a small aggregator without a mistake, to be run.
const exampleAggregator = `-- run.cfg --
aggregations all
  peer agg 127.0.0.1:10443 local
  peer lb1 10.0.0.1:10443
  from .local to .all
`

const (
	notRead   = "Nothing is built or run from a file that is not understood: silence about the rest of it would pass for \"all is well\"."
	refused   = "HAProxy refuses the configuration, and names the line."
	atCompile = "`stktc build` writes nothing."
)

// pages holds the pages of all codes that no check has.
var pages = map[diag.Code]page{
	grammar.CodeSyntax: {
		"The topology file is not YAML, or its anchors refer to themselves, or multiply beyond measure.", notRead, atCompile,
		"Mend the place that is marked; an editor with the schema (`stktc schema`) marks it while you write.",
		with(exampleTopology, "aggregators:\n", "aggregators: [\n"), exampleTopology, "0.1"},
	grammar.CodeUnknownKey: {
		"A key stands where the schema has none of that name. What was likely meant is named.", "A misspelt key would be as good as not written: its default would hold, without a word.", atCompile,
		"Write one of the keys that are accepted there.",
		with(exampleTopology, "sums:", "sum:"), exampleTopology, "0.1"},
	grammar.CodeDuplicateKey: {
		"A key stands twice in one mapping.", "Readers of YAML disagree on which of the two counts.", atCompile, "Delete one of them.",
		with(exampleTopology, "size: 1m,", "size: 1m, size: 2m,"), exampleTopology, "0.1"},
	grammar.CodeValue: {
		"A value is of another kind than its key takes, or out of range.", notRead, atCompile, "Write what the message accepts.",
		with(exampleTopology, "version: 1", "version: one"), exampleTopology, "0.1"},
	grammar.CodeMissingKey: {
		"A key is not there that must be.", "There is no default that would be right for everybody.", atCompile, "Add it.",
		with(exampleTopology, "type: ip, ", ""), exampleTopology, "0.1"},
	grammar.CodeText: {
		"A file is not UTF-8 text, holds names that are not, or is longer than any configuration.", "What is read would not be what is meant; names could not be shown.", atCompile, "Save it as UTF-8. HAProxy takes any bytes where they do not name something, and so does stktc.",
		with(exampleTopology, "version: 1", "version: 1 # \xff"), exampleTopology, "0.1"},
	grammar.CodeDocument: {
		"The topology file holds a second YAML document, behind `---`.", "It would never be read.", atCompile, "Make one file of it, or two.",
		with(exampleTopology, "-- base.cfg --", "---\nversion: 1\n-- base.cfg --"), exampleTopology, "0.1"},
	grammar.CodeAnchor: {
		"A YAML anchor (`&name`) is never used.", "An alias that was to use it was forgotten or misspelt.", "Nothing.", "Use it (`*name`), or delete it.",
		with(exampleTopology, "st: {", "st: &st {"), exampleTopology, "0.1"},
	grammar.CodeSelector: {
		"A selector in `sums` or `on` matches no node.", "What it was to sum would be missing from the sums, without a sign.", atCompile, "Selectors are names, globs (`lb*`), ranges (`lb[1-4]`) and sites (`@par`).",
		with(exampleTopology, `["lb*"]`, `["lb*", "web*"]`), exampleTopology, "0.1"},
	grammar.CodeRange: {
		"A range is reversed or too long, or has other numbers than the one that it goes with: `lb[1-4]` needs four addresses.", "Which node gets which address would be guesswork.", atCompile, "Give both the same number of steps.",
		with(exampleTopology, "10.0.0.[1-2]", "10.0.0.[1-3]"), exampleTopology, "0.1"},
	grammar.CodeName: {
		"A name has characters that it may not have, or is taken already; names are unique without regard to case.", "Peers know each other by name alone, and file systems may not tell `LB1` from `lb1`.", atCompile, "Use letters, digits, `.`, `_` and `-`.",
		with(exampleTopology, `"lb[1-2]"`, `"lb [1-2]"`, `["lb*"]`, `["lb [1-2]"]`), exampleTopology, "0.1"},
	grammar.CodeHeight: {
		"The sums do not form levels: members of several heights in one aggregator, circles, sets that overlap without being equal, or more heights than `levels` names.", "A counter would be added twice, or at a level that has no name.", atCompile, "Let every aggregator sum members of one height; aggregators that sum the same members stand in for each other.",
		with(exampleTopology, `sums: ["lb*"]}`, `sums: ["lb*"]}`+"\n  top: {address: \"10.0.0.8:10443\", sums: [agg]}"), exampleTopology, "0.1"},
	grammar.CodeEndpoint: {
		"An address cannot be dialled: a wildcard, a missing port, or one that another node has.", "Peers would dial nobody, or somebody else.", atCompile, "Write the address under which the others reach the node; where it listens on all addresses, say so with `bind`.",
		with(exampleTopology, `"10.0.0.9:10443"`, `"0.0.0.0:10443"`), exampleTopology, "0.1"},
	grammar.CodeReference: {
		"Something is referred to that is not declared: a level, a peers section, a base file.", "It would be missing, without a sign.", atCompile, "Declare it, or correct the name.",
		with(exampleTopology, "base: base.cfg", "base: bas.cfg"), exampleTopology, "0.1"},
	grammar.CodeLine: {
		"A line breaks HAProxy's rules of words, or says something that its directive does not take.", notRead, refused, "Write the line as the message shows.",
		with(exampleHost, "type ip ", "type ipp "), exampleHost, "0.1"},
	grammar.CodeDirective: {
		"A directive is not known in its section. In an aggregator's file, one that comes close to a known one is an error, any other a warning: the vendor's documents do not name all.", "A misspelt directive has no effect.", "The aggregator refuses to start; HAProxy refuses an unknown directive of its own.", "Write one of the directives that are accepted. " + extensionsText(),
		with(exampleAggregatorHost, "from .local", "form .local"), exampleAggregatorHost, "0.1"},
	grammar.CodeStore: {
		"A `store` list cannot be read: an unknown data type, a wrong number of arguments, or an array beside the single counters that it replaces.", notRead, refused, "Rates take their period, `http_req_rate(10s)`; arrays their number of elements, `gpc(2)`, `gpc_rate(2,10s)`. There are `" + strings.Join(sticktable.DataTypeNames(), "`, `") + "`.",
		with(exampleHost, "http_req_rate(10s)", "http_req_rate"), exampleHost, "0.1"},
	grammar.CodeDuration: {
		"A duration cannot be read, or is out of range. In a topology it needs a unit; in HAProxy's files a bare number counts milliseconds.", notRead, refused, "Units are us, ms, s, m, h and d.",
		with(exampleHost, "expire 10m", "expire ten"), exampleHost, "0.1"},
	grammar.CodeSize: {
		"A table's `size` cannot be read, or is out of range.", notRead, refused, "Write a number of entries; k, m and g are 1024, 1024² and 1024³.",
		with(exampleHost, "size 1m", "size lots"), exampleHost, "0.1"},
	grammar.CodeAddress: {
		"An address cannot be read.", notRead, refused, "Write IP:PORT, [IPV6]:PORT, NAME:PORT, *:PORT or the path of a UNIX socket.",
		with(exampleHost, "10.0.0.1:10443", "10.0.0.1.5:10443"), exampleHost, "0.1"},
	grammar.CodeArgument: {
		"A line ends before all its arguments were given.", notRead, refused, "Complete it as the message shows.",
		with(exampleHost, "size 1m ", ""), exampleHost, "0.1"},
	grammar.CodeTruncated: {
		"A file ends in the middle: its last line has no line end or is the beginning of one, its last section has a header and no line, a quote or an `.if` is not closed. Or it is empty, and others name its host as their peer.", "The file may have been cut or lost on its way. What it lacks is not reported as missing: the host is left out of what is compared across hosts until the file is whole.", "HAProxy refuses a last line without its end too, \"Missing LF on last line, file might have been truncated\" (tried on 2.6.12, 3.2.0 and 3.5-dev5); an empty file it accepts, and 2.6 does not start for want of a listener.", "Copy the file anew, or complete it.",
		with(exampleHost, "  server lb1\n", "  server \"lb1\n"), exampleHost, "0.1"},
	grammar.CodeDuplicate: {
		"A directive or keyword stands twice where only one can count, or a section or table is declared twice.", "One of the two has no effect, or HAProxy refuses both.", refused, "Delete one of them.",
		with(exampleHost, "  bind 10.0.0.1:10443\n", "  bind 10.0.0.1:10443\n  bind 10.0.0.1:10444\n"), exampleHost, "0.1"},
	grammar.CodeExecuted: {
		"An aggregator's file asks for something that stktc does not carry out: a warning where the sums stay right without it, else an error.", "The aggregator would do something else than the file says.", "`stktc run` refuses to start over an error, and logs a warning.", "Leave it out. " + extensionsText(),
		with(exampleAggregator, "10.0.0.1:10443\n", "10.0.0.1:10443 ssl verify none alpn x\n"), exampleAggregator, "0.1"},
	grammar.CodeIgnore: {
		"A comment `# stktc:ignore` does not say what it silences, or not why.", "A reason is for whoever finds the comment next year. Without one the finding is reported.", "Nothing; HAProxy and the aggregator do not read comments.", "Write `# stktc:ignore CODE[,CODE…] -- REASON`.",
		with(exampleHost, "  server lb1\n", "  server lb1 # stktc:ignore STK104\n"), exampleHost, "0.2"},
	grammar.CodeMixed: {
		"An `aggregations` section stands among sections of HAProxy's. The vendor's documents list it with those, but it belongs into the aggregator's own file.", "HAProxy does not know the section, and the aggregator not the others.", "`haproxy -c` says \"unknown keyword 'aggregations'\" and exits with 1 (tried on 2.6.12).", "Move it into a file of its own, `hapee-stktagg.cfg`, on the aggregator's host.",
		with(exampleHost, "  server lb1\n", "  server lb1\naggregations all\n  peer agg 10.0.0.9:10443 local\n  peer lb1 10.0.0.1:10443\n  from .local to .all\n"), exampleHost, "0.2"},
	grammar.CodeCertificate: {
		"A file with a certificate, a key or authorities cannot be read or used.", "No session could be encrypted.", "The aggregator refuses to start.", "Correct the path, or the file's rights; certificate and key may stand in one file.",
		with(exampleAggregator, "local\n", "local ssl crt /no/such/file.pem\n"), exampleAggregator, "0.2"},

	compile.CodeOwnPeers: {why: "Two peers sections of one name are fatal in HAProxy.", fix: "Delete the base's own section: the topology knows every peer of it. Or give the topology's another name (`peers` of the balancer).",
		bad: with(exampleTopology, "frontend web", "peers agg\n  server lb1\nfrontend web"), good: exampleTopology},
	compile.CodeOwnTable: {why: "A table has one declaration.", fix: "Delete the base's own: where a proxy bears a table's name, its stick-table line is inserted.",
		bad: with(exampleTopology, "frontend web", "backend st.local\n  stick-table type ip size 1 store gpc0\nfrontend web"), good: exampleTopology},
	compile.CodeOwnPort: {why: "The kernel shares connections out between two listeners on one port: about half of the peers' greetings reach the wrong one.", fix: "Give the peers section a port of its own.",
		bad: with(exampleTopology, "bind :80", "bind :10443"), good: exampleTopology},
	compile.CodeLocalPeer: {why: "HAProxy drops a peers section that holds no peer of its own name, with a warning.", fix: "Delete the base's `localpeer` line, or let it say the node's name.",
		bad: with(exampleTopology, "frontend web", "global\n  localpeer other\nfrontend web"), good: exampleTopology},
	compile.CodeConditional: {why: "When the condition is false, the proxy is not there, and neither would be its table.", fix: "Move the proxy out of the condition, or give it another name.",
		bad: with(exampleTopology, "frontend web\n", ".if defined(X)\nfrontend st.local\n", "gt 100 }\n", "gt 100 }\n.endif\n"), good: exampleTopology},
	compile.CodeTableName: {why: "HAProxy refuses the rule.", fix: "Write the name as the message shows; `stktc lint --fix` does.",
		bad: with(exampleTopology, "table_http_req_rate(st.all)", "table_http_req_rate(agg/st.all)"), good: exampleTopology},
	compile.CodeUntracked: {why: "The table stays empty on that node, and the sums lack what the node sees.", fix: "Count in it: `http-request track-sc0 src table st.local`.",
		bad: with(exampleTopology, "  http-request track-sc0 src table st.local\n", ""), good: exampleTopology},
	compile.CodeReadsSource: {why: "The limit holds for each node alone.", fix: "Read a summed table.",
		bad: with(exampleTopology, "table_http_req_rate(st.all)", "table_http_req_rate(st.local)"), good: exampleTopology},
	compile.CodeDisabledProxy: {why: "HAProxy does not join the table of a disabled proxy to its peers section.", fix: "Delete `disabled`, or give the proxy another name.",
		bad: with(exampleTopology, "frontend web\n", "frontend st.local\n  disabled\n"), good: exampleTopology},
	compile.CodeOutputNames: {why: "One file would replace the other.", fix: "Rename one of them.",
		bad: with(exampleTopology, "base: base.cfg", "base: [base.cfg, other/base.cfg]", "-- base.cfg --", "-- other/base.cfg --\nfrontend more\n  bind :81\n-- base.cfg --"), good: exampleTopology},
	compile.CodeFragment: {why: "The proxy would have no table.", fix: "Use `declare: peers`, or let `emit: merged` insert the line.",
		bad: with(exampleTopology, "base: base.cfg", "emit: fragment, base: base.cfg", "frontend web", "frontend st.local"), good: exampleTopology},
	compile.CodeDialect: {why: "The vendor's daemon refuses the line, or passes over it.", fix: "Leave out what asks for it, or let stktc run the file (`dialect: stktc`).",
		bad: with(exampleTopology, `sums: ["lb*"]}`, `sums: ["lb*"], dialect: stktagg, lease: 3s}`), good: exampleTopology},
	compile.CodeVersion: {why: "HAProxy refuses the file.", fix: "Leave it out, or update HAProxy and state the version.",
		bad: with(exampleTopology, "version: 1", "version: 1\nhaproxy: \"2.0\"", "http_req_rate(10s)}", "\"http_req_rate(10s),gpc(2)\"}"), good: exampleTopology},
}

// exampleAggregatorHost is exampleAggregator among the files of hosts.
var exampleAggregatorHost = with(exampleAggregator, "-- run.cfg --", "-- agg/hapee-stktagg.cfg --")
