package compile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/topology"
)

// findClashes looks for what a base defines that is ours to define.
func findClashes(u *unit) {
	for _, h := range u.hosts {
		if b := h.balancer; b != nil {
			u.ownPeers(b)
			u.ownTables(b)
			u.ownPorts(b)
		}
	}
}

func (u *unit) ownPeers(b *balancer) {
	for _, p := range b.node.Peers {
		for _, s := range b.named(p.Name.Value, "peers") {
			f := finding(CodeOwnPeers, statement(&s.Header), "defined here",
				fmt.Sprintf("base `%s` defines the peers section `%s`, which the topology makes", s.Keyword.Span.File, p.Name.Value))
			f.Related = []diag.Note{{Span: p.Name.Span, Label: "named here"}}
			f.Impact = "HAProxy refuses two peers sections of one name"
			f.Nodes = []string{b.node.Name.Value}
			u.findings.Add(f)
		}
	}
}

func (u *unit) ownTables(b *balancer) {
	for _, t := range b.node.Tables {
		for _, s := range b.named(t.Name.Value, proxyKeywords...) {
			if l := stickTable(s); l != nil {
				u.findings.Add(ownTable(b, t, statement(l), fmt.Sprintf("%s `%s`", s.Keyword.Value, s.Name.Value)))
			}
		}
		b.eachSection(func(_ *base, s *grammar.Section) {
			if s.Keyword.Value != "peers" || t.InPeers {
				return
			}
			for i := range s.Lines {
				if starts(&s.Lines[i], "table", t.Name.Value) {
					u.findings.Add(ownTable(b, t, statement(&s.Lines[i]), fmt.Sprintf("peers section `%s`", s.Name.Value)))
				}
			}
		})
	}
}

func ownTable(b *balancer, t *topology.Table, at diag.Span, where string) diag.Finding {
	f := finding(CodeOwnTable, at, "declared here",
		fmt.Sprintf("base `%s` declares the table `%s` in %s, and so does the topology", at.File, t.Name.Value, where))
	f.Related = []diag.Note{{Span: t.Span, Label: "the topology's declaration"}}
	f.Impact = "HAProxy refuses two stick tables of one name"
	f.Nodes, f.Tables = []string{b.node.Name.Value}, []string{t.Name.Value}
	return f
}

func (u *unit) ownPorts(b *balancer) {
	for _, p := range b.node.Peers {
		if p.Listen.IsZero() || p.Listen.Unresolved || p.Listen.Port == 0 {
			continue
		}
		b.eachSection(func(_ *base, s *grammar.Section) {
			if s.Keyword.Value == "peers" && s.Name.Value == p.Name.Value {
				return // said already
			}
			for i := range s.Lines {
				if at, ok := listensOn(b.node, s, &s.Lines[i], p.Listen); ok {
					u.findings.Add(ownPort(b, p, s, at))
				}
			}
		})
	}
}

func ownPort(b *balancer, p *topology.PeersSection, s *grammar.Section, at grammar.Scalar) diag.Finding {
	section := strings.TrimSpace(s.Keyword.Value + " " + s.Name.Value)
	f := finding(CodeOwnPort, at.Span, "the same port",
		fmt.Sprintf("base `%s` listens on `%s` in `%s`, and the peers section `%s` on `%s`", at.Span.File, at.Value, section, p.Name.Value, p.Listen.Raw))
	f.Related = []diag.Note{{Span: p.Listen.Span, Label: "the port of the peers section"}}
	f.Impact = "about half of the peers' connections reach the wrong listener"
	f.RunTime = &diag.RunTime{Command: "show peers", On: b.node.Name.Value, Symptom: "last_status=UNKN on whoever was refused"}
	f.Nodes = []string{b.node.Name.Value}
	return f
}

// listensOn tells whether a line opens a listener that overlaps own, and gives the address.
func listensOn(n *topology.Node, s *grammar.Section, l *grammar.Line, own topology.Address) (grammar.Scalar, bool) {
	var at grammar.Scalar
	switch {
	case starts(l, "bind") && (isProxy(s) || s.Keyword.Value == "peers"):
		at = word(l, 1)
	case starts(l, "peer", n.Name.Value) && s.Keyword.Value == "peers":
		at = word(l, 2)
	}
	if at.Value == "" || at.Unresolved {
		return at, false
	}
	for _, address := range strings.Split(at.Value, ",") {
		if overlaps(address, own) {
			return at, true
		}
	}
	return at, false
}

// wildcards are the hosts that stand for any address.
var wildcards = []string{"", "*", "0.0.0.0", "::", "[::]"}

// overlaps tells whether a bind address, whose port may be a range, takes own's port on one of own's addresses.
func overlaps(address string, own topology.Address) bool {
	if strings.HasPrefix(address, "/") {
		return false
	}
	if _, rest, family := strings.Cut(address, "@"); family {
		address = rest
	}
	colon := strings.LastIndexByte(address, ':')
	if colon < 0 {
		return false
	}
	host, ports := address[:colon], address[colon+1:]
	low, high, isRange := strings.Cut(ports, "-")
	if !isRange {
		high = low
	}
	from, err1 := strconv.Atoi(low)
	to, err2 := strconv.Atoi(high)
	if err1 != nil || err2 != nil || own.Port < from || own.Port > to {
		return false
	}
	return host == own.Host || slices.Contains(wildcards, host) || slices.Contains(wildcards, own.Host)
}
