package check

import (
	"fmt"
	"slices"

	"stktc/grammar/diag"
)

var suffixDot = &Check{
	Code:     "STK408",
	Slug:     "suffix-without-dot",
	Title:    "a suffix begins in the middle of a word",
	Severity: diag.Warning,
	Since:    "0.2",
	Alone:    true,
	Text: Text{
		What:    "A suffix after `from`, `to` or `forward` begins with a letter or a digit. Suffixes are matched at the end of a table's name.",
		Why:     "`from raw` takes every table whose name happens to end in these letters, `draw` too, and makes a table of another name than was thought.",
		RunTime: "`show table` on the aggregator lists tables that nobody meant to sum.",
		Fix:     "Begin suffixes with a dot, as `.raw`, in the tables' names too.",
	},
	Bad:  altered("from .uncombined to .aggr", "from uncombined to aggr"),
	Good: altered(),
	Run:  runSuffixDot,
}

func runSuffixDot(p *Pass) {
	said := map[diag.Span]bool{}
	for _, x := range p.Graph.Vertices {
		if x.Section == nil {
			continue
		}
		from, to, forward := suffixes(x.Section)
		var found []diag.Note
		for _, s := range slices.Concat(from, to, forward) {
			if c := s.Value[0] | 0x20; (c >= 'a' && c <= 'z' || c >= '0'|0x20 && c <= '9'|0x20) && !said[s.Span] {
				said[s.Span] = true
				found = append(found, note(s.Span, "takes every name that ends so"))
			}
		}
		if len(found) > 0 {
			p.report(diag.Finding{
				Summary: fmt.Sprintf("%s has %s in the middle of a word", x.Name, verb(len(found), "a suffix that begins", "suffixes that begin")),
				Primary: found[0],
				Related: found[1:],
				Impact:  "tables whose names happen to end in these letters are taken too",
				Nodes:   []string{x.Name},
			})
		}
	}
}
