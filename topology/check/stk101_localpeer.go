package check

import (
	"fmt"
	"path"

	"stktc/grammar/diag"
	"stktc/topology"
)

var localpeer = &Check{
	Code:     "STK101",
	Slug:     "local-peer-missing",
	Title:    "a balancer's own name has no line in its peers section",
	Severity: diag.Error,
	Since:    "0.1",
	Outside:  "the command line: `-L NAME` beats `localpeer`",
	Text: Text{
		What:    "Every peers section needs one line for the balancer itself, by the name that the process has: `-L` on the command line, else `localpeer` of the global section, else the host name.",
		Why:     "Without that line HAProxy removes the whole section and starts. No table of the balancer is shared with anybody. Where the line has an address beside a `bind` line, HAProxy does not start.",
		RunTime: "`haproxy -c` prints one warning, \"Removing incomplete section 'peers …'\", says that the configuration is valid and exits with 0. `show peers` does not list the section.",
		Fix:     "Write the same name in `localpeer` and in the `server` line without an address (in the old style: the `peer` line with the balancer's own address).",
	},
	Bad: `-- hapee1/hapee-lb.cfg --
global
  localpeer hapee-1

peers mypeers
  bind 0.0.0.0:44444
  server hapee1
  server aggr1 192.168.56.111:11111
`,
	Good: `-- hapee1/hapee-lb.cfg --
global
  localpeer hapee1

peers mypeers
  bind 0.0.0.0:44444
  server hapee1
  server aggr1 192.168.56.111:11111
`,
	Run: runLocalpeer,
}

func runLocalpeer(p *Pass) {
	for _, n := range p.Cluster.Nodes {
		var first *topology.PeersSection // that names the node, when no localpeer does
		for _, s := range n.Peers {
			switch {
			case n.LocalPeer.Unresolved || s.Local.Unresolved:
			case !n.LocalPeer.IsZero():
				if s.Local.Value != n.LocalPeer.Value {
					p.report(localpeerUnlisted(p, n, s))
				}
			case s.Local.IsZero():
				if s.Style == topology.ServerStyle && !s.Listen.IsZero() {
					p.report(noLocalServer(n, s))
				}
			case first == nil:
				first = s
			case first.Local.Value != s.Local.Value:
				p.report(twoLocals(n, first, s))
			}
		}
	}
}

// hostname is what to call a host whose own name is in dispute.
func hostname(n *topology.Node) string {
	if n.Dir != "" {
		return path.Base(n.Dir)
	}
	return n.Name.Value
}

const sectionRemoved = "HAProxy removes the section when it starts: no table of %s that is attached to `%s` is shared with anybody"

func removed(n *topology.Node, s *topology.PeersSection) (string, *diag.RunTime) {
	return fmt.Sprintf(sectionRemoved, hostname(n), s.Name.Value),
		&diag.RunTime{Command: "haproxy -c", On: hostname(n), Symptom: "one warning, `Removing incomplete section`, and exit 0; `show peers` does not list the section"}
}

// localpeerUnlisted is about a localpeer that the section has no line for.
func localpeerUnlisted(p *Pass, n *topology.Node, s *topology.PeersSection) diag.Finding {
	own := n.LocalPeer
	f := diag.Finding{
		Summary: fmt.Sprintf("%s calls itself `%s`, but its peers section `%s` has no line of that name for itself", hostname(n), own.Value, s.Name.Value),
		Primary: note(own.Span, "not found in `peers %s`", s.Name.Value),
		Notes:   []string{"`-L` on the command line beats `localpeer`"},
		Nodes:   []string{hostname(n)},
	}
	f.Impact, f.RunTime = removed(n, s)
	meant := s.Local
	f.Related = append(f.Related, note(s.Local.Span, "%s", ownLine(s)))
	f.Related = append(f.Related, p.knownAs(n, s.Local.Value)...)
	if s.Local.IsZero() {
		f.Related = []diag.Note{note(s.Header, "no line here is called `%s`", own.Value)}
		for _, peer := range s.Peers {
			if resembles(peer.Name.Value, own.Value) {
				meant = peer.Name
				f.Related = []diag.Note{note(meant.Span, "is this meant?")}
			}
			if peer.Name.Value == own.Value {
				return ownLineAddressed(p, n, s, peer)
			}
		}
	}
	switch known := p.knownAs(n, own.Value); {
	case meant.IsZero():
	case hostname(n) == own.Value && len(known) > len(p.knownAs(n, meant.Value)): // the others, and the directory, agree with localpeer
		f.Primary, f.Related = note(meant.Span, "`localpeer` says `%s`", own.Value), append([]diag.Note{note(own.Span, "its own name")}, known...)
		f.Fixes = []diag.Fix{{Title: "call it `" + own.Value + "`", Safe: true, Edits: p.replace(meant.Span, own.Value)}}
	default:
		f.Fixes = []diag.Fix{{Title: "localpeer " + meant.Value, Safe: true, Edits: p.replace(own.Span, meant.Value)}}
	}
	return f
}

// ownLineAddressed is about a line of the node's own name that has an address, in a section with bind: HAProxy takes the address for a keyword.
func ownLineAddressed(p *Pass, n *topology.Node, s *topology.PeersSection, line *topology.Peer) diag.Finding {
	address := diag.Span{File: line.Name.Span.File, Start: line.Name.Span.End, End: line.Address.Span.End}
	return diag.Finding{
		Summary: fmt.Sprintf("%s calls itself `%s`, but the line of that name in its peers section `%s` has an address, as if it were another's", hostname(n), n.LocalPeer.Value, s.Name.Value),
		Primary: note(line.Address.Span, "in a section with `bind`, the own line has no address"),
		Related: []diag.Note{note(n.LocalPeer.Span, "its own name")},
		Impact:  fmt.Sprintf("HAProxy refuses the configuration of %s", hostname(n)),
		RunTime: &diag.RunTime{Command: "haproxy -c", On: hostname(n), Symptom: fmt.Sprintf("exit 1: `unknown keyword '%s'. Hint: no address was expected for this server.`", line.Address.Raw)},
		Fixes:   []diag.Fix{{Title: "take the address away", Safe: true, Edits: p.replace(address, "")}},
		Nodes:   []string{hostname(n)},
	}
}

// ownLine says why a line stands for the balancer itself.
func ownLine(s *topology.PeersSection) string {
	if s.Style == topology.PeerStyle {
		return "this line has its own address"
	}
	return "this line without an address stands for the balancer itself"
}

// knownAs marks the lines of others that call a host by a name which is not its localpeer.
func (p *Pass) knownAs(n *topology.Node, name string) []diag.Note {
	var notes []diag.Note
	for _, d := range p.dials() {
		if d.to.Node == n && d.line.Name.Value == name && len(notes) < maxNamed {
			notes = append(notes, note(d.line.Name.Span, "and %s knows it as `%s`", d.from.Name, name))
		}
	}
	return notes
}

// noLocalServer is about a section with bind and server lines, all of them with an address.
func noLocalServer(n *topology.Node, s *topology.PeersSection) diag.Finding {
	f := diag.Finding{
		Summary: fmt.Sprintf("%s has no line for itself in its peers section `%s`: every `server` line has an address", hostname(n), s.Name.Value),
		Primary: note(s.Header, "needs a `server` line with the balancer's own name and no address"),
		Fixes:   []diag.Fix{{Title: fmt.Sprintf("add `server %s`, if that is the name of the process", n.Name.Value)}},
		Nodes:   []string{hostname(n)},
	}
	f.Impact, f.RunTime = removed(n, s)
	return f
}

// twoLocals is about two sections that call one process by two names.
func twoLocals(n *topology.Node, a, b *topology.PeersSection) diag.Finding {
	f := diag.Finding{
		Summary: fmt.Sprintf("%s is called `%s` in its peers section `%s`, but `%s` in `%s`", hostname(n), b.Local.Value, b.Name.Value, a.Local.Value, a.Name.Value),
		Primary: note(b.Local.Span, "the process has one name for all its sections"),
		Related: []diag.Note{note(a.Local.Span, "another name here")},
		Nodes:   []string{hostname(n)},
	}
	f.Impact, f.RunTime = removed(n, b)
	return f
}
