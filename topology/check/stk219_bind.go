package check

import (
	"fmt"
	"slices"
	"strings"

	"stktc/grammar/diag"
	"stktc/topology"
)

var binds = &Check{
	Code:     "STK219",
	Slug:     "bind-sections",
	Title:    "a bind line of an aggregator leads to a section that is not there, or two bind lines listen on one address",
	Severity: diag.Error,
	Since:    "0.2",
	Text: Text{
		What:    "`use_aggrs` of a `bind` line names an aggregations section that the file does not have; or two `bind` lines have one address.",
		Why:     "Peers that dial the address do not find the section they belong to. Of two listeners on one address only the first can be opened.",
		RunTime: "The aggregator refuses to start.",
		Fix:     "Write the names of sections after `use_aggrs`, or `all`; give each `bind` line an address of its own.",
	},
	Bad:  altered("aggregations myaggr", "global\n  bind 192.168.56.111:10000 use_aggrs myagr\n\naggregations myaggr"),
	Good: altered("aggregations myaggr", "global\n  bind 192.168.56.111:10000 use_aggrs myaggr\n\naggregations myaggr"),
	Run:  runBinds,
}

func runBinds(p *Pass) {
	for _, n := range p.Cluster.Nodes {
		var sections []string
		for _, a := range n.Aggregations {
			sections = append(sections, a.Name.Value)
		}
		first := map[string]*topology.Bind{}
		for _, b := range n.Binds {
			for _, s := range b.Sections {
				if !s.Unresolved && !slices.Contains(sections, s.Value) {
					p.report(unknownSection(p, n, s, sections))
				}
			}
			at := strings.TrimPrefix(b.Address.Raw, "ipv4@")
			if before := first[at]; before != nil && !b.Address.Unresolved {
				p.report(diag.Finding{
					Summary: fmt.Sprintf("%s listens on `%s` by two `bind` lines", n.Name.Value, b.Address.Raw),
					Primary: note(b.Address.Span, "the same address again"),
					Related: []diag.Note{note(before.Address.Span, "first here")},
					Impact:  "the second listener cannot be opened: the aggregator does not start",
					Nodes:   []string{n.Name.Value},
				})
			} else {
				first[at] = b
			}
		}
	}
}

func unknownSection(p *Pass, n *topology.Node, s topology.Text, sections []string) diag.Finding {
	f := diag.Finding{
		Summary: fmt.Sprintf("%s's `bind` leads to the section `%s`, which is not there; its sections are %s", n.Name.Value, s.Value, codes(sections)),
		Primary: note(s.Span, "no such section"),
		Impact:  "peers that dial this address find no section that lists them; the aggregator does not start",
		Nodes:   []string{n.Name.Value},
	}
	if near := diag.Nearest(s.Value, sections); near != "" {
		f.Fixes = []diag.Fix{{Title: fmt.Sprintf("use_aggrs %s", near), Safe: true, Edits: p.replace(s.Span, near)}}
	}
	return f
}
