package render

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/awalterschulze/gographviz"

	"stktc/grammar/diag"
	"stktc/topology"
	"stktc/topology/load"
)

func seedTopology(t *testing.T) *topology.Cluster {
	t.Helper()
	c, findings, err := load.Topology(os.DirFS("../testdata/seed"), "topology.yaml")
	if err != nil || findings.Worst() == diag.Error {
		t.Fatal(findings, err)
	}
	return c
}

// deployedSeed are the files of the vendor's document, with its slip.
func deployedSeed(t *testing.T) *topology.Cluster {
	t.Helper()
	hosts, err := load.Hosts(os.DirFS("../testdata/deployed/seed"), "seed", "")
	if err != nil {
		t.Fatal(err)
	}
	c, findings, err := load.Deployed(hosts)
	if err != nil || findings.Worst() == diag.Error {
		t.Fatal(findings, err)
	}
	c.File = "/some/where/seed/"
	return c
}

// slip is what lint says of deployedSeed.
func slip(node string) diag.Finding {
	return diag.Finding{
		Code: "STK201", Severity: diag.Error, Nodes: []string{node, "aggr3"}, Edges: []string{node + "->aggr3"},
		Summary: node + " dials aggr3 on port `11111`, but aggr3 listens on `22222`",
	}
}

func TestGraphGoldens(t *testing.T) {
	seed := &Graph{Graph: topology.NewGraph(seedTopology(t))}
	slipped := &Graph{Graph: topology.NewGraph(deployedSeed(t)), Findings: diag.List{
		slip("aggr1"), slip("aggr2"),
		{Code: "STK610", Severity: diag.Warning, Summary: "aggr3 has no replica", Nodes: []string{"aggr3"}},
		{Code: "STK107", Severity: diag.Info, Summary: "not worth a mark", Nodes: []string{"hapee1"}},
	}}
	sites := &Graph{Graph: topology.NewGraph(sitesCluster(20))}
	for name, g := range map[string]*Graph{"seed": seed, "slip": slipped, "sites": sites} {
		golden(t, "../testdata/graph/"+name+".svg", g.SVG())
		golden(t, "../testdata/graph/"+name+".dot", g.DOT())
		golden(t, "../testdata/graph/"+name+".mmd", g.Mermaid())
		golden(t, "../testdata/graph/"+name+".json", g.JSON())
	}
}

// sitesCluster has three sites of n balancers each and one aggregator over the sites' own; one balancer is dialled on the wrong port.
func sitesCluster(n int) *topology.Cluster {
	m := clusterMaker{}
	top := m.aggregator("top", "global", ".site", ".all")
	for _, site := range []string{"tyo", "nyc", "par"} {
		agg := m.aggregator("agg-"+site, "site", ".local", ".site")
		agg.node.Site = site
		for i := 1; i <= n; i++ {
			b := m.balancer(fmt.Sprintf("%s%02d", site, i), ".local", ".site", ".all")
			b.Site = site
			m.counts(b, agg)
		}
		agg.section.Forwards = []topology.Text{{Value: ".all"}}
		m.sums(agg, top)
	}
	m.cluster.Nodes[len(m.cluster.Nodes)-1].Peers[0].Listen.Port = 7
	return &m.cluster
}

// clusterMaker builds deployed clusters whose two ends agree.
type clusterMaker struct {
	cluster topology.Cluster
	ports   int
}

type madeAggregator struct {
	node    *topology.Node
	section *topology.Aggregations
}

func (m *clusterMaker) address() topology.Address {
	m.ports++
	return topology.Address{Host: "10.0.0.1", Port: 1000 + m.ports, Raw: fmt.Sprintf("10.0.0.1:%d", 1000+m.ports)}
}

func (m *clusterMaker) aggregator(name, section, from, to string) madeAggregator {
	s := &topology.Aggregations{
		Name:  topology.Text{Value: section},
		Local: &topology.Peer{Name: topology.Text{Value: name}, Address: m.address(), Direction: topology.Local},
		Rules: []*topology.Rule{{From: topology.Text{Value: from}, To: topology.Text{Value: to}}},
	}
	n := &topology.Node{Name: topology.Text{Value: name}, Aggregations: []*topology.Aggregations{s}}
	m.cluster.Nodes = append(m.cluster.Nodes, n)
	return madeAggregator{n, s}
}

func (m *clusterMaker) balancer(name string, suffixes ...string) *topology.Node {
	s := &topology.PeersSection{Name: topology.Text{Value: "mypeers"}, Local: topology.Text{Value: name}, Listen: m.address()}
	n := &topology.Node{Name: topology.Text{Value: name}, Peers: []*topology.PeersSection{s}}
	for _, suffix := range suffixes {
		n.Tables = append(n.Tables, &topology.Table{Name: topology.Text{Value: "t" + suffix}, Peers: s.Name})
	}
	m.cluster.Nodes = append(m.cluster.Nodes, n)
	return n
}

func (m *clusterMaker) counts(b *topology.Node, a madeAggregator) {
	b.Peers[0].Peers = append(b.Peers[0].Peers, &topology.Peer{Name: a.section.Local.Name, Address: a.section.Local.Address})
	a.section.Peers = append(a.section.Peers, &topology.Peer{Name: b.Name, Address: b.Peers[0].Listen})
}

func (m *clusterMaker) sums(lower, upper madeAggregator) {
	lower.section.Peers = append(lower.section.Peers, &topology.Peer{Name: upper.section.Local.Name, Address: upper.section.Local.Address, Direction: topology.Up})
	upper.section.Peers = append(upper.section.Peers, &topology.Peer{Name: lower.section.Local.Name, Address: lower.section.Local.Address, Direction: topology.Down})
}

// awkwardNames are names that break a printer which does not quote.
var awkwardNames = []string{
	"node", "graph", "strict", "digraph", "subgraph", "edge", "end", "class", "click", "", " ", `a"b`, `a\b`, `tail\`, `"`, `\"`, `\n`, `\N`, "a\nb", "a\r\nb", "tab\tbed",
	"lb-1", "n1", "cluster_1", "rank_0", "level_0", "<b>x</b>", "a&lt;b", "&amp;", "a->b", "a--b", "{x|y}", "[x]", "a;b", "//c", "/*c*/", "#x", "1.", "1. one", "- one", "日本", "e\u0301", "\x00\x1b[31m",
	"\xff\xfe", "\u202egnp", "\uffff", "💥", "-7", "3.14", "x:port:n", "%s%d%!", "`code`", "]]>", "<!--", "a'b", "${HOST}", strings.Repeat("long", 40),
}

// awkwardCluster has every awkward name as balancer, aggregator, site and suffix.
func awkwardCluster() *topology.Cluster {
	m := clusterMaker{}
	for i, name := range awkwardNames {
		a := m.aggregator(name+"!", name, name, "."+name)
		b := m.balancer(name, "."+name, name)
		a.node.Site, b.Site = name, awkwardNames[(i+1)%len(awkwardNames)]
		m.counts(b, a)
	}
	return &m.cluster
}

// TestDOTReadBack parses the DOT with gographviz and finds every name again, character by character.
func TestDOTReadBack(t *testing.T) {
	g := &Graph{Graph: topology.NewGraph(awkwardCluster()), Findings: diag.List{
		{Code: `"`, Severity: diag.Error, Summary: "\\", Nodes: awkwardNames},
	}}
	out := g.DOT()
	tree, err := gographviz.Parse(out)
	if err != nil {
		t.Fatalf("%.200v", err)
	}
	read := gographviz.NewGraph()
	if err := gographviz.Analyse(tree, read); err != nil {
		t.Fatal(err)
	}
	if got, want := len(read.Nodes.Nodes), len(g.Vertices)+g.ranks(); got != want {
		t.Errorf("%d nodes, want %d", got, want)
	}
	for i, v := range g.Vertices {
		id := fmt.Sprintf("n%0*d", len(fmt.Sprint(len(g.Vertices))), i+1)
		label, _, _ := strings.Cut(unquoteDOT(t, read.Nodes.Lookup[id].Attrs["label"]), "\n10.0.0.1:")
		want := strings.Map(func(r rune) rune {
			if r == '\uFFFD' || r == '\uFFFF' || r != '\n' && isHarmful(r) {
				return '?'
			}
			return r
		}, v.Name)
		if label != want {
			t.Errorf("label of %s is %q, want %q", id, label, want)
		}
	}
	arrows := 0
	for _, e := range g.Edges {
		arrows += min(1, len(e.Up)) + min(1, len(e.Down))
		if len(e.Up)+len(e.Down) == 0 {
			arrows++
		}
	}
	if got, want := len(read.Edges.Edges), arrows+g.ranks()-1; got != want {
		t.Errorf("%d edges, want %d", got, want)
	}
}

// unquoteDOT undoes q by the rules of DOT and of Graphviz's labels.
func unquoteDOT(t *testing.T, s string) string {
	t.Helper()
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		t.Fatalf("%s is not quoted", s)
	}
	var b strings.Builder
	for i := 1; i < len(s)-1; i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++
		b.WriteByte(map[byte]byte{'n': '\n', '"': '"', '\\': '\\'}[s[i]])
	}
	return strings.ReplaceAll(b.String(), "&amp;", "&")
}

// TestDOTConfirm lets Graphviz itself read the DOT.
func TestDOTConfirm(t *testing.T) {
	dot, err := exec.LookPath("dot")
	if err != nil {
		t.Skip("graphviz is not installed")
	}
	for name, c := range map[string]*topology.Cluster{"seed": seedTopology(t), "slip": deployedSeed(t), "sites": sitesCluster(8), "awkward": awkwardCluster(), "empty": {}} {
		t.Run(name, func(t *testing.T) {
			g := &Graph{Graph: topology.NewGraph(c)}
			cmd := exec.Command(dot, "-Tsvg")
			cmd.Stdin = bytes.NewReader(g.DOT())
			var out, complaints bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &complaints
			if err := cmd.Run(); err != nil || complaints.Len() > 0 {
				t.Fatalf("dot: %v\n%s", err, complaints.String())
			}
			if got := strings.Count(out.String(), `class="node"`); got != len(g.Vertices)+g.ranks() {
				t.Errorf("graphviz drew %d nodes, want %d", got, len(g.Vertices)+g.ranks())
			}
			if name == "awkward" {
				dotShows(t, out.Bytes())
			}
		})
	}
}

// dotShows proves that Graphviz draws backslashes, quotes and ampersands as they are in the names.
func dotShows(t *testing.T, svg []byte) {
	t.Helper()
	texts := svgTexts(t, svg)
	for _, name := range []string{`a"b`, `a\b`, `tail\`, `\N`, "a&lt;b", "<b>x</b>", "node", "日本"} {
		if !slices.Contains(texts, name) {
			t.Errorf("graphviz does not show %q", name)
		}
	}
}

func svgTexts(t *testing.T, svg []byte) []string {
	t.Helper()
	var texts []string
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return texts
		}
		if err != nil {
			t.Fatalf("not XML: %v", err)
		}
		if s, ok := token.(xml.StartElement); ok && s.Name.Local == "text" {
			var text string
			if err := d.DecodeElement(&text, &s); err != nil {
				t.Fatalf("not XML: %v", err)
			}
			texts = append(texts, text)
		}
	}
}

func TestSVGAwkward(t *testing.T) {
	g := &Graph{Graph: topology.NewGraph(awkwardCluster())}
	texts := svgTexts(t, g.SVG())
	for _, v := range g.Vertices {
		want := strings.ReplaceAll(clip(v.Name, maxName), "\uffff", "\ufffd")
		if !slices.Contains(texts, want) {
			t.Errorf("%q is not on the picture", want)
		}
	}
}

// TestMermaidQuotes proves that no name leaves its quotes.
// TestGraphWorstFirst: of several findings on a link the picture names one of the gravest, in whatever order they come.
func TestGraphWorstFirst(t *testing.T) {
	var m graphMark
	m.add(diag.Warning, "STK602", "slow")
	m.add(diag.Error, "STK201", "cut")
	m.add(diag.Error, "STK215", "clear")
	m.add(diag.Warning, "STK705", "open")
	if got := m.label(); got != "STK201 +3" || m.severity != diag.Error || m.texts[0] != "cut" || m.texts[1] != "slow" {
		t.Errorf("label %q, severity %v, texts %q", got, m.severity, m.texts)
	}
}

func TestMermaidQuotes(t *testing.T) {
	g := &Graph{Graph: topology.NewGraph(awkwardCluster())}
	for _, line := range strings.Split(string(g.Mermaid()), "\n") {
		quotes := strings.Count(line, `"`)
		if quotes != 0 && quotes != 2 {
			t.Errorf("%d quotes in %s", quotes, line)
		}
		if quotes == 0 {
			continue
		}
		label := strings.Split(line, `"`)[1]
		if strings.TrimSpace(label) == "" && label != " " || strings.ContainsAny(strings.ReplaceAll(label, "<br>", ""), "<>[]{}()`|\\") {
			t.Errorf("label %q", label)
		}
	}
}

func TestGraphJSON(t *testing.T) {
	g := &Graph{Graph: topology.NewGraph(deployedSeed(t)), Findings: diag.List{slip("aggr2")}}
	var j jsonGraph
	if err := json.Unmarshal(g.JSON(), &j); err != nil {
		t.Fatal(err)
	}
	for i, e := range j.Edges {
		if name := j.Nodes[e.From-1].Name + "->" + j.Nodes[e.To-1].Name; name != e.Name {
			t.Errorf("edge %d joins %s, its name is %s", i, name, e.Name)
		}
		if got, want := len(e.Findings), strings.Count(e.Name, "aggr2->"); got != want {
			t.Errorf("%s has %d findings, want %d", e.Name, got, want)
		}
	}
}

// TestGraphDeterministic prints graphs of one cluster whose files were read in another order.
func TestGraphDeterministic(t *testing.T) {
	c := sitesCluster(12)
	g := &Graph{Graph: topology.NewGraph(c)}
	random := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		random.Shuffle(len(c.Nodes), func(i, j int) { c.Nodes[i], c.Nodes[j] = c.Nodes[j], c.Nodes[i] })
		again := &Graph{Graph: topology.NewGraph(c)}
		for name, print := range map[string]func(*Graph) []byte{"svg": (*Graph).SVG, "dot": (*Graph).DOT, "mermaid": (*Graph).Mermaid, "json": (*Graph).JSON} {
			if !bytes.Equal(print(g), print(again)) {
				t.Errorf("%s depends on the order of the files", name)
			}
		}
	}
}

// TestFocusPrints proves that the pictures of a part hold that part only.
func TestFocusPrints(t *testing.T) {
	part, ok := topology.NewGraph(seedTopology(t)).Focus("aggr2")
	if !ok {
		t.Fatal("aggr2 is not there")
	}
	g := &Graph{Graph: part}
	for name, out := range map[string][]byte{"svg": g.SVG(), "dot": g.DOT(), "mermaid": g.Mermaid(), "json": g.JSON()} {
		if s := string(out); strings.Contains(s, "hapee1") || !strings.Contains(s, "hapee4") {
			t.Errorf("%s: %s", name, s)
		}
	}
}
