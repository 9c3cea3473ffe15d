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
	Asked:    true,
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
}

func runMayOverflow(p *Pass) {
	type key struct {
		at   *topology.Vertex
		name string
	}
	all := map[key]*capacity{}
	var order []key
	for _, h := range p.flows() {
		k := key{h.at, h.name}
		c := all[k]
		if c == nil {
			c = &capacity{counted: map[*topology.Table]bool{}}
			all[k] = c
			order = append(order, k)
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
	var f diag.Finding
	for _, k := range order {
		c, name := all[k], k.name
		if c.room == 0 || c.room >= c.sources || c.smallerThanSource() || p.skips(c.at.at, c.at.node) {
			continue
		}
		f.Tables = append(f.Tables, written(name))
		f.Nodes = append(f.Nodes, c.at.node)
		f.Related = append(f.Related, note(c.at.at, "`%s` has room for %s keys, its %d sources for %s together", written(name), formatSize(c.room), len(c.counted), formatSize(c.sources)))
	}
	if f.Tables == nil {
		return
	}
	f.Tables = unique(f.Tables)
	f.Summary = fmt.Sprintf("%s %s room for fewer keys on %s than what %s made of on all nodes together", codes(f.Tables), verb(len(f.Tables), "has", "have"), and(unique(f.Nodes)), verb(len(f.Tables), "it is", "they are"))
	f.Primary, f.Related = f.Related[0], f.Related[1:]
	f.Impact = "if the nodes see different keys, the oldest are removed before they expire"
	p.report(f)
}

// smallerThanSource: then STK323 says it.
func (c *capacity) smallerThanSource() bool {
	for t := range c.counted {
		if t.Shape.Size > c.room {
			return true
		}
	}
	return false
}
