package check

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology"
)

var socketMode = &Check{
	Code:     "STK704",
	Slug:     "socket-world-writable",
	Title:    "every user of the host can write to a stats socket",
	Severity: diag.Warning,
	Since:    "0.2",
	Alone:    true,
	Text: Text{
		What:    "`stats socket` of a balancer or an aggregator has a `mode` whose last digit lets others write, such as `666` or `777`.",
		Why:     "Every account on the host, that of a web application for instance, can read all tracked keys and clear tables; on a balancer with `level admin` it can change servers too.",
		RunTime: "Nothing shows.",
		Fix:     "Use `mode 660` and give the socket to a group.",
	},
	Bad:  alter(statsExample("/run/hapee-extras/stktagg.socket"), "stktagg.socket", "stktagg.socket mode 666"),
	Good: alter(statsExample("/run/hapee-extras/stktagg.socket"), "stktagg.socket", "stktagg.socket mode 660"),
	Run:  runSocketMode,
}

func runSocketMode(p *Pass) {
	var all places[string]
	for _, n := range p.Cluster.Nodes {
		for _, list := range [][]topology.StatsSocket{n.Stats, n.CLI} {
			for _, s := range list {
				if mode := s.Mode.Value; s.Address.Unix != "" && !s.Mode.Unresolved && writable(mode) && !p.skips(s.Mode.Span, n.Name.Value) {
					all.add(mode, n.Name.Value, s.Mode.Span)
				}
			}
		}
	}
	for _, mode := range all.order {
		seen := all.at[mode]
		who := nodesOf(seen)
		safe := mode[:len(mode)-1] + "0"
		fix := diag.Fix{Title: "mode " + safe}
		for _, s := range seen {
			fix.Edits = append(fix.Edits, p.replace(s.at, safe)...)
		}
		p.report(diag.Finding{
			Summary: fmt.Sprintf("%s %s a stats socket with mode `%s`, which lets every user write to it", and(who), verb(len(who), "has", "have"), mode),
			Primary: note(seen[0].at, "others can write"),
			Related: rest(seen),
			Impact:  "every account on the host can read tracked keys and clear tables",
			Fixes:   []diag.Fix{fix},
			Nodes:   who,
		})
	}
}

// writable tells whether others can write with an octal mode.
func writable(mode string) bool {
	if len(mode) < 3 {
		return false
	}
	last := mode[len(mode)-1]
	return last >= '0' && last <= '7' && (last-'0')&2 != 0
}
