package render

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/awalterschulze/gographviz"

	"stktc/grammar/diag"
	"stktc/topology"
)

// box is a rectangle of the picture.
type box struct {
	x, y, w, h int
	what       string
}

func (b box) overlaps(o box) bool {
	return b.x < o.x+o.w && o.x < b.x+b.w && b.y < o.y+o.h && o.y < b.y+b.h
}

// pictured is what the tests read back from an SVG.
type pictured struct {
	width, height int
	boxes         []box // nodes, racks, labels, pills, captions: nothing of these may overlap
	cells         []box // of racks
	lines         []pictureLine
}

type pictureLine struct {
	link   int
	points []point // curves are followed in small steps
}

// readPicture reads an SVG with nothing but the XML decoder.
func readPicture(t *testing.T, svg []byte) *pictured {
	t.Helper()
	p := &pictured{}
	d := xml.NewDecoder(bytes.NewReader(svg))
	var groups []string
	link := 0
	for {
		token, err := d.Token()
		if err == io.EOF {
			return p
		}
		if err != nil {
			t.Fatalf("not XML: %v", err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			if e.Name.Local == "g" {
				groups = append(groups, attribute(e, "class")+attribute(e, "transform"))
				if strings.HasPrefix(attribute(e, "class"), "link") {
					link++
				}
			}
			p.element(t, d, e, groups, link)
		case xml.EndElement:
			if e.Name.Local == "g" {
				groups = groups[:len(groups)-1]
			}
		}
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func number10(e xml.StartElement, name string) int {
	n, err := strconv.Atoi(attribute(e, name))
	if err != nil {
		panic(fmt.Sprintf("%s of %s: %v", name, e.Name.Local, err))
	}
	return n
}

func (p *pictured) element(t *testing.T, d *xml.Decoder, e xml.StartElement, groups []string, link int) {
	t.Helper()
	path := strings.Join(groups, "/")
	class := attribute(e, "class")
	if strings.Contains(path, "translate") {
		return // the legend
	}
	switch e.Name.Local {
	case "svg":
		p.width, p.height = number10(e, "width"), number10(e, "height")
	case "rect":
		if class == "page" || class == "site" || strings.HasPrefix(path, "node") && strings.Contains(path, "/pill") {
			return
		}
		b := box{number10(e, "x"), number10(e, "y"), number10(e, "width"), number10(e, "height"), path}
		if strings.HasSuffix(path, "rack/") {
			p.cells = append(p.cells, b)
		} else {
			p.boxes = append(p.boxes, b)
		}
	case "text":
		if !strings.HasPrefix(class, "suffix") && class != "caption" && class != "level" && class != "h1" {
			return
		}
		x, y := number10(e, "x"), number10(e, "y")
		var text string
		if err := d.DecodeElement(&text, &e); err != nil {
			t.Fatal(err)
		}
		b := box{x, y - 9, monospace(text), 11, class + " " + text}
		if strings.HasSuffix(class, "before") {
			b.x -= b.w
		}
		if class == "caption" || class == "level" {
			b.w = proportional(text, 12)
		}
		p.boxes = append(p.boxes, b)
	case "path":
		if strings.HasPrefix(path, "link") && !strings.Contains(class, "head") {
			p.lines = append(p.lines, pictureLine{link, follow(t, attribute(e, "d"))})
		}
	}
}

var pathPiece = regexp.MustCompile(`([MVHCQ])([-0-9 ]+)`)

// follow turns a path into points at most a few pixels apart.
func follow(t *testing.T, d string) []point {
	t.Helper()
	var all []point
	var at point
	for _, m := range pathPiece.FindAllStringSubmatch(d, -1) {
		var n []int
		for _, f := range strings.Fields(m[2]) {
			v, err := strconv.Atoi(f)
			if err != nil {
				t.Fatalf("path %s: %v", d, err)
			}
			n = append(n, v)
		}
		control := map[string]func() [3]point{
			"M": func() [3]point { at = point{n[0], n[1]}; return [3]point{at, at, at} },
			"V": func() [3]point { return [3]point{at, {at.x, n[0]}, {at.x, n[0]}} },
			"H": func() [3]point { return [3]point{at, {n[0], at.y}, {n[0], at.y}} },
			"C": func() [3]point { return [3]point{{n[0], n[1]}, {n[2], n[3]}, {n[4], n[5]}} },
			"Q": func() [3]point { return [3]point{{n[0], n[1]}, {n[0], n[1]}, {n[2], n[3]}} },
		}[m[1]]()
		const steps = 60
		for i := range steps + 1 {
			u, v := i, steps-i
			cubic := func(a, b, c, d int) int {
				return (a*v*v*v + 3*b*v*v*u + 3*c*v*u*u + d*u*u*u) / (steps * steps * steps)
			}
			all = append(all, point{cubic(at.x, control[0].x, control[1].x, control[2].x), cubic(at.y, control[0].y, control[1].y, control[2].y)})
		}
		at = control[2]
	}
	return all
}

// checkPicture holds a picture to what SVG promises: nothing overlaps, no line crosses a box or a label, all is on the page.
func checkPicture(t *testing.T, p *pictured) {
	t.Helper()
	for i, b := range p.boxes {
		if b.x < 0 || b.y < 0 || b.x+b.w > p.width || b.y+b.h > p.height {
			t.Errorf("%v is not on the page of %d×%d", b, p.width, p.height)
		}
		for _, o := range p.boxes[:i] {
			if b.overlaps(o) {
				t.Errorf("%v overlaps %v", b, o)
			}
		}
		for _, l := range p.lines {
			for _, at := range l.points {
				isPill := strings.HasSuffix(b.what, "pill")
				if !isPill && at.x > b.x && at.x < b.x+b.w && at.y > b.y && at.y < b.y+b.h {
					t.Errorf("link %d runs through %v at %v", l.link, b, at)
					break
				}
			}
		}
	}
	for i, b := range p.cells {
		for _, o := range p.cells[:i] {
			if b.overlaps(o) {
				t.Errorf("cells %v and %v overlap", b, o)
			}
		}
	}
}

// randomCluster makes up to four levels with links across levels, replicas, several rules, sites, absent and broken ends.
func randomCluster(r *rand.Rand) *topology.Cluster {
	m := clusterMaker{}
	site := func() string { return []string{"", "", "par", "nyc", "a site with a very long name"}[r.IntN(5)] }
	var levels [][]madeAggregator
	var balancers []*topology.Node
	for range 1 + r.IntN(14) {
		b := m.balancer(fmt.Sprintf("%s%d", strings.Repeat("b", 1+r.IntN(9)), len(balancers)), ".n", ".one", ".two", ".three", ".and.a.long.suffix")
		b.Site = site()
		balancers = append(balancers, b)
	}
	for level := range 1 + r.IntN(4) {
		var row []madeAggregator
		for i := range 1 + r.IntN(4) {
			a := m.aggregator(fmt.Sprintf("a%d-%d", level, i), "sums", ".n", ".one")
			a.node.Site = site()
			for _, to := range []string{".two", ".three", ".and.a.long.suffix"}[:r.IntN(4)] {
				a.section.Rules = append(a.section.Rules, &topology.Rule{Any: true, To: topology.Text{Value: to}})
			}
			row = append(row, a)
		}
		levels = append(levels, row)
	}
	for _, b := range balancers {
		for range r.IntN(3) {
			row := levels[r.IntN(len(levels))]
			m.counts(b, row[r.IntN(len(row))])
		}
		if r.IntN(6) == 0 {
			o := balancers[r.IntN(len(balancers))]
			b.Peers[0].Peers = append(b.Peers[0].Peers, &topology.Peer{Name: o.Name, Address: o.Peers[0].Listen})
		}
	}
	for i, row := range levels {
		for _, a := range row {
			for range r.IntN(3) {
				above := levels[r.IntN(len(levels)-i)+i]
				m.sums(a, above[r.IntN(len(above))])
			}
			if r.IntN(5) == 0 {
				a.section.Local.Address.Port++
			}
			if o := row[r.IntN(len(row))]; r.IntN(3) == 0 && o != a {
				a.section.Peers = append(a.section.Peers, &topology.Peer{Name: o.section.Local.Name, Address: o.section.Local.Address, Direction: topology.Up, Replica: true})
			}
		}
	}
	if r.IntN(3) == 0 {
		m.cluster.Nodes = m.cluster.Nodes[1:] // its files are absent
	}
	return &m.cluster
}

// TestSVGNothingOverlaps draws many clusters, most of them stranger than any real one, and reads the pictures back.
func TestSVGNothingOverlaps(t *testing.T) {
	clusters := map[string]*topology.Cluster{"seed": seedTopology(t), "slip": deployedSeed(t), "sites": sitesCluster(20), "few": sitesCluster(3), "empty": {}}
	for i := range 300 {
		clusters[fmt.Sprint("random ", i)] = randomCluster(rand.New(rand.NewPCG(uint64(i), 7)))
	}
	for name, c := range clusters {
		t.Run(name, func(t *testing.T) {
			g := &Graph{Graph: topology.NewGraph(c)}
			if len(g.Edges) > 1 {
				e := g.Edges[len(g.Edges)/2]
				g.Findings = diag.List{
					{Code: "STK201", Severity: diag.Error, Edges: []string{e.Name()}}, {Code: "STK202", Severity: diag.Error, Edges: []string{e.Name()}},
					{Code: "STK610", Severity: diag.Warning, Nodes: []string{e.Upper.Name, e.Lower.Name}},
				}
			}
			checkPicture(t, readPicture(t, g.SVG()))
		})
	}
}

// TestSVGRacks proves that equal balancers are drawn as one rack, a mistake of all of them included, and that one that differs is not hidden in it.
func TestSVGRacks(t *testing.T) {
	g := &Graph{Graph: topology.NewGraph(sitesCluster(20))}
	for _, e := range g.Edges {
		if strings.HasPrefix(e.Lower.Name, "nyc") {
			g.Findings.Add(diag.Finding{Code: "STK201", Severity: diag.Error, Summary: "wrong at " + e.Lower.Name, Edges: []string{e.Name()}})
			g.Findings.Add(diag.Finding{Code: "STK036", Severity: diag.Warning, Nodes: []string{e.Lower.Name}})
		}
	}
	svg := string(g.SVG())
	for text, want := range map[string]int{
		">20 balancers<": 2, ">19 balancers<": 1, ">par20<": 1, `class="link bundle"`: 2, `class="link bad bundle"`: 1,
		">STK201<": 1, "wrong at nyc01\n": 1, "\nand 16 more<": 1, ">STK036<": 1, `class="link bad"`: 2, // one in the legend
	} {
		if got := strings.Count(svg, text); got != want {
			t.Errorf("%q is there %d times, want %d", text, got, want)
		}
	}
	checkPicture(t, readPicture(t, []byte(svg)))
}

func TestNearest(t *testing.T) {
	tests := []struct{ wanted, weight, apart, want []int }{
		{nil, nil, nil, nil},
		{[]int{5}, []int{1}, []int{0}, []int{5}},
		{[]int{0, 100}, []int{1, 1}, []int{0, 10}, []int{0, 100}},
		{[]int{0, 0}, []int{1, 1}, []int{0, 10}, []int{-5, 5}},
		{[]int{0, 0}, []int{9, 1}, []int{0, 10}, []int{-1, 9}},
		{[]int{50, 0, 0}, []int{1, 1, 1}, []int{0, 10, 20}, []int{3, 13, 33}},
	}
	for _, tt := range tests {
		if got := nearest(tt.wanted, tt.weight, tt.apart); fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("nearest(%v, %v, %v) = %v, want %v", tt.wanted, tt.weight, tt.apart, got, tt.want)
		}
	}
}

// FuzzGraph gives names to the printers that no file could hold.
func FuzzGraph(f *testing.F) {
	for i, name := range awkwardNames {
		f.Add(name, awkwardNames[len(awkwardNames)-1-i], "par")
	}
	f.Fuzz(func(t *testing.T, name, suffix, site string) {
		m := clusterMaker{}
		a, b := m.aggregator(name, site, ".n", suffix), m.balancer(suffix, ".n", suffix)
		b.Site = site
		m.counts(b, a)
		g := &Graph{Graph: topology.NewGraph(&m.cluster), Findings: diag.List{{Code: "STK201", Severity: diag.Error, Summary: suffix, Edges: []string{suffix + "->" + name}}}}
		readPicture(t, g.SVG())
		if _, err := gographviz.Parse(g.DOT()); err != nil {
			t.Errorf("%.300v", err)
		}
		g.JSON()
		g.Mermaid()
	})
}
