package grammar

import (
	"strconv"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"stktc/grammar/diag"
)

// scalar gives a scalar node as it stands in the file. yaml.v3 says where a value starts, but not where each of its bytes came from:
// the source is read a second time, by the rules of its style, and each byte of the value is paired with its place.
func (y *yamlText) scalar(n *yaml.Node) Scalar {
	start := y.offset(n)
	if n.Value == "" && n.Style&^yaml.TaggedStyle == 0 {
		return Scalar{Span: y.span(start, start)}
	}
	if y.hasProperty(start) {
		start = y.content(start)
	}
	w := y.trace(n, start)
	if string(w.value) != n.Value {
		// Not what the library read, so no place inside the value is known: all of it is said to be at its start.
		w = &scalarTrace{yamlText: y, at: start, value: []byte(n.Value), from: make([]int, len(n.Value))}
		for i := range w.from {
			w.from[i] = start
		}
	}
	s := Scalar{Value: n.Value, Span: y.span(start, max(w.at, start))}
	if !w.isVerbatim(start) {
		s.source = w.places()
	}
	return s
}

func (y *yamlText) trace(n *yaml.Node, start int) *scalarTrace {
	w := &scalarTrace{yamlText: y, at: start}
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		w.quoted('"')
	case n.Style&yaml.SingleQuotedStyle != 0:
		w.quoted('\'')
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return w.block(n.Value, n.Style&yaml.FoldedStyle != 0)
	default:
		w.plain(n.Value)
	}
	return w
}

// scalarTrace is a walk along the source of one scalar: value is what was read up to at, from where each of its bytes stands.
type scalarTrace struct {
	*yamlText
	at    int
	value []byte
	from  []int
	end   int // where the last byte of the value ends, when that is not at
}

func (w *scalarTrace) put(value string, from int) {
	for i := range len(value) {
		w.value = append(w.value, value[i])
		w.from = append(w.from, from)
	}
}

// copy takes n bytes as they stand.
func (w *scalarTrace) copy(n int) {
	for range n {
		w.value = append(w.value, w.text[w.at])
		w.from = append(w.from, w.at)
		w.at++
	}
}

// isVerbatim tells whether the source from start on is the value itself, on one line.
func (w *scalarTrace) isVerbatim(start int) bool {
	return string(w.value) == string(w.text[start:w.at]) && w.pos(start).Line == w.pos(w.at).Line
}

func (w *scalarTrace) places() []diag.Pos {
	places := make([]diag.Pos, 0, len(w.from)+1)
	for _, from := range w.from {
		places = append(places, w.pos(from))
	}
	end := w.at
	if w.end > 0 {
		end = w.end
	}
	return append(places, w.pos(end))
}

// plain follows an unquoted value. Where it ends depends on what it stands in; the value itself tells.
func (w *scalarTrace) plain(value string) {
	for len(w.value) < len(value) && w.at < len(w.text) {
		if n, _ := w.lineBreak(w.at); n > 0 || isSpaceOrTab(w.text[w.at]) {
			w.fold()
			continue
		}
		w.copy(1)
	}
}

// fold reads blanks and line breaks as plain and quoted scalars do: blanks inside a line stay; blanks around breaks go, one break is a
// space, and of several all but the first stay.
func (w *scalarTrace) fold() {
	start := w.at
	w.skipBlanks()
	n, first := w.lineBreak(w.at)
	if n == 0 {
		end := w.at
		w.at = start
		w.copy(end - start)
		return
	}
	w.at += n
	before := len(w.value)
	if first != "\n" {
		w.put(first, start)
	}
	w.breaks()
	if len(w.value) == before {
		w.put(" ", start)
	}
	// What was folded starts where the line before it ends.
	w.from[before] = start
}

// breaks reads blank lines, if any: each gives its line break.
func (w *scalarTrace) breaks() {
	for {
		w.skipBlanks()
		n, value := w.lineBreak(w.at)
		if n == 0 {
			return
		}
		w.put(value, w.at)
		w.at += n
	}
}

func (w *scalarTrace) skipBlanks() {
	for w.at < len(w.text) && isSpaceOrTab(w.text[w.at]) {
		w.at++
	}
}

// quoted reads a scalar in quotes. Its value's end is before the closing one.
func (w *scalarTrace) quoted(quote byte) {
	for w.at++; w.at < len(w.text); {
		n, _ := w.lineBreak(w.at)
		switch c := w.text[w.at]; {
		case n > 0 || isSpaceOrTab(c):
			w.fold()
		case c == '\'' && quote == c && w.at+1 < len(w.text) && w.text[w.at+1] == '\'':
			w.put("'", w.at)
			w.at += 2
		case c == quote:
			w.end = w.at
			w.at++
			return
		case c == '\\' && quote == '"':
			w.escape()
		default:
			w.copy(1)
		}
	}
}

// yamlEscapes are the escape sequences of one letter. yaml.v3 does not know `\/`.
var yamlEscapes = map[byte]string{
	'0': "\x00", 'a': "\a", 'b': "\b", 't': "\t", '\t': "\t", 'n': "\n", 'v': "\v", 'f': "\f", 'r': "\r", 'e': "\x1b",
	' ': " ", '"': `"`, '\'': "'", '\\': `\`, 'N': "\u0085", '_': "\u00a0", 'L': "\u2028", 'P': "\u2029",
}

// escape reads a backslash and what it stands for in double quotes: nothing, if a line break follows.
func (w *scalarTrace) escape() {
	start := w.at
	w.at++
	if n, _ := w.lineBreak(w.at); n > 0 {
		w.at += n
		w.breaks()
		return
	}
	if w.at == len(w.text) {
		return
	}
	c := w.text[w.at]
	w.at++
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	if digits == 0 {
		w.put(yamlEscapes[c], start)
		return
	}
	end := min(w.at+digits, len(w.text))
	code, err := strconv.ParseUint(string(w.text[w.at:end]), 16, 32)
	if err == nil && code <= utf8.MaxRune {
		w.put(string(rune(code)), start)
	}
	w.at = end
}
