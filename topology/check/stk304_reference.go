package check

import (
	"fmt"
	"slices"
	"strings"

	"stktc/grammar/diag"
	"stktc/topology"
)

var tableReference = &Check{
	Code:     "STK304",
	Slug:     "unknown-table",
	Title:    "a rule names a stick table that the balancer does not have",
	Severity: diag.Error,
	Since:    "0.2",
	Outside:  "a configuration file of the host that was not given",
	Text: Text{
		What:    "A `track-sc` or `stick` rule, a fetch or a converter names a table that none of the host's files declares. A table of a `table` line in a peers section is called `SECTION/NAME` by rules, one of a proxy by the proxy's name. A rule that names none means the table of its own proxy.",
		Why:     "HAProxy refuses the configuration. A host whose HAProxy runs since before the change goes on with the old one until it is restarted.",
		RunTime: "`haproxy -c` says \"unable to find table 'NAME' referenced by track-sc0\", or \"referenced in arg 1 of …\", and exits with 1. Of a `track-sc` rule it does not tell the line.",
		Fix:     "Correct the name, or declare the table.",
	},
	Bad:  altered("table_http_req_rate(mytable.aggr)", "table_http_req_rate(mytable.agr)"),
	Good: altered(),
	Run:  runReference,
}

func runReference(p *Pass) {
	type key struct {
		name string
		by   *diag.Ignore
	}
	var all places[key]
	for _, n := range p.Cluster.Nodes {
		u := p.usesOf(n)
		for _, use := range n.Uses {
			if name := missingTable(u, use); name != "" && !p.saidByCompiler(n, name) && !p.lacks(n, name) {
				all.add(key{name, p.ignoring(use.Span)}, n.Name.Value, firstOf(use.Table.Span, use.Span))
			}
		}
	}
	for _, k := range all.order {
		f := p.referenceFinding(k.name, all.at[k])
		silence(&f, k.by)
		p.report(f)
	}
}

// missingTable gives the name of the table that a use means and the node does not have; "" when it has it, or when that is not known.
func missingTable(u *tableUses, use *topology.TableUse) string {
	switch {
	case use.Conditional || use.Table.Unresolved || u.unknown:
		return ""
	case !use.Table.IsZero():
		if u.tables[use.Table.Value] == nil {
			return use.Table.Value
		}
	case use.Proxy != "" && (use.Kind == topology.Counts || use.Counter < 0) && u.tables[use.Proxy] == nil:
		return use.Proxy
	}
	return ""
}

// saidByCompiler: of a topology's own tables the compiler says how rules must call them (STK035).
func (p *Pass) saidByCompiler(n *topology.Node, name string) bool {
	if p.Cluster.Source != topology.FromTopology {
		return false
	}
	_, plain, inSection := strings.Cut(name, "/")
	for _, t := range n.Tables {
		if inSection && t.Name.Value == plain || t.Name.Value == name {
			return true
		}
	}
	return false
}

func (p *Pass) referenceFinding(name string, seen []sighting) diag.Finding {
	who := nodesOf(seen)
	n := p.nodeNamed(who[0])
	meant, certain := p.usesOf(n).similar(name)
	f := diag.Finding{
		Summary: fmt.Sprintf("%s %s a rule for the table `%s`, which is not there", and(who), verb(len(who), "has", "have"), name),
		Primary: note(seen[0].at, "no such table on %s", who[0]),
		Related: rest(seen),
		Impact:  fmt.Sprintf("HAProxy refuses the configuration of %s", and(who)),
		RunTime: &diag.RunTime{Command: "haproxy -c", On: who[0], Symptom: fmt.Sprintf("exit 1: `unable to find table '%s'`", name)},
		Nodes:   who,
		Tables:  []string{name},
	}
	if meant == "" {
		return f
	}
	t := p.usesOf(n).tables[meant]
	how := "declared in a proxy"
	if t.InPeers {
		how = "declared in a peers section"
	}
	f.Related = append([]diag.Note{note(t.Name.Span, "rules call this one `%s`; it is %s", meant, how)}, f.Related...)
	fix := diag.Fix{Title: fmt.Sprintf("write `%s`", meant), Safe: certain}
	for _, s := range seen {
		if text := p.Cluster.Files[s.at.File]; string(text[s.at.Start.Offset:s.at.End.Offset]) == name {
			fix.Edits = append(fix.Edits, p.replace(s.at, meant)...)
		}
	}
	f.Fixes = []diag.Fix{fix}
	return f
}

// nodeNamed finds a node by its name.
func (v *view) nodeNamed(name string) *topology.Node {
	for _, n := range v.Cluster.Nodes {
		if n.Name.Value == name {
			return n
		}
	}
	return nil
}

// untracked is the compiler's code for a table that no rule of a base counts in.
const untracked = diag.Code("STK036")

// withoutUntracked leaves out that nothing counts in a table where the rule that was to do so names another, which is said at that rule.
func withoutUntracked(found diag.List) diag.List {
	elsewhere := map[string]bool{}
	for i := range found {
		if f := &found[i]; f.Severity == diag.Error && (f.Code == tableReference.Code || f.Code == aggregateWritten.Code) {
			for _, n := range f.Nodes {
				elsewhere[n] = true
			}
		}
	}
	return slices.DeleteFunc(found, func(f diag.Finding) bool {
		return f.Code == untracked && slices.ContainsFunc(f.Nodes, func(n string) bool { return elsewhere[n] })
	})
}
