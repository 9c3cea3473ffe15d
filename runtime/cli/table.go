package cli

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"math"
	"slices"

	"stktc/runtime"
	"stktc/runtime/store"
	"stktc/topology/sticktable"
)

// view is a table with the shape that it had when the command came. Entries are read with current checks: values of one shape read as those of another would be nonsense.
type view struct {
	runtime.TableStatus
	section  string
	replicas []string // that hold the same, each for itself
	def      sticktable.Definition
	version  uint64
	elements []element
}

// views lists the tables of that name, in all sections; all tables for an empty name. Those that nobody has defined yet have no shape to show.
func (c *client) views(name string) []*view {
	var list []*view
	for _, s := range c.status().Sections {
		for _, t := range s.Tables {
			if name != "" && name != t.Table.Name() {
				continue
			}
			v := newView(s.Name, t)
			v.replicas = replicas(&s)
			if v.def.Key.IsValid() {
				list = append(list, v)
			}
		}
	}
	return list
}

func newView(section string, t runtime.TableStatus) *view {
	v := &view{TableStatus: t, section: section}
	v.def, v.version = t.Table.Definition()
	v.elements = elements(&v.def)
	return v
}

// isCurrent tells whether the table still has the view's shape. What was read before that is true was read in this shape.
func (v *view) isCurrent() bool {
	_, version := v.Table.Definition()
	return version == v.version
}

// tableSize is shown where HAProxy shows how many entries a table may have: there is no such limit here, and 0 would divide those who compute how full it is.
const tableSize = math.MaxInt32

const notDumped = "contents not dumped due to insufficient privileges"

func (v *view) header() string {
	return fmt.Sprintf("# table: %s, type: %s, size:%d, used:%d\n", v.Table.Name(), v.def.Key, tableSize, v.Table.Used())
}

func (v *view) appendEntry(b []byte, e *store.Entry) []byte {
	b = fmt.Appendf(b, "%#x: key=", v.pointer(e.Key))
	b = appendKey(b, &v.def, e.Key)
	b = fmt.Appendf(b, " use=0 exp=%d", exp(e.Life))
	for i := range v.elements {
		el := &v.elements[i]
		b = append(b, ' ')
		b = append(b, el.label...)
		b = append(b, '=')
		b = el.append(b, e.Values, "-")
	}
	return append(b, '\n')
}

// pointer stands for the address that HAProxy shows: a number of 48 bits that is the same for the same key of the same table.
func (v *view) pointer(key []byte) uint64 {
	return pointer(v.section, v.Table.Name(), string(key))
}

func pointer(names ...string) uint64 {
	h := fnv.New64a()
	for _, n := range names {
		h.Write([]byte(n))
		h.Write([]byte{0})
	}
	return h.Sum64()>>16 | 1<<47
}

// Words of HAProxy for arguments that it cannot place.
const (
	showTableSyntax  = `Optional argument only supports "data.<store_data_type>" <operator> <value> or key <key>`
	clearTableSyntax = `Required arguments: <table> "data.<store_data_type>" <operator> <value> or <table> key <key>`
)

func showTable(c *client, args []string) {
	if len(args) == 0 {
		c.listTables()
		return
	}
	views := c.views(args[0])
	if len(views) == 0 {
		c.fail("No such table")
		return
	}
	requests, ok := c.requests(views, args[1:], showTableSyntax)
	if !ok || requests[0].key != nil && c.denied(Operator) {
		return
	}
	if c.json {
		c.dumpJSON(views, requests)
		return
	}
	for i, v := range views {
		c.dump(v, &requests[i])
	}
}

func (c *client) listTables() {
	views := c.views("")
	if c.json {
		list := make([]Table, len(views))
		for i, v := range views {
			list[i] = v.json()
		}
		c.writeJSON(list)
		return
	}
	for _, v := range views {
		c.w.WriteString(v.header())
	}
}

// requests reads the arguments once for each table: their shapes may differ. A problem is answered.
func (c *client) requests(views []*view, args []string, syntax string) ([]request, bool) {
	list := make([]request, len(views))
	for i, v := range views {
		r, problem := parseRequest(v, args, syntax)
		if problem != "" {
			c.fail(problem)
			return nil, false
		}
		list[i] = r
	}
	return list, true
}

// redefined ends a dump during which the table changed its shape.
const redefined = "the table was defined anew during the dump, ask again for the rest"

// dump writes the header and what is asked of the table. A key that is not there has no header either, as in HAProxy.
func (c *client) dump(v *view, r *request) {
	var line []byte
	write := func(e *store.Entry) bool {
		if line == nil && r.key != nil {
			c.w.WriteString(v.header())
		}
		line = v.appendEntry(line[:0], e)
		_, err := c.w.Write(line)
		return err == nil
	}
	if r.key == nil {
		c.w.WriteString(v.header())
		if c.level < Operator {
			fmt.Fprintf(c.w, "# %s\n", notDumped)
			return
		}
	}
	if !v.each(r, c.srv.agg.Now(), write) {
		fmt.Fprintf(c.w, "# %s\n", redefined)
	}
}

// sortLimit is up to how many entries are shown in the order of their keys, as HAProxy does up to 2.9. More are shown as they come, so that none are kept.
const sortLimit = 1024

// each calls f with the entries that the request takes until it says stop, and tells whether the table kept its shape until then.
func (v *view) each(r *request, now uint32, f func(*store.Entry) bool) (complete bool) {
	if r.key != nil {
		e, ok := v.Table.Lookup(r.key, now)
		if complete = v.isCurrent(); ok && complete {
			f(&e)
		}
		return complete
	}
	var kept []store.Entry
	complete, sorting, going := true, true, true
	flush := func() {
		sorting = false
		for i := 0; i < len(kept) && going; i++ {
			going = f(&kept[i])
		}
		kept = nil
	}
	v.Table.Range(now, func(e store.Entry) bool {
		switch complete = v.isCurrent(); {
		case !complete:
			return false
		case !r.takes(&e):
			return true
		case sorting && len(kept) < sortLimit:
			kept = append(kept, e)
			return true
		case sorting:
			flush()
		}
		going = going && f(&e)
		return going
	})
	if sorting {
		slices.SortFunc(kept, func(a, b store.Entry) int { return bytes.Compare(a.Key, b.Key) })
		flush()
	}
	return complete
}

// clearTable drops the contributions to one key, to those that the filters take, or to all.
func clearTable(c *client, args []string) {
	if len(args) == 0 {
		c.fail(clearTableSyntax)
		return
	}
	views := c.views(args[0])
	if len(views) == 0 {
		c.fail("No such table")
		return
	}
	requests, ok := c.requests(views, args[1:], clearTableSyntax)
	if !ok || c.denied(Operator) {
		return
	}
	cleared := []Cleared{}
	for i, v := range views {
		if n := v.clear(&requests[i], c.srv.agg.Now()); n > 0 {
			c.srv.log.Info("table cleared by hand", "table", v.Table.Name(), "entries", n, "from", c.from())
			cleared = append(cleared, Cleared{v.Table.Name(), v.section, n, v.afterClear()})
		}
	}
	if c.json {
		c.writeJSON(cleared)
		return
	}
	for _, t := range cleared {
		fmt.Fprintf(c.w, "# cleared %d of %s: %s\n", t.Cleared, t.Table, t.Note)
	}
}

func (v *view) clear(r *request, now uint32) int {
	n := 0
	v.each(r, now, func(e *store.Entry) bool {
		if v.Table.Clear(e.Key, now) {
			n++
		}
		return true
	})
	return n
}

func replicas(s *runtime.SectionStatus) (names []string) {
	for _, p := range s.Peers {
		if p.Direction == runtime.Replica {
			names = append(names, p.Name)
		}
	}
	return names
}

// afterClear says why the entry may come back: whoever counts it still has it.
func (v *view) afterClear() string {
	if v.Kind == runtime.Forwarded {
		return "the aggregator above still has it, clear it there too"
	}
	note := fmt.Sprintf("peers are sent zeros; what is left in their own tables %s comes back with their next updates, clear it there too", v.Source)
	if v.replicas != nil {
		note += "; and so in the replica " + list(v.replicas) + ", which would write it again"
	}
	return note
}
