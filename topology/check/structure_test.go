package check

import (
	"slices"
	"strings"
	"testing"

	"stktc/grammar/diag"
	"stktc/topology"
	"stktc/topology/load"
)

// TestStructure looks at one aggregator's file alone, as the daemon does before it starts.
func TestStructure(t *testing.T) {
	const own, node, below, above = "peer me 10.0.0.1:1 local\n", "peer lb 10.0.0.2:2\n", "peer low 10.0.0.3:3 down\n", "peer high 10.0.0.4:4 up\n"
	for _, c := range []struct {
		name, section string
		want          []string
	}{
		{"one level", own + node + "from .a to .b\n", nil},
		{"two levels", own + node + above + "from .a to .b\nforward .c\n", nil},
		{"top", own + below + "from .a to .b\n", nil},
		{"any", own + node + above + "from any to .b\nforward .c\n", nil},
		{"several rules", own + node + "from .a to .b\nfrom .c to .d\n", nil},
		{"no local", node + "from .a to .b\n", []string{"STK214"}},
		{"two locals", own + "peer also 10.0.0.9:9 local\n" + node + "from .a to .b\n", []string{"STK214"}},
		{"itself by name", own + "peer me 10.0.0.9:9\n" + "from .a to .b\n", []string{"STK214"}},
		{"itself by address", own + "peer you 10.0.0.1:1\n" + "from .a to .b\n", []string{"STK214"}},
		{"name twice", own + node + "peer lb 10.0.0.9:9\nfrom .a to .b\n", []string{"STK105"}},
		{"address twice", own + node + "peer lb2 10.0.0.2:2\nfrom .a to .b\n", []string{"STK106"}},
		{"node and down", own + node + below + "from .a to .b\n", []string{"STK401"}},
		{"same destination", own + node + "from .a to .b\nfrom .c to .b\n", []string{"STK401"}},
		{"into itself", own + node + "from .a to .a\n", []string{"STK401"}},
		{"into its own source", own + node + "from .a to .b.a\n", []string{"STK401"}},
		{"in a chain", own + node + "from .a to .b\nfrom .b to .c\n", []string{"STK401"}},
		{"made and forwarded", own + node + above + "from .a to .b\nforward .b\n", []string{"STK401"}},
		{"nothing to do", own + node, []string{"STK401"}},
		{"only forwarding", own + node + above + "forward .b\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := []byte("aggregations x\n" + c.section)
			n, findings := load.Aggregator(nil, "f", text)
			findings.Add(Structure(&topology.Cluster{Source: topology.FromDeployed, Nodes: []*topology.Node{n}, Files: diag.Files{"f": text}})...)
			var got []string
			for _, f := range findings {
				got = append(got, string(f.Code))
				if f.RunTime != nil && strings.Contains(f.RunTime.Command, "haproxy") {
					t.Errorf("%s: HAProxy is to be asked on an aggregator: %+v", f.Code, *f.RunTime)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %s, want %s", strings.Join(got, " "), strings.Join(c.want, " "))
			}
		})
	}
}
