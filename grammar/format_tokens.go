package grammar

import (
	"bytes"
	"strings"

	"gopkg.in/yaml.v3"
)

// yamlToken is a piece of a YAML text that is kept as it is. What stands between tokens is blanks and line breaks.
type yamlToken struct {
	kind   tokenKind
	text   string
	breaks int // line breaks in front of it; 0: it stands in the line of the one before
	column int // bytes in front of it in its line, from 0
}

type tokenKind uint8

const (
	scalarToken    tokenKind = iota + 1
	literalToken             // a literal or folded scalar: its lines' indentation is relative
	aliasToken               // "*name"
	propertyToken            // an anchor or a tag
	indicatorToken           // one of { } [ ] , : - ?
	commentToken
	markerToken // "---", "..." or a directive
)

// is tells whether the token is one of the indicators.
func (t *yamlToken) is(indicators string) bool {
	return t.kind == indicatorToken && strings.Contains(indicators, t.text)
}

// yamlLexer cuts a text that is known to be YAML into tokens. Where scalars are the library knows; between them there is nothing but
// indicators, properties and comments.
type yamlLexer struct {
	*yamlText
	scalars []yamlToken // with their offsets as columns, in the order of the text
	lost    bool        // a scalar's text was not found again
	at      int
	tokens  []yamlToken
	breaks  int
}

// tokens gives nil when a scalar's place in the text is not known.
func (y *yamlText) tokens(root *yaml.Node) []yamlToken {
	l := &yamlLexer{yamlText: y}
	l.collect(root)
	if hasByteOrderMark(y.text) {
		l.at = len(byteOrderMark)
	}
	for !l.lost && l.at < len(l.text) {
		l.next()
	}
	if l.lost || len(l.scalars) > 0 || !balanced(l.tokens) {
		return nil
	}
	return l.tokens
}

func balanced(tokens []yamlToken) bool {
	depth := 0
	for i := range tokens {
		if tokens[i].is("{[") {
			depth++
		}
		if tokens[i].is("}]") {
			depth--
		}
		if depth < 0 {
			return false
		}
	}
	return depth == 0
}

// collect finds the scalars and aliases.
func (l *yamlLexer) collect(n *yaml.Node) {
	switch n.Kind {
	case yaml.AliasNode:
		start := l.offset(n)
		l.scalars = append(l.scalars, yamlToken{kind: aliasToken, text: string(l.text[start : start+len("*")+len(n.Value)]), column: start})
	case yaml.ScalarNode:
		s := l.scalar(n)
		start, end := s.Span.Start.Offset, s.Span.End.Offset
		if start == end {
			l.lost = l.lost || n.Value != "" || n.Style&^yaml.TaggedStyle != 0
			return
		}
		kind := scalarToken
		if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
			kind, end = literalToken, l.literalEnd(start, start+len(bytes.TrimRight(l.text[start:end], "\r\n")))
		}
		l.scalars = append(l.scalars, yamlToken{kind: kind, text: string(l.text[start:end]), column: start})
	}
	for _, child := range n.Content {
		l.collect(child)
	}
}

// literalEnd adds the blank lines behind a scalar that keeps them, but for the last line break.
func (l *yamlLexer) literalEnd(start, end int) int {
	header, _, _ := strings.Cut(string(l.text[start:end]), "\n")
	header, _, _ = strings.Cut(header, " ")
	if !strings.Contains(header, "+") {
		return end
	}
	for at := end; ; {
		n, _ := l.lineBreak(at)
		if n == 0 {
			return end
		}
		end, at = at, at+n
		for at < len(l.text) && l.text[at] == ' ' {
			at++
		}
	}
}

// next reads the token or the blank at the lexer's place.
func (l *yamlLexer) next() {
	if len(l.scalars) > 0 && l.scalars[0].column == l.at {
		s := l.scalars[0]
		l.scalars = l.scalars[1:]
		l.add(s.kind, l.at+len(s.text))
		return
	}
	if n, _ := l.lineBreak(l.at); n > 0 {
		l.breaks++
		l.at += n
		return
	}
	switch c := l.text[l.at]; {
	case isSpaceOrTab(c):
		l.at++
	case c == '#':
		l.add(commentToken, l.lineEnd())
	case l.column() == 0 && l.isMarker():
		l.add(markerToken, l.at+3)
	case l.column() == 0 && c == '%':
		l.add(markerToken, l.lineEnd())
	case c == '&' || c == '!':
		l.add(propertyToken, l.property(l.at))
	case bytes.IndexByte([]byte("{}[],:-?"), c) >= 0:
		l.add(indicatorToken, l.at+1)
	default:
		l.lost = true
	}
}

// column counts from the last line feed; a byte order mark has no width.
func (l *yamlLexer) column() int {
	from := bytes.LastIndexByte(l.text[:l.at], '\n') + 1
	if from == 0 && hasByteOrderMark(l.text) {
		from = len(byteOrderMark)
	}
	return l.at - from
}

func (l *yamlLexer) isMarker() bool {
	rest := string(l.text[l.at:])
	return (strings.HasPrefix(rest, "---") || strings.HasPrefix(rest, "...")) && (len(rest) == 3 || strings.ContainsRune(" \t\r\n", rune(rest[3])))
}

func (l *yamlLexer) lineEnd() int {
	for at := l.at; ; at++ {
		if n, _ := l.lineBreak(at); n > 0 || at == len(l.text) {
			return at
		}
	}
}

func (l *yamlLexer) add(kind tokenKind, end int) {
	t := yamlToken{kind: kind, text: string(l.text[l.at:end]), breaks: l.breaks, column: l.column()}
	if kind == commentToken || kind == markerToken {
		t.text = strings.TrimRight(t.text, " \t")
	}
	if len(l.tokens) == 0 {
		t.breaks = max(t.breaks, 1)
	}
	l.tokens = append(l.tokens, t)
	l.at, l.breaks = end, 0
}
