package compile

import (
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"

	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/topology"
	"stktc/topology/check"
)

// pass is one step of the compiler.
type pass struct {
	name string
	run  func(*unit)
	gate bool // no further pass runs while the findings hold an error
	why  string
}

// passes run in this order; the table order says why it is this one.
var passes = []pass{
	{"check", checkModel, false, "what is wrong with the cluster itself is wrong whatever the bases hold"},
	{"aggregators", lowerAggregators, false, "aggregations become lines"},
	{"dialects", checkDialects, false, "what the vendor's daemon does not know must not be in a file for it"},
	{"balancers", lowerBalancers, false, "peers sections and tables become lines, still without a place"},
	{"versions", checkVersions, false, "what the oldest HAProxy does not know must not be in a file for it"},
	{"bases", parseBases, false, "the operator's own files, each parsed once however many nodes share it"},
	{"outputs", checkOutputs, false, "the names that several bases of a node keep"},
	{"clashes", findClashes, false, "what a base defines that is ours to define"},
	{"places", placeTables, false, "the proxies that bear a table's name get its line, the other tables a backend"},
	{"references", checkReferences, false, "rules of the base that name a table in a way HAProxy or the sum cannot follow"},
	{"localpeer", placeLocalPeer, true, "the node's own name, before any peers section; last of the passes that find mistakes"},
	{"merge", merge, false, "lines and places become files"},
}

// order holds what the order of passes rests on.
var order = []struct{ before, after, because string }{
	{"check", "merge", "a contradictory cluster must not become files"},
	{"aggregators", "merge", "merge writes the lines of aggregations"},
	{"aggregators", "dialects", "only nodes that sum have a file in a dialect"},
	{"dialects", "merge", "the vendor's daemon refuses a line that it does not know"},
	{"balancers", "versions", "only nodes that run HAProxy have lines for it to know"},
	{"versions", "merge", "HAProxy refuses a line that it does not know"},
	{"balancers", "clashes", "the names and ports that are ours come from the lowered sections"},
	{"balancers", "places", "what gets a place is a lowered stick-table line"},
	{"bases", "clashes", "clashes are found in the parsed bases"},
	{"bases", "places", "proxies are found in the parsed bases"},
	{"bases", "references", "rules are found in the parsed bases"},
	{"bases", "localpeer", "the first global section is found in the parsed bases"},
	{"balancers", "bases", "only nodes that run HAProxy have bases to parse"},
	{"balancers", "outputs", "only nodes that run HAProxy have bases to name"},
	{"outputs", "merge", "two files of one name would become one"},
	{"clashes", "merge", "a table that stands twice is fatal in HAProxy, so nothing may be inserted"},
	{"places", "merge", "merge inserts at the places"},
	{"references", "merge", "a rule without its table is fatal in HAProxy"},
	{"localpeer", "merge", "merge inserts at the places"},
}

// unit is one run of the compiler.
type unit struct {
	cluster  *topology.Cluster
	bases    map[string]*base // by the name in Cluster.Files
	hosts    []*host
	findings diag.List
}

// host is a node on its way to files.
type host struct {
	node       *topology.Node
	aggregator []Line    // the whole of its aggregator file; nil when it sums nothing
	balancer   *balancer // nil when it runs no HAProxy
	files      []*File
}

// Compile turns a cluster that was read from a topology file into the files of every node. The Result must not be used
// while the findings hold an error: it is partial then. Findings are sorted, and one that several nodes share stands there once.
func Compile(c *topology.Cluster) (*Result, diag.List) {
	u := &unit{cluster: c, bases: map[string]*base{}}
	for _, n := range c.Nodes {
		if n.Build != nil {
			u.hosts = append(u.hosts, &host{node: n})
		}
	}
	for _, p := range passes {
		u.run(p)
		if p.gate && u.findings.Worst() == diag.Error {
			break
		}
	}
	u.findings = fold(u.findings)
	return u.result(), u.findings
}

// run names the pass in a panic: a contradiction inside the compiler is a bug, and the pass is where to look for it.
func (u *unit) run(p pass) {
	defer func() {
		if bug := recover(); bug != nil {
			panic(fmt.Sprintf("compile: pass %s: %v", p.name, bug))
		}
	}()
	p.run(u)
}

func (u *unit) result() *Result {
	r := &Result{Source: sourceName(u.cluster.File), Rollout: rollout(u.hosts)}
	for _, h := range u.hosts {
		out := Host{Node: h.node.Name.Value, Files: h.files}
		if h.balancer != nil && !h.balancer.isNamed() {
			out.LocalPeer = h.node.Name.Value
		}
		r.Hosts = append(r.Hosts, out)
	}
	return r
}

// sourceName is what generated files call the topology: no directory, so that they do not depend on where it was built.
func sourceName(file string) string {
	if file == "" || file == "-" {
		return "standard input"
	}
	return path.Base(filepath.ToSlash(file))
}

// baseFile gives a node's parsed base; nil when it could not be read, which whoever read it has said.
func (u *unit) baseFile(name string) *base {
	if b, done := u.bases[name]; done {
		return b
	}
	var b *base
	if text, read := u.cluster.Files[name]; read {
		b = newBase(name, text)
	}
	u.bases[name] = b
	return b
}

// parseBases reads every base. Whether a line of the operator's is right is HAProxy's to say, which may be newer than our
// grammar: what the grammar finds there is a warning at most.
func parseBases(u *unit) {
	for _, h := range u.hosts {
		if h.balancer == nil {
			continue
		}
		for _, f := range h.node.Build.Base {
			if b := u.baseFile(f.Name); b != nil {
				h.balancer.bases = append(h.balancer.bases, b)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(u.bases)) {
		if b := u.bases[name]; b != nil {
			u.findings.Add(b.findings...)
		}
	}
}

func newBase(name string, text []byte) *base {
	cfg, findings := grammar.ParseConfig(name, text)
	for i := range findings {
		switch at := findings[i].Primary.Span.Start.Offset; {
		case at < len(text) && text[at] == 0: // behind a NUL byte HAProxy would read none of our lines
		case at == len(text) && findings[i].Code == grammar.CodeTruncated: // the line end that is missing is put there
			findings[i].Severity = diag.Info
		default:
			findings[i].Severity = min(findings[i].Severity, diag.Warning)
		}
	}
	return &base{cfg: cfg, text: text, findings: findings, refs: references(cfg)}
}

// checkModel holds the cluster against the checks that lint runs.
func checkModel(u *unit) { u.findings.Add(check.Run(u.cluster)...) }
