package check

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology"
	"stktc/topology/sticktable"
)

var keywordTooNew = &Check{
	Code:     "STK501",
	Slug:     "keyword-too-new",
	Title:    "a configuration uses what the stated HAProxy does not know",
	Severity: diag.Error,
	Since:    "0.2",
	Text: Text{
		What:    "A data type, an option of a table or a form of a peers section came with a later HAProxy than the oldest one that is said to run in the cluster: `haproxy` in a topology, `--haproxy-version` for deployed files. Of the lines that the compiler makes it says so itself (STK052).",
		Why:     "HAProxy refuses the configuration.",
		RunTime: "`haproxy -c` says \"unknown store option\", \"unknown argument\", \"unknown type 'ipv4'\" or \"unknown keyword\", each with the line, and exits with 1 (tried on 2.6.12).",
		Fix:     "Leave it out, or update HAProxy on all hosts first.",
	},
	Bad:    altered("size 100 expire 1h store http_req_rate(1m)", "size 100 expire 1h store http_req_rate(1m),glitch_cnt", "size 200 expire 1h store http_req_rate(1m)", "size 200 expire 1h store http_req_rate(1m),glitch_cnt"),
	Good:   altered(),
	Stated: sticktable.Version{Major: 2, Minor: 6},
	Run:    runKeyword,
}

// optionsSince tells of options of tables when HAProxy got them.
var optionsSince = map[string]sticktable.Version{
	"write-to": {Major: 2, Minor: 9}, "brates-factor": {Major: 3, Minor: 1}, "recv-only": {Major: 3, Minor: 2}, "srvkey": {Major: 2, Minor: 0},
}

type needed struct {
	what  string
	since sticktable.Version
}

func runKeyword(p *Pass) {
	if p.Cluster.HAProxy == (sticktable.Version{}) {
		return
	}
	k := keywordReader{p: p}
	for _, n := range p.Cluster.Nodes {
		tables := n.Tables
		if p.Cluster.Source == topology.FromTopology {
			tables = n.BaseTables
		}
		for _, t := range tables {
			k.table(n, t)
		}
		if p.Cluster.Source == topology.FromDeployed {
			k.sections(n)
		}
	}
	for _, need := range k.all.order {
		seen := k.all.at[need]
		who := nodesOf(seen)
		p.report(diag.Finding{
			Summary: fmt.Sprintf("%s %s %s, which needs HAProxy %s, but the oldest is said to be %s", and(who), verb(len(who), "has", "have"), need.what, need.since, p.Cluster.HAProxy),
			Primary: note(seen[0].at, "since HAProxy %s", need.since),
			Related: append(rest(seen), note(p.Cluster.HAProxyAt, "the oldest")),
			Impact:  fmt.Sprintf("HAProxy %s refuses the configuration", p.Cluster.HAProxy),
			RunTime: &diag.RunTime{Command: "haproxy -c", On: who[0], Symptom: "exit 1, and the line"},
			Nodes:   who,
		})
	}
}

type keywordReader struct {
	p   *Pass
	all places[needed]
}

func (k *keywordReader) need(n *topology.Node, at diag.Span, since sticktable.Version, format string, args ...any) {
	if k.p.Cluster.HAProxy.Before(since) && !at.IsZero() {
		k.all.add(needed{fmt.Sprintf(format, args...), since}, n.Name.Value, at)
	}
}

func (k *keywordReader) table(n *topology.Node, t *topology.Table) {
	for _, c := range t.Shape.Definition.Columns {
		k.need(n, t.Shape.Columns.At(c.Type), c.Type.Spec().Since, "data type `%s`", c.Type)
	}
	for _, o := range t.Options {
		if since, ok := optionsSince[o.Keyword.Value]; ok {
			k.need(n, o.Keyword.Span, since, "`%s`", o.Keyword.Value)
		}
	}
	if t.KeyWord.Value == "ipv4" {
		k.need(n, t.KeyWord.Span, recvOnlySince, "type `ipv4`")
	}
	if t.InPeers {
		k.need(n, t.Span, sticktable.Version{Major: 2, Minor: 0}, "a `table` line in a peers section")
	}
}

func (k *keywordReader) sections(n *topology.Node) {
	k.need(n, n.LocalPeer.Span, sticktable.Version{Major: 2, Minor: 2}, "a `localpeer` line")
	for _, s := range n.Peers {
		if s.Style == topology.ServerStyle {
			k.need(n, s.Header, sticktable.Version{Major: 2, Minor: 0}, "a peers section of `bind` and `server` lines")
		}
		k.need(n, s.Shards.Span, sticktable.Version{Major: 2, Minor: 7}, "`shards`")
		for _, line := range s.Peers {
			k.need(n, line.Shard.Span, sticktable.Version{Major: 2, Minor: 7}, "`shard`")
		}
	}
}
