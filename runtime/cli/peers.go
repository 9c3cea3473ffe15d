package cli

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"stktc/runtime"
)

// sectionsNamed gives the sections of that name, all for an empty one. An unknown name is answered.
func (c *client) sectionsNamed(name, problem string) []runtime.SectionStatus {
	var list []runtime.SectionStatus
	for _, s := range c.status().Sections {
		if name == "" || s.Name == name {
			list = append(list, s)
		}
	}
	if list == nil {
		c.fail(problem)
	}
	return list
}

// showPeers dumps the peers in HAProxy's layout (peers_dump_peer), with those of its fields that mean something here; what is ours has names of its own.
// HAProxy's "dict" and "-" are taken, but there are no dictionaries to dump.
func showPeers(c *client, args []string) {
	if len(args) > 0 && (args[0] == "dict" || args[0] == "-") {
		args = args[1:]
	}
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	sections := c.sectionsNamed(name, "No such peers")
	if len(sections) == 0 {
		return
	}
	if c.json {
		c.writeJSON(c.sectionsJSON(sections))
		return
	}
	started := c.status().Started
	for i := range sections {
		if i > 0 {
			c.w.WriteByte('\n')
		}
		c.dumpPeers(&sections[i], started)
	}
}

// Section flags of HAProxy that mean the same in all its versions: both together, the section is synchronised.
const (
	flagLocalDone  = 1
	flagRemoteDone = 2
)

func (c *client) dumpPeers(s *runtime.SectionStatus, started time.Time) {
	flags, timeout := flagLocalDone, "<NEVER>"
	if s.Released {
		flags, timeout = flagLocalDone|flagRemoteDone, "<PAST>"
	}
	fmt.Fprintf(c.w, "%#x: [%s] id=%s disabled=0 flags=%#x resync_timeout=%s\n",
		pointer(s.Name), started.Local().Format("02/Jan/2006:15:04:05"), s.Name, flags, timeout)
	for i := range s.Peers {
		c.dumpPeer(s, &s.Peers[i])
	}
	fmt.Fprintf(c.w, "  %#x: id=%s(local,inactive) addr=%s last_status=NONE last_hdshk=<NEVER>\n", pointer(s.Name, s.Local.Name), s.Local.Name, s.Local.Address)
	for _, line := range mismatches(s) {
		fmt.Fprintf(c.w, "  # %s\n", line)
	}
}

func (c *client) dumpPeer(s *runtime.SectionStatus, p *runtime.PeerStatus) {
	state := "inactive"
	if p.Connected {
		state = "active"
	}
	fmt.Fprintf(c.w, "  %#x: id=%s(remote,%s) addr=%s last_status=%s last_hdshk=%s\n",
		pointer(s.Name, p.Name), p.Name, state, cmp.Or(p.Address, p.Remote, "-"), p.Status, c.lastHandshake(p))
	fmt.Fprintf(c.w, "        tx_hbt=%d rx_hbt=%d new_conn=%d\n", p.HeartbeatsOut, p.HeartbeatsIn, p.Sessions)
	fmt.Fprintf(c.w, "        direction=%s%s lesson=%s updates_in=%d updates_out=%d ignored=%d bytes_in=%d bytes_out=%d\n",
		p.Direction, marks(p), p.Lesson, p.UpdatesIn, p.UpdatesOut, p.Ignored, p.BytesIn, p.BytesOut)
	if p.Connected && p.Inbound {
		fmt.Fprintf(c.w, "        src=%s addr=%s pid=%d\n", p.Remote, s.Local.Address, p.PID)
	}
	if p.LastError != "" {
		fmt.Fprintf(c.w, "        last_error=%s\n", strconv.Quote(p.LastError))
	}
	fmt.Fprintf(c.w, "        shared tables:\n")
	c.dumpShared(s, p)
}

// marks are what most peers do not have.
func marks(p *runtime.PeerStatus) string {
	text := ""
	if p.Dynamic {
		text += " dynamic=true"
	}
	if p.Group > 0 {
		text += fmt.Sprintf(" group=%d counts=%t", p.Group, p.Counts)
	}
	if p.TLS.Version != "" {
		text += " tls=" + strings.ReplaceAll(p.TLS.Version, " ", "") + " cipher=" + p.TLS.Cipher
	}
	if p.TLS.Peer != "" {
		text += fmt.Sprintf(" cert=%s verified=%t", strings.ReplaceAll(p.TLS.Peer, ", ", ","), p.TLS.Verified)
	}
	return text
}

// dumpShared writes the tables that the peer is sent; "update" is HAProxy's name for the last id that the peer acknowledged.
func (c *client) dumpShared(s *runtime.SectionStatus, p *runtime.PeerStatus) {
	for _, t := range p.Sends {
		fmt.Fprintf(c.w, "          %#x local_id=%d unaccepted=%t\n", pointer(s.Name, p.Name, t.Name), t.ID, t.Unaccepted)
		fmt.Fprintf(c.w, "              last_pushed=%d update=%d\n", t.Pushed, t.Acked)
		fmt.Fprintf(c.w, "              table:%#x id=%s\n", pointer(s.Name, t.Name), t.Name)
	}
}

// lastHandshake is how long ago the present session began. When the one before began is not kept, only that there was one.
func (c *client) lastHandshake(p *runtime.PeerStatus) string {
	switch {
	case p.Connected:
		return human(c.srv.now().Sub(p.Since))
	case p.Sessions == 0:
		return "<NEVER>"
	}
	return "<PAST>"
}

// mismatches tells which data types are left out of the section's sums, and why.
func mismatches(s *runtime.SectionStatus) []string {
	lines := []string{}
	for _, t := range s.Tables {
		for _, m := range t.Table.Mismatches() {
			lines = append(lines, fmt.Sprintf("%s: %s is left out of the sum: %s has %s, %s has %s",
				t.Table.Name(), m.Type, m.Peers[0], m.Has[0], m.Peers[1], m.Has[1]))
		}
	}
	return lines
}
