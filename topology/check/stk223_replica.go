package check

import (
	"fmt"
	"slices"

	"stktc/grammar/diag"
	"stktc/topology"
)

var replicaOneSided = &Check{
	Code:     "STK223",
	Slug:     "replica-one-sided",
	Title:    "one of two aggregators lists the other as its replica, and not the reverse",
	Severity: diag.Error,
	Since:    "0.2",
	Text: Text{
		What:    "Aggregators that sum the same nodes list each other with `replica`, so that one of them writes to the nodes and the other stands by. Here one has such a line, and the other has none, or one without `replica`.",
		Why:     "No session between the two comes up, and each takes the other for lost: both write to the nodes. While one of them lacks a node its smaller sums overwrite the right ones.",
		RunTime: "`show peers` on the one that has the line says `last_status=UNKN` for the other, or NAME, and both say that they write. The nodes show sums that jump while a node is away from one of them.",
		Fix:     "Add the line to the other's file too, or take it away from both.",
	},
	Bad:  replicas("replica", ""),
	Good: replicas("replica", "  peer aggr1  192.168.56.111:11111 replica\n"),
	Run:  runReplica,
}

// replicas are two aggregators of the same nodes: the first lists the second with a mark, the second has a line for the first.
func replicas(mark, back string) string {
	first := "  peer aggr2  192.168.56.112:11111 " + mark + "\n"
	return altered("  from .uncombined to .aggr\n", first+"  from .uncombined to .aggr\n-- aggr2/hapee-stktagg.cfg --\naggregations myaggr\n  peer aggr2  192.168.56.112:11111 local\n  peer hapee1 192.168.56.101:44444\n  peer hapee2 192.168.56.102:44444\n"+back+"  from .uncombined to .aggr\n",
		"  server aggr1 192.168.56.111:11111\n", "  server aggr1 192.168.56.111:11111\n  server aggr2 192.168.56.112:11111\n")
}

func runReplica(p *Pass) {
	for _, e := range p.Graph.Edges {
		if !e.Mesh || e.Lower.Section == nil || e.Upper.Section == nil || isReplica(e.LowerPeer) == isReplica(e.UpperPeer) {
			continue
		}
		from, to := e.Lower, e.Upper
		if !isReplica(e.LowerPeer) {
			from, to = to, from
		}
		if back := lineOf(e, to); p.linkedOtherwise(from, to) || back != nil && back.Direction != topology.Unmarked { // by a line with another mark: STK217 and others are about that
			continue
		}
		p.report(p.replicaFinding(e, from, to))
	}
}

func isReplica(line *topology.Peer) bool { return line != nil && line.Replica }

// areReplicas tells whether both ends of an edge say that they stand in for each other.
func areReplicas(e *topology.Edge) bool { return isReplica(e.LowerPeer) && isReplica(e.UpperPeer) }

// isUnlike tells whether an aggregator has a replica with other rules or members: STK218 is about that, and nothing is said of what follows.
func (v *view) isUnlike(x *topology.Vertex) bool {
	if v.unlike == nil {
		v.unlike = map[*topology.Vertex]bool{}
		for _, e := range v.Graph.Edges {
			a, b := e.Lower, e.Upper
			if areReplicas(e) && a.Section != nil && b.Section != nil && (!slices.Equal(ruleTexts(a), ruleTexts(b)) || standInKey(v.memberNames(a)) != standInKey(v.memberNames(b))) {
				v.unlike[a], v.unlike[b] = true, true
			}
		}
	}
	return v.unlike[x]
}

func (p *Pass) linkedOtherwise(a, b *topology.Vertex) bool {
	return len(p.edgesWhere(a, func(e *topology.Edge) bool { return other(e, a) == b && !e.Mesh })) > 0
}

func (p *Pass) replicaFinding(e *topology.Edge, from, to *topology.Vertex) diag.Finding {
	f := diag.Finding{
		Summary: fmt.Sprintf("%s lists %s as its `replica`, but %s does not list %s", from.Name, to.Name, to.Name, from.Name),
		Primary: note(lineOf(e, from).Span, "%s expects a session with %s", from.Name, to.Name),
		Related: []diag.Note{note(to.Section.Header, "no line for %s here", from.Name)},
		Impact:  fmt.Sprintf("%s refuses %s's greeting; each takes the other for lost, and both write to the nodes", to.Name, from.Name),
		RunTime: &diag.RunTime{Command: "show peers", On: from.Name, Symptom: fmt.Sprintf("`last_status=UNKN` for %s; nothing is logged by the nodes", to.Name)},
		Nodes:   []string{from.Name, to.Name},
		Edges:   []string{from.Name + "->" + to.Name},
	}
	if plain := lineOf(e, to); plain != nil {
		end := diag.Span{File: plain.Span.File, Start: plain.Span.End, End: plain.Span.End}
		f.Summary = fmt.Sprintf("%s lists %s as its `replica`, but %s lists %s as a node", from.Name, to.Name, to.Name, from.Name)
		f.Related = []diag.Note{note(plain.Span, "no `replica` here")}
		f.Impact = fmt.Sprintf("%s sends its sums to %s as to a node, and does not stand by: both write to the nodes", to.Name, from.Name)
		f.RunTime = &diag.RunTime{Command: "show peers", On: to.Name, Symptom: "`last_status=ESTA`, which looks healthy; nothing is logged"}
		f.Fixes = []diag.Fix{{Title: fmt.Sprintf("add `replica` to %s's line for %s", to.Name, from.Name), Edits: p.replace(end, " replica")}}
		return f
	}
	line := fmt.Sprintf("peer %s %s replica", from.Name, endpoint(p.listen(e, from)))
	known := endpoint(p.listen(e, from)) != ""
	if !known {
		line = fmt.Sprintf("peer %s ADDRESS:%d replica", from.Name, p.listen(e, from).Port)
	}
	fix := diag.Fix{Title: fmt.Sprintf("add `%s` to %s", line, to.Name)}
	if lines := to.Section.Peers; known && len(lines) > 0 {
		fix.Edits = p.insertBefore(lines[0].Span, line)
	}
	f.Fixes = []diag.Fix{fix}
	return f
}
