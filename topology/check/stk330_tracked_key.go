package check

import (
	"fmt"
	"slices"
	"strings"

	"stktc/grammar/diag"
	"stktc/topology"
)

var trackedKey = &Check{
	Code:     "STK330",
	Slug:     "tracked-key-differs",
	Title:    "nodes count by different keys in one table",
	Severity: diag.Warning,
	Since:    "0.2",
	Text: Text{
		What:    "The rules of one node count in a table by one key, `src`, and those of another by another, `req.hdr_ip(x-forwarded-for)`.",
		Why:     "Sums are made key by key. What one node counts for an address is never added to what the other counts for the same client.",
		RunTime: "`haproxy -c` says nothing, all sessions look healthy, and the sums are too small for every client. Nothing is logged.",
		Fix:     "Use one expression on all nodes; where they get the client's address in different ways, bring it into one place first, with `http-request set-src`.",
	},
	Bad:  alter(threeNodes(), "  http-request track-sc0 src table mytable.uncombined # hapee3\n", "  http-request track-sc0 req.hdr_ip(x-forwarded-for) table mytable.uncombined\n"),
	Good: threeNodes(),
	Run:  runTrackedKey,
}

// threeNodes is oneLevel with a third node.
func threeNodes() string {
	i := strings.Index(oneLevel, "-- hapee2/hapee-lb.cfg --")
	third := alter(oneLevel[i:], "hapee2", "hapee3", "table mytable.uncombined\n", "table mytable.uncombined # hapee3\n")
	return alter(oneLevel, "  from .uncombined", "  peer hapee3 192.168.56.103:44444\n  from .uncombined") + third
}

func runTrackedKey(p *Pass) {
	keys, at := p.trackedKeys()
	a := aspect{
		of: func(t *topology.Table) (string, bool) { return keys[t], keys[t] != "" },
		at: func(t *topology.Table) diag.Span { return at[t] },
	}
	for _, m := range sameNodes(p.betweenNodes(a)) {
		nodes := declNodes(m.deviate)
		f := diag.Finding{
			Summary: fmt.Sprintf("%s %s in %s by `%s`, but %s by `%s`", and(nodes), verb(len(nodes), "counts", "count"), codes(m.tables()), m.got, m.right.node.Name, m.want),
			Primary: note(a.mark(m.deviate[0].table), "by this key"),
			Related: []diag.Note{note(a.mark(m.right.table), "%s counts by this one", m.right.node.Name)},
			Notes:   notesOf(m.voteNote()),
			Impact:  "sums are made key by key: what is counted under different keys is never added up",
			RunTime: &diag.RunTime{Command: "show table", On: nodes[0], Symptom: "other keys than on the other nodes; nothing is logged"},
			Nodes:   append(nodes, m.right.node.Name),
			Tables:  m.tables(),
		}
		for _, d := range m.deviate[1:] {
			f.Related = append(f.Related, note(a.mark(d.table), "%s too", d.node.Name))
		}
		p.report(f)
	}
}

// trackedKeys gives for each table that is summed the expressions by which rules count in it, and where the first stands; none where that is not known in all.
func (p *Pass) trackedKeys() (map[*topology.Table]string, map[*topology.Table]diag.Span) {
	keys, at := map[*topology.Table]string{}, map[*topology.Table]diag.Span{}
	summed := map[*topology.Table]bool{}
	for _, h := range p.flows() {
		summed[h.table] = true
	}
	for _, x := range p.balancers() {
		u := p.usesOf(x.Node)
		byTable := map[*topology.Table][]string{}
		for _, use := range x.Node.Uses {
			if use.Kind != topology.Counts {
				continue
			}
			tables, known := u.of(use)
			for _, t := range tables {
				if !summed[t] {
					continue
				}
				if !known || use.Key.Unresolved || use.Key.IsZero() || use.Conditional {
					byTable[t] = append(byTable[t], "")
				}
				byTable[t] = append(byTable[t], use.Key.Value)
				at[t] = firstOf(at[t], use.Key.Span)
			}
		}
		for t, list := range byTable {
			slices.Sort(list)
			if list[0] != "" {
				keys[t] = strings.Join(unique(list), "`, `")
			}
		}
	}
	return keys, at
}
