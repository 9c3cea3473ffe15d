package corpus

import (
	"bytes"
	"maps"
	"testing"
	"testing/fstest"

	"stktc/grammar/diag"
	"stktc/topology"
	"stktc/topology/check"
	"stktc/topology/load"
)

// TestGenerate: what is generated has the size that was asked for, is right, and comes out the same again.
func TestGenerate(t *testing.T) {
	for _, s := range []Size{{Balancers: 1, Aggregators: 1}, {Balancers: 5, Aggregators: 2}, {Balancers: 40, Aggregators: 7, Tables: 3}, {Balancers: 300, Aggregators: 100}} {
		made := Generate(s)
		if again := Generate(s); !maps.EqualFunc(again.Files, made.Files, bytes.Equal) {
			t.Errorf("%+v: two generated topologies differ", s)
		}
		files := fstest.MapFS{}
		for name, text := range made.Files {
			files[name] = &fstest.MapFile{Data: text}
		}
		c, findings, err := load.Topology(files, made.File)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range append(findings, check.Run(c)...) {
			if f.Severity > diag.Info { // that nothing stands in for an aggregator is so
				t.Errorf("%+v: %s: %s", s, f.Primary.Span, f.Summary)
			}
		}
		levels := 0
		aggregators := 0
		for _, n := range c.Nodes {
			for _, a := range n.Aggregations {
				aggregators++
				levels = max(levels, a.Height)
			}
		}
		if balancers := len(c.Nodes) - aggregators; balancers != s.Balancers || aggregators != s.Aggregators || levels != made.Levels {
			t.Errorf("%+v: %d balancers, %d aggregators, %d levels, want %d", s, balancers, aggregators, levels, made.Levels)
		}
		if g := topology.NewGraph(c); len(g.Edges) != s.Balancers+s.Aggregators-1 {
			t.Errorf("%+v: %d links; every host but the top has one", s, len(g.Edges))
		}
	}
}
