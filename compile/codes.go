package compile

import "stktc/grammar/diag"

// Findings about the bases that generated lines go into.
const (
	CodeOwnPeers      diag.Code = "STK030"
	CodeOwnTable      diag.Code = "STK031"
	CodeOwnPort       diag.Code = "STK032"
	CodeLocalPeer     diag.Code = "STK033"
	CodeConditional   diag.Code = "STK034"
	CodeTableName     diag.Code = "STK035"
	CodeUntracked     diag.Code = "STK036"
	CodeReadsSource   diag.Code = "STK037"
	CodeDisabledProxy diag.Code = "STK038"
	CodeOutputNames   diag.Code = "STK039"
	CodeFragment      diag.Code = "STK050"
	CodeDialect       diag.Code = "STK051"
	CodeVersion       diag.Code = "STK052"
)

// Doc is a code's page.
type Doc struct {
	Code     diag.Code
	Slug     string
	Severity diag.Severity
	Title    string // one line, lower case
	Text     string // why it is a mistake, and what to do
}

// Docs lists the pages of this package's codes, in their order.
func Docs() []Doc { return docs }

var docs = []Doc{
	{CodeOwnPeers, "base-defines-peers-section", diag.Error, "the base defines a peers section that the topology makes",
		"Two peers sections of one name are fatal in HAProxy. The topology knows every peer of the section, so the base's own\n" +
			"section goes; or give the topology's section another name (`peers` of the balancer)."},
	{CodeOwnTable, "base-defines-table", diag.Error, "the base declares a stick table of the topology's",
		"A table has one declaration. Where a proxy bears a table's name, its stick-table line is inserted: delete the base's own.\n" +
			"A table line of that name in another peers section clashes with it too, in HAProxy by the order of the lines."},
	{CodeOwnPort, "base-listens-on-peers-port", diag.Error, "the base listens on the port of a peers section that the topology makes",
		"`haproxy -c` accepts two listeners on one port and the kernel shares the connections out between them: about half of the\n" +
			"peers' hellos reach the wrong section, get 504 (unknown peer), and a HAProxy that got 504 does not dial again."},
	{CodeLocalPeer, "localpeer-in-base", diag.Error, "the node's own name would not be the one that its peers know",
		"HAProxy calls itself by -L, else by the last localpeer line before the first peers section, else by the host name, and drops a\n" +
			"peers section that holds no peer of that name with no more than a warning. With `localpeer: emit` the line is ours alone, and\n" +
			"the first global section must come before every peers section, as HAProxy 2.6 ignores the line otherwise. Beside a localpeer\n" +
			"line 3.x refuses to start with -L."},
	{CodeConditional, "proxy-in-conditional", diag.Error, "the proxy that bears a table's name stands between .if and .endif",
		"When the condition is false, the proxy is not there and neither would be its table. Move the proxy out of the condition, or give\n" +
			"it another name: the table then becomes a backend of its own."},
	{CodeTableName, "table-reference", diag.Error, "a rule of the base names a table in a way that HAProxy does not find",
		"A table that is declared in a peers section (`declare: peers`) is called SECTION/NAME by rules, one that a proxy bears is\n" +
			"called NAME. HAProxy refuses a rule with the other form: unable to find table. `track-sc` without `table` means the proxy's own table."},
	{CodeUntracked, "table-not-tracked", diag.Warning, "nothing on a node counts into the table that is to be summed",
		"The first table of each kind (`mytable.uncombined`) is what a node counts itself, by a `track-sc` or `stick` rule of its base.\n" +
			"Without one it stays empty on that node, and the sums lack what the node sees."},
	{CodeReadsSource, "rule-reads-source", diag.Warning, "rules read the node's own counts and never the sum",
		"The node's own table holds only what this node saw. Decisions for the whole cluster read a summed table, as in\n" +
			"`src,table_http_req_rate(mytable.aggr)` or `sc_http_req_rate(0,mytable.aggr)`."},
	{CodeDisabledProxy, "disabled-proxy", diag.Warning, "the proxy that bears a table's name is disabled",
		"HAProxy does not join the stick table of a disabled proxy to its peers section: it is there, and is never shared. (3.5-dev5 crashes\n" +
			"over it.)"},
	{CodeOutputNames, "output-names", diag.Error, "files of the output would get one name",
		"Of several base files each keeps its own name in the node's directory, so the names must differ and must not be that of the\n" +
			"aggregator's file, and no node may be called manifest.json. As HAProxy reads a directory in lexical order, a list in another order is a warning."},
	{CodeFragment, "proxy-in-fragment", diag.Error, "a proxy of the base should bear a table, but only a fragment is written",
		"With `emit: fragment` no line goes into the base, so its proxy has no table and rules that name none find none. Declare the table in\n" +
			"the peers section (`declare: peers`) and name it in the rules, or let `emit: merged` insert the line."},
	{CodeDialect, "dialect", diag.Error, "a file for the vendor's daemon would hold what that daemon does not know",
		"`dialect: stktagg` and `gpe` keep our extensions out of an aggregator's file: TLS on peer lines, replicas, groups below, sums that are\n" +
			"not delivered, leases and settings. Leave out what asks for them, or let stktc run the file (`dialect: stktc`)."},
	{CodeVersion, "needs-newer-haproxy", diag.Error, "a line needs a newer HAProxy than the topology states",
		"`haproxy` is the oldest version among the nodes. One that is older than a keyword or a data type refuses the whole file."},
}

// finding starts a finding with what its code's page says of it.
func finding(code diag.Code, at diag.Span, label, summary string) diag.Finding {
	f := diag.Finding{Code: code, Summary: summary, Primary: diag.Note{Span: at, Label: label}}
	for i := range docs {
		if docs[i].Code == code {
			f.Slug, f.Severity = docs[i].Slug, docs[i].Severity
			return f
		}
	}
	panic("finding with undocumented code " + string(code))
}
