package grammar

import (
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"
)

// field is one key that a mapping may have. Tables of fields are the schema of topology files: mappings are read by them, slips of the pen
// are held against them, and the JSON Schema is made of them.
type field struct {
	key    string
	into   any      // where the value goes, which says how it is read: see value. nil: it is not looked at
	form   form     // how a single value is written
	holds  *mapping // what the value of an *entry is
	needed bool
	spared func() bool // asked when the whole mapping was read: whether the key is not needed after all; nil: it is
	about  string      // what the key says, in Markdown
}

// form is how a single value is written. All but the words is for editors: whether a value holds is for its parser to say.
type form struct {
	words    []string // all that are accepted; nil: any
	pattern  string   // of a JSON Schema; it must take all that the parser takes
	examples []string
}

// mapping is a mapping of known keys, or one or a list of such.
type mapping struct {
	keys  []field
	named bool // it maps names to mappings
	list  bool
}

// value reads a key's value into its field's variable.
func (r *yamlReader) value(f *field, key Scalar, v *yaml.Node) {
	switch dst := f.into.(type) {
	case nil:
	case *Scalar:
		r.word(dst, key, v, f.form.words)
	case *[]Scalar:
		r.list(dst, key, v)
	case *[]Pair:
		r.pairs(dst, key, v)
	case *ByLevel:
		r.byLevel(dst, key, v)
	case *entry:
		*dst = entry{key, v}
	case *TLSEntry:
		r.tls(f, dst, key, v)
	case *ExtraEntry:
		r.fields(v, "`"+f.key+"`", key.Span, f.holds.keys)
	default:
		panic(fmt.Sprintf("key %s: no way to read a %T", f.key, dst))
	}
}

// one reads one value.
func (r *yamlReader) one(dst *Scalar, key Scalar, v *yaml.Node) {
	if r.is(v, yaml.ScalarNode, fmt.Sprintf("`%s` takes one value", key.Value)) {
		*dst = r.scalar(v)
	}
}

// word reads one value; if words are given, one of them.
func (r *yamlReader) word(dst *Scalar, key Scalar, v *yaml.Node, words []string) {
	if words == nil {
		r.one(dst, key, v)
		return
	}
	var s Scalar
	r.one(&s, key, v)
	switch {
	case slices.Contains(words, s.Value):
		*dst = s
	case !s.IsZero():
		r.errorf(CodeValue, s.Span, "`%s` is `%s`; %s", key.Value, s.Value, Accepted(s.Value, words))
	}
}

// list reads a list of values; one alone stands for a list of one.
func (r *yamlReader) list(dst *[]Scalar, key Scalar, v *yaml.Node) {
	*dst = nil
	if v.Kind == yaml.ScalarNode && !isNull(v) {
		v = &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{v}}
	}
	if !r.is(v, yaml.SequenceNode, fmt.Sprintf("`%s` takes a list", key.Value)) {
		return
	}
	if len(v.Content) == 0 {
		r.errorf(CodeValue, key.Span, "`%s` is an empty list", key.Value)
	}
	for _, c := range v.Content {
		if c = resolve(c); r.is(c, yaml.ScalarNode, fmt.Sprintf("`%s` takes a list of single values", key.Value)) {
			*dst = append(*dst, r.scalar(c))
		}
	}
}

// Pair is a key and its value in a mapping whose keys are the user's own.
type Pair struct{ Key, Value Scalar }

// pairs reads a mapping of single values.
func (r *yamlReader) pairs(dst *[]Pair, key Scalar, v *yaml.Node) {
	*dst = nil
	if !r.is(v, yaml.MappingNode, fmt.Sprintf("`%s` takes a mapping", key.Value)) {
		return
	}
	if len(v.Content) == 0 {
		r.errorf(CodeValue, key.Span, "`%s` is an empty mapping", key.Value)
	}
	for _, e := range r.entries(v) {
		p := Pair{Key: e.key}
		r.one(&p.Value, e.key, e.value)
		*dst = append(*dst, p)
	}
}

// byLevel reads a value, or a mapping from level names to values.
func (r *yamlReader) byLevel(dst *ByLevel, key Scalar, v *yaml.Node) {
	dst.Key = key
	if v.Kind == yaml.MappingNode {
		r.pairs(&dst.Levels, key, v)
		return
	}
	r.one(&dst.One, key, v)
}
