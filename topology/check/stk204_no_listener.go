package check

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology"
)

var noListener = &Check{
	Code:     "STK204",
	Slug:     "no-listener",
	Title:    "a balancer listens for its peers nowhere",
	Severity: diag.Warning,
	Since:    "0.2",
	Text: Text{
		What:    "A peers section with `server` lines has no `bind` line, and an aggregator lists the balancer at an address.",
		Why:     "The aggregator cannot open the session. It lives by the balancer's own dial alone: after a break it comes back only when the balancer tries again, and not at all where something stands in that way.",
		RunTime: "`haproxy -c` says that the configuration is valid. `show peers` names the balancer's own entry `id=hapee1(local,inactive) addr=:0`, and no port is open (tried on 2.6.12 and 3.2.0). Nothing is logged.",
		Fix:     "Add a `bind` line with the port that the aggregator dials. Where only the balancer can dial, because of address translation, ignore the finding with a comment that says so.",
	},
	Bad:  altered("  bind 0.0.0.0:44444\n  server hapee2\n", "  server hapee2\n"),
	Good: altered(),
	Run:  runNoListener,
}

func runNoListener(p *Pass) {
	var all foldedFindings
	for _, e := range p.Graph.Edges {
		s, line := e.PeersSection(e.Lower), e.UpperPeer
		if e.Mesh || s == nil || line == nil || s.Style != topology.ServerStyle || !s.Listen.IsZero() || s.Local.IsZero() || line.Address.Unresolved {
			continue
		}
		all.add(diag.Finding{
			Summary: fmt.Sprintf("%s has no `bind` line in `peers %s`, so that %s cannot dial it", e.Lower.Name, s.Name.Value, e.Upper.Name),
			Primary: note(s.Header, "no `bind` here"),
			Related: []diag.Note{note(line.Address.Span, "%s dials this", e.Upper.Name)},
			Impact:  "the link lives by the balancer's own dial alone",
			RunTime: &diag.RunTime{Command: "show peers", On: e.Lower.Name, Symptom: fmt.Sprintf("`id=%s(local,inactive) addr=:0`; nothing is logged", e.Lower.Name)},
			Fixes:   []diag.Fix{{Title: fmt.Sprintf("add `bind :%d` to `peers %s`", line.Address.Port, s.Name.Value), Edits: p.bindLine(s, line.Address.Port)}},
			Nodes:   []string{e.Lower.Name, e.Upper.Name},
			Edges:   []string{e.Upper.Name + "->" + e.Lower.Name},
		}, e.Lower.Name, s.Name.Value)
	}
	all.report(p, func(who, key []string) string {
		return fmt.Sprintf("%s have no `bind` line in `peers %s`, so that their aggregators cannot dial them", and(who), key[0])
	})
}

// bindLine puts a listener in front of a section's own line.
func (p *Pass) bindLine(s *topology.PeersSection, port int) []diag.Edit {
	first := s.Local.Span
	if len(s.Peers) == 0 || port == 0 {
		return nil
	}
	for _, l := range s.Peers {
		if l.Span.Compare(first) < 0 {
			first = l.Span
		}
	}
	if first == s.Local.Span { // of the own line only the name's place is known
		first = s.Peers[0].Span
	}
	return p.insertBefore(first, fmt.Sprintf("bind :%d", port))
}
