package check

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology"
)

var mayOverflow = &Check{
	Code:     "STK601",
	Slug:     "aggregate-may-overflow",
	Title:    "an aggregate has room for fewer keys than all its sources together",
	Severity: diag.Info,
	Since:    "0.2",
	Text: Text{
		What:    "The `size` of an aggregate is less than the sizes of the tables that it is made of, on all nodes, added up.",
		Why:     "If every node sees other keys, the aggregate is full before its sources are, and its oldest keys are removed to make room. If all nodes see the same keys, the size of one source is enough.",
		RunTime: "`show table` of the aggregate says `used` equal to `size`.",
		Fix:     "Let the aggregate's `size` be the sum of its sources', if the memory is there: an entry takes some 50 bytes, the key, and 4 to 12 bytes for each data type.",
	},
	Bad:  altered("size 200", "size 150"),
	Good: altered(),
	Run:  runMayOverflow,
}

// capacity is an aggregate's least room, and what its sources hold together.
type capacity struct {
	room    int64
	at      sighting
	sources int64
	counted map[*topology.Table]bool
	made    *topology.Vertex
}

func runMayOverflow(p *Pass) {
	all := map[string]*capacity{}
	var order []string
	for _, h := range p.flows() {
		c := all[h.name]
		if c == nil {
			c = &capacity{counted: map[*topology.Table]bool{}, made: h.at}
			all[h.name] = c
			order = append(order, h.name)
		}
		if !c.counted[h.table] {
			c.counted[h.table] = true
			c.sources += h.table.Shape.Size
		}
		u := tableNamed(p.sharedTables(h.first), h.name)
		if u != nil && h.delivered && u.Shape.Size > 0 && (c.room == 0 || u.Shape.Size < c.room) {
			c.room, c.at = u.Shape.Size, sighting{h.origin.Name, firstOf(u.Shape.SizeSpan, u.Name.Span)}
		}
	}
	for _, name := range order {
		c := all[name]
		if c.room == 0 || c.room >= c.sources || p.silences(c.at.at) || p.smallerThanSource(name, c) {
			continue
		}
		p.report(diag.Finding{
			Summary: fmt.Sprintf("%s's `%s` has room for %s keys, the %d tables that it is made of for %s together", c.at.node, written(name), formatSize(c.room), len(c.counted), formatSize(c.sources)),
			Primary: note(c.at.at, "room for %s keys", formatSize(c.room)),
			Impact:  "if the nodes see different keys, the oldest are removed before they expire",
			Nodes:   []string{c.at.node, c.made.Name},
			Tables:  []string{written(name)},
		})
	}
}

// smallerThanSource: then STK323 says it.
func (p *Pass) smallerThanSource(name string, c *capacity) bool {
	for t := range c.counted {
		if t.Shape.Size > c.room {
			return true
		}
	}
	return false
}
