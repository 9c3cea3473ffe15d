package check

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology"
)

var absent = &Check{
	Code:     "STK107",
	Slug:     "files-absent",
	Title:    "hosts are named whose files were not given",
	Severity: diag.Info,
	Since:    "0.1",
	Text: Text{
		What:    "A line names a peer, and none of the files that were read is that peer's.",
		Why:     "Nothing is wrong, but whether the two ends agree cannot be checked: neither the name nor the address, the direction or the tables.",
		RunTime: "Nothing.",
		Fix:     "Give the files of all hosts: a directory with one directory for each, or NAME=PATH for some.",
	},
	Bad: `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1  192.168.56.111:11111 local
  peer hapee1 192.168.56.101:44444
  from .uncombined to .aggr
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
	Run: runAbsent,
}

func runAbsent(p *Pass) {
	var missing []topology.Text
	gone := map[string]bool{} // a name that leads to a known host by another way is STK103's
	for _, x := range p.Graph.Vertices {
		gone[x.Name] = gone[x.Name] || x.Absent() && len(p.edges[x]) > 0
	}
	for _, a := range p.renamed {
		gone[a.line.Name.Value] = false
	}
	for _, t := range p.Cluster.Absent {
		if gone[t.Value] && !t.Unresolved && !p.Cluster.Partial[t.Value] {
			missing = append(missing, t)
		}
	}
	if len(missing) == 0 {
		return
	}
	f := diag.Finding{Impact: "what the files at hand say of them is not compared with anything"}
	for i, t := range missing {
		f.Nodes = append(f.Nodes, t.Value)
		if i == 0 {
			f.Primary = note(t.Span, "named here")
		} else {
			f.Related = append(f.Related, note(t.Span, "named here"))
		}
	}
	f.Summary = fmt.Sprintf("%s %s named, but %s files were not given", and(f.Nodes), verb(len(missing), "is", "are"), verb(len(missing), "its", "their"))
	p.report(f)
}
