package compile

import (
	"fmt"
	"slices"
	"strings"

	"stktc/grammar/diag"
	"stktc/topology"
)

// checkReferences compares what the bases' rules say of tables with how the tables are declared.
func checkReferences(u *unit) {
	summed := u.summed()
	for _, h := range u.hosts {
		b := h.balancer
		if b == nil || len(b.bases) == 0 {
			continue
		}
		for _, t := range b.node.Tables {
			u.tableNames(b, t)
		}
		for _, s := range u.sources(b.node, summed[b.node.Name.Value]) {
			u.untracked(b, s.table)
			u.readsSource(b, s)
		}
	}
}

func (b *balancer) references() []reference {
	if len(b.bases) == 1 {
		return b.bases[0].refs
	}
	var refs []reference
	for _, file := range b.bases {
		refs = append(refs, file.refs...)
	}
	return refs
}

// ruleName is what rules must call a table.
func ruleName(t *topology.Table) string {
	if t.InPeers {
		return t.Peers.Value + "/" + t.Name.Value
	}
	return t.Name.Value
}

// otherName is what rules would call the table if it were declared the other way.
func otherName(t *topology.Table) string {
	if t.InPeers {
		return t.Name.Value
	}
	return t.Peers.Value + "/" + t.Name.Value
}

// tableNames finds the rules that call a table by the name that HAProxy does not find.
func (u *unit) tableNames(b *balancer, t *topology.Table) {
	for _, r := range b.references() {
		switch {
		case r.known && r.table == otherName(t) && !b.isTable(r.table):
			if meant := b.called(r.table); meant[0] == t {
				u.findings.Add(otherNameFinding(b, meant, r))
			}
		case t.InPeers && r.table == "" && r.counter < 0 && r.proxy == t.Name.Value, t.InPeers && r.isOwnTrack(t.Name.Value):
			f := tableNameFinding(b, t, r, fmt.Sprintf("a rule of base `%s` uses the table of proxy `%s`, which has none: the table is `%s`", r.at.File, r.proxy, ruleName(t)))
			if r.insert != "" {
				text := fmt.Sprintf(r.insert, ruleName(t))
				f.Fixes = []diag.Fix{{Title: fmt.Sprintf("add `%s`", strings.TrimSpace(text)), Safe: true,
					Edits: []diag.Edit{{Span: r.gap, NewText: text}}}}
			}
			u.findings.Add(f)
		}
	}
}

// called are the tables that rules would find under a name if they were declared the other way.
func (b *balancer) called(name string) []*topology.Table {
	return slices.DeleteFunc(slices.Clone(b.node.Tables), func(t *topology.Table) bool { return otherName(t) != name })
}

// otherNameFinding is about a name that is a table's in the other way of declaring it; two peers sections may each have one.
func otherNameFinding(b *balancer, meant []*topology.Table, r reference) diag.Finding {
	var names []string
	var fixes []diag.Fix
	for _, t := range meant {
		names = append(names, ruleName(t))
		fixes = append(fixes, diag.Fix{Title: fmt.Sprintf("write `%s`", ruleName(t)), Safe: len(meant) == 1, Edits: []diag.Edit{{Span: r.at, NewText: ruleName(t)}}})
	}
	f := tableNameFinding(b, meant[0], r, fmt.Sprintf("a rule of base `%s` calls the table `%s`, but it is `%s`", r.at.File, r.table, strings.Join(names, "` or `")))
	f.Fixes = fixes
	return f
}

// isTable tells whether rules find a table of that name: one may be declared in a proxy and in a peers section.
func (b *balancer) isTable(name string) bool {
	return slices.ContainsFunc(b.node.Tables, func(t *topology.Table) bool { return ruleName(t) == name })
}

// isOwnTrack tells whether r is a track-sc without a table in the proxy of that name.
func (r *reference) isOwnTrack(proxy string) bool {
	return r.use == counts && r.table == "" && r.known && r.proxy == proxy
}

func tableNameFinding(b *balancer, t *topology.Table, r reference, summary string) diag.Finding {
	how := "a proxy bears the table"
	if t.InPeers {
		how = "declared in the peers section"
	}
	f := finding(CodeTableName, r.at, "not found by HAProxy", summary)
	f.Related = []diag.Note{{Span: t.Span, Label: how}}
	f.Impact = "HAProxy refuses the file: unable to find table"
	f.Nodes, f.Tables = []string{b.node.Name.Value}, []string{t.Name.Value}
	return f
}

// source is a table that a node counts itself, and the tables that the node gets its sums in.
type source struct {
	table *topology.Table
	sums  []*topology.Table
}

// sources finds the tables of a node that an aggregator sums straight from it.
func (u *unit) sources(n *topology.Node, summedBy []*topology.Aggregations) []source {
	var found []source
	for _, t := range n.Tables {
		for _, a := range summedBy {
			for _, r := range a.Rules {
				base, ok := strings.CutSuffix(t.Name.Value, r.From.Value)
				if !ok || r.Any && isResult(a, t.Name.Value) || slices.ContainsFunc(found, func(s source) bool { return s.table == t }) {
					continue
				}
				found = append(found, source{t, sumsOf(n, t, base)})
			}
		}
	}
	return found
}

// summed lists by node the sections of aggregators that have the node as an unmarked peer.
func (u *unit) summed() map[string][]*topology.Aggregations {
	by := map[string][]*topology.Aggregations{}
	for _, n := range u.cluster.Nodes {
		for _, a := range n.Aggregations {
			for _, p := range a.Peers {
				if p.Direction == topology.Unmarked && !p.Replica {
					by[p.Name.Value] = append(by[p.Name.Value], a)
				}
			}
		}
	}
	return by
}

// isResult tells whether a section makes, forwards or leases the table: "from any" leaves those out.
func isResult(a *topology.Aggregations, name string) bool {
	return slices.ContainsFunc(a.Rules, func(r *topology.Rule) bool { return strings.HasSuffix(name, r.To.Value) }) ||
		slices.ContainsFunc(a.Forwards, func(f topology.Text) bool { return strings.HasSuffix(name, f.Value) }) ||
		slices.ContainsFunc(a.Settings.Leases, func(l topology.Lease) bool { return strings.TrimPrefix(l.Table.Value, "/") == name })
}

// sumsOf are the node's other tables of one base name.
func sumsOf(n *topology.Node, source *topology.Table, base string) []*topology.Table {
	var sums []*topology.Table
	for _, t := range n.Tables {
		if t != source && strings.HasPrefix(t.Name.Value, base+".") {
			sums = append(sums, t)
		}
	}
	return sums
}

func (u *unit) untracked(b *balancer, t *topology.Table) {
	for _, r := range b.references() {
		if r.use != counts {
			continue
		}
		implied := r.table == "" && (r.proxy == t.Name.Value || r.proxy == "")
		if implied || !r.known || r.table == ruleName(t) || r.table == otherName(t) {
			return
		}
	}
	file := b.bases[0].cfg.Name
	f := finding(CodeUntracked, t.Name.Span, "the table",
		fmt.Sprintf("no rule of base `%s` counts into `%s`", file, ruleName(t)))
	f.Impact = "the table stays empty, and every sum lacks what the node sees"
	f.Notes = []string{fmt.Sprintf("a rule such as `http-request track-sc0 src table %s` counts", ruleName(t))}
	f.Nodes, f.Tables = []string{b.node.Name.Value}, []string{t.Name.Value}
	u.findings.Add(f)
}

// readsSource warns when a base decides by the node's own counts and nowhere by a sum.
func (u *unit) readsSource(b *balancer, s source) {
	refs := b.references()
	var first *reference
	for i, r := range refs {
		if r.use == counts {
			continue
		}
		isSum := func(t *topology.Table) bool { return r.table == ruleName(t) || r.table == otherName(t) }
		if !r.known || slices.ContainsFunc(s.sums, isSum) {
			return
		}
		if r.use == reads && first == nil && s.isReadBy(r, refs) {
			first = &refs[i]
		}
	}
	if first != nil && len(s.sums) > 0 {
		u.findings.Add(readsSourceFinding(b, s, first))
	}
}

// isReadBy tells whether a fetch reads the source: by its name, as the proxy's own table, or through a tracked counter.
func (s *source) isReadBy(r reference, refs []reference) bool {
	switch {
	case r.table != "":
		return r.table == ruleName(s.table)
	case r.counter < 0:
		return r.proxy == s.table.Name.Value && !s.table.InPeers
	}
	// A proxy's own track-sc decides what its counter follows; without one, that of any proxy before it may.
	inProxy, anywhere := map[bool]int{}, false
	for _, track := range refs {
		if track.use != counts || track.counter != r.counter {
			continue
		}
		follows := track.table == ruleName(s.table) || track.isOwnTrack(s.table.Name.Value)
		anywhere = anywhere || follows
		if track.proxy == r.proxy {
			inProxy[follows]++
		}
	}
	if len(inProxy) > 0 {
		return inProxy[true] > 0
	}
	return anywhere
}

func readsSourceFinding(b *balancer, s source, r *reference) diag.Finding {
	sum := ruleName(s.sums[len(s.sums)-1])
	f := finding(CodeReadsSource, r.at, "reads `"+ruleName(s.table)+"`",
		fmt.Sprintf("rules of base `%s` read `%s`, what the node itself counted, and never a sum", r.at.File, ruleName(s.table)))
	f.Related = []diag.Note{{Span: s.sums[len(s.sums)-1].Name.Span, Label: fmt.Sprintf("`%s` holds the sum", sum)}}
	f.Impact = "decisions rest on one node's share of the traffic"
	f.Nodes, f.Tables = []string{b.node.Name.Value}, []string{s.table.Name.Value}
	return f
}
