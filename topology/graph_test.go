package topology

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// describe writes a graph as text: "rank name…" for each rank, then an edge a line.
func describe(g *Graph) string {
	var b strings.Builder
	rank := -1
	for _, v := range g.Vertices {
		if v.Rank != rank {
			rank = v.Rank
			fmt.Fprintf(&b, "\n%d", rank)
		}
		b.WriteString(" " + v.Name)
		if v.Absent() {
			b.WriteString("?")
		}
	}
	for _, e := range g.Edges {
		mesh := ""
		if e.Mesh {
			mesh = " mesh"
		}
		fmt.Fprintf(&b, "\n%s up%v down%v %v%s", e.Name(), e.Up, e.Down, e.State(), mesh)
		for _, d := range e.Defects {
			fmt.Fprintf(&b, "\n  %v at %s: %s", d.Kind, d.At.Name, d.Text)
		}
	}
	for _, c := range g.Cycles {
		fmt.Fprintf(&b, "\ncycle %v", c.Names())
	}
	return b.String()
}

func TestGraph(t *testing.T) {
	tests := []struct{ name, cluster, want string }{
		{"seed", seedText, `
2 aggr3
1 aggr1 aggr2
0 hapee1 hapee2 hapee3 hapee4
aggr1->aggr3 up[.aggr] down[.l2] degraded
  port at aggr1: aggr1 dials aggr3 on port ` + "`11111`" + `, but aggr3 listens on ` + "`22222`" + `
aggr2->aggr3 up[.aggr] down[.l2] degraded
  port at aggr2: aggr2 dials aggr3 on port ` + "`11111`" + `, but aggr3 listens on ` + "`22222`" + `
hapee1->aggr1 up[.uncombined] down[.aggr .l2] sound
hapee2->aggr1 up[.uncombined] down[.aggr .l2] sound
hapee3->aggr2 up[.uncombined] down[.aggr .l2] sound
hapee4->aggr2 up[.uncombined] down[.aggr .l2] sound`},
		{"one end lists the other only", `
b1 *:1 tables .a .b peers a1@10.0.0.1:2
b2 *:1 tables .a .b
a1 10.0.0.1:2 nodes b2@10.0.0.3:1 from .a to .b`, `
1 a1
0 b1 b2
b1->a1 up[.a] down[.b] dead
  one-way at a1: b1 lists a1, but a1 does not list b1
b2->a1 up[.a] down[.b] dead
  one-way at b2: a1 lists b2, but b2 does not list a1`},
		{"names differ, found by address or by directory", `
b1 10.0.0.2:1 tables .a .b peers agg@10.0.0.1:2
lb-2 *:1 dir b2 tables .a .b peers a1@10.0.0.1:2
a1 10.0.0.1:2 nodes node1@10.0.0.2:1 b2@10.0.0.3:1 from .a to .b`, `
1 a1
0 b1 lb-2
b1->a1 up[.a] down[.b] dead
  name at b1: b1 calls a1 ` + "`agg`" + `
  name at a1: a1 calls b1 ` + "`node1`" + `
lb-2->a1 up[.a] down[.b] dead
  name at a1: a1 calls lb-2 ` + "`b2`"},
		{"a host's name may be anybody's", `
b1 10.0.0.2:1 tables .a peers b2@lb2.example:1 b3@lb3.example:1
b3 lb3.example.:1 tables .a peers b1@10.0.0.2:1`, `
1 b2?
0 b1 b3
b1->b2 up[] down[] unknown
b1->b3 up[] down[] sound mesh`},
		{"names differ, found by the host's name", `
b1 10.0.0.2:1 tables .a peers b4@LB3.example:1
b3 lb3.example.:1 tables .a peers b1@10.0.0.2:1`, `
0 b1 b3
b1->b3 up[] down[] dead mesh
  name at b1: b1 calls b3 ` + "`b4`"},
		{"absent nodes", `
a1 10.0.0.1:2 nodes b1@10.0.0.2:1 up top@10.0.0.9:3 from .a to .b forward .c
b2 *:1 tables .a .b .c peers a2@10.0.0.8:2`, `
2 top?
1 a1 a2?
0 b1? b2
a1->top up[.b] down[.c] unknown
b1->a1 up[.a] down[.b .c] unknown
b2->a2 up[] down[] unknown`},
		{"absent, and what is known is wrong on both sides", `
b1 *:1 tables .a .b peers a1@10.0.0.1:3
a1 10.0.0.1:2 nodes b1@10.0.0.2:7 from .a to .b`, `
1 a1
0 b1
b1->a1 up[.a] down[.b] dead
  port at b1: b1 dials a1 on port ` + "`3`" + `, but a1 listens on ` + "`2`" + `
  port at a1: a1 dials b1 on port ` + "`7`" + `, but b1 listens on ` + "`1`"},
		{"addresses", `
b1 10.0.0.2:1 tables .a .b peers a1@10.0.0.99:2
b2 lb2.example:1 tables .a .b peers a1@agg.example:2
a1 10.0.0.1:2 nodes b1@::ffff:10.0.0.2:1 b2@LB2.example.:1 from .a to .b`, `
1 a1
0 b1 b2
b1->a1 up[.a] down[.b] degraded
  address at b1: b1 dials a1 at ` + "`10.0.0.99`" + `, but a1 listens on ` + "`10.0.0.1`" + `
b2->a1 up[.a] down[.b] sound`},
		{"tls on one end", `
b1 *:1 tables .a .b peers a1@10.0.0.1:2+tls
a1 10.0.0.1:2 nodes b1@10.0.0.2:1 from .a to .b`, `
1 a1
0 b1
b1->a1 up[.a] down[.b] degraded
  tls at b1: b1 dials a1 with TLS, but a1 listens in clear text`},
		{"both claim to be below", `
a1 10.0.0.1:1 up a2@10.0.0.2:1 from .a to .b
a2 10.0.0.2:1 up a1@10.0.0.1:1 from .b to .c`, `
2 a2
1 a1
a1->a2 up[.b] down[] degraded
  direction at a2: a1 lists a2 as ` + "`up`" + `, but a2 lists a1 as ` + "`up`"},
		{"a mark is left out", `
a1 10.0.0.1:1 up a2@10.0.0.2:1 from .a to .b forward .c
a2 10.0.0.2:1 nodes a1@10.0.0.1:1 from .b to .c`, `
2 a2
1 a1
a1->a2 up[.b] down[.c] degraded
  direction at a2: a2 lists a1 without ` + "`down`" + `, but a1 is an aggregator`},
		{"a balancer marked up stays below", `
b1 *:1 tables .a .b peers a1@10.0.0.1:1
a1 10.0.0.1:1 up b1@10.0.0.2:1 from .a to .b`, `
1 a1
0 b1
b1->a1 up[.a] down[.b] degraded
  direction at a1: a1 lists b1 as ` + "`up`" + `, but b1 is a balancer`},
		{"a cycle of three", `
a1 10.0.0.1:1 down a3@10.0.0.3:1 up a2@10.0.0.2:1 from any to .b
a2 10.0.0.2:1 down a1@10.0.0.1:1 up a3@10.0.0.3:1 from any to .c
a3 10.0.0.3:1 down a2@10.0.0.2:1 up a1@10.0.0.1:1 from any to .d`, `
3 a1
2 a3
1 a2
a1->a2 up[.b] down[] sound
a3->a1 up[.d] down[] sound
a2->a3 up[.c] down[] sound
cycle [a3 a1 a2 a3]`},
		{"two sections of one host are two vertices", `
b1 *:1 tables .a .b .raw .sum peers a1@10.0.0.1:1 second@10.0.0.1:2
a1 10.0.0.1:1 nodes b1@10.0.0.2:1 from .a to .b
& 10.0.0.1:2 nodes b1@10.0.0.2:1 from .raw to .sum`, `
1 a1 second
0 b1
b1->a1 up[.a] down[.b] sound
b1->second up[.raw] down[.sum] sound`},
		{"sections of one name are told apart by port", `
b1 *:1 tables .raw .sum peers a1@10.0.0.1:2
a1 10.0.0.1:1 section x nodes b9@10.0.0.9:1 from .a to .b
& 10.0.0.1:2 section y name a1 nodes b1@10.0.0.2:1 from .raw to .sum`, `
1 a1 a1
0 b1 b9?
b1->a1 up[.raw] down[.sum] sound
b9->a1 up[.a] down[.b] unknown`},
		{"balancers among themselves", `
b2 *:1 peers b1@10.0.0.1:1
b1 *:1 peers b2@10.0.0.2:2`, `
0 b1 b2
b1->b2 up[] down[] degraded mesh
  port at b1: b1 dials b2 on port ` + "`2`" + `, but b2 listens on ` + "`1`"},
		{"replicas stand beside each other", `
b1 *:1 tables .a .b peers a1@10.0.0.1:1 a2@10.0.0.2:1
a2 10.0.0.2:1 nodes b1@10.0.0.9:1 replica a1@10.0.0.1:1 from .a to .b
a1 10.0.0.1:1 nodes b1@10.0.0.9:1 replica a2@10.0.0.2:1 from .a to .b`, `
1 a1 a2
0 b1
a1->a2 up[] down[] sound mesh
b1->a1 up[.a] down[.b] sound
b1->a2 up[.a] down[.b] sound`},
		{"tables that a balancer lacks do not flow", `
b1 *:1 tables .a peers a1@10.0.0.1:2
a1 10.0.0.1:2 nodes b1@10.0.0.2:1 from .a .x to .b .y forward .a`, `
1 a1
0 b1
b1->a1 up[.a] down[.a] sound`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := describe(NewGraph(testCluster(t, tt.cluster))); got != tt.want {
				t.Errorf("got:%s\nwant:%s", got, tt.want)
			}
		})
	}
}

// TestGraphOrder proves that the order of the nodes in the files does not reach the graph.
func TestGraphOrder(t *testing.T) {
	c := testCluster(t, seedText)
	want := describe(NewGraph(c))
	for i := range c.Nodes {
		rotated := *c
		rotated.Nodes = append(slices.Clone(c.Nodes[i:]), c.Nodes[:i]...)
		if got := describe(NewGraph(&rotated)); got != want {
			t.Errorf("rotated by %d: got:%s\nwant:%s", i, got, want)
		}
	}
}

func TestGraphAddresses(t *testing.T) {
	g := NewGraph(testCluster(t, seedText))
	for _, v := range g.Vertices {
		want := map[string]string{"aggr3": "192.168.56.113:22222", "hapee2": "192.168.56.102:44444"}[v.Name]
		if want != "" && v.Address != want {
			t.Errorf("%s is at %s, want %s", v.Name, v.Address, want)
		}
	}
	if want := []string{"", "myaggr", "myl2"}; !slices.Equal(g.Levels, want) {
		t.Errorf("levels %q, want %q", g.Levels, want)
	}
}

func TestGraphFocus(t *testing.T) {
	g := NewGraph(testCluster(t, seedText))
	tests := map[string]string{
		"hapee1": "aggr3 aggr1 hapee1",
		"aggr2":  "aggr3 aggr2 hapee3 hapee4",
		"aggr3":  "aggr3 aggr1 aggr2 hapee1 hapee2 hapee3 hapee4",
	}
	for name, want := range tests {
		f, ok := g.Focus(name)
		if !ok {
			t.Fatalf("%s is not there", name)
		}
		var names []string
		for _, v := range f.Vertices {
			names = append(names, v.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("focus on %s: %s, want %s", name, got, want)
		}
		if len(f.Edges) != len(f.Vertices)-1 {
			t.Errorf("focus on %s: %d edges between %d vertices of a tree", name, len(f.Edges), len(f.Vertices))
		}
	}
	if _, ok := g.Focus("hapee9"); ok {
		t.Error("focus on a node that is not there")
	}
}

func TestCyclesEarliestFirst(t *testing.T) {
	g := NewGraph(testCluster(t, `
x2 10.0.1.2:1 down x1@10.0.1.1:1 up x1@10.0.1.1:1 from any to .s
a1 10.0.0.1:1 down a2@10.0.0.2:1 up a2@10.0.0.2:1 from any to .s
a2 10.0.0.2:1 down a1@10.0.0.1:1 up a1@10.0.0.1:1 from any to .s
x1 10.0.1.1:1 down x2@10.0.1.2:1 up x2@10.0.1.2:1 from any to .s
self 10.0.2.1:1 down self@10.0.2.1:1 from any to .s`))
	var got []string
	for _, c := range g.Cycles {
		got = append(got, strings.Join(c.Names(), " "))
	}
	want := []string{"x1 x2 x1", "a2 a1 a2", "self self"}
	if !slices.Equal(got, want) {
		t.Errorf("cycles %q, want %q", got, want)
	}
}

func TestCompareNatural(t *testing.T) {
	sorted := []string{"", "a", "a1", "a01", "a2", "a10", "a10b", "a10b2", "b", "b007", "b8"}
	slices.SortStableFunc(sorted, CompareNatural)
	want := []string{"", "a", "a01", "a1", "a2", "a10", "a10b", "a10b2", "b", "b007", "b8"}
	if !slices.Equal(sorted, want) {
		t.Errorf("got %q, want %q", sorted, want)
	}
}
