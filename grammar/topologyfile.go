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

// AggregatorEntry is one entry of "aggregators". Its name may hold a range.
type AggregatorEntry struct {
	Name        Scalar
	Address     Scalar
	Site        Scalar
	Sums        []Scalar // selectors
	Section     Scalar
	Peers       Scalar
	StatsSocket []Scalar // "ADDRESS [mode M] [level L]"
}

// BalancerEntry is one entry of "balancers". Its name may hold a range.
type BalancerEntry struct {
	Name      Scalar
	Address   Scalar
	Site      Scalar
	Base      []Scalar
	Peers     []Pair // peers section and port
	Bind      Scalar
	Style     Scalar // "server" or "peer"; zero: not stated
	LocalPeer Scalar // "external" or "emit"; zero: not stated
	File      Scalar
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

// topologyReader is the schema: one method for each kind of mapping.
type topologyReader struct {
	*yamlReader
	file       *TopologyFile
	aggregator AggregatorEntry // the defaults
	balancer   BalancerEntry
}

// topology reads the whole file. The defaults are read before what they are for, wherever they stand.
func (t *topologyReader) topology(root *yaml.Node) {
	var version Scalar
	var tables, levels, defaults, aggregators, balancers entry
	root = resolve(root)
	t.fields(root, "the topology", t.at(root), []field{
		{key: "version", read: t.one(&version)},
		{key: "haproxy", read: t.one(&t.file.HAProxy)},
		{key: "tables", read: keep(&tables), needed: true},
		{key: "levels", read: keep(&levels), needed: true},
		{key: "defaults", read: keep(&defaults)},
		{key: "aggregators", read: keep(&aggregators), needed: true},
		{key: "balancers", read: keep(&balancers), needed: true},
		{key: "lease", later: true},
		{key: "dialect", later: true},
		{key: "tls", later: true},
	})
	if !version.IsZero() && version.Value != "1" {
		t.errorf(CodeValue, version.Span, "version `%s` of the topology file is not known; accepted is `1`", version.Value)
		return
	}
	t.defaults(defaults)
	t.levels(levels)
	t.each(tables, t.table)
	t.each(aggregators, t.aggregatorEntry)
	t.each(balancers, t.balancerEntry)
}

// keep puts a value aside for later.
func keep(dst *entry) func(Scalar, *yaml.Node) {
	return func(key Scalar, v *yaml.Node) { *dst = entry{key, v} }
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
		t.fields(n, "a level", t.at(n), []field{
			{key: "name", read: t.one(&l.Name), needed: true},
			{key: "suffix", read: t.one(&l.Suffix), needed: true},
			{key: "deliver", read: t.oneOf(&l.Deliver, "true", "false"), later: true},
		})
		t.file.Levels = append(t.file.Levels, l)
	}
}

func (t *topologyReader) table(name Scalar, n *yaml.Node) {
	e := &TableEntry{Name: name}
	before := len(t.findings)
	t.fields(n, "table `"+name.Value+"`", name.Span, []field{
		{key: "type", read: t.one(&e.Type), needed: true},
		{key: "len", read: t.one(&e.Len)},
		{key: "size", read: t.byLevel(&e.Size), needed: true},
		{key: "expire", read: t.byLevel(&e.Expire)},
		{key: "store", read: t.one(&e.Store), needed: true},
		{key: "declare", read: t.oneOf(&e.Declare, "proxies", "peers")},
		{key: "suffixes", read: t.list(&e.Suffixes)},
		{key: "on", read: t.list(&e.On)},
		{key: "peers", read: t.one(&e.Peers)},
		{key: "lease", later: true},
	})
	t.findings.About(before, "", name.Value)
	t.file.Tables = append(t.file.Tables, e)
}

// byLevel reads a value, or a mapping from level names to values.
func (t *topologyReader) byLevel(dst *ByLevel) func(Scalar, *yaml.Node) {
	return func(key Scalar, v *yaml.Node) {
		dst.Key = key
		if v.Kind == yaml.MappingNode {
			t.pairs(&dst.Levels)(key, v)
			return
		}
		t.one(&dst.One)(key, v)
	}
}

func (t *topologyReader) defaults(e entry) {
	if e.value == nil {
		return
	}
	var both, aggregator, balancer entry
	t.fields(e.value, "`defaults`", e.key.Span, []field{
		{key: "any", read: keep(&both)},
		{key: "aggregator", read: keep(&aggregator)},
		{key: "balancer", read: keep(&balancer)},
	})
	if both.value != nil {
		var site Scalar
		t.fields(both.value, "`defaults.any`", both.key.Span, append([]field{{key: "site", read: t.one(&site)}}, laterKeys...))
		t.aggregator.Site, t.balancer.Site = site, site
	}
	if aggregator.value != nil {
		t.fields(aggregator.value, "`defaults.aggregator`", aggregator.key.Span, t.aggregatorFields(&t.aggregator))
	}
	if balancer.value != nil {
		t.fields(balancer.value, "`defaults.balancer`", balancer.key.Span, t.balancerFields(&t.balancer))
	}
}

// laterKeys are those of both aggregators and balancers that wait for a later version.
var laterKeys = []field{{key: "tls", later: true}, {key: "seen_as", later: true}, {key: "extra", later: true}}

// aggregatorFields are the keys that defaults may have too.
func (t *topologyReader) aggregatorFields(e *AggregatorEntry) []field {
	return append([]field{
		{key: "address", read: t.one(&e.Address)},
		{key: "site", read: t.one(&e.Site)},
		{key: "section", read: t.one(&e.Section)},
		{key: "peers", read: t.one(&e.Peers)},
		{key: "stats_socket", read: t.list(&e.StatsSocket)},
		{key: "host", later: true},
		{key: "file", later: true},
		{key: "dialect", later: true},
		{key: "lease", later: true},
	}, laterKeys...)
}

func (t *topologyReader) balancerFields(e *BalancerEntry) []field {
	return append([]field{
		{key: "address", read: t.one(&e.Address)},
		{key: "base", read: t.list(&e.Base)},
		{key: "peers", read: t.pairs(&e.Peers)},
		{key: "site", read: t.one(&e.Site)},
		{key: "bind", read: t.one(&e.Bind)},
		{key: "style", read: t.oneOf(&e.Style, "server", "peer")},
		{key: "localpeer", read: t.oneOf(&e.LocalPeer, "external", "emit")},
		{key: "file", read: t.one(&e.File)},
		{key: "emit", later: true, spares: "base"},
	}, laterKeys...)
}

func (t *topologyReader) aggregatorEntry(name Scalar, n *yaml.Node) {
	e := t.aggregator
	e.Name = name
	before := len(t.findings)
	schema := t.aggregatorFields(&e)
	schema[0].needed = e.Address.IsZero()
	schema = append([]field{{key: "sums", read: t.list(&e.Sums), needed: true}}, schema...)
	t.fields(n, "aggregator `"+name.Value+"`", name.Span, schema)
	t.findings.About(before, name.Value, "")
	t.file.Aggregators = append(t.file.Aggregators, &e)
}

func (t *topologyReader) balancerEntry(name Scalar, n *yaml.Node) {
	e := t.balancer
	e.Name = name
	before := len(t.findings)
	schema := t.balancerFields(&e)
	for i, missing := range []bool{e.Address.IsZero(), len(e.Base) == 0, len(e.Peers) == 0} {
		schema[i].needed = missing
	}
	t.fields(n, "balancer `"+name.Value+"`", name.Span, schema)
	t.findings.About(before, name.Value, "")
	t.file.Balancers = append(t.file.Balancers, &e)
}
