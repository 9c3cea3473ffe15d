package grammar

import (
	"fmt"

	"gopkg.in/yaml.v3"

	"stktc/grammar/diag"
)

// yamlReader walks the nodes of a document by hand: the library's decoding knows no columns, and stops at the first mistake of a mapping.
// Aliases and merge keys are resolved here, so that every value keeps the place where it was written.
type yamlReader struct {
	*yamlText
	findings diag.List
	blamed   map[blame]bool
	unlisted int // findings beyond maxFindings
}

// maxFindings is how many findings one file may give: a file of 16 MiB that is no topology at all would give millions.
const maxFindings = 1000

// blame is a finding's identity within a file: what an alias repeats is reported once.
type blame struct {
	code diag.Code
	at   diag.Span
}

func newYAMLReader(file string, text []byte) *yamlReader {
	return &yamlReader{yamlText: newYAMLText(file, text), blamed: map[blame]bool{}}
}

func (r *yamlReader) add(f *diag.Finding) {
	b := blame{f.Code, f.Primary.Span}
	switch {
	case len(r.findings) == maxFindings:
		r.unlisted++
	case !r.blamed[b]:
		r.blamed[b] = true
		r.findings.Add(*f)
	}
}

// sorted gives the findings, and says of the last how many are not listed.
func (r *yamlReader) sorted() diag.List {
	r.findings.Sort()
	if r.unlisted > 0 {
		last := &r.findings[len(r.findings)-1]
		last.Notes = append(last.Notes, fmt.Sprintf("not listed: %s of this file", Count(r.unlisted, "further finding")))
	}
	return r.findings
}

func (r *yamlReader) errorf(code diag.Code, at diag.Span, format string, args ...any) {
	r.add(Findingf(code, at, format, args...))
}

// at is the place to blame for a node: a scalar's own, else its first bracket, dash or key.
func (r *yamlReader) at(n *yaml.Node) diag.Span {
	if n.Kind == yaml.ScalarNode {
		return r.scalar(n).Span
	}
	start := r.offset(n)
	if n.Kind != yaml.AliasNode {
		start = r.content(start)
	}
	if n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle == 0 && len(n.Content) > 0 {
		return r.at(n.Content[0])
	}
	end := start + 1
	if n.Kind == yaml.AliasNode {
		end = start + len("*") + len(n.Value)
	}
	return r.span(start, min(end, len(r.text)))
}

// resolve follows an alias to what it stands for. That it ends was made sure of by checkAnchors.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// describe names what a node is, for messages.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "nothing"
	}
	return "one value"
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// coreTags are the tags that say no more than what the schema says.
var coreTags = map[string]bool{
	"!!str": true, "!!int": true, "!!float": true, "!!bool": true, "!!null": true, "!!map": true, "!!seq": true, "!!merge": true, "!!timestamp": true,
}

// is tells whether a node is of a kind, and reports it if not; what says who wants it, "`size` takes one value".
func (r *yamlReader) is(n *yaml.Node, kind yaml.Kind, what string) bool {
	if n.Style&yaml.TaggedStyle != 0 && !coreTags[n.Tag] {
		r.errorf(CodeValue, r.at(n), "tag `%s` is not accepted in a topology file", n.Tag)
		return false
	}
	if n.Kind != kind || isNull(n) {
		r.errorf(CodeValue, r.at(n), "%s, found %s", what, describe(n))
		return false
	}
	return true
}

// entry is one key of a mapping and its value.
type entry struct {
	key   Scalar
	value *yaml.Node
}

// entries lists a mapping in the order of the text, with what merge keys bring in behind it. Of a key that stands twice the first counts.
func (r *yamlReader) entries(n *yaml.Node) []entry {
	var own []entry
	var merged []*yaml.Node
	seen := map[string]diag.Span{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := resolve(n.Content[i]), n.Content[i+1]
		if !r.is(k, yaml.ScalarNode, "a key is one word") {
			continue
		}
		key := r.scalar(k)
		if first, twice := seen[key.Value]; twice {
			f := Findingf(CodeDuplicateKey, key.Span, "key `%s` stands twice", key.Value)
			f.Related = []diag.Note{{Span: first, Label: "first here"}}
			r.add(f)
			continue
		}
		seen[key.Value] = key.Span
		if k.Tag == "!!merge" {
			merged = append(merged, v)
			continue
		}
		own = append(own, entry{key, resolve(v)})
	}
	for _, m := range merged {
		for _, e := range r.merge(m) {
			if _, known := seen[e.key.Value]; !known {
				seen[e.key.Value] = e.key.Span
				own = append(own, e)
			}
		}
	}
	return own
}

// merge gives what "<<: VALUE" brings in: a mapping's keys, or those of several in a list, of which the first counts.
func (r *yamlReader) merge(n *yaml.Node) []entry {
	n = resolve(n)
	if n.Kind != yaml.SequenceNode {
		if !r.is(n, yaml.MappingNode, "`<<` takes a mapping, or a list of them") {
			return nil
		}
		return r.entries(n)
	}
	var all []entry
	for _, c := range n.Content {
		if c = resolve(c); r.is(c, yaml.MappingNode, "`<<` takes a mapping, or a list of them") {
			all = append(all, r.entries(c)...)
		}
	}
	return all
}

// fields reads a mapping by its schema. Owner says whose keys these are, "aggregator `aggr1`", and at is where to report what is missing.
func (r *yamlReader) fields(n *yaml.Node, owner string, at diag.Span, schema []field) {
	if !r.is(n, yaml.MappingNode, owner+" takes a mapping") {
		return
	}
	seen := map[string]bool{}
	for _, e := range r.entries(n) {
		f := findField(schema, e.key.Value)
		if f == nil {
			seen[r.unknownKey(e.key, owner, schema)] = true
			continue
		}
		seen[f.key] = true
		r.value(f, e.key, e.value)
	}
	var missing []string
	for _, f := range schema {
		if f.needed && !seen[f.key] && (f.spared == nil || !f.spared()) {
			missing = append(missing, f.key)
		}
	}
	if len(missing) > 0 {
		r.errorf(CodeMissingKey, at, "%s has no %s", owner, List(missing))
	}
}

func findField(schema []field, key string) *field {
	for i := range schema {
		if schema[i].key == key {
			return &schema[i]
		}
	}
	return nil
}

// unknownKey reports a key and gives the one that was likely meant, so that it is not reported as missing too.
func (r *yamlReader) unknownKey(key Scalar, owner string, schema []field) (meant string) {
	if len(r.findings) == maxFindings {
		r.unlisted++
		return ""
	}
	var all []string
	for _, f := range schema {
		all = append(all, f.key)
	}
	hint := ""
	f := Findingf(CodeUnknownKey, key.Span, "")
	meant, ok := Suggest(key.Value, all)
	if ok {
		hint = fmt.Sprintf(" did you mean `%s`?", meant)
		f.Fixes = []diag.Fix{{Title: fmt.Sprintf("write `%s`", meant), Edits: []diag.Edit{{Span: key.Span, NewText: meant}}}}
	}
	f.Summary = fmt.Sprintf("%s has no key `%s`;%s accepted are %s", owner, key.Value, hint, List(all))
	if len(all) > maxListed {
		f.Summary += "; `stktc schema` has all"
	}
	r.add(f)
	return meant
}
