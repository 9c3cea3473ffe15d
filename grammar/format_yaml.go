package grammar

import (
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// indentWidth is how many blanks a level of indentation has.
const indentWidth = 2

// yamlFormatter lays the tokens of a text out anew.
type yamlFormatter struct {
	blocks  []yamlBlock // that are open, outermost first
	flows   []int       // for each open bracket, the indentation of lines inside
	lines   []formatLine
	waiting []yamlToken // comments in lines of their own, whose place the token behind them decides
	// The token before began a line, or a block in it, with "-", "?" or ":": what follows in the line is a block of its own, which begins with
	// its first property.
	opens    bool
	property *yamlToken
}

// yamlBlock is a block mapping or list: the column of its lines as they were, and as they will be.
type yamlBlock struct {
	was, is int
	isList  bool
}

// formatLine is a line of the result, or several where a scalar has several.
type formatLine struct {
	indent  int
	blank   bool // a blank line goes in front
	tokens  []yamlToken
	pad     []int     // further blanks behind each token, to bring columns in line
	comment string    // behind the tokens
	block   yamlBlock // the innermost
	inFlow  bool      // it begins inside of brackets
}

// formatYAML writes tokens in lines. A text that ends without a line end ends so again when that would belong to a literal scalar.
func formatYAML(tokens []yamlToken, lineEnd string, isEnded bool) []byte {
	f := &yamlFormatter{}
	for _, t := range tokens {
		f.token(t)
	}
	f.comments(f.blocks, -1, 0)
	alignRows(f.lines)
	var texts []string
	for i := range f.lines {
		texts = append(texts, f.lines[i].text())
	}
	alignComments(f.lines, texts)
	var out strings.Builder
	for i, text := range texts {
		if f.lines[i].blank && i > 0 {
			out.WriteString(lineEnd)
		}
		out.WriteString(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", lineEnd) + lineEnd)
	}
	if !isEnded && tokens[len(tokens)-1].kind == literalToken {
		return []byte(strings.TrimSuffix(out.String(), lineEnd))
	}
	return []byte(out.String())
}

func (f *yamlFormatter) token(t yamlToken) {
	switch {
	case t.kind == commentToken && t.breaks > 0:
		f.waiting = append(f.waiting, t)
		return
	case t.kind == commentToken:
		f.lines[len(f.lines)-1].comment = t.text
		return
	case t.breaks > 0:
		f.startLine(t)
	case f.opens && t.kind != literalToken && t.kind != propertyToken:
		f.openInside(t)
	}
	l := &f.lines[len(f.lines)-1]
	l.tokens, l.pad = append(l.tokens, t), append(l.pad, 0)
	switch {
	case t.is("-?:") && len(f.flows) == 0 && (t.breaks > 0 || f.opens):
		f.opens, f.property = true, nil
	case t.kind != propertyToken || t.breaks > 0:
		f.opens = false
	case f.opens && f.property == nil:
		f.property = &t
	}
	switch {
	case t.is("{["):
		f.flows = append(f.flows, max(l.block.is, l.indent)+indentWidth)
	case t.is("}]"):
		f.flows = f.flows[:len(f.flows)-1]
	}
}

// top is the innermost open block; outside of all there is one whose lines begin before the first column.
func (f *yamlFormatter) top() yamlBlock {
	if n := len(f.blocks); n > 0 {
		return f.blocks[n-1]
	}
	return yamlBlock{was: -1, is: -indentWidth}
}

func (f *yamlFormatter) open(t yamlToken, is int) {
	f.blocks = append(f.blocks, yamlBlock{was: t.column, is: is, isList: t.is("-")})
}

// openInside opens a block in the middle of a line.
func (f *yamlFormatter) openInside(t yamlToken) {
	is := f.top().is + indentWidth
	if f.property != nil {
		t.column, f.property = f.property.column, nil
	}
	f.open(t, is)
	f.lines[len(f.lines)-1].block = f.top()
}

// startLine begins a line with a token.
func (f *yamlFormatter) startLine(t yamlToken) {
	before := slices.Clone(f.blocks)
	l := formatLine{blank: t.breaks > 1, inFlow: len(f.flows) > 0}
	switch {
	case l.inFlow:
		l.indent = f.flows[len(f.flows)-1]
	case t.kind == markerToken:
		f.blocks = nil
	case t.kind == literalToken:
		f.leave(t.column - 1)
		l.indent = f.top().is + indentWidth
		before = nil
	default:
		f.enter(t)
		l.indent = f.top().is
	}
	l.block = f.top()
	if l.inFlow || len(f.blocks) > len(before) || !slices.Equal(f.blocks, before[:len(f.blocks)]) {
		before = nil // the line is the first of its block, so the comments before it are the block's
	}
	f.comments(before, t.column, l.indent)
	f.lines = append(f.lines, l)
}

// leave closes the blocks that a line at the column is no part of.
func (f *yamlFormatter) leave(column int) {
	for len(f.blocks) > 0 && f.top().was > column {
		f.blocks = f.blocks[:len(f.blocks)-1]
	}
}

// enter finds the block that a line belongs to, or opens it. A list may stand in the column of the key that it is the value of.
func (f *yamlFormatter) enter(t yamlToken) {
	f.leave(t.column)
	if top := f.top(); top.isList && top.was == t.column && !t.is("-") {
		f.blocks = f.blocks[:len(f.blocks)-1]
	}
	if top := f.top(); top.was < t.column || t.is("-") && !top.isList {
		f.open(t, top.is+indentWidth)
	}
}

// comments places the comments before a line at a column. One that stands farther right than the line belongs to one of the blocks before it.
func (f *yamlFormatter) comments(before []yamlBlock, column, indent int) {
	for _, c := range f.waiting {
		l := formatLine{indent: indent, blank: c.breaks > 1, tokens: []yamlToken{c}, pad: []int{0}}
		for i := len(before) - 1; i >= 0 && c.column > column; i-- {
			if before[i].was <= c.column {
				l.indent = before[i].is
				break
			}
		}
		f.lines = append(f.lines, l)
	}
	f.waiting = nil
}

// text writes a line, without its trailing comment.
func (l *formatLine) text() string {
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", l.indent))
	for i := range l.tokens {
		if i > 0 {
			b.WriteString(gap(&l.tokens[i-1], &l.tokens[i]) + strings.Repeat(" ", l.pad[i-1]))
		}
		b.WriteString(l.tokenText(&l.tokens[i]))
	}
	return b.String()
}

// gap is what stands between two tokens of a line.
func gap(a, b *yamlToken) string {
	switch {
	case a.is("{["), b.is("}],") && !a.is(":"): // "{a:}" would be a key of two characters
		return ""
	case b.is(":") && a.kind != aliasToken && a.kind != indicatorToken:
		return ""
	}
	return " "
}

// tokenText is a token as it is written; the further lines of a scalar are indented with the line that it begins in.
func (l *formatLine) tokenText(t *yamlToken) string {
	first, rest, several := strings.Cut(t.text, "\n")
	switch {
	case !several:
		return t.text
	case t.kind == literalToken:
		return l.literal(strings.TrimRight(first, " \t\r"), strings.Split(rest, "\n"))
	}
	indent := strings.Repeat(" ", max(l.block.is, l.indent, 0)+indentWidth)
	text := first
	for line := range strings.SplitSeq(rest, "\n") {
		text += "\n"
		if line = strings.TrimLeft(line, " \t"); line != "" && line != "\r" {
			text += indent + line
		}
	}
	return text
}

// literal moves the lines of a literal or folded scalar. A number in its header counts from the block around it; without one the first
// line says how far in the others are.
func (l *formatLine) literal(header string, lines []string) string {
	was, is := 0, l.block.is+indentWidth
	marks, _, _ := strings.Cut(header, " ")
	if i := strings.IndexAny(marks, "123456789"); i >= 0 {
		n := int(marks[i] - '0')
		was, is = max(l.block.was, 0)+n, max(l.block.is, 0)+n
	} else if i := slices.IndexFunc(lines, func(line string) bool { return strings.TrimRight(line, " \r") != "" }); i >= 0 {
		was = len(lines[i]) - len(strings.TrimLeft(lines[i], " "))
	} else {
		was = math.MaxInt // nothing but blank lines
	}
	for i, line := range lines {
		switch content := strings.TrimRight(line, "\r"); {
		case len(content) <= was && strings.Trim(content, " ") == "":
			lines[i] = ""
		case len(content) > was:
			lines[i] = strings.Repeat(" ", is) + line[was:]
		}
	}
	return header + "\n" + strings.Join(lines, "\n")
}

// width is how many columns a text takes.
func width(text string) int { return utf8.RuneCountInString(text) }
