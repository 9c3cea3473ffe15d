package check

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology/sticktable"
)

var notSummed = &Check{
	Code:     "STK327",
	Slug:     "type-not-summed",
	Title:    "an aggregate stores a data type that cannot be summed",
	Severity: diag.Warning,
	Since:    "0.2",
	Text: Text{
		What:    "A table that an aggregator fills stores `server_id` or `server_key`. Each says which server a client was sent to; neither is a number that could be added.",
		Why:     "The aggregator sends 0 or nothing for it, and whatever reads it there finds no server. Tags (`gpt0`, `gpt`) are no mistake: of them the greatest counts.",
		RunTime: "`show table` of the aggregate shows `server_id=0` for every key.",
		Fix:     "Leave it out of the aggregate; keep stickiness in a table of its own.",
	},
	Bad:  altered("store http_req_rate(1m)", "store server_id,http_req_rate(1m)"),
	Good: altered("size 100 expire 1h store http_req_rate(1m)", "size 100 expire 1h store server_id,http_req_rate(1m)"),
	Run:  runNotSummed,
}

func runNotSummed(p *Pass) {
	type key struct {
		table string
		data  sticktable.DataType
	}
	var all places[key]
	for _, x := range p.balancers() {
		sums := p.aggregates(x)
		for _, t := range x.Node.Tables {
			for _, c := range t.Shape.Definition.Columns {
				at := t.Shape.Columns.At(c.Type)
				if sums[t] != nil && c.Type.Spec().Arithmetic == sticktable.NotAggregated && !p.skips(at, x.Name) {
					all.add(key{t.Name.Value, c.Type}, x.Name, at)
				}
			}
		}
	}
	for _, k := range all.order {
		seen := all.at[k]
		who := nodesOf(seen)
		p.report(diag.Finding{
			Summary: fmt.Sprintf("%s %s `%s` in `%s`, which is a sum: a server cannot be summed", and(who), verb(len(who), "stores", "store"), k.data, k.table),
			Primary: note(seen[0].at, "stays empty"),
			Related: rest(seen),
			Impact:  "what reads it there finds no server",
			RunTime: &diag.RunTime{Command: "show table " + k.table, On: who[0], Symptom: fmt.Sprintf("`%s=0` for every key", k.data)},
			Fixes:   []diag.Fix{{Title: fmt.Sprintf("leave `%s` out of `%s`", k.data, k.table)}},
			Nodes:   who,
			Tables:  []string{k.table},
		})
	}
}
