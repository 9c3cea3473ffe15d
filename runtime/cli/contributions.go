package cli

import (
	"fmt"

	"stktc/runtime/store"
)

// showContributions shows who contributes what to the sum of a key.
func showContributions(c *client, args []string) {
	if len(args) == 0 {
		c.fail("Required arguments: <table> key <key>")
		return
	}
	views := c.views(args[0])
	switch {
	case len(views) == 0:
		c.fail("No such table")
		return
	case len(args) == 1 || args[1] != "key":
		c.fail("Required arguments: <table> key <key>")
		return
	}
	requests, ok := c.requests(views, args[1:], "")
	if !ok || c.denied(Operator) {
		return
	}
	replies := []Contributions{}
	for i, v := range views {
		e, found := v.Table.Lookup(requests[i].key, c.srv.agg.Now())
		switch {
		case !found || !v.isCurrent():
		case c.json:
			replies = append(replies, v.contributionsJSON(&e))
		default:
			c.dumpContributions(v, &e)
		}
	}
	if c.json {
		c.writeJSON(replies)
	}
}

func (c *client) dumpContributions(v *view, e *store.Entry) {
	fmt.Fprintf(c.w, "# table: %s, key: %s, contributions: %d\n", v.Table.Name(), appendKey(nil, &v.def, e.Key), len(e.Contributions))
	head := []string{"peer", "state", "exp"}
	for i := range v.elements {
		head = append(head, v.elements[i].label)
	}
	rows := [][]string{head}
	for i := range e.Contributions {
		p := &e.Contributions[i]
		rows = append(rows, v.valueRow(p.Peer, contributionState(p), p.Life, p.Values))
	}
	rows = append(rows, v.valueRow("sum", "", e.Life, e.Values))
	writeColumns(c.w, rows)
}

// contributionState tells what keeps a contribution alive, its peer's present session, or that what a peer said before is kept until its life is over; or that it
// is not in the sum, since another member of the peer's group counts.
func contributionState(p *store.Contribution) string {
	switch {
	case p.Standby:
		return "stands by"
	case !p.Connected:
		return "away, kept"
	case p.Stale:
		return "connected, kept"
	}
	return "connected"
}

func (v *view) valueRow(name, state string, life uint32, values []uint64) []string {
	row := []string{name, state, humanLife(life)}
	for i := range v.elements {
		row = append(row, string(v.elements[i].append(nil, values, "-")))
	}
	return row
}

func (v *view) contributionsJSON(e *store.Entry) Contributions {
	j := Contributions{
		Table: v.Table.Name(), Section: v.section, Store: v.def.StoreString(), Key: v.appendKeyJSON(nil, e.Key), Exp: lifeJSON(e.Life),
		Sum: v.appendValuesJSON(nil, e.Values), Contributions: []Contribution{},
	}
	for _, p := range e.Contributions {
		j.Contributions = append(j.Contributions, Contribution{
			Peer: p.Peer, Connected: p.Connected, Standby: p.Standby, Stale: p.Stale, Exp: lifeJSON(p.Life), Data: v.appendValuesJSON(nil, p.Values),
		})
	}
	return j
}

// lifeJSON is the rest of a life in ms, nil without an end.
func lifeJSON(life uint32) *uint32 {
	if life == store.Forever {
		return nil
	}
	return &life
}
