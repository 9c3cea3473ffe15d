package render

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tabStop is the distance of tab stops in excerpts.
const tabStop = 4

// cell is one character of a line as the terminal shows it, or all that is too far away to be shown.
type cell struct {
	text   string
	offset int // byte offset in the source line
	column int // terminal column, from 0
	width  int // terminal columns: 0 for combining marks, 2 for wide characters
}

// sourceLine is a line of a user's file laid out for a terminal.
type sourceLine []cell

// layOut places the characters of a line that are at most reach bytes away from the offset near; what stands before and behind them
// is one cell each, as a line may have 16 MiB and a cell takes 40 bytes. Control characters and broken UTF-8 are shown as U+FFFD.
func layOut(line string, near, reach int) sourceLine {
	from := runeStart(line, max(0, min(near, len(line))-reach))
	to := runeStart(line, min(near+reach, len(line)))
	var cells sourceLine
	column := utf8.RuneCountInString(line[:from])
	if from > 0 {
		cells = append(cells, cell{width: column})
	}
	for i, r := range line[from:to] {
		c := cell{string(r), from + i, column, runeWidth(r)}
		switch {
		case r == '\t':
			c.width = tabStop - column%tabStop
			c.text = strings.Repeat(" ", c.width)
		case isHarmful(r):
			c.text, c.width = string(utf8.RuneError), 1
		}
		cells = append(cells, c)
		column += c.width
	}
	if to < len(line) {
		cells = append(cells, cell{"", to, column, utf8.RuneCountInString(line[to:])})
	}
	return cells
}

// runeStart is where the character begins that an offset may lie in the middle of.
func runeStart(line string, offset int) int {
	for i := offset; i > offset-utf8.UTFMax && i > 0 && i < len(line); i-- {
		if utf8.RuneStart(line[i]) {
			return i
		}
	}
	return offset
}

// width is the number of terminal columns of the whole line.
func (l sourceLine) width() int {
	if len(l) == 0 {
		return 0
	}
	last := l[len(l)-1]
	return last.column + last.width
}

// column gives the terminal column of a byte offset; offsets behind the line count on from its end.
func (l sourceLine) column(offset int) int {
	i, exact := slices.BinarySearchFunc(l, offset, func(c cell, o int) int { return c.offset - o })
	switch {
	case exact:
		return l[i].column
	case i == len(l):
		return l.width()
	}
	return l[i-1].column // in the middle of a character
}

// cut gives the text of the columns [from, to), with an ellipsis in the place of what is left out.
func (l sourceLine) cut(from, to int) string {
	var b strings.Builder
	if from > 0 {
		b.WriteString("…")
		from++
	}
	end := l.width()
	if to < end {
		to--
	}
	for _, c := range l {
		if c.column < from && c.column+c.width > from { // half of it is left out
			b.WriteString(strings.Repeat(" ", c.column+c.width-from))
		}
		if c.column >= from && c.column+c.width <= to {
			b.WriteString(c.text)
		}
	}
	if to < end {
		b.WriteString("…")
	}
	return b.String()
}

// window chooses which columns of a line to show when it is longer than limit: those around [from, to).
func (l sourceLine) window(from, to, limit int) (int, int) {
	end := l.width()
	if end <= limit {
		return 0, end
	}
	start := max(0, from-limit/3)
	if to > start+limit-2 { // a long span: its beginning matters
		start = max(0, min(from-2, to-limit+2))
	}
	start = min(start, end-limit)
	return start, start + limit
}

// wide are the ranges of East Asian wide and fullwidth characters and of emoji (Unicode's EastAsianWidth W and F), coarsely.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115f, Stride: 1}, {Lo: 0x231a, Hi: 0x231b, Stride: 1}, {Lo: 0x23e9, Hi: 0x23ec, Stride: 1},
		{Lo: 0x25fd, Hi: 0x25fe, Stride: 1}, {Lo: 0x2614, Hi: 0x2615, Stride: 1}, {Lo: 0x26a1, Hi: 0x26a1, Stride: 1},
		{Lo: 0x2705, Hi: 0x2705, Stride: 1}, {Lo: 0x274c, Hi: 0x274c, Stride: 1}, {Lo: 0x2753, Hi: 0x2755, Stride: 1},
		{Lo: 0x2757, Hi: 0x2757, Stride: 1}, {Lo: 0x2795, Hi: 0x2797, Stride: 1}, {Lo: 0x2b50, Hi: 0x2b50, Stride: 1},
		{Lo: 0x2e80, Hi: 0x303e, Stride: 1}, {Lo: 0x3041, Hi: 0x33ff, Stride: 1}, {Lo: 0x3400, Hi: 0x4dbf, Stride: 1},
		{Lo: 0x4e00, Hi: 0xa4cf, Stride: 1}, {Lo: 0xa960, Hi: 0xa97c, Stride: 1}, {Lo: 0xac00, Hi: 0xd7a3, Stride: 1},
		{Lo: 0xf900, Hi: 0xfaff, Stride: 1}, {Lo: 0xfe30, Hi: 0xfe6f, Stride: 1}, {Lo: 0xff00, Hi: 0xff60, Stride: 1},
		{Lo: 0xffe0, Hi: 0xffe6, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x16fe0, Hi: 0x18aff, Stride: 1}, {Lo: 0x1b000, Hi: 0x1b2ff, Stride: 1}, {Lo: 0x1f300, Hi: 0x1f64f, Stride: 1},
		{Lo: 0x1f680, Hi: 0x1f6ff, Stride: 1}, {Lo: 0x1f7e0, Hi: 0x1f7eb, Stride: 1}, {Lo: 0x1f900, Hi: 0x1f9ff, Stride: 1},
		{Lo: 0x1fa70, Hi: 0x1faff, Stride: 1}, {Lo: 0x20000, Hi: 0x3fffd, Stride: 1},
	},
}

func runeWidth(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}
