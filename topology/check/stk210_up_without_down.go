package check

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology"
)

var upWithoutDown = &Check{
	Code:     "STK210",
	Slug:     "up-without-down",
	Title:    "an aggregator reports up to one that does not take it as down",
	Severity: diag.Error,
	Since:    "0.1",
	Text: Text{
		What:    "An aggregator marks another as `up`, but the other does not list it, or marks it as something else than `down`.",
		Why:     "The upper aggregator neither accepts the lower one's sums nor sends its own: the whole subtree is missing from the total, and its nodes never see it.",
		RunTime: "If the upper one does not list it: `last_status=UNKN` (status 504) at the lower one. If only the mark is wrong, the session looks healthy and the tables stay empty. Nothing is logged.",
		Fix:     "Mark the pair `up` on the lower and `down` on the upper aggregator.",
	},
	Bad: `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1 192.168.56.111:11111 local
  peer aggr3 192.168.56.113:22222 up
  from .uncombined to .aggr
-- aggr2/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr2 192.168.56.112:11111 local
  peer aggr3 192.168.56.113:22222 up
  from .uncombined to .aggr
-- aggr3/hapee-stktagg.cfg --
aggregations myl2
  peer aggr3 192.168.56.113:22222 local
  peer aggr2 192.168.56.112:11111 down
  from .aggr to .l2
`,
	Good: `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1 192.168.56.111:11111 local
  peer aggr3 192.168.56.113:22222 up
  from .uncombined to .aggr
-- aggr2/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr2 192.168.56.112:11111 local
  peer aggr3 192.168.56.113:22222 up
  from .uncombined to .aggr
-- aggr3/hapee-stktagg.cfg --
aggregations myl2
  peer aggr3 192.168.56.113:22222 local
  peer aggr1 192.168.56.111:11111 down
  peer aggr2 192.168.56.112:11111 down
  from .aggr to .l2
`,
	Run: runUpWithoutDown,
}

func runUpWithoutDown(p *Pass) {
	var all foldedFindings
	for _, e := range p.Graph.Edges {
		up, down := e.LowerPeer, e.UpperPeer
		if up == nil || up.Direction != topology.Up || e.Upper.Absent() || e.Lower == e.Upper || down != nil && down.Direction == topology.Down || down == nil && e.Upper.HidesName() {
			continue
		}
		if _, explained := p.renamed[e]; !explained && e.Upper.Kind == topology.Aggregator {
			all.add(unmatchedMark(p, e, e.Lower, topology.Down), e.Lower.Name, e.Upper.Name, fmt.Sprint(down == nil))
		}
	}
	all.report(p, func(who, key []string) string {
		return fmt.Sprintf("%s report up to %s, but %s does not list them as `down`", and(who), key[0], key[0])
	})
}

// unmatchedMark is about a mark of one aggregator, up or down, that the other end does not return as wanted.
func unmatchedMark(p *Pass, e *topology.Edge, marked *topology.Vertex, wanted topology.Direction) diag.Finding {
	silent := other(e, marked)
	line, back := lineOf(e, marked), lineOf(e, silent)
	says, expects := "reports up to", "its parent"
	if wanted == topology.Up {
		says, expects = "counts on", "to report to it"
	}
	below := names(p.balancersBelow(e.Lower))
	f := diag.Finding{
		Summary: fmt.Sprintf("%s %s %s, but %s does not list %s as `%s`", marked.Name, says, silent.Name, silent.Name, marked.Name, wanted),
		Primary: note(roleSpan(line), "%s expects %s to be %s", marked.Name, silent.Name, expects),
		Impact:  fmt.Sprintf("%s refuses %s's greeting: %s", silent.Name, marked.Name, cutOff(below, e.Upper.Name)),
		RunTime: &diag.RunTime{Command: "show peers", On: marked.Name, Symptom: fmt.Sprintf("`last_status=UNKN` for %s; nothing is logged", silent.Name)},
		Nodes:   []string{marked.Name, silent.Name},
		Edges:   []string{marked.Name + "->" + silent.Name},
	}
	if wanted == topology.Up {
		f.Primary.Label = fmt.Sprintf("%s expects %s %s", marked.Name, silent.Name, expects)
	}
	remove := diag.Fix{Title: fmt.Sprintf("delete %s's line for %s, if they are not to be linked", marked.Name, silent.Name)}
	if back == nil {
		f.Related = p.missingLine(e, silent)
		f.Fixes = []diag.Fix{addLine(p, e, silent), remove}
		return f
	}
	f.Related = []diag.Note{note(roleSpan(back), "%s lists %s as %s", silent.Name, marked.Name, markWord(back))}
	f.Impact = fmt.Sprintf("neither takes the other's tables: %s", cutOff(below, e.Upper.Name))
	f.RunTime.Symptom = "`last_status=ESTA`, which looks healthy, while the tables stay empty; nothing is logged"
	f.Fixes = []diag.Fix{{Title: fmt.Sprintf("mark %s as `%s` in %s", marked.Name, wanted, silent.Name), Edits: p.mark(back, wanted)}}
	return f
}

// roleSpan is the word that marks a line, or the line's name where there is none.
func roleSpan(l *topology.Peer) diag.Span {
	if l.Role.IsZero() {
		return l.Name.Span
	}
	return l.Role
}

func markWord(l *topology.Peer) string {
	if l.Direction == topology.Unmarked {
		return "an HAProxy node"
	}
	return code(l.Direction.String())
}

// mark is the edit that gives a line its direction.
func (p *Pass) mark(l *topology.Peer, d topology.Direction) []diag.Edit {
	if !l.Role.IsZero() {
		return p.replace(l.Role, d.String())
	}
	end := l.Address.Span.End
	if l.Address.Span.IsZero() {
		return nil
	}
	return p.replace(diag.Span{File: l.Address.Span.File, Start: end, End: end}, " "+d.String())
}

func cutOff(below []string, upper string) string {
	if len(below) == 0 {
		return "what is below is cut off from " + upper
	}
	return fmt.Sprintf("%s %s cut off from %s, its total lacks their counters", and(below), verb(len(below), "is", "are"), upper)
}
