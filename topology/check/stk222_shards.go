package check

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology"
)

var shards = &Check{
	Code:     "STK222",
	Slug:     "shard-to-aggregator",
	Title:    "an aggregator gets only a part of a balancer's keys",
	Severity: diag.Error,
	Since:    "0.2",
	Text: Text{
		What:    "The line about an aggregator in a balancer's peers section has `shard N`.",
		Why:     "The balancer then sends that aggregator only the keys whose hash falls into that part. All others are missing from the sums.",
		RunTime: "The session looks healthy, `last_status=ESTA`; `show table` on the aggregator has a fraction of the keys. HAProxy before 2.7 refuses the keyword.",
		Fix:     "Delete `shard` from the aggregator's line. Without it a peer gets all keys, whatever `shards` says for the section.",
	},
	Bad:  altered("  bind 0.0.0.0:44444\n", "  shards 2\n  bind 0.0.0.0:44444\n", "server aggr1 192.168.56.111:11111", "server aggr1 192.168.56.111:11111 shard 1"),
	Good: altered("  bind 0.0.0.0:44444\n", "  shards 2\n  bind 0.0.0.0:44444\n"),
	Run:  runShards,
}

func runShards(p *Pass) {
	var all places[*topology.Vertex]
	for _, e := range p.Graph.Edges {
		line := e.LowerPeer
		if e.Mesh || e.Lower.Kind != topology.Balancer || line == nil || line.Shard.IsZero() || line.Shard.Unresolved || line.Shard.Value == "0" {
			continue
		}
		all.add(e.Upper, e.Lower.Name, line.Shard.Span)
	}
	for _, to := range all.order {
		seen := all.at[to]
		who := nodesOf(seen)
		f := diag.Finding{
			Summary: fmt.Sprintf("%s %s %s a part of the keys only: the line about it has `shard`", and(who), verb(len(who), "gives", "give"), to.Name),
			Primary: note(seen[0].at, "the only part that %s gets", to.Name),
			Related: rest(seen),
			Impact:  fmt.Sprintf("the sums of %s lack all other keys of %s", to.Name, and(who)),
			RunTime: &diag.RunTime{Command: "show table", On: to.Name, Symptom: "a fraction of the nodes' keys; all sessions look healthy"},
			Fixes:   []diag.Fix{{Title: "delete `shard` from the line"}},
			Nodes:   append(who, to.Name),
		}
		for _, n := range who {
			f.Edges = append(f.Edges, n+"->"+to.Name)
		}
		p.report(f)
	}
}
