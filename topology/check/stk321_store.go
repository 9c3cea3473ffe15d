package check

import (
	"fmt"
	"slices"
	"strings"

	"stktc/grammar/diag"
	"stktc/topology"
	"stktc/topology/sticktable"
)

var tableStore = &Check{
	Code:     "STK321",
	Slug:     "table-store-differs",
	Title:    "a table does not store the same data types everywhere",
	Severity: diag.Warning,
	Since:    "0.1",
	Text: Text{
		What:    "The `store` lists of a table on two nodes, or of a table and its aggregate, do not name the same data types. The order does not matter; `server_id` and `server_key`, which nobody sums, are left out of account.",
		Why:     "What a table does not store is dropped when it comes. What it stores and nobody sends stays 0, and a limit that looks at it never triggers.",
		RunTime: "`show peers` says `last_status=ESTA`; `remote_data` of the table, a bit mask of the data types, is not the local one. Nothing is logged.",
		Fix:     "Copy `store` from the table that is counted in.",
	},
	Bad:  shapeExample("type ip size 100 expire 1h store http_req_rate(1h),gpc0", "type ip size 100 expire 1h store http_req_rate(1h)"),
	Good: shapeExample("type ip size 100 expire 1h store http_req_rate(1h),gpc0", "type ip size 100 expire 1h store gpc0,http_req_rate(1h)"),
	Run:  runStore,
}

func runStore(p *Pass) {
	store := aspect{
		of: func(t *topology.Table) (string, bool) {
			return strings.Join(storedTypes(t), ","), !t.Shape.StoreUnknown
		},
		at: func(t *topology.Table) diag.Span { return t.Shape.Store },
	}
	for _, m := range p.compare(store) {
		got, want := storedTypes(m.deviate[0].table), storedTypes(m.right.table)
		p.reportMismatch(&m, store, wording{
			noun: "`store`", what: "store", at: store.at,
			impact:  storeImpact(without(want, got), without(got, want), m),
			command: "show peers",
			runTime: "`last_status=ESTA`, which looks healthy; only `remote_data` differs from the local mask; nothing is logged",
			unsafe:  len(without(got, want)) > 0, // rules may read what would go
		})
	}
}

// storedTypes lists what is summed of a table's columns.
func storedTypes(t *topology.Table) []string {
	var types []string
	for _, c := range t.Shape.Definition.Columns {
		if c.Type.Spec().Arithmetic != sticktable.NotAggregated {
			types = append(types, c.Type.String())
		}
	}
	slices.Sort(types)
	return types
}

func without(list, remove []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(remove, s) })
}

func storeImpact(lacks, extra []string, m mismatch) string {
	table := m.deviate[0].table.Name.Value
	var parts []string
	if len(lacks) > 0 {
		parts = append(parts, fmt.Sprintf("%s %s dropped from `%s`", codes(lacks), verb(len(lacks), "is", "are"), table))
	}
	if len(extra) > 0 && m.aggregate {
		parts = append(parts, fmt.Sprintf("%s of `%s` %s 0, since nobody sends it", codes(extra), table, verb(len(extra), "stays", "stay")))
	} else if len(extra) > 0 {
		parts = append(parts, fmt.Sprintf("sums of %s lack the other nodes", codes(extra)))
	}
	return strings.Join(parts, "; ")
}
