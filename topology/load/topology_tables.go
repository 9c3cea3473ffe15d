package load

import (
	"regexp"
	"slices"
	"strings"

	"stktc/grammar"
	"stktc/topology"
	"stktc/topology/sticktable"
)

// table is one entry of "tables": as many stick tables as it has suffixes.
type table struct {
	entry    *grammar.TableEntry
	suffixes []grammar.Scalar
	shapes   []topology.Shape // of each suffix
	kept     []bool           // of each suffix: its level is not delivered, and the table is summed further
	on       map[*host]bool   // nil: all balancers
}

// isOn tells whether a balancer declares the table.
func (t *table) isOn(h *host) bool { return t.on == nil || t.on[h] }

// section gives the peers section that a balancer's table belongs to: its own, else the balancer's first. Nil if there is none.
func (t *table) section(h *host) *listener { return h.section(t.entry.Peers) }

// section finds a peers section by name, the first if none is given.
func (h *host) section(name grammar.Scalar) *listener {
	for i := range h.listens {
		if name.IsZero() || h.listens[i].section.Value == name.Value {
			return &h.listens[i]
		}
	}
	return nil
}

// delivers tells whether the nodes get the table of the i-th suffix. A table's last sum they get in any case: it goes nowhere else.
func (t *table) delivers(i int) bool { return !t.kept[i] }

var validSuffix = regexp.MustCompile(`^[A-Za-z0-9._-]*$`)

func (b *topologyBuilder) levels() {
	names := map[string]grammar.Scalar{}
	var suffixes []grammar.Scalar
	for _, l := range b.file.Levels {
		b.checkName("level", l.Name)
		if first, taken := names[strings.ToLower(l.Name.Value)]; taken {
			b.related(grammar.CodeName, l.Name.Span, first.Span, "first here", "level `%s` is there twice", l.Name.Value)
		} else if !l.Name.IsZero() {
			names[strings.ToLower(l.Name.Value)] = l.Name
		}
		suffixes = append(suffixes, l.Suffix)
		b.cluster.Levels = append(b.cluster.Levels, topology.Level{Name: text(l.Name), Suffix: text(l.Suffix)})
	}
	b.checkSuffixes(suffixes)
	b.checkDeliver()
}

// checkDeliver looks at the ends of the list: the first level is what nodes count themselves, and above the last there is nobody to send sums to.
func (b *topologyBuilder) checkDeliver() {
	last := len(b.file.Levels) - 1
	for i, l := range b.file.Levels {
		switch {
		case l.Deliver.Value != "false":
		case i == 0:
			b.errorf(grammar.CodeValue, l.Deliver.Span, "level `%s` says `deliver: false`, but the first level is what the nodes count themselves", l.Name.Value)
		case i == last:
			b.errorf(grammar.CodeValue, l.Deliver.Span, "level `%s` says `deliver: false`, but it is the last: its sums would go nowhere", l.Name.Value)
		}
	}
}

// checkSuffixes looks at a list of suffixes, bottom up. Only the first may be empty: it takes every table. As suffixes are matched at the end of
// a name, none may be the end of another.
func (b *topologyBuilder) checkSuffixes(list []grammar.Scalar) {
	for i, s := range list {
		switch {
		case s.IsZero():
		case s.Value == "" && i > 0:
			b.errorf(grammar.CodeName, s.Span, "a suffix is empty; only the first may be, which takes every table")
		case !validSuffix.MatchString(s.Value):
			b.errorf(grammar.CodeName, s.Span, "suffix `%s` cannot be used; accepted are letters, digits, `.`, `_` and `-`", s.Value)
		}
		for _, before := range list[:i] {
			if s.Value == "" || before.Value == "" {
				continue
			}
			if s.Value == before.Value {
				b.related(grammar.CodeName, s.Span, before.Span, "first here", "suffix `%s` is there twice", s.Value)
			} else if strings.HasSuffix(s.Value, before.Value) || strings.HasSuffix(before.Value, s.Value) {
				b.related(grammar.CodeName, s.Span, before.Span, "this one", "suffixes `%s` and `%s` end alike, so a table may match both", s.Value, before.Value)
			}
		}
	}
}

func (b *topologyBuilder) tables() {
	names := map[string]grammar.Scalar{}
	full := map[string]grammar.Scalar{}
	for _, e := range b.file.Tables {
		done := b.about("", e.Name.Value)
		t := &table{entry: e, suffixes: e.Suffixes}
		if len(t.suffixes) == 0 {
			for _, l := range b.file.Levels {
				t.suffixes = append(t.suffixes, l.Suffix)
			}
		}
		b.checkSuffixes(e.Suffixes)
		b.tooManySuffixes(t)
		for i := range t.suffixes {
			inside := 0 < i && i < len(t.suffixes)-1 && i < len(b.file.Levels)
			t.kept = append(t.kept, inside && b.file.Levels[i].Deliver.Value == "false")
		}
		if b.checkName("table", e.Name) {
			b.checkTableNames(t, names, full)
		}
		b.shapes(t)
		b.tableOn(t)
		b.tableList = append(b.tableList, t)
		done()
	}
}

func (b *topologyBuilder) tooManySuffixes(t *table) {
	levels := len(b.file.Levels)
	if n := len(t.entry.Suffixes); n > levels && levels > 0 {
		b.errorf(grammar.CodeHeight, t.entry.Suffixes[levels].Span, "table `%s` has %d suffixes, but `levels` lists %d", t.entry.Name.Value, n, levels)
		t.suffixes = t.suffixes[:levels]
	}
}

// checkTableNames makes sure that a name is one table's only, suffixes included: "a" with ".b" is "a.b" too.
func (b *topologyBuilder) checkTableNames(t *table, names, full map[string]grammar.Scalar) {
	name := t.entry.Name
	if first, taken := names[strings.ToLower(name.Value)]; taken {
		b.related(grammar.CodeName, name.Span, first.Span, "first here", "table `%s` is there twice; names are unique without regard to case", name.Value)
		return
	}
	names[strings.ToLower(name.Value)] = name
	for _, s := range t.suffixes {
		whole := name.Value + s.Value
		if first, taken := full[whole]; taken && first.Span != name.Span {
			b.related(grammar.CodeName, name.Span, first.Span, "by this one", "table `%s` of `%s` is made twice", whole, name.Value)
			continue
		}
		full[whole] = name
	}
}

// tableOn finds the balancers that declare a table, and reports those that have no peers section for it.
func (b *topologyBuilder) tableOn(t *table) {
	if len(t.entry.On) > 0 {
		t.on = map[*host]bool{}
		for _, m := range b.pick(t.entry.On, b.balancers, "balancer", nil) {
			t.on[m.host] = true
		}
	}
	if t.entry.Peers.IsZero() {
		return
	}
	var without []string
	for _, h := range b.balancers {
		if t.isOn(h) && len(h.listens) > 0 && t.section(h) == nil {
			without = append(without, h.node.Name.Value)
		}
	}
	if len(without) > 0 {
		b.errorf(grammar.CodeReference, t.entry.Peers.Span, "peers section `%s` of table `%s` is not in `peers` of %s", t.entry.Peers.Value, t.entry.Name.Value, grammar.List(without))
	}
}

// shapes reads what the table stores, once for each suffix: size and expire may differ by level.
func (b *topologyBuilder) shapes(t *table) {
	b.levelNames(t, t.entry.Size)
	b.levelNames(t, t.entry.Expire)
	store, bad := grammar.ParseStore(t.entry.Store)
	b.findings.Add(bad...)
	b.periodUnits(store)
	for i := range t.suffixes {
		syntax := &grammar.Table{Type: t.entry.Type, Len: t.entry.Len, Store: store, StoreUnknown: len(bad) > 0 || t.entry.Store.IsZero()}
		syntax.Size, syntax.Expire = b.byLevel(t, t.entry.Size, i), b.byLevel(t, t.entry.Expire, i)
		if _, bad := grammar.ParseUnitDuration(syntax.Expire); bad != nil && !syntax.Expire.IsZero() {
			b.findings.Add(*bad)
			syntax.Expire = grammar.Scalar{}
		}
		t.shapes = append(t.shapes, b.shape(syntax))
	}
	if !t.entry.Store.IsZero() && len(store) == 0 && len(bad) == 0 {
		b.errorf(grammar.CodeValue, t.entry.Store.Span, "table `%s` stores nothing, so there is nothing to sum", t.entry.Name.Value)
	}
}

// shape reads a shape as from a configuration's line; what the line would say wrongly is a wrong value here.
func (b *topologyBuilder) shape(syntax *grammar.Table) topology.Shape {
	before := len(b.findings)
	shape := readShape(syntax, &b.findings)
	for i := range b.findings[before:] {
		if f := &b.findings[before+i]; f.Code == grammar.CodeLine {
			f.Code, f.Slug = grammar.CodeValue, grammar.Findingf(grammar.CodeValue, f.Primary.Span, "").Slug
		}
	}
	return shape
}

// periodUnits wants a unit in every period: HAProxy takes `http_req_rate(10)` for 10 ms.
func (b *topologyBuilder) periodUnits(store []grammar.StoreItem) {
	for _, item := range store {
		t, known := sticktable.ParseDataType(item.Type.Value)
		if !known || t.Spec().Kind != sticktable.FreqCtr || len(item.Args) == 0 {
			continue
		}
		period := item.Args[len(item.Args)-1]
		if _, other := grammar.ParseDuration(period); other != nil {
			continue
		}
		if _, bad := grammar.ParseUnitDuration(period); bad != nil {
			b.findings.Add(*bad)
		}
	}
}

// levelNames looks at the keys of a value that is given by level.
func (b *topologyBuilder) levelNames(t *table, v grammar.ByLevel) {
	var levels []string
	for _, l := range b.file.Levels {
		levels = append(levels, l.Name.Value)
	}
	for _, p := range v.Levels {
		if !slices.Contains(levels, p.Key.Value) {
			b.errorf(grammar.CodeReference, p.Key.Span, "`%s` of table `%s` speaks of level `%s`, which is not there; %s", v.Key.Value, t.entry.Name.Value, p.Key.Value, grammar.Accepted(p.Key.Value, levels))
		}
	}
	if len(v.Levels) == 0 {
		return
	}
	for i := range t.suffixes {
		if l := b.file.Levels[i]; b.byLevel(t, v, i).IsZero() && t.delivers(i) && !l.Name.IsZero() {
			b.errorf(grammar.CodeMissingKey, v.Key.Span, "`%s` of table `%s` says nothing of level `%s`", v.Key.Value, t.entry.Name.Value, l.Name.Value)
		}
	}
}

// byLevel gives the value for the i-th suffix.
func (b *topologyBuilder) byLevel(t *table, v grammar.ByLevel, i int) grammar.Scalar {
	for _, p := range v.Levels {
		if i < len(b.file.Levels) && p.Key.Value == b.file.Levels[i].Name.Value {
			return p.Value
		}
	}
	return v.One
}
