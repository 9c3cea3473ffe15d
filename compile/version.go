package compile

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology"
	"stktc/topology/sticktable"
)

// The first HAProxy versions that know what balancers' files are made of.
var (
	serverStyleSince = sticktable.Version{Major: 2, Minor: 0}
	inPeersSince     = sticktable.Version{Major: 2, Minor: 0}
	localPeerSince   = sticktable.Version{Major: 2, Minor: 2}
)

// checkVersions holds what is written to the oldest HAProxy that is to read it.
func checkVersions(u *unit) {
	if u.cluster.HAProxy == (sticktable.Version{}) {
		return
	}
	for _, h := range u.hosts {
		if h.balancer == nil {
			continue
		}
		for _, p := range h.node.Peers {
			if p.Style == topology.ServerStyle {
				u.needs(h.node, p.Header, "a peers section of `bind` and `server` lines", serverStyleSince)
			}
		}
		for _, t := range h.node.Tables {
			u.tableVersion(h.node, t)
		}
		if h.node.Build.LocalPeer == topology.LocalPeerEmit {
			u.needs(h.node, h.node.LocalPeer.Span, "a `localpeer` line", localPeerSince)
		}
	}
}

func (u *unit) tableVersion(n *topology.Node, t *topology.Table) {
	if t.InPeers {
		u.needs(n, t.Span, "a `table` line in a peers section", inPeersSince)
	}
	for _, c := range t.Shape.Definition.Columns {
		if since := c.Type.Spec().Since; since != (sticktable.Version{}) {
			u.needs(n, t.Shape.Columns.At(c.Type), fmt.Sprintf("data type `%s`", c.Type), since)
		}
	}
}

// needs reports what is newer than the stated HAProxy.
func (u *unit) needs(n *topology.Node, at diag.Span, what string, since sticktable.Version) {
	stated := u.cluster.HAProxy
	if !stated.Before(since) {
		return
	}
	f := finding(CodeVersion, at, "since HAProxy "+since.String(), fmt.Sprintf("%s needs HAProxy %s, but the oldest among the nodes is %s", what, since, stated))
	f.Related = []diag.Note{{Span: u.cluster.HAProxyAt, Label: "the oldest"}}
	f.Impact = "HAProxy refuses the file"
	f.Nodes = []string{n.Name.Value}
	u.findings.Add(f)
}
