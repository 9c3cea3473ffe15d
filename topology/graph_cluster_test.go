package topology

import (
	"strconv"
	"strings"
	"testing"

	"stktc/grammar/diag"
)

// testCluster makes a deployed cluster of one node a line:
//
//	NAME LISTEN [site S] [dir D] [tables SUFFIX…] [peers NAME@ADDRESS…]                                  a balancer
//	NAME LISTEN [site S] [section NAME] [nodes|up|down|replica NAME@ADDRESS…] [from S…] [to S…] [forward S…]      an aggregator
//
// A further line "& LISTEN …" is one more section of the node above. Spans have the number of the line, columns count words.
func testCluster(t *testing.T, text string) *Cluster {
	t.Helper()
	c := &Cluster{Source: FromDeployed, File: "deployed"}
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		words := strings.Fields(line)
		l := clusterLine{t: t, line: i + 1, words: words}
		if words[0] != "&" {
			c.Nodes = append(c.Nodes, &Node{Name: l.text(0), NameFrom: NameFromLocalServer, Dir: words[0]})
		}
		l.node = c.Nodes[len(c.Nodes)-1]
		l.read()
	}
	return c
}

type clusterLine struct {
	t     *testing.T
	line  int
	words []string
	node  *Node
}

func (l *clusterLine) text(word int) Text {
	at := diag.Pos{Line: l.line, Column: word + 1}
	return Text{Value: l.words[word], Span: diag.Span{File: "deployed", Start: at, End: at}}
}

func (l *clusterLine) read() {
	n := l.node
	section := &PeersSection{Name: Text{Value: "mypeers"}, Local: n.Name, Listen: l.address(l.words[1]), Style: ServerStyle}
	aggregations := &Aggregations{Name: Text{Value: "sums"}, Local: &Peer{Name: n.Name, Address: l.address(l.words[1]), Direction: Local}}
	if l.words[0] == "&" {
		aggregations.Local.Name = Text{Value: "second"}
	}
	isAggregator := false
	what := ""
	for i := 2; i < len(l.words); i++ {
		w := l.words[i]
		switch w {
		case "site", "dir", "section", "tables", "peers", "nodes", "up", "down", "replica", "from", "to", "forward", "name":
			what = w
			isAggregator = isAggregator || w == "from" || w == "nodes" || w == "up" || w == "down"
			continue
		}
		switch what {
		case "site":
			n.Site = w
		case "dir":
			n.Dir = w
		case "name":
			aggregations.Local.Name = l.text(i)
		case "section":
			aggregations.Name = l.text(i)
		case "tables":
			n.Tables = append(n.Tables, &Table{Name: Text{Value: "t" + w}, Peers: section.Name})
		case "peers":
			section.Peers = append(section.Peers, l.peer(i, Unmarked))
		case "nodes":
			aggregations.Peers = append(aggregations.Peers, l.peer(i, Unmarked))
		case "up":
			aggregations.Peers = append(aggregations.Peers, l.peer(i, Up))
		case "down":
			aggregations.Peers = append(aggregations.Peers, l.peer(i, Down))
		case "replica":
			p := l.peer(i, Unmarked)
			p.Replica = true
			aggregations.Peers = append(aggregations.Peers, p)
		case "from":
			aggregations.Rules = append(aggregations.Rules, &Rule{From: Text{Value: w}, Any: w == "any"})
		case "to":
			for _, r := range aggregations.Rules {
				if r.To.IsZero() {
					r.To = Text{Value: w}
					break
				}
			}
		case "forward":
			aggregations.Forwards = append(aggregations.Forwards, Text{Value: w})
		}
	}
	if isAggregator {
		n.Aggregations = append(n.Aggregations, aggregations)
	} else {
		n.Peers = append(n.Peers, section)
	}
}

func (l *clusterLine) peer(word int, d Direction) *Peer {
	name, address, _ := strings.Cut(l.words[word], "@")
	address, tls := strings.CutSuffix(address, "+tls")
	return &Peer{Name: Text{Value: name}, Address: l.address(address), Direction: d, TLS: TLS{On: tls}, Span: l.text(word).Span}
}

func (l *clusterLine) address(raw string) Address {
	if raw == "-" {
		return Address{}
	}
	colon := strings.LastIndexByte(raw, ':')
	port, err := strconv.Atoi(raw[colon+1:])
	if err != nil {
		l.t.Fatalf("line %d: %v", l.line, err)
	}
	return Address{Host: raw[:colon], Port: port, Raw: raw}
}

// seedText is the example of the vendor's document, its slip included: aggr1 and aggr2 dial aggr3 on a port where it does not listen.
const seedText = `
hapee1 0.0.0.0:44444 tables .uncombined .aggr .l2 peers aggr1@192.168.56.111:11111
hapee2 0.0.0.0:44444 tables .uncombined .aggr .l2 peers aggr1@192.168.56.111:11111
hapee3 0.0.0.0:44444 tables .uncombined .aggr .l2 peers aggr2@192.168.56.112:11111
hapee4 0.0.0.0:44444 tables .uncombined .aggr .l2 peers aggr2@192.168.56.112:11111
aggr1 192.168.56.111:11111 section myaggr nodes hapee1@192.168.56.101:44444 hapee2@192.168.56.102:44444 from .uncombined to .aggr up aggr3@192.168.56.113:11111 forward .l2
aggr2 192.168.56.112:11111 section myaggr nodes hapee3@192.168.56.103:44444 hapee4@192.168.56.104:44444 from .uncombined to .aggr up aggr3@192.168.56.113:11111 forward .l2
aggr3 192.168.56.113:22222 section myl2 down aggr1@192.168.56.111:11111 aggr2@192.168.56.112:11111 from .aggr to .l2
`
