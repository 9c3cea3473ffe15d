package grammar

import "slices"

// isMisspeltHeader reports a line that stands out among the indented ones as headers do, with a keyword that comes close to a section's: its lines
// are nothing that the section before it says.
func (p *configParser) isMisspeltHeader(line *Line) bool {
	n := len(p.file.Sections)
	if n == 0 || len(line.Words) < 2 || line.Words[0].Span.Start.Column > 1 || !isIndented(p.file.Sections[n-1]) {
		return false
	}
	word := line.Keyword()
	best, near := Suggest(word, serving)
	if !near || slices.Contains(commonDirectives, word) || vocabularyKnows(p.file.Sections[n-1].Keyword.Value, word) {
		return false
	}
	p.file.Incomplete = true
	p.findings.Add(*Findingf(CodeDirective, line.Words[0].Span, "%s begins no section; did you mean `%s`?", quote(word), best))
	return true
}

// serving are the sections that stick tables and peers stand in.
var serving = []string{"peers", "aggregations", "frontend", "backend", "listen"}

// isIndented tells whether the lines of a section are indented.
func isIndented(s *Section) bool {
	i := slices.IndexFunc(s.Lines, func(l Line) bool { return len(l.Words) > 0 })
	return i >= 0 && s.Lines[i].Words[0].Span.Start.Column > 1
}

// vocabularyKnows tells whether a word is a directive of a section of HAProxy's.
func vocabularyKnows(section, word string) bool {
	v := vocabularyOf(section, false)
	return v != nil && (v.names(word) || slices.Contains(v.theirs, word))
}
