package grammar

import (
	"bytes"
	"slices"
	"strings"

	"stktc/grammar/diag"
)

// FormatAggregator gives the canonical form of an aggregator's file, which is how build writes it. Words keep their quotes and escapes, and
// comments and the order of everything stay; lines of a section are indented by two blanks, words have one blank between them, the columns
// of a section's peer lines stand in line, and one blank line goes before each section. A file with lines that cannot be split into words
// has no form, nor has one of HAProxy's own: the findings say so.
func FormatAggregator(name string, text []byte) ([]byte, diag.List) {
	file, findings := ParseConfig(name, text)
	if !file.IsAggregator() {
		at := diag.Pos{Line: 1, Column: 1}
		return nil, diag.List{*Findingf(CodeDirective, diag.Span{File: name, Start: at, End: at}, "the file has no `aggregations` of its own; only an aggregator's file can be formatted, and an operator's stays as it is")}
	}
	if bad := unsplit(file, findings); len(bad) > 0 {
		return nil, bad
	}
	f := &configFormatter{text: string(text), lineEnd: lineEndOf(text)}
	f.section(nil, file.Preamble)
	for _, s := range file.Sections {
		f.section(&s.Header, s.Lines)
	}
	if len(f.comments) > 0 {
		f.openSection()
	}
	after, _ := ParseConfig(name, f.out.Bytes())
	if !slices.EqualFunc(statements(file), statements(after), slices.Equal) {
		at := diag.Pos{Line: 1, Column: 1}
		return nil, diag.List{*Findingf(CodeLine, diag.Span{File: name, Start: at, End: at}, "the file would mean something else if it were formatted")}
	}
	return f.out.Bytes(), nil
}

// statements lists what the lines say: their words and comments.
func statements(f *ConfigFile) [][]string {
	var all [][]string
	for line := range f.AllLines() {
		var said []string
		for _, w := range line.Words {
			said = append(said, w.Value)
		}
		if !line.Comment.IsZero() {
			said = append(said, strings.TrimRight(line.Comment.Value, " \t\r"))
		}
		if said != nil {
			all = append(all, said)
		}
	}
	return all
}

// unsplit are the findings about lines that cannot be split into words, and about text that HAProxy does not read.
func unsplit(file *ConfigFile, findings diag.List) diag.List {
	broken := map[int]bool{}
	for line := range file.AllLines() {
		if line.Broken || slices.ContainsFunc(line.Words, func(w Scalar) bool { return strings.ContainsRune(w.Value, 0) }) {
			broken[line.Span.Start.Line] = true
		}
	}
	var bad diag.List
	for _, f := range findings {
		if broken[f.Primary.Span.Start.Line] || f.Code == CodeLine && f.Severity == diag.Warning {
			bad.Add(f)
		}
	}
	return bad
}

// configFormatter writes sections anew.
type configFormatter struct {
	text     string
	lineEnd  string
	out      bytes.Buffer
	comments []Line // that stand in front of the next section
}

// section writes a section's lines; before the first there is no header. Comments in the first column directly before the next header are
// the next section's.
func (f *configFormatter) section(header *Line, lines []Line) {
	own, next := cutComments(lines)
	indent := ""
	if header != nil {
		indent = "  "
		f.openSection()
		f.line("", header, nil)
	}
	columns := f.peerColumns(own)
	started, blank := false, false
	for i := range own {
		l := &own[i]
		if len(l.Words) == 0 && l.Comment.IsZero() {
			blank = started
			continue
		}
		if blank {
			f.out.WriteString(f.lineEnd)
		}
		started, blank = true, false
		f.line(indent, l, columns)
	}
	f.comments = next
}

// openSection parts a section from what is before it.
func (f *configFormatter) openSection() {
	if f.out.Len() > 0 {
		f.out.WriteString(f.lineEnd)
	}
	for i := range f.comments {
		f.line("", &f.comments[i], nil)
	}
	f.comments = nil
}

// cutComments cuts off the comments in the first column that nothing follows.
func cutComments(lines []Line) (own, last []Line) {
	from := len(lines)
	for from > 0 {
		l := &lines[from-1]
		if len(l.Words) > 0 || l.Comment.IsZero() || l.Comment.Span.Start.Column != 1 {
			break
		}
		from--
	}
	return lines[:from], lines[from:]
}

// alignedWords is how many words behind "peer" stand in line: the name and the address.
const alignedWords = 2

// peerColumns measures the columns of a section's peer lines. The last word of a line needs no room.
func (f *configFormatter) peerColumns(lines []Line) []int {
	columns := make([]int, alignedWords+1)
	for i := range lines {
		words := lines[i].Words
		for k := 1; k < len(words)-1 && k <= alignedWords && words[0].Value == "peer"; k++ {
			columns[k] = max(columns[k], width(f.source(words[k])))
		}
	}
	return columns
}

func (f *configFormatter) source(w Scalar) string {
	return f.text[w.Span.Start.Offset:w.Span.End.Offset]
}

func (f *configFormatter) line(indent string, l *Line, columns []int) {
	f.out.WriteString(indent)
	for i, w := range l.Words {
		if i > 0 {
			f.out.WriteByte(' ')
		}
		f.out.WriteString(f.source(w))
		if follows := i < len(l.Words)-1 || !l.Comment.IsZero(); follows && endsInBackslash(f.source(w)) {
			f.out.WriteByte('\\')
		}
		if l.Words[0].Value == "peer" && i > 0 && i < min(len(l.Words)-1, len(columns)) {
			f.out.WriteString(strings.Repeat(" ", columns[i]-width(f.source(w))))
		}
	}
	if !l.Comment.IsZero() {
		if len(l.Words) > 0 {
			f.out.WriteByte(' ')
		}
		f.out.WriteString(strings.TrimRight(l.Comment.Value, " \t\r"))
	}
	f.out.WriteString(f.lineEnd)
}

// endsInBackslash tells whether a word ends in a backslash that stands for itself, as one in front of a tab does: it would escape the blank
// that we write.
func endsInBackslash(source string) bool {
	return (len(source)-len(strings.TrimRight(source, "\\")))%2 == 1
}
