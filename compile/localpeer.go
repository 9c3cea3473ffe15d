package compile

import (
	"fmt"
	"slices"

	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/topology"
)

// localPeer is where a node's localpeer line goes.
type localPeer struct {
	place  place  // zero: nowhere
	global bool   // the line needs a global section of its own
	lead   string // the indentation of the global section that it goes into
}

func placeLocalPeer(u *unit) {
	for _, h := range u.hosts {
		if b := h.balancer; b != nil {
			u.localPeerInBase(b)
			if b.node.Build.LocalPeer == topology.LocalPeerEmit {
				u.emitLocalPeer(b)
			}
		}
	}
}

// isNamed tells whether the files say what the node is called.
func (b *balancer) isNamed() bool {
	named := b.node.Build.LocalPeer == topology.LocalPeerEmit
	b.eachSection(func(_ *base, s *grammar.Section) {
		named = named || s.Keyword.Value == "global" && slices.ContainsFunc(s.Lines, func(l grammar.Line) bool { return starts(&l, "localpeer") })
	})
	return named
}

// localPeerInBase judges the base's own localpeer lines: beside ours each is one too many, else it must say the node's name.
func (u *unit) localPeerInBase(b *balancer) {
	emit := b.node.Build.LocalPeer == topology.LocalPeerEmit
	b.eachSection(func(_ *base, s *grammar.Section) {
		for i := range s.Lines {
			l := &s.Lines[i]
			name := word(l, 1)
			if s.Keyword.Value != "global" || !starts(l, "localpeer") || name.Unresolved {
				continue
			}
			if !emit && name.Value == b.node.Name.Value {
				u.findings.Add(localPeerSaid(b, name))
				continue
			}
			u.findings.Add(localPeerFinding(b, name, emit))
		}
	})
}

// localPeerSaid is about a base that says the right name, so that nothing else must.
func localPeerSaid(b *balancer, name grammar.Scalar) diag.Finding {
	f := finding(CodeLocalPeer, name.Span, "the node's own name", fmt.Sprintf("base `%s` says localpeer `%s`, so HAProxy must be started without -L", name.Span.File, name.Value))
	f.Severity = diag.Info
	f.Impact = "HAProxy 3 refuses to start with both; 2.6 takes the name from -L"
	f.Nodes = []string{b.node.Name.Value}
	return f
}

func localPeerFinding(b *balancer, name grammar.Scalar, emit bool) diag.Finding {
	n := b.node.Name
	summary := fmt.Sprintf("base `%s` says localpeer `%s`, but the node is `%s`", name.Span.File, name.Value, n.Value)
	if emit {
		summary = fmt.Sprintf("base `%s` says localpeer `%s`, and the topology says `localpeer: emit`", name.Span.File, name.Value)
	}
	f := finding(CodeLocalPeer, name.Span, "the base's own name for the node", summary)
	f.Related = []diag.Note{{Span: n.Span, Label: "the node's name"}}
	f.Impact = fmt.Sprintf("HAProxy drops the peers section, which has no peer `%s`, and shares nothing", name.Value)
	if emit {
		f.Impact = fmt.Sprintf("the last of several localpeer lines wins: the node would call itself `%s`", name.Value)
	}
	f.Nodes = []string{n.Value}
	return f
}

// emitLocalPeer places the line first in the first global section that is always there; without one, in a section of its own
// before everything else.
func (u *unit) emitLocalPeer(b *balancer) {
	if len(b.bases) == 0 {
		return
	}
	if b.node.Build.Fragment {
		u.localPeerBehind(b)
		return
	}
	b.local = localPeer{place{b.bases[0], b.bases[0].firstStatement()}, true, ""}
	var peers *grammar.Section
	b.eachSection(func(file *base, s *grammar.Section) {
		switch {
		case !b.local.global: // found
		case s.Keyword.Value == "peers" && peers == nil:
			peers = s
		case s.Keyword.Value == "global" && !s.Header.Conditional:
			b.local = localPeer{place{file, s.Header.End}, false, lead(file, s)}
			if peers != nil {
				u.findings.Add(globalAfterPeers(b, s, peers))
			}
		}
	})
}

// localPeerBehind is about a fragment, which HAProxy reads behind the bases.
func (u *unit) localPeerBehind(b *balancer) {
	var peers *grammar.Section
	b.eachSection(func(_ *base, s *grammar.Section) {
		if s.Keyword.Value == "peers" && peers == nil {
			peers = s
		}
	})
	if peers == nil {
		return
	}
	f := finding(CodeLocalPeer, statement(&peers.Header), "HAProxy has fixed its own name here",
		fmt.Sprintf("base `%s` has the peers section `%s`, before the localpeer line of the fragment", peers.Keyword.Span.File, peers.Name.Value))
	f.Related = []diag.Note{{Span: b.node.LocalPeer.Span, Label: "the line comes from here"}}
	f.Impact = "HAProxy ignores a localpeer line behind a peers section, and calls itself by the host name"
	f.Notes = []string{"a localpeer line in the base, or -L, names the node too: then `localpeer: external` is right"}
	f.Nodes = []string{b.node.Name.Value}
	u.findings.Add(f)
}

func globalAfterPeers(b *balancer, global, peers *grammar.Section) diag.Finding {
	f := finding(CodeLocalPeer, statement(&global.Header), "the localpeer line would go here",
		fmt.Sprintf("base `%s` has its first global section behind the peers section `%s`", global.Keyword.Span.File, peers.Name.Value))
	f.Related = []diag.Note{{Span: statement(&peers.Header), Label: "HAProxy has fixed its own name here"}}
	f.Impact = "HAProxy ignores a localpeer line behind a peers section, and calls itself by the host name"
	f.Nodes = []string{b.node.Name.Value}
	return f
}
