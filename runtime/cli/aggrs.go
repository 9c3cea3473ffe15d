package cli

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"stktc/runtime"
)

func sums(s *runtime.SectionStatus) []Sum {
	list := []Sum{}
	for _, t := range s.Tables {
		v := newView(s.Name, t)
		a := Sum{
			Name: t.Table.Name(), Kind: t.Kind.String(), Forwarded: t.Kind == runtime.Forwarded, Source: t.Source,
			Store: v.def.StoreString(), Used: t.Table.Used(), Evicted: t.Table.Evicted(), Contributors: []string{},
		}
		if v.def.Key.IsValid() {
			a.Type = v.def.KeyString()
		}
		for _, p := range t.Table.Contributors() {
			if p.Defined {
				a.Contributors = append(a.Contributors, p.Peer)
			}
		}
		slices.Sort(a.Contributors)
		list = append(list, a)
	}
	return list
}

// showAggrs tells of each aggregations section what an operator wants to know first: whether its sums are right, and if not, who is missing.
func showAggrs(c *client, args []string) {
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	sections := c.sectionsNamed(name, "No such aggregations section")
	if len(sections) == 0 {
		return
	}
	if c.json {
		c.writeJSON(c.sectionsJSON(sections))
		return
	}
	for i := range sections {
		if i > 0 {
			c.w.WriteByte('\n')
		}
		c.dumpAggregation(&sections[i])
	}
}

func (c *client) dumpAggregation(s *runtime.SectionStatus) {
	fmt.Fprintf(c.w, "aggregations %s: %s\n", s.Name, s.Condition())
	fmt.Fprintf(c.w, "  local %s, listening on %s\n", s.Local.Name, s.Local.Address)
	for _, r := range s.Rules {
		from := r.From
		if from == "" {
			from = "any"
		}
		upOnly := ""
		if r.UpOnly {
			upOnly = " up-only"
		}
		fmt.Fprintf(c.w, "  from %s to %s%s\n", from, r.To, upOnly)
	}
	for _, suffix := range s.Forwards {
		fmt.Fprintf(c.w, "  forward %s\n", suffix)
	}
	rows := [][]string{{"peer", "place", "state", "for", "lesson", "in", "out", "ignored", "note"}}
	for i := range s.Peers {
		rows = append(rows, c.peerRow(&s.Peers[i]))
	}
	writeColumns(c.w, rows)
	rows = [][]string{{"table", "type", "keys", "is", "contributors", "store"}}
	tables := sums(s)
	for _, t := range tables {
		rows = append(rows, tableRow(&t))
	}
	if len(rows) > 1 {
		writeColumns(c.w, rows)
	}
	for _, t := range tables {
		if t.Evicted > 0 {
			fmt.Fprintf(c.w, "  ! %s: %d keys were evicted for want of memory\n", t.Name, t.Evicted)
		}
	}
	for _, line := range mismatches(s) {
		fmt.Fprintf(c.w, "  ! %s\n", line)
	}
}

func (c *client) peerRow(p *runtime.PeerStatus) []string {
	state := "away"
	if p.Connected {
		state = "connected"
	}
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	return []string{
		p.Name, standing(p), state, human(c.srv.now().Sub(p.Since)), p.Lesson, number(p.UpdatesIn), number(p.UpdatesOut), number(p.Ignored), note(p),
	}
}

// standing is where the peer stands, in the configuration's words; one that the configuration does not list is called dynamic.
func standing(p *runtime.PeerStatus) string {
	text := p.Direction.String()
	if p.Group > 0 {
		text += " group " + strconv.Itoa(p.Group)
	}
	if p.Dynamic {
		text = "dynamic " + text
	}
	return text
}

// note is what is wrong with the peer, and what is out of the ordinary.
func note(p *runtime.PeerStatus) string {
	if !p.Connected {
		return firstLine(p.LastError)
	}
	var notes []string
	if p.Group > 0 && !p.Counts {
		notes = append(notes, "stands by")
	}
	var unaccepted, refused []string
	for _, t := range p.Sends {
		if t.Unaccepted {
			unaccepted = append(unaccepted, t.Name)
		}
	}
	for _, t := range p.Refused {
		refused = append(refused, t.Name+" ("+t.Reason+")")
	}
	if unaccepted != nil {
		notes = append(notes, "does not take "+list(unaccepted))
	}
	if refused != nil {
		notes = append(notes, "is not summed: "+list(refused))
	}
	return strings.Join(notes, "; ")
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

func tableRow(t *Sum) []string {
	is := map[string]string{"sum": "sum of " + t.Source, "forwarded": "from above", "lease": "our own lease"}[t.Kind]
	return []string{t.Name, t.Type, strconv.Itoa(t.Used), is, list(t.Contributors), t.Store}
}

// writeColumns writes rows with their columns aligned, below an empty line and indented by two.
func writeColumns(w io.Writer, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	fmt.Fprintln(w)
	for _, row := range rows {
		line := " "
		for i, cell := range row {
			line += " " + cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+1)
		}
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
}
