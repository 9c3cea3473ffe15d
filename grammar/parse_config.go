package grammar

import (
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
	"unsafe"

	"stktc/grammar/diag"
)

// sectionKeywords start a section wherever they are a line's first word: HAProxy's own (2.6 to 3.5), those of HAProxy Enterprise,
// and the aggregator's.
var sectionKeywords = map[string]bool{
	"global": true, "defaults": true, "frontend": true, "backend": true, "listen": true, "peers": true, "resolvers": true, "mailers": true,
	"userlist": true, "program": true, "http-errors": true, "ring": true, "cache": true, "fcgi-app": true, "log-forward": true,
	"log-profile": true, "crt-store": true, "traces": true, "acme": true, "namespace_list": true, "healthcheck": true,
	"udp-lb": true, "dynamic-update": true, "waf-global": true, "waf-profile": true, "botmgmt-profile": true, "captcha": true,
	"fingerprint-profile": true, "aggregations": true,
}

// ParseConfig reads a file in HAProxy's syntax. The name is the one that spans carry. Lines that are not ours stay raw text,
// a line with a mistake costs one finding and its own statement, and whatever the text is, the lines cover it exactly.
// Of words that hold environment variables nothing is known. The text must not change afterwards: values are pieces of it.
func ParseConfig(name string, text []byte) (*ConfigFile, diag.List) {
	return ParseConfigIn(nil, name, text)
}

// ParseConfigIn reads a file as ParseConfig does, with the environment that it is used in: variables become what they stand for.
func ParseConfigIn(env Environment, name string, text []byte) (*ConfigFile, diag.List) {
	p := configParser{env: env, memory: &Memory{}}
	return p.parse(name, text)
}

// ParseConfigPartly reads a file as ParseConfigIn does where only a part of the environment is known: what other variables stand for is not.
// The file is good until the memory is used for the next one. The text must not change: values are pieces of it.
func ParseConfigPartly(part Environment, memory *Memory, name string, text []byte) (*ConfigFile, diag.List) {
	p := configParser{env: part, part: true, memory: memory}
	return p.parse(name, text)
}

// Memory is what the lines and words of a file are kept in, which are some ten times as large as its text. Who reads many files, one after the other,
// needs it once. The zero Memory is ready for use, by one goroutine.
type Memory struct {
	words    arena
	lines    []Line
	sections []*Section
	used     int // of sections
}

// reset makes room for the lines of another file.
func (m *Memory) reset(lines int) {
	m.words.reset()
	m.used = 0
	if cap(m.lines) < lines {
		m.lines = make([]Line, 0, lines)
	}
}

func (m *Memory) section(s Section) *Section {
	if m.used == len(m.sections) {
		m.sections = append(m.sections, &Section{})
	}
	m.used++
	at := m.sections[m.used-1]
	*at = s
	return at
}

func (p *configParser) parse(name string, text []byte) (*ConfigFile, diag.List) {
	p.file, p.text = &ConfigFile{Name: name, Text: text}, unsafe.String(unsafe.SliceData(text), len(text))
	p.stop = len(p.text)
	if i := strings.IndexByte(p.text, 0); i >= 0 {
		p.stop = i
	}
	p.lines()
	p.mixed()
	p.statements()
	p.ends()
	return p.file, p.sorted()
}

type configParser struct {
	file     *ConfigFile
	text     string
	env      Environment
	part     bool
	stop     int // offset of the first NUL byte: HAProxy reads no further
	findings diag.List
	unlisted int     // findings that were too many
	open     []*Line // the .if lines without their .endif yet
	before   bool    // a line before the first section was reported
	last     diag.Pos
	memory   *Memory
	flat     []Line // what the sections' lines are parts of: its capacity is that of the whole file
}

// lines splits the text, and cuts it into sections.
func (p *configParser) lines() {
	lines := strings.Count(p.text, "\n") + 1
	p.memory.reset(lines)
	p.flat = p.memory.lines[:0]
	for number, start := 1, 0; start < len(p.text); number++ {
		next, end := len(p.text), len(p.text)
		if i := strings.IndexByte(p.text[start:], '\n'); i >= 0 {
			end, next = start+i, start+i+1
			if end > start && p.text[end-1] == '\r' {
				end--
			}
		}
		line := p.line(number, start, end)
		line.End = next
		p.last = line.Span.End
		p.place(line)
		p.bound()
		start = next
	}
}

// line splits one line; behind a NUL byte everything is raw.
func (p *configParser) line(number, start, end int) Line {
	if start > p.stop {
		line, _ := p.splitLine(number, end, end)
		line.Span.Start = diag.Pos{Line: number, Column: 1, Offset: start}
		line.Span.End = advance(line.Span.Start, end-start)
		return line
	}
	line, bad := p.splitLine(number, start, end)
	if bad == nil && p.stop < end { // in the comment
		at := diag.Pos{Line: number, Column: p.stop - start + 1, Offset: p.stop}
		bad = nulByte(diag.Span{File: p.file.Name, Start: at, End: advance(at, 1)})
	}
	if bad != nil {
		p.findings.Add(*bad)
		line.Broken = bad.Severity == diag.Error
	}
	return line
}

func nulByte(at diag.Span) *diag.Finding {
	return Findingf(CodeLine, at, "a NUL byte stands in the file; nothing behind it is read")
}

// place puts a line where it belongs: a header opens a section.
func (p *configParser) place(line Line) {
	keyword := line.Keyword()
	if sectionKeywords[keyword] || p.isMisspeltHeader(&line) {
		line.Conditional = len(p.open) > 0
		p.file.Sections = append(p.file.Sections, p.section(line))
		return
	}
	p.flat = append(p.flat, line)
	end := len(p.flat)
	at := &p.flat[end-1]
	if n := len(p.file.Sections); n > 0 {
		s := p.file.Sections[n-1]
		s.Lines = p.flat[end-1-len(s.Lines) : end : end]
	} else {
		p.file.Preamble = p.flat[:end:end]
		p.beforeSections(at)
	}
	p.conditions(at, keyword)
}

// section makes a section of its header. Those that others refer to must have a name.
func (p *configParser) section(header Line) *Section {
	s := p.memory.section(Section{Keyword: header.Words[0], Header: header})
	if len(header.Words) > 1 {
		s.Name = header.Words[1]
	}
	named := s.Keyword.Value == "peers" || s.Keyword.Value == "aggregations"
	if named && len(header.Words) == 1 && !header.Broken {
		end := diag.Span{File: p.file.Name, Start: s.Keyword.Span.End, End: s.Keyword.Span.End}
		p.findings.Add(*Findingf(CodeArgument, end, "section `%s` has no name; accepted is `%s NAME`", s.Keyword.Value, s.Keyword.Value))
	}
	if named || s.Keyword.Value == "frontend" || s.Keyword.Value == "backend" || s.Keyword.Value == "listen" {
		if p.utf8(header.Words) && !header.Broken {
			p.name(s.Name, diag.Error)
		}
	}
	if named && len(header.Words) > 2 {
		p.findings.Add(*Findingf(CodeLine, header.Words[2].Span, "%s is not understood behind `%s`; accepted is `%s NAME`", quote(header.Words[2].Value), lineText(header.Words[:2]), s.Keyword.Value))
	}
	return s
}

// beforeSections reports the first line that stands in no section: if the file is something else, once is enough.
func (p *configParser) beforeSections(line *Line) {
	keyword := line.Keyword()
	if keyword == "" || p.before || keyword[0] == '.' || keyword[0] == '[' || line.Words[0].Unresolved {
		return
	}
	p.before = true
	hint := "a file begins with a section such as `global`"
	if best := diag.Nearest(strings.TrimPrefix(keyword, "\ufeff"), sectionNames()); best != "" {
		hint = "did you mean `" + best + "`?"
	}
	what := quote(keyword)
	if strings.HasPrefix(keyword, "\ufeff") {
		what = "a byte order mark"
	}
	p.findings.Add(*Findingf(CodeDirective, line.Words[0].Span, "%s stands before the first section; %s", what, hint))
}

// utf8 reports words that are no text: their values appear in our output. Elsewhere in a file HAProxy takes any bytes, and so do we.
func (p *configParser) utf8(words []Scalar) bool {
	for _, w := range words {
		if !utf8.ValidString(w.Value) {
			p.findings.Add(*Findingf(CodeText, w.Span, "%s is not UTF-8 text", quote(w.Value)))
			return false
		}
	}
	return true
}

func sectionNames() []string {
	names := make([]string, 0, len(sectionKeywords))
	for name := range sectionKeywords {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// conditions keeps account of .if and .endif. Whether a condition holds is not looked at.
func (p *configParser) conditions(line *Line, keyword string) {
	line.Conditional = len(p.open) > 0
	switch keyword {
	case ".if":
		copied := *line
		p.open = append(p.open, &copied)
	case ".elif", ".else", ".endif":
		if len(p.open) == 0 {
			p.findings.Add(*Findingf(CodeLine, line.Words[0].Span, "`%s` has no `.if` before it", keyword))
			return
		}
		if keyword == ".endif" {
			p.open = p.open[:len(p.open)-1]
			line.Conditional = len(p.open) > 0
		}
	}
}

// mixed reports an aggregations section among HAProxy's own: HAProxy does not know it, and the aggregator not the others.
func (p *configParser) mixed() {
	ours, theirs := p.file.first("aggregations"), p.file.first(proxySections...)
	if ours == nil || theirs == nil {
		return
	}
	f := Findingf(CodeMixed, ours.Keyword.Span, "`aggregations` and `%s` stand in one file; an aggregator's file has `global` and `aggregations` only, and HAProxy knows no `aggregations`", theirs.Keyword.Value)
	f.Related = []diag.Note{{Span: theirs.Keyword.Span, Label: "a section of HAProxy"}}
	p.findings.Add(*f)
}

var proxySections = []string{"peers", "frontend", "backend", "listen", "defaults"}

// statements reads the lines that are ours.
func (p *configParser) statements() {
	aggregator := p.file.IsAggregator()
	for _, s := range p.file.Sections {
		if v := vocabularyOf(s.Keyword.Value, aggregator); v != nil {
			p.sectionStatements(s, v)
		}
	}
}

func (p *configParser) sectionStatements(s *Section, v *vocabulary) {
	first := map[string]*Line{}
	for i := range s.Lines {
		line := &s.Lines[i]
		if len(line.Words) == 0 || line.Broken || line.Words[0].Value != "" && line.Words[0].Value[0] == '.' {
			continue
		}
		statement, e, findings := v.read(s.Keyword.Value, line)
		line.Statement = statement
		if e != nil && !e.quiet && !p.utf8(line.Words) {
			line.Statement, p.file.Incomplete = nil, true
			continue
		}
		p.findings.Add(findings...)
		p.names(statement)
		p.bound()
		p.file.Incomplete = p.file.Incomplete || statement == nil && findings.Worst() == diag.Error
		if e == nil || e.quiet || e.directive.repeat || line.Conditional {
			continue
		}
		if before := first[e.keyword]; before != nil {
			f := Findingf(CodeDuplicate, line.Words[0].Span, "`%s` stands twice in the section `%s`", e.keyword, lineText(s.Header.Words))
			f.Related = []diag.Note{{Span: wordsSpan(before.Words), Label: "the first"}}
			p.findings.Add(*f)
			continue
		}
		first[e.keyword] = line
	}
}

// Keyword is the line's first word, "" for a line without words.
func (l *Line) Keyword() string {
	if len(l.Words) == 0 {
		return ""
	}
	return l.Words[0].Value
}

// IsAggregator tells whether the file is an aggregator's: it has aggregations, and no section of HAProxy's own.
func (f *ConfigFile) IsAggregator() bool {
	return f.first("aggregations") != nil && f.first(proxySections...) == nil
}

// first finds the first section with one of the keywords.
func (f *ConfigFile) first(keywords ...string) *Section {
	for _, s := range f.Sections {
		if slices.Contains(keywords, s.Keyword.Value) {
			return s
		}
	}
	return nil
}

// AllLines yields every line of the file in order, headers included.
func (f *ConfigFile) AllLines() iter.Seq[*Line] {
	return func(yield func(*Line) bool) {
		for i := range f.Preamble {
			if !yield(&f.Preamble[i]) {
				return
			}
		}
		for _, s := range f.Sections {
			if !yield(&s.Header) {
				return
			}
			for i := range s.Lines {
				if !yield(&s.Lines[i]) {
					return
				}
			}
		}
	}
}

// WordsSpan covers the line's words, without blanks and comment around them; of a line without words, the line.
func (l *Line) WordsSpan() diag.Span {
	if len(l.Words) == 0 {
		return l.Span
	}
	return wordsSpan(l.Words)
}
