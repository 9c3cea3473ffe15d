package check

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology"
)

var mark = &Check{
	Code:     "STK217",
	Slug:     "peer-mark",
	Title:    "a peer's mark does not fit what it is",
	Severity: diag.Error,
	Since:    "0.1",
	Text: Text{
		What:    "In an aggregator's file a line without `up` or `down` stands for an HAProxy node. Another aggregator needs one of the two marks, or `replica` where it sums the same nodes, and an HAProxy node none.",
		Why:     "The mark decides which tables are accepted from a peer and which are sent to it. With the wrong one the tables are decoded and ignored.",
		RunTime: "The session looks healthy, `last_status=ESTA`, and the sums stay empty. Nothing is logged.",
		Fix:     "Mark the aggregator below as `down` and the one above as `up`; take the mark away from an HAProxy node.",
	},
	Bad: `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1  192.168.56.111:11111 local
  peer hapee1 192.168.56.101:44444 down
  from .uncombined to .aggr
-- hapee1/hapee-lb.cfg --
backend mytable.uncombined
  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers
backend mytable.aggr
  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers
peers mypeers
  bind 0.0.0.0:44444
  server hapee1
  server aggr1 192.168.56.111:11111
`,
	Good: `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1  192.168.56.111:11111 local
  peer hapee1 192.168.56.101:44444
  from .uncombined to .aggr
-- hapee1/hapee-lb.cfg --
backend mytable.uncombined
  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers
backend mytable.aggr
  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers
peers mypeers
  bind 0.0.0.0:44444
  server hapee1
  server aggr1 192.168.56.111:11111
`,
	Run: runMark,
}

func runMark(p *Pass) {
	for _, r := range p.nodesAsReplicas {
		p.report(p.nodeReplicaFinding(r))
	}
	for _, e := range p.Graph.Edges {
		if e.Mesh || e.Lower == e.Upper {
			continue
		}
		for _, x := range []*topology.Vertex{e.Lower, e.Upper} {
			far, line := other(e, x), lineOf(e, x)
			if x.Kind != topology.Aggregator || line == nil || far.Absent() {
				continue
			}
			if far.Kind == topology.Balancer && far.Node.IsBalancer() && line.Direction != topology.Unmarked {
				p.report(markFinding(p, e, x, fmt.Sprintf("%s lists %s as `%s`, but %s is an HAProxy node", x.Name, far.Name, line.Direction, far.Name)))
			}
			back := lineOf(e, far)
			told := back != nil && back.Direction != topology.Unmarked // STK210 or STK211 is about it
			first := x == e.Upper || e.UpperPeer == nil
			if far.Kind == topology.Aggregator && line.Direction == topology.Unmarked && !told && first {
				p.report(markFinding(p, e, x, fmt.Sprintf("%s lists %s without `up` or `down`, but %s is an aggregator", x.Name, far.Name, far.Name)))
			}
		}
	}
}

// nodeReplica is a line that takes a node for an aggregator of the same nodes.
type nodeReplica struct {
	at   *topology.Vertex
	line *topology.Peer
	node *topology.Vertex
}

// nodeReplicas finds them. They are mended before anything else is looked at, see withMended.
func (v *view) nodeReplicas() []nodeReplica {
	var all []nodeReplica
	for _, e := range v.Graph.Edges {
		for _, x := range []*topology.Vertex{e.Lower, e.Upper} {
			far, line := other(e, x), lineOf(e, x)
			if isReplica(line) && far.Kind == topology.Balancer && !far.Absent() && far.Node.IsBalancer() {
				all = append(all, nodeReplica{x, line, far})
			}
		}
	}
	return all
}

func (p *Pass) nodeReplicaFinding(r nodeReplica) diag.Finding {
	var header diag.Span
	if sections := r.node.Node.Peers; len(sections) > 0 {
		header = sections[0].Header
	}
	return diag.Finding{
		Summary: fmt.Sprintf("%s lists %s as its `replica`, but %s is an HAProxy node", r.at.Name, r.node.Name, r.node.Name),
		Primary: note(r.line.Span, "%s takes it for an aggregator of the same nodes", r.at.Name),
		Related: []diag.Note{note(header, "%s is an HAProxy node", r.node.Name)},
		Impact:  fmt.Sprintf("what %s counts is in no sum", r.node.Name),
		RunTime: &diag.RunTime{Command: "show peers", On: r.at.Name, Symptom: "`last_status=ESTA`, which looks healthy, while the sums lack the node"},
		Nodes:   []string{r.at.Name, r.node.Name},
		Edges:   []string{r.at.Name + "->" + r.node.Name},
	}
}

func markFinding(p *Pass, e *topology.Edge, x *topology.Vertex, summary string) diag.Finding {
	far := other(e, x)
	line, back := lineOf(e, x), lineOf(e, far)
	f := diag.Finding{
		Summary: summary,
		Primary: note(roleSpan(line), "%s takes it for %s", x.Name, kindOf(line)),
		Related: []diag.Note{note(p.header(e, far), "%s is %s", far.Name, article(far.Kind))},
		Impact:  "the mark decides which tables are accepted and sent: what this peer sends is ignored",
		RunTime: &diag.RunTime{Command: "show peers", On: x.Name, Symptom: "`last_status=ESTA`, which looks healthy, while the sums stay empty"},
		Nodes:   []string{x.Name, far.Name},
		Edges:   []string{x.Name + "->" + far.Name},
	}
	if back != nil && far.Kind == topology.Aggregator {
		f.Related = append(f.Related, note(roleSpan(back), "and lists %s as %s", x.Name, markWord(back)))
	}
	return f
}

func kindOf(l *topology.Peer) string {
	if l.Direction == topology.Unmarked && !l.Replica {
		return "an HAProxy node"
	}
	return "an aggregator"
}

func article(k topology.Kind) string {
	if k == topology.Aggregator {
		return "an aggregator"
	}
	return "an HAProxy node"
}
