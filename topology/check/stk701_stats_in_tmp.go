package check

import (
	"fmt"
	"path"
	"strings"

	"stktc/grammar/diag"
)

var statsInTmp = &Check{
	Code:     "STK701",
	Slug:     "stats-socket-in-tmp",
	Title:    "an aggregator's stats socket lies below a directory that everybody can write to",
	Severity: diag.Info,
	Since:    "0.1",
	Alone:    true,
	Text: Text{
		What:    "`stats socket` names a path below `/tmp`, `/var/tmp` or `/dev/shm`.",
		Why:     "Any user of the host can put a file of that name there before the aggregator starts, or a directory of the name that is on the way to it. Cleaning services remove what is old from there.",
		RunTime: "The socket may be gone after some days, while the aggregator runs on.",
		Fix:     "Use a directory of the aggregator's own, such as `/run/hapee-extras`.",
	},
	Bad:  statsExample("/tmp/stktagg.socket"),
	Good: statsExample("/run/hapee-extras/stktagg.socket"),
	Run:  runStatsInTmp,
}

func statsExample(address string) string {
	return `-- aggr1/hapee-stktagg.cfg --
global
  stats socket ` + address + `

aggregations myaggr
  peer aggr1  192.168.56.111:11111 local
  peer hapee1 192.168.56.101:44444
  from .uncombined to .aggr
`
}

var publicDirectories = []string{"/tmp", "/var/tmp", "/dev/shm"}

func runStatsInTmp(p *Pass) {
	var f diag.Finding
	for _, n := range p.Cluster.Nodes {
		for _, s := range n.Stats {
			public := publicDirectory(s.Address.Unix)
			if s.Address.Unresolved || public == "" || p.skips(s.Address.Span, n.Name.Value) {
				continue
			}
			f.Nodes = append(f.Nodes, n.Name.Value)
			if f.Primary.Span.IsZero() {
				f.Primary = note(s.Address.Span, "everybody can write to `%s`", public)
			} else {
				f.Related = append(f.Related, note(s.Address.Span, "%s too", n.Name.Value))
			}
		}
	}
	if f.Nodes == nil {
		return
	}
	f.Summary = fmt.Sprintf("%s %s stats socket below a directory that everybody can write to", and(unique(f.Nodes)), verb(len(unique(f.Nodes)), "has its", "have their"))
	f.Impact = "another user of the host can take the name, or that of a directory on the way, before the aggregator starts, and cleaning services remove the file"
	p.report(f)
}

// publicDirectory is the one that a path leads through in the end; "" for none. The file system of the host is not at hand: links are not seen.
func publicDirectory(file string) string {
	for _, d := range publicDirectories {
		if strings.HasPrefix(path.Clean(file), d+"/") {
			return d
		}
	}
	return ""
}
