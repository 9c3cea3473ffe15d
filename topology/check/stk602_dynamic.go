package check

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology"
)

var dynamicLimit = &Check{
	Code:     "STK602",
	Slug:     "dynamic-peers-limit",
	Title:    "an aggregator with dynamic-peers lists more peers than it accepts",
	Severity: diag.Error,
	Since:    "0.2",
	Text: Text{
		What:    "With `dynamic-peers` an aggregator accepts 64 peers in all, those that its sections list included, and they list more.",
		Why:     "The peers beyond the limit are refused, which ones is chance.",
		RunTime: "The aggregator refuses to start.",
		Fix:     "Delete `dynamic-peers` and list every peer; without it there is no such limit.",
	},
	Bad:  manyPeers("global\n  dynamic-peers\n\n"),
	Good: manyPeers(""),
	Run:  runDynamicLimit,
}

// manyPeers is an aggregator with 65 nodes.
func manyPeers(global string) string {
	peers := ""
	for i := range maxDynamic + 1 {
		peers += fmt.Sprintf("  peer hapee%d 10.0.0.%d:44444\n", i, i+1)
	}
	return "-- aggr1/hapee-stktagg.cfg --\n" + global + "aggregations myaggr\n  peer aggr1 192.168.56.111:11111 local\n  from .uncombined to .aggr\n" + peers
}

// maxDynamic is the number of peers that an aggregator with dynamic-peers has at most (runtime.MaxDynamicPeers).
const maxDynamic = 64

func runDynamicLimit(p *Pass) {
	for _, n := range p.Cluster.Nodes {
		type session struct{ own, peer string }
		listed := map[session]bool{}
		var last *topology.Peer
		for _, a := range n.Aggregations {
			for _, l := range a.Peers {
				if a.Local == nil || listed[session{a.Local.Name.Value, l.Name.Value}] {
					continue
				}
				listed[session{a.Local.Name.Value, l.Name.Value}] = true
				if len(listed) == maxDynamic+1 {
					last = l
				}
			}
		}
		if n.DynamicPeers.On && last != nil {
			p.report(diag.Finding{
				Summary: fmt.Sprintf("%s lists %d peers, but with `dynamic-peers` it accepts %d in all", n.Name.Value, len(listed), maxDynamic),
				Primary: note(n.DynamicPeers.Span, "sets the limit"),
				Related: []diag.Note{note(last.Span, "the first that is too many")},
				Impact:  "the aggregator does not start",
				Fixes:   []diag.Fix{{Title: "delete `dynamic-peers`"}},
				Nodes:   []string{n.Name.Value},
			})
		}
	}
}
