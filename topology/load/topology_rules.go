package load

import (
	"slices"

	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/topology"
)

// baseRules is what a base says that the checks look at besides what is made of the topology.
type baseRules struct {
	uses   []*topology.TableUse
	tables []*topology.Table
	cli    []topology.StatsSocket
}

// rules reads what the rules of the bases do with tables, and the comments that silence findings. Each base is read once, however many nodes have it;
// what is wrong in its text is the compiler's to say.
func (b *topologyBuilder) rules() {
	b.ignores(grammar.TopologyIgnores(b.file.Name, b.cluster.Files[b.file.Name]))
	read := map[string]*baseRules{}
	for _, h := range b.balancers {
		n := h.node
		for _, base := range n.Build.Base {
			text, ok := b.cluster.Files[base.Name]
			if !ok {
				continue
			}
			r := read[base.Name]
			if r == nil {
				config, _ := grammar.ParseConfig(base.Name, text)
				b.ignores(config.Ignores())
				r = readRules(config)
				read[base.Name] = r
			}
			n.Uses, n.BaseTables, n.CLI = shared(n.Uses, r.uses), shared(n.BaseTables, r.tables), shared(n.CLI, r.cli)
		}
	}
}

func (b *topologyBuilder) ignores(found []diag.Ignore, bad diag.List) {
	b.cluster.Ignores = append(b.cluster.Ignores, found...)
	b.findings.Add(bad...)
}

// shared joins two lists without writing into either.
func shared[T any](list, more []T) []T {
	if len(list) == 0 {
		return more
	}
	return slices.Concat(list, more)
}

func readRules(config *grammar.ConfigFile) *baseRules {
	b := nodeBuilder{node: &topology.Node{}, findings: &diag.List{}}
	b.file(config)
	return &baseRules{b.node.Uses, b.node.Tables, b.node.CLI}
}
