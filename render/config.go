package render

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"stktc/compile"
	"stktc/grammar/diag"
)

// MappedLine is a line of a rendered file that stktc made, and where it comes from.
type MappedLine struct {
	Number int // from 1
	Origin diag.Span
}

// Config prints a file: its base byte for byte with the insertions in it, or the insertions alone. Inserted lines end as
// the line before them does. A base whose last line has no end gets one before what is appended, or HAProxy refuses the file
// ("Missing LF on last line"); AddedLineEnd tells which.
func Config(f *compile.File) (text []byte, lines []MappedLine) {
	p := &printer{}
	at := 0
	for _, in := range f.Insertions {
		p.out = append(p.out, f.Base[at:in.Offset]...)
		at = in.Offset
		p.lineEnd = lineEndAt(f.Base, at)
		if n := len(p.out); n > 0 && p.out[n-1] != '\n' && len(in.Lines) > 0 {
			p.out = append(p.out, missingEnd(f.Base, at)...)
		}
		p.lines(in.Lines)
	}
	p.out = append(p.out, f.Base[at:]...)
	return p.out, p.mapped
}

// AddedLineEnd is what Config puts behind the base's last line before it appends to it; "" when that line has an end, or
// nothing is appended.
func AddedLineEnd(f *compile.File) string {
	for _, in := range f.Insertions {
		if in.Offset == len(f.Base) && len(in.Lines) > 0 && len(f.Base) > 0 && f.Base[len(f.Base)-1] != '\n' {
			return missingEnd(f.Base, in.Offset)
		}
	}
	return ""
}

// missingEnd completes a last line that has no end, or half of one.
func missingEnd(base []byte, offset int) string {
	switch {
	case offset < len(base):
		panic("insertion in the middle of a line")
	case base[offset-1] == '\r':
		return "\n"
	}
	return lineEndAt(base, offset)
}

// lineEndAt is the end of the line before an offset, else of the first line behind it.
func lineEndAt(text []byte, offset int) string {
	i := bytes.LastIndexByte(text[:offset], '\n')
	if i < 0 {
		i = bytes.IndexByte(text, '\n')
	}
	if i > 0 && text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// printer writes lines of ours and counts all of them.
type printer struct {
	out     []byte
	lineEnd string
	counted int // bytes of out whose line ends are in number
	number  int // line ends in out[:counted]
	mapped  []MappedLine
}

// lines prints sections: each runs up to the next line that is not indented, and has its columns aligned.
func (p *printer) lines(lines []compile.Line) {
	for len(lines) > 0 {
		end := 1
		for end < len(lines) && lines[end].Indent > 0 {
			end++
		}
		w := measure(lines[:end])
		for i := range lines[:end] {
			p.line(&lines[i], w)
		}
		lines = lines[end:]
	}
}

func (p *printer) line(l *compile.Line, w widths) {
	p.number += bytes.Count(p.out[p.counted:], []byte("\n"))
	p.counted = len(p.out)
	p.mapped = append(p.mapped, MappedLine{p.number + 1, l.Origin})
	p.out = append(p.out, lineText(l, w)...)
	p.out = append(p.out, p.lineEnd...)
}

func lineText(l *compile.Line, w widths) string {
	var b strings.Builder
	if b.WriteString(l.Lead); l.Lead == "" {
		b.WriteString(strings.Repeat("  ", l.Indent))
	}
	if l.Raw != "" {
		return raw(b.String(), l.Raw)
	}
	for i, word := range l.Words {
		if i > 0 {
			b.WriteByte(' ')
		}
		quoted := quote(word)
		b.WriteString(quoted)
		if i < len(l.Words)-1 && i <= aligned(l) {
			b.WriteString(strings.Repeat(" ", max(0, w[column{l.Words[0], i}]-utf8.RuneCountInString(quoted))))
		}
	}
	if l.Comment != "" {
		if len(l.Words) > 0 {
			b.WriteByte(' ')
		}
		b.WriteString("# " + printable(l.Comment))
	}
	return b.String()
}

// raw keeps a line as it stands, its own indentation included.
func raw(indent, line string) string {
	if line[0] == ' ' || line[0] == '\t' {
		return line
	}
	return indent + line
}

// alignedColumns tells how many of a directive's arguments line up within a section.
var alignedColumns = map[string]int{"peer": 2, "server": 2, "table": 1}

// aligned is how many of a line's arguments line up. The server that stands for the host itself has no address among them.
func aligned(l *compile.Line) int {
	if len(l.Words) == 0 {
		return 0
	}
	if l.Words[0] == "server" && len(l.Words) > 2 && l.Words[2] == "ssl" {
		return 1
	}
	return alignedColumns[l.Words[0]]
}

type column struct {
	keyword string
	index   int
}

// widths of columns, in characters.
type widths map[column]int

// measure looks at words that another one follows: the last of a line needs no room.
func measure(lines []compile.Line) widths {
	w := widths{}
	for _, l := range lines {
		if l.Raw != "" {
			continue
		}
		for i := 1; i < len(l.Words)-1 && i <= aligned(&l); i++ {
			c := column{l.Words[0], i}
			w[c] = max(w[c], utf8.RuneCountInString(quote(l.Words[i])))
		}
	}
	return w
}

// quote writes a word so that HAProxy reads it back as it is: bare, else in single quotes, which take everything but
// themselves literally, else in double quotes, where backslashes escape and variables are expanded.
func quote(word string) string {
	special := func(r rune) bool { return r == ' ' || unicode.IsControl(r) || strings.ContainsRune(`"'\#$`, r) }
	switch {
	case word != "" && !strings.ContainsFunc(word, special):
		return word
	case !strings.ContainsFunc(word, func(r rune) bool { return r == '\'' || unicode.IsControl(r) }):
		return "'" + word + "'"
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(word); i++ {
		switch c := word[i]; {
		case strings.IndexByte(`"\$`, c) >= 0:
			b.WriteString(`\` + string(c))
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
