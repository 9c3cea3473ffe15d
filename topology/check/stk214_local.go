package check

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology"
)

var local = &Check{
	Code:     "STK214",
	Slug:     "aggregator-local",
	Title:    "an aggregator has not exactly one local peer, or lists itself as a peer",
	Severity: diag.Error,
	Since:    "0.1",
	Alone:    true,
	Text: Text{
		What:    "An aggregations section needs exactly one line with `local`: the aggregator's own name and the address where it listens. No other line may have that name or address.",
		Why:     "Without it the aggregator has no name to greet with and no port to be reached at. With two it cannot know which is meant. A line for itself makes it dial itself.",
		RunTime: "The aggregator refuses to start, or talks to itself: `show peers` lists a session from its own address.",
		Fix:     "Mark the aggregator's own line with `local`, and only that one.",
	},
	Bad: `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1  192.168.56.111:11111
  peer hapee1 192.168.56.101:44444
  from .uncombined to .aggr
`,
	Good: `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1  192.168.56.111:11111 local
  peer hapee1 192.168.56.101:44444
  from .uncombined to .aggr
`,
	Run: runLocal,
}

func runLocal(p *Pass) {
	for _, n := range p.Cluster.Nodes {
		for _, s := range n.Aggregations {
			if s.Local == nil {
				p.report(noLocal(p, n, s))
			}
			for _, l := range s.Peers {
				p.secondSelf(n, s, l)
			}
		}
	}
}

func noLocal(p *Pass, n *topology.Node, s *topology.Aggregations) diag.Finding {
	f := diag.Finding{
		Summary: fmt.Sprintf("%s has no `local` peer in `aggregations %s`", n.Name.Value, s.Name.Value),
		Primary: note(s.Header, "no line here is marked `local`"),
		Impact:  "the aggregator has no name to greet with and no port to listen on: the section does nothing",
		Nodes:   []string{n.Name.Value},
	}
	for _, l := range s.Peers {
		if l.Name.Value == n.Name.Value && l.Direction == topology.Unmarked {
			f.Related = []diag.Note{note(l.Name.Span, "this is the host's own name")}
			f.Fixes = []diag.Fix{{Title: "mark it `local`", Edits: p.mark(l, topology.Local)}}
		}
	}
	return f
}

// secondSelf is about a line for the aggregator itself, besides the local one.
func (p *Pass) secondSelf(n *topology.Node, s *topology.Aggregations, l *topology.Peer) {
	f := diag.Finding{Nodes: []string{n.Name.Value}}
	own := s.Local
	switch {
	case own == nil:
		return
	case l.Direction == topology.Local:
		f.Summary = fmt.Sprintf("%s has a second `local` peer in `aggregations %s`: `%s` besides `%s`", n.Name.Value, s.Name.Value, l.Name.Value, own.Name.Value)
		f.Primary, f.Related = note(roleSpan(l), "a second one"), []diag.Note{note(roleSpan(own), "the first")}
		f.Impact = "the aggregator cannot know which name and port are its own, and does not start"
	case l.Name.Value == own.Name.Value && !own.Name.Unresolved && !l.Name.Unresolved:
		f.Summary = fmt.Sprintf("%s lists itself as a peer in `aggregations %s`", n.Name.Value, s.Name.Value)
		f.Primary, f.Related = note(l.Name.Span, "its own name"), []diag.Note{note(own.Name.Span, "the `local` peer")}
		f.Impact = "the aggregator dials itself"
	case endpoint(l.Address) != "" && endpoint(l.Address) == endpoint(own.Address):
		f.Summary = fmt.Sprintf("%s dials `%s` at `%s`, which is its own address", n.Name.Value, l.Name.Value, endpoint(l.Address))
		f.Primary, f.Related = note(l.Address.Span, "its own address"), []diag.Note{note(own.Address.Span, "the `local` peer listens here")}
		f.Impact = fmt.Sprintf("the aggregator dials itself and refuses itself, as it is not called `%s`", l.Name.Value)
	default:
		return
	}
	p.report(f)
}
