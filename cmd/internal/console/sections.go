package console

import (
	"fmt"
	"io"
	"strings"

	"stktc/runtime/cli"
)

// Aggregations writes the reply to "show aggrs json": of each section whether its sums are right, its peers and its tables.
func (p *Printer) Aggregations(r io.Reader) error {
	sections, err := decode[[]cli.Section](r)
	if err != nil {
		return err
	}
	for i := range sections {
		p.between(i)
		p.aggregation(&sections[i])
	}
	return p.err
}

// between writes the empty line between two parts.
func (p *Printer) between(i int) {
	if i > 0 {
		p.raw("")
	}
}

func (p *Printer) aggregation(s *cli.Section) {
	p.sectionHead(s)
	p.text(2, plain, fmt.Sprintf("%s on %s", s.Local, s.Listen))
	p.text(2, plain, strings.Join(rules(s), ", "))
	if s.GroupTakeovers+s.ReplicaTakeovers > 0 {
		p.text(2, doubt, fmt.Sprintf("take-overs since the start: %s within groups, %s from replicas", count(s.GroupTakeovers), count(s.ReplicaTakeovers)))
	}
	p.text(2, bad, evictions(s.Tables))
	if len(s.Peers) > 0 {
		p.raw("")
		p.print(peerGrid(s))
	}
	if len(s.Tables) > 0 {
		p.raw("")
		p.print(sumGrid(s))
	}
	for i, m := range s.Mismatches {
		if i == 0 {
			p.raw("")
		}
		p.text(2, doubt, m)
	}
}

// evictions says how many keys went for want of memory, and what to do; nothing if none did.
func evictions(tables []cli.Sum) string {
	var list []string
	for _, t := range tables {
		if t.Evicted > 0 {
			list = append(list, plural(t.Evicted, "key", "keys")+" of "+t.Name)
		}
	}
	if list == nil {
		return ""
	}
	return "evicted for want of memory since the start: " + strings.Join(list, ", ") + "; raise --max-memory, or shorten expire"
}

func (p *Printer) sectionHead(s *cli.Section) {
	line := s.Name + ": " + s.Condition
	for i, part := range wrap(printable(line), p.width()-2) {
		if i > 0 {
			p.raw("  " + p.paint(toneOf(s), part))
			continue
		}
		name := part[:min(len(part), len(printable(s.Name))+1)]
		p.raw(p.paint(head, name) + p.paint(toneOf(s), part[len(name):]))
	}
}

func toneOf(s *cli.Section) tone {
	if s.Whole {
		return good
	}
	return doubt
}

func rules(s *cli.Section) []string {
	var list []string
	for _, r := range s.Rules {
		text := "from " + r.From + " to " + r.To
		if r.From == "" {
			text = "from any to " + r.To
		}
		if r.UpOnly {
			text += " up-only"
		}
		list = append(list, text)
	}
	for _, f := range s.Forwards {
		list = append(list, "forward "+f)
	}
	return list
}

func peerGrid(s *cli.Section) *grid {
	g := &grid{head: []string{"peer", "place", "state", "for#", "taught", "in#", "out#", "ignored#", "address"}}
	for i := range s.Peers {
		peer := &s.Peers[i]
		state, t := stateOf(peer)
		row := cells(peer.Name, place(peer), state, span(peer.AgeSeconds), taught(peer), count(peer.UpdatesIn), count(peer.UpdatesOut), count(peer.Ignored), where(peer))
		row[2].tone = t
		g.add(row, notes(peer)...)
	}
	return g
}

// stateOf says whether the peer is there, and what to think of that.
func stateOf(p *cli.Peer) (string, tone) {
	switch {
	case p.Connected && p.Missing:
		return "connected", doubt
	case p.Connected:
		return "connected", good
	case p.Dynamic:
		return "away", quiet // nobody expects it
	}
	return "away", bad
}

// place is where the peer stands, in the configuration's words.
func place(p *cli.Peer) string {
	text := p.Direction
	if p.Group > 0 {
		text += fmt.Sprintf(" group %d", p.Group)
	}
	if p.Dynamic {
		text = "dynamic " + text
	}
	return text
}

func taught(p *cli.Peer) string {
	if !p.Connected {
		return "-"
	}
	if word, ok := map[string]string{"none": "nothing yet", "partial": "a part", "finished": "everything"}[p.Lesson]; ok {
		return word
	}
	return p.Lesson
}

// where is the peer's address, or of one that has none in the configuration, that it comes from.
func where(p *cli.Peer) string {
	if p.Address == "" {
		return p.Remote
	}
	return p.Address
}

// slowAck is how long a peer may take to acknowledge what it was sent before that is worth a word, in seconds: HAProxy does so within milliseconds.
const slowAck = 2

// notes say what is wrong with the peer, or out of the ordinary.
func notes(p *cli.Peer) []cell {
	var list []cell
	if !p.Connected {
		if reason, _, _ := strings.Cut(p.LastError, "\n"); reason != "" {
			list = append(list, cell{reason, bad})
		}
		return list
	}
	if p.Group > 0 && !p.Counts {
		list = append(list, cell{"stands by: another of its group counts", quiet})
	}
	if p.Unacked > slowAck {
		list = append(list, cell{"has acknowledged nothing for " + span(p.Unacked), doubt})
	}
	for _, t := range p.Sends {
		if t.Unaccepted {
			list = append(list, cell{"does not take " + t.Table + ": it does not know that table, or its keys differ", doubt})
		}
	}
	for _, t := range p.Refused {
		list = append(list, cell{"its table " + t.Name + " is not summed: " + t.Reason, doubt})
	}
	return list
}

func sumGrid(s *cli.Section) *grid {
	g := &grid{head: []string{"table", "type", "keys#", "is", "contributors", "store"}}
	for _, t := range s.Tables {
		kind := t.Type
		if kind == "" {
			kind = "not defined yet"
		}
		g.add(cells(t.Name, kind, count(uint64(t.Used)), origin(t.Kind, t.Source), names(t.Contributors), t.Store))
	}
	return g
}

// names lists the names, or where that takes much room counts them.
func names(list []string) string {
	if text := strings.Join(list, ", "); length(text) <= leastLast {
		return text
	}
	return plural(uint64(len(list)), "peer", "peers")
}

func origin(kind, source string) string {
	switch kind {
	case "forwarded":
		return "from above"
	case "lease":
		return "our own lease"
	}
	return "sum of " + source
}

// Peers writes the reply to "show peers json": of each peer all that is known of its session.
func (p *Printer) Peers(r io.Reader) error {
	sections, err := decode[[]cli.Section](r)
	if err != nil {
		return err
	}
	for i := range sections {
		s := &sections[i]
		p.between(i)
		p.sectionHead(s)
		for k := range s.Peers {
			p.raw("")
			p.peer(&s.Peers[k])
		}
	}
	return p.err
}

func (p *Printer) peer(peer *cli.Peer) {
	state, t := stateOf(peer)
	p.raw("  " + p.paint(head, peer.Name) + ", " + p.paint(plain, place(peer)) + ": " + p.paint(t, state+" for "+span(peer.AgeSeconds)))
	if peer.Address != "" {
		p.field("address", plain, "%s", peer.Address)
	}
	if peer.Connected {
		p.session(peer)
	} else if peer.Sessions == 0 {
		p.field("sessions", plain, "none since the start")
	}
	if peer.UpdatesIn+peer.UpdatesOut+peer.BytesIn > 0 {
		p.field("received", plain, "%s (%s ignored), %s, %s", plural(peer.UpdatesIn, "update", "updates"), count(peer.Ignored), size(peer.BytesIn), plural(peer.HeartbeatsIn, "heartbeat", "heartbeats"))
		p.field("sent", plain, "%s, %s, %s", plural(peer.UpdatesOut, "update", "updates"), size(peer.BytesOut), plural(peer.HeartbeatsOut, "heartbeat", "heartbeats"))
	}
	var names []string
	for _, t := range peer.Sends {
		if !t.Unaccepted {
			names = append(names, t.Table)
		}
	}
	if names != nil {
		p.field("gets", plain, "%s", strings.Join(names, ", "))
	}
	for _, n := range notes(peer) {
		p.field("note", n.tone, "%s", n.text)
	}
}

// session writes what is known of a connected peer's session.
func (p *Printer) session(peer *cli.Peer) {
	how := "we dialled " + peer.Remote
	if peer.Inbound {
		how = "it dialled, from " + peer.Remote
	}
	if peer.PID != 0 {
		how += fmt.Sprintf(", process %d", peer.PID)
	}
	p.field("session", plain, "%s; %s since the start", how, plural(uint64(peer.Sessions), "session", "sessions"))
	switch {
	case peer.TLS == "":
	case peer.TLSPeer == "":
		p.field("tls", plain, "%s, %s, no certificate was shown", peer.TLS, peer.TLSCipher)
	case peer.TLSVerified:
		p.field("tls", plain, "%s, %s, certificate of %s, verified", peer.TLS, peer.TLSCipher, peer.TLSPeer)
	default:
		p.field("tls", doubt, "%s, %s, certificate of %s, not verified", peer.TLS, peer.TLSCipher, peer.TLSPeer)
	}
	p.field("taught", plain, "%s", taught(peer))
}
