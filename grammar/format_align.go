package grammar

import (
	"slices"
	"strings"
)

// maxCell is the widest cell that others are brought in line with: one long value would drive all others to the right.
const maxCell = 40

// row is a line of one entry whose value is a mapping in braces: the rows of a table.
type row struct {
	line  *formatLine
	brace int // index of the token "{"
	cells []cell
}

// cell is a key and its value, with the comma behind them: the tokens [from, to).
type cell struct {
	from, to int
	key      string // "" where there is none
	width    int
}

// alignRows brings the columns of neighbouring rows in line.
func alignRows(lines []formatLine) {
	var run []row
	for i := range lines {
		r, ok := newRow(&lines[i])
		if !ok || lines[i].blank || len(run) > 0 && !run[0].isLike(&r) {
			alignRun(run)
			run = nil
		}
		if ok {
			run = append(run, r)
		}
	}
	alignRun(run)
}

// newRow takes a line apart.
func newRow(l *formatLine) (r row, ok bool) {
	r = row{line: l, brace: -1}
	if l.inFlow {
		return r, false
	}
	depth := 0
	for i := range l.tokens {
		t := &l.tokens[i]
		switch {
		case strings.Contains(t.text, "\n"), depth == 0 && r.brace >= 0, depth == 0 && t.is("["):
			return r, false
		case depth == 0 && t.is("{"):
			r.brace = i
			r.cells = append(r.cells, cell{from: i + 1})
		}
		if t.is("{[") {
			depth++
		}
		if t.is("}]") {
			depth--
		}
		if last := len(r.cells) - 1; depth == 1 && t.is(",") {
			r.cells[last].to = i + 1
			r.cells = append(r.cells, cell{from: i + 1})
		} else if depth == 0 && r.brace >= 0 {
			r.cells[last].to = i
		}
	}
	if depth > 0 || r.brace < 1 {
		return r, false
	}
	for i := range r.cells {
		r.measure(&r.cells[i])
	}
	return r, true
}

func (r *row) measure(c *cell) {
	c.width = r.width(c.from, c.to)
	if c.to > c.from+1 && r.line.tokens[c.from].kind == scalarToken && r.line.tokens[c.from+1].is(":") {
		c.key = r.line.tokens[c.from].text
	}
}

// width is that of the tokens [from, to).
func (r *row) width(from, to int) int {
	w := 0
	for i := from; i < to; i++ {
		if i > from {
			w += len(gap(&r.line.tokens[i-1], &r.line.tokens[i]))
		}
		w += width(r.line.tokens[i].text)
	}
	return w
}

// isLike tells whether two rows are entries of one mapping or list.
func (r *row) isLike(other *row) bool {
	return r.line.indent == other.line.indent && r.line.tokens[0].is("-") == other.line.tokens[0].is("-")
}

// key gives the key of a cell, "" when there is no such cell.
func (r *row) key(column int) string {
	if column >= len(r.cells) {
		return ""
	}
	return r.cells[column].key
}

func alignRun(run []row) {
	for _, rows := range cutRows(run, func(r *row) string {
		if r.width(0, r.brace) > maxCell {
			return ""
		}
		return "brace"
	}) {
		widest := 0
		for i := range rows {
			widest = max(widest, rows[i].width(0, rows[i].brace))
		}
		for i := range rows {
			rows[i].line.pad[rows[i].brace-1] = widest - rows[i].width(0, rows[i].brace)
		}
	}
	for _, rows := range cutRows(run, func(r *row) string { return r.key(0) }) {
		alignColumn(rows, 0)
	}
}

// alignColumn makes room in a column, which all rows have the same key in, where the next columns agree too.
func alignColumn(rows []row, column int) {
	for _, rows := range cutRows(rows, func(r *row) string {
		if r.cells[column].width > maxCell {
			return ""
		}
		return r.key(column + 1)
	}) {
		widest := 0
		for i := range rows {
			widest = max(widest, rows[i].cells[column].width)
		}
		for i := range rows {
			c := &rows[i].cells[column]
			rows[i].line.pad[c.to-1] = widest - c.width
		}
		alignColumn(rows, column+1)
	}
}

// cutRows cuts rows into runs of one value each; rows whose value is "" are left out.
func cutRows(rows []row, value func(*row) string) [][]row {
	var cut [][]row
	from := 0
	for i := range rows {
		if value(&rows[i]) != value(&rows[from]) {
			cut = append(cut, rows[from:i])
			from = i
		}
	}
	if len(rows) > 0 {
		cut = append(cut, rows[from:])
	}
	var kept [][]row
	for _, c := range cut {
		if value(&c[0]) != "" {
			kept = append(kept, c)
		}
	}
	return kept
}

// commentGap is how many blanks at least stand between a line and the comment behind it.
const commentGap = 2

// alignComments puts the comments behind their lines, those of neighbouring lines of one block below each other.
func alignComments(lines []formatLine, texts []string) {
	for from := 0; from < len(lines); {
		to, column := from, 0
		for to < len(lines) && lines[to].comment != "" && (to == from || isBelow(&lines[from], &lines[to])) {
			column = max(column, width(texts[to][strings.LastIndexByte(texts[to], '\n')+1:]))
			to++
		}
		for i := from; i < to; i++ {
			own := width(texts[i][strings.LastIndexByte(texts[i], '\n')+1:])
			texts[i] += strings.Repeat(" ", column-own+commentGap) + lines[i].comment
		}
		from = max(to, from+1)
	}
}

// isBelow tells whether the comment of a line stands below that of one before it: lines of one block do, if each is one line.
func isBelow(first, l *formatLine) bool {
	return !l.blank && l.indent == first.indent && !slices.ContainsFunc(l.tokens, func(t yamlToken) bool { return strings.Contains(t.text, "\n") })
}
