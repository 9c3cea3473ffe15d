package grammar

import (
	"gopkg.in/yaml.v3"

	"stktc/grammar/diag"
)

// TopologyFile is a topology file as written, with its defaults filled in: a value that an entry took from the defaults
// points there. Ranges, selectors and placeholders stand as they are. What was wrong is left out.
type TopologyFile struct {
	Name        string
	Text        []byte
	HAProxy     Scalar
	Dialect     Scalar // of all aggregators that do not state one
	Lease       Scalar // likewise
	Tables      []*TableEntry
	Levels      []*LevelEntry
	Aggregators []*AggregatorEntry
	Balancers   []*BalancerEntry
}

// LevelEntry is one item of "levels".
type LevelEntry struct {
	Name, Suffix Scalar
	Deliver      Scalar
}

// TableEntry is one entry of "tables".
type TableEntry struct {
	Name         Scalar
	Type, Len    Scalar
	Size, Expire ByLevel
	Store        Scalar
	Declare      Scalar // "proxies" or "peers"; zero: not stated
	Suffixes     []Scalar
	On           []Scalar // selectors of balancers; empty: all
	Peers        Scalar
}

// ByLevel is a value that is the same for all levels, or one by level name.
type ByLevel struct {
	Key    Scalar // "size"; zero when nothing was written
	One    Scalar
	Levels []Pair
}

// ParseTopology reads a topology file. All mistakes of its syntax and its schema are reported at once, each at its place; the file is never nil
// and holds what could be understood. Whether names, ranges, addresses and references hold is for package load to find out.
func ParseTopology(name string, text []byte) (*TopologyFile, diag.List) {
	t := &topologyReader{file: &TopologyFile{Name: name, Text: text}}
	if bad := CheckText(name, text); bad != nil {
		return t.file, diag.List{*bad}
	}
	t.yamlReader = newYAMLReader(name, text)
	if root := t.parse(); root != nil && t.checkAnchors(root) {
		t.topology(root)
	}
	return t.file, t.sorted()
}

// topologyReader reads a file by the tables of its keys.
type topologyReader struct {
	*yamlReader
	file       *TopologyFile
	aggregator AggregatorEntry // the defaults
	balancer   BalancerEntry
}

// topology reads the whole file. The defaults are read before what they are for, wherever they stand.
func (t *topologyReader) topology(root *yaml.Node) {
	var top topEntries
	root = resolve(root)
	t.fields(root, "the topology", t.at(root), topologyKeys(t.file, &top))
	if v := top.version; !v.IsZero() && v.Value != "1" {
		t.errorf(CodeValue, v.Span, "version `%s` of the topology file is not known; accepted is `1`", v.Value)
		return
	}
	t.defaults(top.defaults)
	t.levels(top.levels)
	t.each(top.tables, t.table)
	t.each(top.aggregators, t.aggregatorEntry)
	t.each(top.balancers, t.balancerEntry)
}

// topEntries is what stands at the top of a file, not looked into yet.
type topEntries struct {
	version                                          Scalar
	tables, levels, defaults, aggregators, balancers entry
}

// each reads a mapping whose keys are names.
func (t *topologyReader) each(e entry, read func(name Scalar, n *yaml.Node)) {
	if e.value == nil || !t.is(e.value, yaml.MappingNode, "`"+e.key.Value+"` takes a mapping of names") {
		return
	}
	if len(e.value.Content) == 0 {
		t.errorf(CodeValue, e.key.Span, "`%s` is an empty mapping", e.key.Value)
	}
	for _, e := range t.entries(e.value) {
		read(e.key, e.value)
	}
}

func (t *topologyReader) levels(e entry) {
	if e.value == nil || !t.is(e.value, yaml.SequenceNode, "`levels` takes a list, bottom up") {
		return
	}
	if len(e.value.Content) == 0 {
		t.errorf(CodeValue, e.key.Span, "`levels` is an empty list")
	}
	for _, n := range e.value.Content {
		n = resolve(n)
		l := &LevelEntry{}
		t.fields(n, "a level", t.at(n), levelKeys(l))
		t.file.Levels = append(t.file.Levels, l)
	}
}

func (t *topologyReader) table(name Scalar, n *yaml.Node) {
	e := &TableEntry{Name: name}
	before := len(t.findings)
	t.fields(n, "table `"+name.Value+"`", name.Span, tableKeys(e))
	t.findings.About(before, "", name.Value)
	t.file.Tables = append(t.file.Tables, e)
}

func (t *topologyReader) defaults(e entry) {
	if e.value == nil {
		return
	}
	var d defaultEntries
	t.fields(e.value, "`defaults`", e.key.Span, defaultsKeys(&d))
	if d.any.value != nil {
		var both bothEntry
		t.fields(d.any.value, "`defaults.any`", d.any.key.Span, bothKeys(&both))
		t.aggregator.Site, t.balancer.Site = both.site, both.site
		t.aggregator.TLS, t.balancer.TLS = both.tls, both.tls
	}
	if d.aggregator.value != nil {
		t.fields(d.aggregator.value, "`defaults.aggregator`", d.aggregator.key.Span, aggregatorKeys(&t.aggregator))
	}
	if d.balancer.value != nil {
		t.fields(d.balancer.value, "`defaults.balancer`", d.balancer.key.Span, balancerKeys(&t.balancer))
	}
}

// defaultEntries are the parts of "defaults", not looked into yet.
type defaultEntries struct{ any, aggregator, balancer entry }

// bothEntry is what "defaults.any" may say.
type bothEntry struct {
	site Scalar
	tls  TLSEntry
}

func (t *topologyReader) aggregatorEntry(name Scalar, n *yaml.Node) {
	e := t.aggregator
	e.Name = name
	before := len(t.findings)
	t.fields(n, "aggregator `"+name.Value+"`", name.Span, needs(aggregatorEntryKeys(&e), "address", e.Address.IsZero()))
	if !e.Host.IsZero() {
		t.guest(&e)
	}
	t.findings.About(before, name.Value, "")
	t.file.Aggregators = append(t.file.Aggregators, &e)
}

func (t *topologyReader) balancerEntry(name Scalar, n *yaml.Node) {
	e := t.balancer
	e.Name = name
	before := len(t.findings)
	keys := needs(balancerKeys(&e), "address", e.Address.IsZero())
	keys = needs(keys, "base", len(e.Base) == 0)
	keys = needs(keys, "peers", len(e.Peers) == 0)
	t.fields(n, "balancer `"+name.Value+"`", name.Span, keys)
	t.findings.About(before, name.Value, "")
	t.file.Balancers = append(t.file.Balancers, &e)
}

// needs makes a key mandatory when the defaults do not give it.
func needs(keys []field, key string, missing bool) []field {
	findField(keys, key).needed = missing
	return keys
}
