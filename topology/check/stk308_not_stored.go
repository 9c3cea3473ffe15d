package check

import (
	"fmt"
	"strings"

	"stktc/grammar/diag"
	"stktc/topology"
)

var notStored = &Check{
	Code:     "STK308",
	Slug:     "type-not-stored",
	Title:    "a rule reads or counts what its table does not store",
	Severity: diag.Error,
	Since:    "0.2",
	Text: Text{
		What:    "A fetch in a condition or an acl, such as `sc0_http_err_rate` or `table_gpc0(NAME)`, or an action, such as `sc-inc-gpc0(0)`, is about a data type that is not in the table's `store` list, or about an element that its array does not have. For a fetch that reads a tracked counter, the tables that `track-sc` rules of the same proxy name are looked at, or else those of all proxies; it is a finding when none of them stores the type. A fetch in a log format or header, and an action, are warnings only: they lose a number, not a rule.",
		Why:     "The fetch gives no value: not 0, but nothing. A condition on nothing is false whatever is compared, so that the rule never applies. An action on what is not there does nothing.",
		RunTime: "`haproxy -c` accepts it. In a log format or a header the fetch is empty (tried on 2.6.12). `gpc0`, `gpc1`, `gpt0` and their rates are found in the arrays `gpc`, `gpt` and `gpc_rate` too, but not the reverse.",
		Fix:     "Add the data type to the table's `store` list, on all nodes and in the aggregate; or read what is stored.",
	},
	Bad:  altered("table_http_req_rate(mytable.aggr)", "table_http_err_rate(mytable.aggr)"),
	Good: altered(),
	Run:  runNotStored,
}

func runNotStored(p *Pass) {
	type key struct {
		tables string
		what   string
		kind   topology.UseKind
		decide bool
	}
	var all places[key]
	where := map[key]*topology.Table{}
	for _, n := range p.Cluster.Nodes {
		u := p.usesOf(n)
		for _, use := range n.Uses {
			if use.Conditional || !use.HasData || use.Kind != topology.Reads && use.Kind != topology.Writes {
				continue
			}
			tables, known := u.of(use)
			if !known || !noneStores(tables, use) {
				continue
			}
			if !decides(use) && p.quietly(use.Span, n.Name.Value) {
				continue
			}
			k := key{namesOf(tables), dataName(use), use.Kind, decides(use)}
			all.add(k, n.Name.Value, use.Span)
			where[k] = firstTable(where[k], tables)
		}
	}
	for _, k := range all.order {
		f := notStoredFinding(k.tables, k.what, k.kind, where[k], all.at[k])
		if !k.decide {
			f.Severity = diag.Warning
		}
		p.report(f)
	}
}

// decides tells whether a rule hangs on the use.
func decides(use *topology.TableUse) bool { return use.Kind == topology.Reads && use.Decides }

func noneStores(tables []*topology.Table, use *topology.TableUse) bool {
	for _, t := range tables {
		if t.Shape.StoreUnknown || stores(t, use.Data, max(use.Index, 0)) {
			return false
		}
	}
	return true
}

func namesOf(tables []*topology.Table) string {
	var list []string
	for _, t := range tables {
		list = append(list, code(t.RuleName()))
	}
	return strings.Join(unique(list), " or ")
}

func firstTable(have *topology.Table, more []*topology.Table) *topology.Table {
	if have != nil {
		return have
	}
	return more[0]
}

// dataName writes a data type, with the element of an array.
func dataName(use *topology.TableUse) string {
	if use.Index < 0 {
		return use.Data.String()
	}
	return fmt.Sprintf("%s[%d]", use.Data, use.Index)
}

func notStoredFinding(tables, what string, kind topology.UseKind, t *topology.Table, seen []sighting) diag.Finding {
	who := nodesOf(seen)
	does, impact := verb(len(who), "reads", "read"), "the fetch gives no value, not even 0: a condition on it is never true"
	if kind == topology.Writes {
		does, impact = verb(len(who), "changes", "change"), "the action does nothing"
	}
	return diag.Finding{
		Summary: fmt.Sprintf("%s %s `%s` of %s, which does not store it", and(who), does, what, tables),
		Primary: note(seen[0].at, "not stored"),
		Related: append([]diag.Note{note(firstOf(t.Shape.Store, t.Name.Span), "%s stores `%s`", code(t.RuleName()), t.Shape.Definition.StoreString())}, rest(seen)...),
		Impact:  impact,
		RunTime: &diag.RunTime{Command: "haproxy -c", On: who[0], Symptom: "accepts it; the rule has no effect, and nothing is logged"},
		Fixes:   []diag.Fix{{Title: fmt.Sprintf("add `%s` to the `store` list of the table and of its aggregates on all nodes", typeOnly(what))}},
		Nodes:   who,
		Tables:  []string{t.RuleName()},
	}
}

func typeOnly(what string) string {
	name, _, _ := strings.Cut(what, "[")
	return name
}
