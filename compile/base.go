package compile

import (
	"bytes"
	"slices"

	"stktc/grammar"
	"stktc/grammar/diag"
)

// base is one of the operator's files, parsed. Nodes that share it share the parsed form, so nobody changes it.
type base struct {
	cfg      *grammar.ConfigFile
	text     []byte
	findings diag.List
	refs     []reference // what its rules say of tables
}

// proxyKeywords start the sections that bear stick tables and rules.
var proxyKeywords = []string{"frontend", "backend", "listen"}

func isProxy(s *grammar.Section) bool { return slices.Contains(proxyKeywords, s.Keyword.Value) }

// word gives the i-th word of a line, the zero Scalar behind the last.
func word(l *grammar.Line, i int) grammar.Scalar {
	if i >= len(l.Words) {
		return grammar.Scalar{}
	}
	return l.Words[i]
}

// starts tells whether a line begins with the words.
func starts(l *grammar.Line, words ...string) bool {
	for i, w := range words {
		if word(l, i).Value != w {
			return false
		}
	}
	return true
}

// statement is a line from its first word to its last.
func statement(l *grammar.Line) diag.Span {
	if len(l.Words) == 0 {
		return l.Span
	}
	at := l.Words[0].Span
	at.End = l.Words[len(l.Words)-1].Span.End
	return at
}

// eachSection calls f for every section of all bases of a balancer, in the order in which HAProxy reads them.
func (b *balancer) eachSection(f func(*base, *grammar.Section)) {
	for _, file := range b.bases {
		for _, s := range file.cfg.Sections {
			f(file, s)
		}
	}
}

// named finds the sections with one of the keywords and the name.
func (b *balancer) named(name string, keywords ...string) []*grammar.Section {
	var found []*grammar.Section
	b.eachSection(func(_ *base, s *grammar.Section) {
		if s.Name.Value == name && !s.Name.Unresolved && slices.Contains(keywords, s.Keyword.Value) {
			found = append(found, s)
		}
	})
	return found
}

// stickTable finds the line that already declares a table in a proxy; nil when there is none.
func stickTable(s *grammar.Section) *grammar.Line {
	for i := range s.Lines {
		if starts(&s.Lines[i], "stick-table") {
			return &s.Lines[i]
		}
	}
	return nil
}

// firstStatement is the offset of the first line that says anything: comments at the top of a file stay at its top.
func (b *base) firstStatement() int {
	for i := range b.cfg.Preamble {
		if l := &b.cfg.Preamble[i]; len(l.Words) > 0 {
			return lineStart(b.text, l.Span.Start.Offset)
		}
	}
	if len(b.cfg.Sections) > 0 {
		return lineStart(b.text, b.cfg.Sections[0].Header.Span.Start.Offset)
	}
	return len(b.text)
}

// lineStart moves an offset back to the first byte of its line, whether or not spans include the indentation.
func lineStart(text []byte, offset int) int {
	return bytes.LastIndexByte(text[:offset], '\n') + 1
}

// fold makes one finding of those that say the same of one place for several nodes: twenty nodes may share a base.
func fold(list diag.List) diag.List {
	type key struct {
		code    diag.Code
		at      diag.Span
		summary string
	}
	seen := map[key]int{}
	var folded diag.List
	for _, f := range list {
		k := key{f.Code, f.Primary.Span, f.Summary}
		i, again := seen[k]
		if !again {
			seen[k] = len(folded)
			folded.Add(f)
			continue
		}
		folded[i].Nodes = union(folded[i].Nodes, f.Nodes)
		folded[i].Tables = union(folded[i].Tables, f.Tables)
	}
	folded.Sort()
	return folded
}

// union merges two sets of names into a new, sorted one.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
