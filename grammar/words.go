package grammar

import (
	"strings"

	"stktc/grammar/diag"
)

// splitter cuts one line into words by the rules of HAProxy's parse_line (src/tools.c, 2.6 to 3.5): blanks separate, "#" starts a
// comment even inside a word, both quotes may open and close inside a word, a backslash escapes outside single quotes, and
// environment variables stand inside double quotes only. There is no continuation of lines.
// Without an environment what variables stand for is not known.
//
// A word without quotes and escapes is a piece of the text and costs no allocation.
type splitter struct {
	text  string // the whole file
	pos   int
	end   int // of the line, without its end
	line  int // number
	start int // offset of the line
	file  string
	env   Environment // nil: not known
	part  bool        // env is only a part: what it does not set is not known

	words    []Scalar // of the line, at the end of what the arena holds
	from     int      // where the current word starts
	inWord   bool     // a character or a pair of quotes of the current word was read
	special  bool     // value and source hold the word, not the text itself
	value    []byte
	source   []diag.Pos
	unknown  bool // a variable stands in the word
	quote    byte // the open quote, 0 outside
	quotePos int
	bad      *diag.Finding
	unset    diag.List // variables that are not set
}

// Environment gives a variable's value, and whether it is set.
type Environment func(name string) (value string, set bool)

// arena is what words are allocated from: one allocation for many lines, where each word is some 110 bytes.
type arena struct {
	free  []Scalar // the rest of whole
	whole []Scalar
	used  int // words since reset
}

// reset makes all of it free again.
func (a *arena) reset() {
	if a.used > cap(a.whole) {
		a.whole = make([]Scalar, 0, a.used+a.used/8)
	}
	a.free, a.used = a.whole, 0
}

// take gives an empty slice with room for the words of most lines; done tells how many of them were used.
func (a *arena) take(textLeft int) []Scalar {
	if cap(a.free) < 64 {
		a.free = make([]Scalar, 0, min(64+textLeft/8, 1024))
		a.whole = a.free
	}
	return a.free[:0]
}

func (a *arena) done(words []Scalar) []Scalar {
	if len(words) == 0 {
		return nil
	}
	a.used += len(words)
	if cap(words) == cap(a.free) { // else they outgrew it and moved away
		a.free = a.free[len(words):cap(a.free)][:0]
	}
	return words[:len(words):len(words)]
}

// splitLine reads the line [start, end) of the text. Of a line that HAProxy refuses it gives the words before the offending place.
func (p *configParser) splitLine(number, start, end int) (Line, *diag.Finding) {
	text, memory := p.text, &p.memory.words
	s := splitter{text: text, pos: start, end: end, line: number, start: start, file: p.file.Name, env: p.env, part: p.part, words: memory.take(len(text) - start)}
	s.skipBlanks()
	line := Line{Span: s.span(start, end)}
	for s.bad == nil && s.pos < s.end && s.text[s.pos] != '#' {
		s.word()
		s.skipBlanks()
	}
	line.Words = memory.done(s.words)
	p.findings.Add(s.unset...)
	if s.bad == nil && s.pos < s.end && s.text[s.pos] == '#' {
		line.Comment = Scalar{Value: text[s.pos:end], Span: s.span(s.pos, end)}
	}
	return line, s.bad
}

func (s *splitter) at(offset int) diag.Pos {
	return diag.Pos{Line: s.line, Column: offset - s.start + 1, Offset: offset}
}

func (s *splitter) span(from, to int) diag.Span {
	return diag.Span{File: s.file, Start: s.at(from), End: s.at(to)}
}

// separates is isspace in HAProxy's locale; a carriage return separates here, but ends a line directly behind a word.
func separates(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func (s *splitter) skipBlanks() {
	for s.pos < s.end && separates(s.text[s.pos]) {
		s.pos++
	}
}

// word reads one word; the splitter stands on its first character.
func (s *splitter) word() {
	s.from, s.inWord, s.special, s.unknown = s.pos, false, false, false
	for s.bad == nil && s.pos < s.end {
		c := s.text[s.pos]
		switch {
		case c == 0:
			s.bad = nulByte(s.span(s.pos, s.pos+1))
		case c == '\r':
			s.carriageReturn()
			return
		case c == '"' && s.quote != '\'' || c == '\'' && s.quote != '"':
			s.toggle(c)
		case c == '\\' && s.quote != '\'':
			s.escape()
		case c == '$' && s.quote == '"':
			s.variable()
		case s.quote == 0 && (c == '#' || separates(c)):
			s.finish(s.pos)
			return
		default:
			s.emit(c, s.pos)
			s.pos++
		}
	}
	if s.quote != 0 && s.bad == nil {
		s.openQuote()
		return
	}
	if s.bad == nil {
		s.finish(s.end)
	}
}

// finish adds the word that ends before the offset to.
func (s *splitter) finish(to int) {
	if !s.inWord {
		return
	}
	w := Scalar{Value: s.text[s.from:to], Span: s.span(s.from, to), Unresolved: s.unknown}
	if s.special {
		w.Value = string(s.value)
		w.source = append(append([]diag.Pos(nil), s.source...), s.at(to))
	}
	s.words = append(s.words, w)
}

// emit adds a character of the word, which the text has at the offset.
func (s *splitter) emit(c byte, offset int) {
	s.inWord = true
	if s.special {
		s.value = append(s.value, c)
		s.source = append(s.source, s.at(offset))
	}
}

// copyWord makes value and source hold the word so far: from here on it differs from the text.
func (s *splitter) copyWord() {
	if s.special {
		return
	}
	s.special = true
	s.value, s.source = append(s.value[:0], s.text[s.from:s.pos]...), s.source[:0]
	for i := s.from; i < s.pos; i++ {
		s.source = append(s.source, s.at(i))
	}
}

func (s *splitter) toggle(c byte) {
	s.copyWord()
	s.inWord = true
	if s.quote == 0 {
		s.quote, s.quotePos = c, s.pos
	} else {
		s.quote = 0
	}
	s.pos++
}

func (s *splitter) openQuote() {
	s.bad = Findingf(CodeTruncated, s.span(s.quotePos, s.quotePos+1), "the quote `%c` is not closed on its line", s.quote)
}

// carriageReturn ends the line, as HAProxy does behind a word. Text behind it is worth a word: nobody sees it and HAProxy ignores it.
func (s *splitter) carriageReturn() {
	if s.quote != 0 {
		s.openQuote()
		return
	}
	s.finish(s.pos)
	if rest := s.text[s.pos:s.end]; strings.TrimSpace(rest) != "" {
		s.bad = Findingf(CodeLine, s.span(s.pos, s.end), "a carriage return stands in the line; what follows it is ignored, %s", quote(strings.TrimSpace(rest)))
		s.bad.Severity = diag.Warning
	}
	s.pos = s.end
}

// escapes are the characters that a backslash changes or protects; "$" only inside double quotes, "x" takes two more.
var escapes = map[byte]byte{' ': ' ', '\\': '\\', 't': '\t', 'n': '\n', 'r': '\r', '#': '#', '\'': '\'', '"': '"'}

func (s *splitter) escape() {
	s.copyWord()
	offset := s.pos
	next := byte(0)
	if s.pos+1 < s.end {
		next = s.text[s.pos+1]
	}
	c, known := escapes[next]
	switch {
	case known:
		s.pos += 2
	case next == '$' && s.quote == '"':
		c = '$'
		s.pos += 2
	case next == 'x':
		if c = s.hex(); s.bad != nil {
			return
		}
		s.pos += 4
	default: // the backslash stands for itself, and the next character for what it is
		c = '\\'
		s.pos++
	}
	s.emit(c, offset)
}

// hex reads the two digits of \xHH.
func (s *splitter) hex() byte {
	var c byte
	for i := s.pos + 2; i < s.pos+4; i++ {
		if i >= s.end || hexDigit(s.text[i]) > 15 {
			s.bad = Findingf(CodeLine, s.span(s.pos, min(i+1, s.end)), "`\\x` is not followed by two hexadecimal digits")
			return 0
		}
		c = c<<4 | hexDigit(s.text[i])
	}
	return c
}

func hexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}

// variable reads $NAME, ${NAME}, ${NAME-default} or ${NAME[*]}. What it stands for becomes part of the word; where that is not known, its text does.
func (s *splitter) variable() {
	s.copyWord()
	from, i := s.pos, s.pos+1
	brace := i < s.end && s.text[i] == '{'
	if brace {
		i++
	}
	if i >= s.end || !startsVariable(s.text[i]) {
		s.bad = Findingf(CodeLine, s.span(from, min(i+1, s.end)), "`$` in double quotes is not followed by a variable's name; write `\\$` for the character")
		return
	}
	v := variable{name: s.text[i:nameEnd(s.text[:s.end], i)]}
	i += len(v.name)
	if brace {
		if i = s.closeBrace(i, &v); i < 0 {
			s.bad = Findingf(CodeTruncated, s.span(from, s.end), "the brace of `%s` is not closed", s.text[from:s.end])
			return
		}
	}
	if s.env != nil && v.name[0] != '.' {
		if _, set := s.env(v.name); set || !s.part {
			s.expand(v, i)
			return
		}
	}
	s.unknown = true
	for ; s.pos < i; s.pos++ {
		s.emit(s.text[s.pos], s.pos)
	}
}

// variable is a reference to an environment variable. Names that begin with a dot are HAProxy's own, and never known.
type variable struct {
	name       string
	list       bool // [*]: blanks in the value separate words
	fallback   string
	hasDefault bool
}

// closeBrace reads what follows a variable's name, which ends at i, and gives the offset behind the closing brace, -1 when there is none.
func (s *splitter) closeBrace(i int, v *variable) int {
	if strings.HasPrefix(s.text[i:s.end], "[*]") {
		i += 3
		v.list = true
	}
	if i < s.end && s.text[i] == '-' {
		from := i + 1
		for i < s.end && s.text[i] != '}' {
			i++
		}
		v.fallback, v.hasDefault = s.text[from:max(from, i)], true
	}
	if i >= s.end || s.text[i] != '}' {
		return -1
	}
	return i + 1
}

// expand puts the value of a variable, whose reference ends before the offset to, into the word. One that is not set is empty, as in HAProxy.
func (s *splitter) expand(v variable, to int) {
	value, set := s.env(v.name)
	if !set {
		value = v.fallback
		if !v.hasDefault {
			f := Findingf(CodeLine, s.span(s.pos, to), "the environment variable `%s` is not set: its place stays empty, as in HAProxy", v.name)
			f.Severity = diag.Warning
			s.unset.Add(*f)
		}
	}
	from := s.pos
	s.pos = to
	for i := 0; i < len(value); i++ {
		if !v.list || !separates(value[i]) {
			s.emit(value[i], from)
			continue
		}
		s.inWord = true
		s.finish(to)
		s.from, s.value, s.source = from, s.value[:0], s.source[:0]
		for i+1 < len(value) && separates(value[i+1]) {
			i++
		}
	}
}

// nameEnd gives the offset behind the variable's name that begins at i.
func nameEnd(text string, i int) int {
	for i++; i < len(text) && inVariable(text[i]); i++ {
	}
	return i
}

func startsVariable(c byte) bool {
	return c == '_' || c == '.' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func inVariable(c byte) bool {
	return startsVariable(c) && c != '.' || c >= '0' && c <= '9'
}

// isList tells whether the word is a variable that HAProxy may replace by any number of words.
func (s Scalar) isList() bool {
	return s.Unresolved && strings.Contains(s.Value, "[*]")
}
