package grammar

import (
	"fmt"
	"slices"
	"sync"

	"stktc/grammar/diag"
)

// vocabulary is what a kind of section may say, as far as it is ours.
type vocabulary struct {
	terms []term
	// closed sections are ours alone: a directive that is not listed is a finding.
	closed bool
	// theirs are directives of HAProxy's beside: they are no slips of ours.
	theirs []string

	once   sync.Once
	listed []string // see keywords
}

type term struct {
	keyword   string
	directive *directive
	// quiet lines are understood if they can be, and HAProxy's to judge if they cannot.
	quiet bool
}

var (
	balancerGlobal = &vocabulary{terms: []term{
		{keyword: "localpeer", directive: localPeerDirective},
		{keyword: "stats", directive: statsSocketDirective, quiet: true},
	}}
	proxy = &vocabulary{terms: []term{
		{keyword: "bind", directive: proxyBindDirective, quiet: true},
		{keyword: "stick-table", directive: stickTableDirective},
	}}
	peersSection = &vocabulary{theirs: []string{"log", "shards", "enabled", "disabled"}, terms: []term{
		{keyword: "bind", directive: peersBindDirective},
		{keyword: "default-bind", directive: defaultBindDirective},
		{keyword: "server", directive: serverDirective},
		{keyword: "default-server", directive: defaultServerDirective},
		{keyword: "peer", directive: oldPeerDirective},
		{keyword: "table", directive: tableDirective},
	}}
	aggregatorGlobal = &vocabulary{closed: true, terms: append([]term{
		{keyword: "stats", directive: statsSocketDirective},
		{keyword: "source", directive: oneArgument("source", "ADDRESS")},
		{keyword: "cpu-map", directive: cpuMapDirective},
		{keyword: "trash-batch", directive: oneArgument("trash-batch", "N")},
		{keyword: "hash-table", directive: hashTableDirective},
		{keyword: "dynamic-peers", directive: flagDirective("dynamic-peers")},
		{keyword: "bind", directive: bindDirective},
	}, extensions...)}
	aggregations = &vocabulary{closed: true, terms: append([]term{
		{keyword: "peer", directive: peerDirective},
		{keyword: "from", directive: fromDirective},
		{keyword: "forward", directive: forwardDirective},
	}, extensions...)}
)

// extensions are our own directives: in the global section for all sections of the file, or in one section.
var extensions = []term{
	{keyword: "strict-names", directive: flagDirective("strict-names")},
	{keyword: "hold", directive: oneArgument("hold", "TIME")},
	{keyword: "pace", directive: oneArgument("pace", "TIME")},
	{keyword: "give-back", directive: giveBackDirective},
	{keyword: "lease", directive: leaseDirective},
	{keyword: "learn-timeout", directive: oneArgument("learn-timeout", "TIME")},
}

// vocabularyOf gives what a section may say, nil when nothing in it is ours.
func vocabularyOf(section string, aggregator bool) *vocabulary {
	switch section {
	case "global":
		if aggregator {
			return aggregatorGlobal
		}
		return balancerGlobal
	case "frontend", "backend", "listen":
		return proxy
	case "peers":
		return peersSection
	case "aggregations":
		return aggregations
	}
	return nil
}

// find gives the term of a line's directive. "stats" is ours only with "socket" behind it, or when it ends there.
func (v *vocabulary) find(words []Scalar) *term {
	for i := range v.terms {
		e := &v.terms[i]
		if e.keyword != words[0].Value {
			continue
		}
		if e.keyword == "stats" && len(words) > 1 && words[1].Value != "socket" {
			return nil
		}
		return e
	}
	return nil
}

// read gives the meaning of a line, and what is wrong with it.
func (v *vocabulary) read(section string, in *Line) (Statement, *term, diag.List) {
	if in.Words[0].Unresolved {
		return nil, nil, nil
	}
	e := v.find(in.Words)
	if e == nil {
		return nil, nil, v.unknown(section, in)
	}
	var findings diag.List
	statement := e.directive.read(&line{span: wordsSpan(in.Words), words: in.Words, findings: &findings})
	if e.quiet {
		findings = nil
	}
	return statement, e, findings
}

// keywords are the directives that are ours. Where those of HAProxy's stand beside them, a line that is only read if it can be is not.
func (v *vocabulary) keywords() []string {
	v.once.Do(func() {
		for i := range v.terms {
			if v.closed || !v.terms[i].quiet {
				v.listed = append(v.listed, v.terms[i].keyword)
			}
		}
	})
	return v.listed
}

// unknown is an error when a directive of ours was likely meant. Others may be the vendor's, whose documents name not all, or HAProxy's.
func (v *vocabulary) unknown(section string, in *Line) diag.List {
	word := in.Words[0]
	_, near := Suggest(word.Value, v.keywords())
	if !v.closed && (!near || slices.Contains(v.theirs, word.Value) || v.names(word.Value)) {
		return nil
	}
	accepted := Accepted(word.Value, slices.Concat(v.keywords(), v.theirs))
	f := Findingf(CodeDirective, word.Span, "%s is not known in the section `%s`; %s", quote(word.Value), section, accepted)
	if !v.closed {
		best, _ := Suggest(word.Value, v.keywords())
		f.Summary = fmt.Sprintf("%s is not known in the section `%s`, to HAProxy neither; did you mean `%s`?", quote(word.Value), section, best)
	}
	if !near {
		f.Severity = diag.Warning
	}
	return diag.List{*f}
}

// names tells whether a word is one of the keywords, those that are only read if they can be included.
func (v *vocabulary) names(word string) bool {
	return slices.ContainsFunc(v.terms, func(t term) bool { return t.keyword == word })
}

// wordsSpan covers the words of a line.
func wordsSpan(words []Scalar) diag.Span {
	s := words[0].Span
	s.End = words[len(words)-1].Span.End
	return s
}
