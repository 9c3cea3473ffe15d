package check

import (
	"fmt"
	"path"

	"stktc/grammar/diag"
	"stktc/topology"
)

var directory = &Check{
	Code:     "STK104",
	Slug:     "name-not-directory",
	Title:    "a host's own name is not that of its directory",
	Severity: diag.Warning,
	Since:    "0.1",
	Text: Text{
		What:    "The files of a host lie in a directory that bears another name than the one by which the host greets its peers.",
		Why:     "Nothing, if the directory is named after something else. But often a file was copied from another host and its name was forgotten; two hosts of one name drive each other out of every session.",
		RunTime: "Nothing shows while the name is unique.",
		Fix:     "Rename the directory, or correct the host's `localpeer` and `server` line.",
	},
	Bad: `-- lb-east/hapee-lb.cfg --
peers mypeers
  bind 0.0.0.0:44444
  server hapee1
  server aggr1 192.168.56.111:11111
`,
	Good: `-- hapee1/hapee-lb.cfg --
peers mypeers
  bind 0.0.0.0:44444
  server hapee1
  server aggr1 192.168.56.111:11111
`,
	Run: runDirectory,
}

func runDirectory(p *Pass) {
	if p.Cluster.Source == topology.FromTopology {
		return
	}
	misnamed := map[*topology.Node]bool{} // STK103 says it better
	for _, m := range p.misnamings() {
		misnamed[m.of.Node] = true
	}
	for _, n := range p.Cluster.Nodes {
		dir := path.Base(n.Dir)
		own := n.Name
		stated := n.NameFrom == topology.NameFromLocalPeer || n.NameFrom == topology.NameFromLocalServer
		if n.Dir == "" || own.Unresolved || !stated || own.Value == dir || misnamed[n] || p.goesBy(n, dir) || len(p.sharing(n)) > 1 || isTorn(n) {
			continue
		}
		p.report(diag.Finding{
			Summary: fmt.Sprintf("%s is the name of the host whose files lie in `%s`", own.Value, dir),
			Primary: note(own.Span, "the directory is called `%s`", dir),
			Impact:  "none while no other host has the name; a file that was copied from another host looks like this",
			Nodes:   []string{own.Value},
		})
	}
}

// goesBy tells whether a host's files give it the name in some place: a host that is balancer and aggregator has two,
// and one whose names contradict each other is STK101's.
func (p *Pass) goesBy(n *topology.Node, name string) bool {
	for _, s := range n.Peers {
		if s.Local.Value == name {
			return true
		}
	}
	for _, s := range n.Aggregations {
		if s.Local != nil && s.Local.Name.Value == name {
			return true
		}
	}
	return false
}
