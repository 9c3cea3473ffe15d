package check

import (
	"fmt"
	"slices"

	"stktc/grammar/diag"
	"stktc/topology"
)

var localpeerLate = &Check{
	Code:     "STK102",
	Slug:     "local-peer-late",
	Title:    "localpeer stands after a peers section",
	Severity: diag.Error,
	Since:    "0.1",
	Outside:  "the command line: `-L NAME` gives the name whatever `localpeer` says",
	Text: Text{
		What:    "`localpeer` must stand before the first peers section, in the order in which HAProxy reads the files.",
		Why:     "HAProxy ignores the line. The process is then called by its host name, and unless that happens to be the same, the peers section has no line for it and is removed.",
		RunTime: "HAProxy 2.6 warns \"'localpeer' ignored since it is used after 'peers' section\" and exits with 0; newer versions refuse the configuration.",
		Fix:     "Move the global section with `localpeer` to the front, or into the file that is read first.",
	},
	Bad: `-- hapee1/hapee-lb.cfg --
peers mypeers
  bind 0.0.0.0:44444
  server hapee1
  server aggr1 192.168.56.111:11111

global
  localpeer hapee1
`,
	Good: `-- hapee1/hapee-lb.cfg --
global
  localpeer hapee1

peers mypeers
  bind 0.0.0.0:44444
  server hapee1
  server aggr1 192.168.56.111:11111
`,
	Run: runLocalpeerLate,
}

func runLocalpeerLate(p *Pass) {
	if p.Cluster.Source == topology.FromTopology {
		return
	}
	for _, n := range p.Cluster.Nodes {
		own := n.LocalPeer
		i := slices.IndexFunc(n.Peers, func(s *topology.PeersSection) bool { return readsBefore(n, s.Header, own.Span) })
		if own.IsZero() || i < 0 {
			continue
		}
		s := n.Peers[i]
		p.report(diag.Finding{
			Summary: fmt.Sprintf("%s sets `localpeer %s` after its peers section `%s`, where HAProxy ignores it", n.Name.Value, own.Value, s.Name.Value),
			Primary: note(own.Span, "too late"),
			Related: []diag.Note{note(s.Header, "the name must be known here")},
			Impact:  fmt.Sprintf("the process goes by its host name; unless that is `%s` too, HAProxy removes the section and no table of %s is shared", own.Value, n.Name.Value),
			RunTime: &diag.RunTime{Command: "haproxy -c", On: n.Name.Value, Symptom: "a warning, `'localpeer' ignored`, and exit 0"},
			Fixes:   []diag.Fix{{Title: "move the global section with `localpeer` before `peers " + s.Name.Value + "`"}},
			Nodes:   []string{n.Name.Value},
		})
	}
}

// readsBefore tells whether HAProxy reads a before b: files in their order, each from its beginning.
func readsBefore(n *topology.Node, a, b diag.Span) bool {
	if a.File == b.File {
		return a.Start.Offset < b.Start.Offset
	}
	return slices.Index(n.Files, a.File) < slices.Index(n.Files, b.File)
}
