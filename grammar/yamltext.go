package grammar

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"stktc/grammar/diag"
)

// yamlText turns places as yaml.v3 counts them into places in the file. The library counts columns in characters, takes NEL, LS, PS and a
// lone CR for line ends, and leaves a byte order mark out; a diag.Pos counts bytes, and lines that end in LF, as every editor does.
type yamlText struct {
	file  string
	text  []byte
	lines []int // offset at which each line starts

	// The same for lines as YAML counts them, with the number of characters before each. Both are nil for plain ASCII without lone CRs,
	// where the two counts agree.
	yamlLines, runesBefore []int
	// Offset of every 256th character, so that a file of one long line costs no more than one of many.
	checkpoints []int
}

const checkpointEvery = 256

var byteOrderMark = []byte("\ufeff")

func newYAMLText(file string, text []byte) *yamlText {
	y := &yamlText{file: file, text: text, lines: []int{0}}
	plain := true
	for i, c := range text {
		switch {
		case c == '\n':
			y.lines = append(y.lines, i+1)
		case c >= utf8.RuneSelf, c == '\r' && (i+1 == len(text) || text[i+1] != '\n'):
			plain = false
		}
	}
	if !plain {
		y.countCharacters()
	}
	return y
}

func (y *yamlText) countCharacters() {
	at := 0
	if hasByteOrderMark(y.text) {
		at = len(byteOrderMark)
	}
	y.yamlLines, y.runesBefore = []int{at}, []int{0}
	for runes := 0; at < len(y.text); runes++ {
		if runes%checkpointEvery == 0 {
			y.checkpoints = append(y.checkpoints, at)
		}
		n, _ := y.lineBreak(at)
		// A CR LF is one break, and two characters.
		if n == 2 && y.text[at] == '\r' {
			runes++
			if runes%checkpointEvery == 0 {
				y.checkpoints = append(y.checkpoints, at+1)
			}
		}
		if n > 0 {
			y.yamlLines = append(y.yamlLines, at+n)
			y.runesBefore = append(y.runesBefore, runes+1)
			at += n
			continue
		}
		_, size := utf8.DecodeRune(y.text[at:])
		at += size
	}
}

func hasByteOrderMark(text []byte) bool {
	return len(text) >= len(byteOrderMark) && string(text[:len(byteOrderMark)]) == string(byteOrderMark)
}

// lineBreak measures the line break at an offset, 0 if there is none, and tells what a value has in its place.
func (y *yamlText) lineBreak(at int) (size int, value string) {
	rest := y.text[at:]
	switch {
	case len(rest) == 0:
	case rest[0] == '\n':
		return 1, "\n"
	case rest[0] == '\r' && len(rest) > 1 && rest[1] == '\n':
		return 2, "\n"
	case rest[0] == '\r':
		return 1, "\n"
	case len(rest) > 1 && rest[0] == 0xc2 && rest[1] == 0x85: // NEL
		return 2, "\n"
	case len(rest) > 2 && rest[0] == 0xe2 && rest[1] == 0x80 && (rest[2] == 0xa8 || rest[2] == 0xa9): // LS, PS
		return 3, string(rest[:3])
	}
	return 0, ""
}

// pos gives the place of an offset.
func (y *yamlText) pos(offset int) diag.Pos {
	i, found := slices.BinarySearch(y.lines, offset)
	if !found {
		i--
	}
	return diag.Pos{Line: i + 1, Column: offset - y.lines[i] + 1, Offset: offset}
}

// span gives the place of the bytes [from, to).
func (y *yamlText) span(from, to int) diag.Span {
	return diag.Span{File: y.file, Start: y.pos(from), End: y.pos(to)}
}

// line gives the place of what stands in the line, counted from 1, that holds the offset: without indentation and line end.
func (y *yamlText) line(offset int) diag.Span {
	i := y.pos(offset).Line
	from, to := y.lines[i-1], len(y.text)
	if i < len(y.lines) {
		to = y.lines[i]
	}
	for from < to && isSpaceOrTab(y.text[from]) {
		from++
	}
	for to > from && (isSpaceOrTab(y.text[to-1]) || y.text[to-1] == '\n' || y.text[to-1] == '\r') {
		to--
	}
	return y.span(from, to)
}

// lineStart gives the offset of a line as YAML counts them, from 1; that of the end for lines behind the last.
func (y *yamlText) lineStart(line int) int {
	lines := y.lines
	if y.yamlLines != nil {
		lines = y.yamlLines
	}
	switch {
	case line < 1:
		return 0
	case line > len(lines):
		return len(y.text)
	}
	return lines[line-1]
}

// offset finds the byte at which a node starts, its anchor and tag included.
func (y *yamlText) offset(n *yaml.Node) int {
	if y.yamlLines == nil || n.Line < 1 || n.Line > len(y.yamlLines) {
		return min(y.lineStart(n.Line)+max(n.Column-1, 0), len(y.text))
	}
	runes := y.runesBefore[n.Line-1] + n.Column - 1
	at := len(y.text)
	if k := runes / checkpointEvery; k < len(y.checkpoints) {
		at = y.checkpoints[k]
	}
	for left := runes % checkpointEvery; left > 0 && at < len(y.text); left-- {
		_, size := utf8.DecodeRune(y.text[at:])
		at += size
	}
	return at
}

// hasProperty tells whether a node starts with an anchor or a tag, of which the library hides the tag "!".
func (y *yamlText) hasProperty(at int) bool {
	return at < len(y.text) && (y.text[at] == '&' || y.text[at] == '!')
}

// content skips a node's anchor and tag, with the blanks, comments and line ends behind them.
func (y *yamlText) content(at int) int {
	for at < len(y.text) {
		switch c := y.text[at]; {
		case c == '&', c == '!':
			at = y.property(at)
		case c == '#':
			for at < len(y.text) && y.text[at] != '\n' && y.text[at] != '\r' {
				at++
			}
		case isSpaceOrTab(c):
			at++
		default:
			n, _ := y.lineBreak(at)
			if n == 0 {
				return at
			}
			at += n
		}
	}
	return at
}

// property finds the end of the anchor or tag at an offset. An anchor's name ends at the first character that it may not hold.
func (y *yamlText) property(at int) int {
	anchor := y.text[at] == '&'
	verbatim := bytes.HasPrefix(y.text[at:], []byte("!<"))
	for at++; at < len(y.text); at++ {
		c := y.text[at]
		n, _ := y.lineBreak(at)
		switch {
		case anchor && !isAnchor(c), n > 0, isSpaceOrTab(c):
			return at
		case verbatim && c == '>':
			return at + 1
		case !verbatim && bytes.IndexByte([]byte(",[]{}"), c) >= 0:
			return at
		}
	}
	return at
}

func isAnchor(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}

func isSpaceOrTab(c byte) bool { return c == ' ' || c == '\t' }
