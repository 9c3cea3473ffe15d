package console

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"stktc/runtime/cli"
)

func decode[T any](r io.Reader) (v T, err error) {
	dec := json.NewDecoder(r)
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return v, notAsExpected(err)
	}
	return v, nil
}

func notAsExpected(err error) error { return fmt.Errorf("the reply is not JSON as expected: %w", err) }

// Tables writes the reply to "show table json".
func (p *Printer) Tables(r io.Reader) error {
	tables, err := decode[[]cli.Table](r)
	if err != nil {
		return err
	}
	g := &grid{head: []string{"table", "section", "type", "keys#", "expire#", "is", "store"}}
	for _, t := range tables {
		g.add(cells(t.Name, t.Section, t.Type, count(uint64(t.Used)), expire(t.Expire), origin(t.Kind, t.Source), t.Store))
	}
	if len(tables) == 0 {
		p.text(0, plain, "no tables: no peer has defined one that a rule takes")
		return p.err
	}
	p.print(g)
	return p.err
}

func expire(ms *int64) string {
	if ms == nil {
		return "never"
	}
	return span(float64(*ms) / 1000)
}

// lookAhead is how many entries are looked at for the widths of columns; what comes later takes the room that it needs.
const lookAhead = 1000

// Entries writes the reply to "show table NAME json" as it comes: it may be of any length.
func (p *Printer) Entries(r io.Reader) error {
	dec := json.NewDecoder(r)
	dec.UseNumber()
	if err := expect(dec, '['); err != nil {
		return err
	}
	for i := 0; dec.More(); i++ {
		p.between(i)
		if err := p.table(dec); err != nil {
			return err
		}
	}
	if p.err != nil {
		return p.err
	}
	return expect(dec, ']')
}

// expect reads a bracket.
func expect(dec *json.Decoder, bracket json.Delim) error {
	switch t, err := dec.Token(); {
	case err != nil:
		return notAsExpected(err)
	case t != bracket:
		return notAsExpected(fmt.Errorf("%v where %v was expected", t, bracket))
	}
	return nil
}

// table writes one table: what there is to say of it comes before its entries, and what is to be noticed after them.
func (p *Printer) table(dec *json.Decoder) error {
	if err := expect(dec, '{'); err != nil {
		return err
	}
	fields := map[string]json.RawMessage{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return notAsExpected(err)
		}
		if name == "entries" {
			if err := p.entries(dec, fields); err != nil {
				return err
			}
			continue
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return notAsExpected(err)
		}
		fields[fmt.Sprint(name)] = value
	}
	var notice string
	if json.Unmarshal(fields["notice"], &notice) == nil {
		p.text(2, doubt, notice)
	}
	return expect(dec, '}')
}

func (p *Printer) entries(dec *json.Decoder, fields map[string]json.RawMessage) error {
	text, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	var t cli.Table
	if err := json.Unmarshal(text, &t); err != nil {
		return notAsExpected(err)
	}
	p.raw(p.paint(head, t.Name) + p.paint(plain, fmt.Sprintf(" (%s), type %s: %s", origin(t.Kind, t.Source), t.Type, plural(uint64(t.Used), "key", "keys"))))
	if begin, err := dec.Token(); err != nil || begin == nil { // [, or null where the level does not suffice
		return err
	}
	l := p.newListing(t.Store, "key")
	for dec.More() && p.err == nil {
		var e cli.Entry
		if err := dec.Decode(&e); err != nil {
			return notAsExpected(err)
		}
		if err := l.add(cells(e.Key, life(e.Exp)), e.Data); err != nil {
			return err
		}
	}
	l.end()
	if !l.any && t.Used > 0 {
		p.text(2, quiet, "none of them matches")
	}
	if p.err != nil {
		return p.err
	}
	return expect(dec, ']')
}

// listing writes keys, or peers, with their values: in columns where these fit, else each with its values below.
type listing struct {
	p      *Printer
	g      grid
	leads  int // cells before the values
	begun  bool
	narrow bool // columns do not fit
	any    bool
}

// newListing begins a list of what the leads name and when it expires, with a store's values.
func (p *Printer) newListing(store string, leads ...string) *listing {
	l := &listing{p: p, leads: len(leads) + 1}
	l.g.head = append(leads, "expires#")
	for _, name := range columns(store) {
		l.g.head = append(l.g.head, name+"#")
	}
	return l
}

func (l *listing) add(leads []cell, data json.RawMessage) error {
	list, err := values(data)
	if err != nil {
		return err
	}
	if len(leads)+len(list) != len(l.g.head) {
		return notAsExpected(fmt.Errorf("%d values for %d columns", len(list), len(l.g.head)-len(leads)))
	}
	l.any = true
	l.g.add(append(leads, cells(list...)...))
	if l.begun || len(l.g.rows) == lookAhead {
		l.flush()
	}
	return nil
}

func (l *listing) end() {
	if l.any {
		l.flush()
	}
}

func (l *listing) flush() {
	if !l.begun {
		l.begun = true
		l.g.measure()
		if l.narrow = !l.g.fits(l.p.width(), len(l.g.head)); !l.narrow {
			l.p.gridHead(&l.g)
		}
	}
	if !l.narrow {
		l.p.gridRows(&l.g)
		return
	}
	for _, r := range l.g.rows {
		l.below(r)
	}
	l.g.rows = l.g.rows[:0]
}

// below writes a row with its values on the lines after it, those that are 0 left out.
func (l *listing) below(r row) {
	line := "  "
	for i, c := range r.cells[:l.leads] {
		switch text := l.p.paint(c.tone, c.text); {
		case i < l.leads-1:
			line += text + "  "
		case c.text != "":
			line += l.p.paint(quiet, "expires ") + text
		}
	}
	l.p.raw(line)
	var list []string
	for i, c := range r.cells[l.leads:] {
		if c.text != "0" {
			list = append(list, strings.TrimSuffix(l.g.head[l.leads+i], "#")+"="+strings.ReplaceAll(c.text, ",", ""))
		}
	}
	if list == nil {
		list = []string{"all values are 0"}
	}
	l.p.text(6, plain, strings.Join(list, " "))
}

// Contributions writes the reply to "show contributions TABLE key KEY json".
func (p *Printer) Contributions(r io.Reader) error {
	list, err := decode[[]cli.Contributions](r)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		p.text(0, plain, "nobody contributes to that key")
	}
	for i := range list {
		p.between(i)
		if err := p.contributions(&list[i]); err != nil {
			return err
		}
	}
	return p.err
}

func (p *Printer) contributions(c *cli.Contributions) error {
	var key string
	if err := json.Unmarshal(c.Key, &key); err != nil {
		return notAsExpected(err)
	}
	p.raw(p.paint(head, key) + p.paint(plain, fmt.Sprintf(" in %s (%s): %s", c.Table, c.Section, plural(uint64(len(c.Contributions)), "contribution", "contributions"))))
	l := p.newListing(c.Store, "peer", "state")
	for i := range c.Contributions {
		one := &c.Contributions[i]
		state, t := contributionState(one)
		if err := l.add([]cell{{one.Peer, plain}, {state, t}, {life(one.Exp), plain}}, one.Data); err != nil {
			return err
		}
	}
	if err := l.add([]cell{{"sum", head}, {"", plain}, {life(c.Exp), plain}}, c.Sum); err != nil {
		return err
	}
	l.end()
	return nil
}

// contributionState tells what keeps a contribution alive, and whether it counts.
func contributionState(c *cli.Contribution) (string, tone) {
	switch {
	case c.Standby:
		return "stands by", quiet
	case !c.Connected:
		return "away, kept", bad
	case c.Stale:
		return "connected, kept", doubt
	}
	return "connected", good
}
