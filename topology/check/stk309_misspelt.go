package check

import (
	"fmt"
	"slices"
	"strings"

	"stktc/grammar/diag"
	"stktc/topology"
)

var tableMisspelt = &Check{
	Code:     "STK309",
	Slug:     "table-misspelt",
	Title:    "the names of a table and of its sum differ by more than the suffix",
	Severity: diag.Error,
	Since:    "0.2",
	Text: Text{
		What:    "A node lacks the table that its aggregator makes of what the node counts, but has one that nobody fills and whose name comes close: a letter, a capital, `-` for `.`. Or it is the table that is counted in whose name is not like those of the sums.",
		Why:     "Tables are known by their names. The sum is thrown away by the node, the table that rules look at stays empty, and limits never trigger.",
		RunTime: "`haproxy -c` says nothing. `show peers` looks healthy, and the table's line says `remote_id=0`. Nothing is logged.",
		Fix:     "Give the tables one name with the aggregations' suffixes, where they are declared and in the rules.",
	},
	Bad:  altered("backend mytable.aggr", "backend my_table.aggr", "table_http_req_rate(mytable.aggr)", "table_http_req_rate(my_table.aggr)"),
	Good: altered(),
	Run:  runMisspelt,
}

// misspelling is a table of a node, and the name that it was to have.
type misspelling struct {
	at     *topology.Vertex // the node
	table  *topology.Table
	meant  string // as configurations have it
	source bool   // the table is the one that is counted in
	by     hop    // what should come to the table, or go from it
	others []*topology.Table
}

func runMisspelt(p *Pass) {
	var all foldedFindings
	for _, m := range p.misspelt {
		all.add(m.finding(p), m.at.Name, m.table.Name.Value, m.meant)
	}
	all.report(p, func(who, key []string) string {
		return fmt.Sprintf("%s have a table `%s`, where `%s` is meant: its sums, or what it is the sum of, are called so", and(who), key[0], key[1])
	})
}

func (m *misspelling) finding(p *Pass) diag.Finding {
	f := diag.Finding{
		Summary: fmt.Sprintf("%s has a table `%s` that nobody fills, and none called `%s`, which %s makes of its `%s`", m.at.Name, m.table.Name.Value, m.meant, m.by.at.Name, m.by.table.Name.Value),
		Primary: note(m.table.Name.Span, "is `%s` meant?", m.meant),
		Related: []diag.Note{note(m.by.table.Name.Span, "counted here"), note(m.by.rule.To.Span, "%s sends `%s`", m.by.at.Name, m.meant)},
		Impact:  fmt.Sprintf("%s throws the sum away: `%s` stays empty there, so limits that look at it never trigger", m.at.Name, m.table.Name.Value),
		RunTime: &diag.RunTime{Command: "show peers", On: m.at.Name, Symptom: "`last_status=ESTA`, which looks healthy, and `remote_id=0` for the table; nothing is logged"},
		Fixes:   []diag.Fix{{Title: fmt.Sprintf("call it `%s`, in the rules too", m.meant), Edits: p.replace(m.table.Name.Span, m.meant)}},
		Nodes:   []string{m.at.Name, m.by.at.Name},
		Tables:  []string{m.table.Name.Value},
	}
	if !m.source {
		return f
	}
	var sums []string
	f.Related = nil
	for _, t := range m.others {
		sums = append(sums, t.Name.Value)
		f.Related = append(f.Related, note(t.Name.Span, "nobody fills this"))
	}
	f.Summary = fmt.Sprintf("%s counts in `%s`, but its %s %s called %s", m.at.Name, m.table.Name.Value, verb(len(sums), "table for the sum", "tables for the sums"), verb(len(sums), "is", "are"), codes(sums))
	f.Related = append(f.Related, note(m.by.rule.Span, "%s makes `%s` of it", m.by.at.Name, written(m.by.name)))
	f.Impact = fmt.Sprintf("%s stay empty on %s, so limits that look at them never trigger, and what it counts is not added to what the others count", codes(sums), m.at.Name)
	return f
}

// misspellings finds them, for withMended.
func (v *view) misspellings() []*misspelling {
	var all []*misspelling
	for _, n := range v.lackings() {
		orphans := v.orphans(n.at, n.edge)
		var pairs []namePair
		for _, h := range n.hops {
			if i := slices.IndexFunc(orphans, func(t *topology.Table) bool { return looksLike(t.Name.Value, written(h.name)) }); i >= 0 {
				pairs = append(pairs, namePair{h, orphans[i]})
				orphans = slices.Delete(orphans, i, i+1)
			}
		}
		all = append(all, v.blamed(n, pairs)...)
	}
	return append(all, v.misspeltSources()...)
}

// namePair is a sum that a node lacks, and a table whose name comes close to it.
type namePair struct {
	lacks hop
	has   *topology.Table
}

// lacking is what a node lacks of the sums that are made of one of its tables.
type lacking struct {
	at    *topology.Vertex
	edge  *topology.Edge
	table *topology.Table
	hops  []hop
}

func (v *view) lackings() []*lacking {
	type key struct {
		at    *topology.Vertex
		table *topology.Table
	}
	byTable := map[key]*lacking{}
	var all []*lacking
	for _, h := range v.flows() {
		tables := v.sharedTables(h.first)
		if !h.delivered || tableNamed(tables, h.name) != nil || tableNamed(tables, otherForm(h.name)) != nil {
			continue
		}
		k := key{h.origin, h.table}
		if byTable[k] == nil {
			byTable[k] = &lacking{at: h.origin, edge: h.first, table: h.table}
			all = append(all, byTable[k])
		}
		byTable[k].hops = append(byTable[k].hops, h)
	}
	return all
}

// orphans are the tables of a node that nothing is made of, and that nobody fills.
func (v *view) orphans(x *topology.Vertex, e *topology.Edge) []*topology.Table {
	if v.flowsOf == nil {
		v.flowsOf = map[*topology.Vertex][]hop{}
		for _, h := range v.allFlows() {
			v.flowsOf[h.origin] = append(v.flowsOf[h.origin], h)
		}
	}
	return slices.DeleteFunc(v.sharedTables(e), func(t *topology.Table) bool {
		return t.Name.Unresolved || t.Peers.IsZero() || slices.ContainsFunc(v.flowsOf[x], func(h hop) bool {
			return h.table == t || h.name == t.WireName()
		})
	})
}

// blamed decides what is misspelt: the tables for the sums, or the one table that they are made of, whichever are fewer; of one each, what other nodes call otherwise.
func (v *view) blamed(n *lacking, pairs []namePair) []*misspelling {
	if len(pairs) == 0 {
		return nil
	}
	if source := sourceMeant(n, pairs); source != "" && len(pairs) == len(n.hops) {
		if v.isSource(source, n.at) || len(pairs) > 1 && !v.hasSum(pairs[0].lacks.name, n.at) {
			m := &misspelling{at: n.at, table: n.table, meant: source, source: true, by: n.hops[0]}
			for _, p := range pairs {
				m.others = append(m.others, p.has)
			}
			return []*misspelling{m}
		}
	}
	var all []*misspelling
	for _, p := range pairs {
		all = append(all, &misspelling{at: n.at, table: p.has, meant: written(p.lacks.name), by: p.lacks})
	}
	return all
}

// sourceMeant is what the table would be called that all the orphans are made of; "" when they do not agree.
func sourceMeant(n *lacking, pairs []namePair) string {
	meant := ""
	for _, p := range pairs {
		base, fits := strings.CutSuffix(p.has.Name.Value, p.lacks.rule.To.Value)
		old, ends := strings.CutSuffix(written(p.lacks.name), p.lacks.rule.To.Value)
		suffix, begins := strings.CutPrefix(n.table.Name.Value, old)
		if !fits || !ends || !begins || meant != "" && meant != base+suffix {
			return ""
		}
		meant = base + suffix
	}
	return meant
}

// isSource tells whether another node counts in a table of that name, and hasSum whether another has the sum of that wire name.
func (v *view) isSource(name string, besides *topology.Vertex) bool {
	if v.sources == nil {
		v.sources = map[string][]*topology.Vertex{}
		for _, h := range v.flows() {
			few(v.sources, h.table.Name.Value, h.origin)
		}
	}
	return slices.ContainsFunc(v.sources[name], func(x *topology.Vertex) bool { return x != besides })
}

func (v *view) hasSum(wireName string, besides *topology.Vertex) bool {
	if v.sumNames == nil {
		v.sumNames = map[string][]*topology.Vertex{}
		for _, s := range v.summations() {
			few(v.sumNames, s.sum.WireName(), s.node)
		}
	}
	return slices.ContainsFunc(v.sumNames[wireName], func(x *topology.Vertex) bool { return x != besides })
}

// few keeps two of the nodes that have a table: enough to tell whether another than one given has it.
func few(of map[string][]*topology.Vertex, name string, x *topology.Vertex) {
	if who := of[name]; len(who) < 2 && !slices.Contains(who, x) {
		of[name] = append(who, x)
	}
}

// misspeltSources are tables that nothing is made of, while other nodes have one of nearly that name which the node's sums are made of. Names that nearly end in the suffix
// are STK301's.
func (v *view) misspeltSources() []*misspelling {
	type made struct {
		at          *topology.Vertex
		source, sum string
	}
	var all []*misspelling
	seen := map[*topology.Table]bool{}
	done := map[made]bool{}
	for _, h := range v.flows() {
		k := made{h.at, h.table.WireName(), h.name}
		if h.by != h.first || !h.delivered || h.rule.Any || done[k] {
			continue
		}
		done[k] = true
		for _, e := range v.members(h.at) {
			if t, sum := v.sourceLike(e, h); t != nil && !seen[t] {
				seen[t] = true
				all = append(all, &misspelling{at: e.Lower, table: t, meant: h.table.Name.Value, source: true, by: h, others: []*topology.Table{sum}})
			}
		}
	}
	return all
}

// sourceLike finds a member's table that looks like the one that h's sum is made of elsewhere, where the member has the sum only.
func (v *view) sourceLike(e *topology.Edge, h hop) (found, sum *topology.Table) {
	if e.Lower.Kind != topology.Balancer || e.Lower.Absent() || e == h.first {
		return nil, nil
	}
	tables := v.sharedTables(e)
	sum = tableNamed(tables, h.name)
	if sum == nil || tableNamed(tables, h.table.WireName()) != nil {
		return nil, nil
	}
	for _, t := range v.orphans(e.Lower, e) {
		if t != sum && tail(t.Name.Value, h.rule.From.Value) == "" && looksLike(t.Name.Value, h.table.Name.Value) {
			return t, sum
		}
	}
	return nil, nil
}

// looksLike tells whether two names of tables may be meant as one. Those that differ in their numbers are siblings.
func looksLike(a, b string) bool {
	if a == b || digit.ReplaceAllString(a, "") == digit.ReplaceAllString(b, "") {
		return false
	}
	most := 1
	if min(len(a), len(b)) > 12 {
		most = 2
	}
	return strings.EqualFold(a, b) || diag.Distance(a, b) <= most
}
