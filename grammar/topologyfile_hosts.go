package grammar

import (
	"slices"

	"gopkg.in/yaml.v3"

	"stktc/grammar/diag"
)

// AggregatorEntry is one entry of "aggregators". Its name may hold a range.
type AggregatorEntry struct {
	Name        Scalar
	Address     Scalar
	SeenAs      []Pair // site, and the address that hosts of it dial
	Site        Scalar
	Host        Scalar // the aggregator whose file the section goes into; zero: a file of its own
	Sums        []Scalar
	Section     Scalar
	Peers       Scalar
	StatsSocket []Scalar // "ADDRESS [mode M] [level L]"
	File        Scalar
	Dialect     Scalar // "stktc", "gpe" or "stktagg"; zero: not stated
	TLS         TLSEntry
	Extra       ExtraEntry
	Lease       Scalar

	LearnTimeout, Hold, Pace Scalar
	GiveBack                 Scalar // the word of a switch, see IsOn
}

// BalancerEntry is one entry of "balancers". Its name may hold a range.
type BalancerEntry struct {
	Name      Scalar
	Address   Scalar
	SeenAs    []Pair // site, and the address that hosts of it dial
	Site      Scalar
	Base      []Scalar
	Peers     []Pair // peers section and port
	Bind      Scalar
	Style     Scalar // "server" or "peer"; zero: not stated
	LocalPeer Scalar // "external" or "emit"; zero: not stated
	File      Scalar
	Emit      Scalar // "merged" or "fragment"; zero: not stated
	TLS       TLSEntry
	Extra     ExtraEntry
}

// TLSEntry is "tls": a mapping, or a word that says that there is none.
type TLSEntry struct {
	Key                 Scalar // "tls"; zero when nothing was written
	Off                 Scalar // the word; zero for a mapping
	Crt, CAFile, Verify Scalar
}

// IsOn tells whether sessions are to be encrypted.
func (e *TLSEntry) IsOn() bool { return !e.Key.IsZero() && e.Off.IsZero() }

// ExtraEntry is "extra": texts of one line or several, which are kept as they are.
type ExtraEntry struct{ Global, Section []Scalar }

// IsOn tells whether the word of a switch stands for yes.
func (s Scalar) IsOn() bool { return s.Value == "on" || s.Value == "true" }

// tls reads the mapping over what defaults said, key by key. A word that says no takes it all back.
func (r *yamlReader) tls(f *field, dst *TLSEntry, key Scalar, v *yaml.Node) {
	dst.Key, dst.Off = key, Scalar{}
	if v.Kind == yaml.ScalarNode && !isNull(v) {
		r.word(&dst.Off, key, v, f.form.words)
		return
	}
	r.fields(v, "`tls`", key.Span, f.holds.keys)
}

// guest takes from an entry with a host what belongs to the whole file: the host's own entry says it. What the defaults say of it means the hosts.
func (t *topologyReader) guest(e *AggregatorEntry) {
	d := &t.aggregator
	for _, k := range []struct {
		key        string
		own, given []Scalar
		drop       func()
	}{
		{"site", []Scalar{e.Site}, []Scalar{d.Site}, func() { e.Site = Scalar{} }},
		{"stats_socket", e.StatsSocket, d.StatsSocket, func() { e.StatsSocket = nil }},
		{"file", []Scalar{e.File}, []Scalar{d.File}, func() { e.File = Scalar{} }},
		{"dialect", []Scalar{e.Dialect}, []Scalar{d.Dialect}, func() { e.Dialect = Scalar{} }},
		{"extra.global", e.Extra.Global, d.Extra.Global, func() { e.Extra.Global = nil }},
	} {
		if len(k.own) > 0 && !slices.EqualFunc(k.own, k.given, func(a, b Scalar) bool { return a.Span == b.Span }) {
			f := Findingf(CodeValue, k.own[0].Span, "`%s` of `%s` concerns the whole file; say it of its host `%s`", k.key, e.Name.Value, e.Host.Value)
			f.Related = []diag.Note{{Span: e.Host.Span, Label: "the host"}}
			t.add(f)
		}
		k.drop()
	}
}
