package console

import (
	"fmt"
	"io"
	"strings"
)

// DefaultWidth is that of output which is not a terminal's.
const DefaultWidth = 100

// minWidth is the least that lines are made to fit.
const minWidth = 40

// Printer writes replies for a person. Its first error ends it: what follows is not written.
type Printer struct {
	Out   io.Writer
	Width int  // characters of a line; 0: DefaultWidth
	Color bool // mark what is right and what is wrong
	err   error
}

// tone is what a reader is to think of a piece of text.
type tone string

// The tones, as ECMA-48 numbers of the terminal's own colours.
const (
	plain tone = ""
	head  tone = "1"  // bold
	quiet tone = "2"  // faint
	good  tone = "32" // green
	doubt tone = "33" // yellow
	bad   tone = "31" // red
)

func (p *Printer) width() int {
	if p.Width == 0 {
		return DefaultWidth
	}
	return max(p.Width, minWidth)
}

// paint gives text a tone. It is made printable here: all that comes from the wire passes.
func (p *Printer) paint(t tone, s string) string {
	s = printable(s)
	if !p.Color || t == plain || s == "" {
		return s
	}
	return "\x1b[" + string(t) + "m" + s + "\x1b[0m"
}

// raw writes a line of painted text, without blanks at its end.
func (p *Printer) raw(line string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.Out, strings.TrimRight(line, " ")+"\n")
	}
}

// text writes a paragraph, each line behind the indent.
func (p *Printer) text(indent int, t tone, s string) {
	if s == "" {
		return
	}
	for _, line := range wrap(printable(s), p.width()-indent) {
		p.raw(strings.Repeat(" ", indent) + p.paint(t, line))
	}
}

// field writes what belongs to a name, wrapped behind it.
func (p *Printer) field(name string, t tone, format string, args ...any) {
	const indent, column = 4, 14
	for i, line := range wrap(printable(fmt.Sprintf(format, args...)), p.width()-indent-column) {
		label := ""
		if i == 0 {
			label = name
		}
		p.raw(strings.Repeat(" ", indent) + p.paint(quiet, label) + strings.Repeat(" ", max(1, column-length(label))) + p.paint(t, line))
	}
}

// cell is a piece of text in a grid.
type cell struct {
	text string
	tone tone
}

func cells(texts ...string) []cell {
	row := make([]cell, len(texts))
	for i, s := range texts {
		row[i].text = s
	}
	return row
}

// row is a line of a grid, and what there is to say of it, on lines below.
type row struct {
	cells []cell
	notes []cell
}

// grid is a table in columns as wide as their widest cell. A line that does not fit has its last cell wrapped, or where there is no room for that, below.
type grid struct {
	head   []string // a name that ends in "#" is of numbers, which stand to the right
	rows   []row
	widths []int // once set they stay, but for wider cells, which take what they need
}

const gridIndent, gridGap = 2, 2

func (g *grid) add(cells []cell, notes ...cell) { g.rows = append(g.rows, row{cells, notes}) }

// measure finds the widths.
func (g *grid) measure() {
	g.widths = make([]int, len(g.head))
	for i, h := range g.head {
		g.widths[i] = length(strings.TrimSuffix(h, "#"))
	}
	for _, r := range g.rows {
		for i, c := range r.cells {
			g.widths[i] = max(g.widths[i], length(printable(c.text)))
		}
	}
}

// fits tells whether the first columns are no wider than that.
func (g *grid) fits(width, columns int) bool {
	total := gridIndent - gridGap
	for _, w := range g.widths[:columns] {
		total += w + gridGap
	}
	return total <= width
}

// print writes the grid.
func (p *Printer) print(g *grid) {
	g.measure()
	if !g.fits(p.width(), len(g.head)-1) {
		p.blocks(g)
		return
	}
	p.gridHead(g)
	p.gridRows(g)
}

// blocks writes a grid that is too wide for columns: of each row the first cell, and the others below with their names.
func (p *Printer) blocks(g *grid) {
	for _, r := range g.rows {
		p.text(gridIndent, head, r.cells[0].text)
		var parts []string
		for i, c := range r.cells[1:] {
			if c.text != "" {
				parts = append(parts, strings.TrimSuffix(g.head[i+1], "#")+" "+c.text)
			}
		}
		p.text(gridIndent+4, plain, strings.Join(parts, "; "))
		for _, n := range r.notes {
			p.text(gridIndent+4, n.tone, n.text)
		}
	}
}

func (p *Printer) gridHead(g *grid) {
	names := make([]cell, len(g.head))
	for i, h := range g.head {
		names[i] = cell{strings.TrimSuffix(h, "#"), quiet}
	}
	p.gridRow(g, row{cells: names})
}

// gridRows writes the rows, and forgets them.
func (p *Printer) gridRows(g *grid) {
	for _, r := range g.rows {
		p.gridRow(g, r)
	}
	g.rows = g.rows[:0]
}

// leastLast is how little room the last cell of a line may have before it goes below.
const leastLast = 24

func (p *Printer) gridRow(g *grid, r row) {
	line, at := strings.Repeat(" ", gridIndent), gridIndent
	last := len(r.cells) - 1
	for i, c := range r.cells {
		text := printable(c.text)
		if room := p.width() - at; i == last && length(text) > room && !strings.HasSuffix(g.head[i], "#") {
			p.last(line, at, room, c)
			line = ""
			break
		}
		space := strings.Repeat(" ", max(0, g.widths[i]-length(text)))
		if strings.HasSuffix(g.head[i], "#") {
			line += space + p.paint(c.tone, text)
		} else {
			line += p.paint(c.tone, text) + space
		}
		line += strings.Repeat(" ", gridGap)
		at += max(g.widths[i], length(text)) + gridGap
	}
	if line != "" {
		p.raw(line)
	}
	for _, n := range r.notes {
		p.text(gridIndent+4, n.tone, n.text)
	}
}

// last writes a line whose last cell is too long.
func (p *Printer) last(line string, at, room int, c cell) {
	if room < leastLast {
		p.raw(line)
		p.text(gridIndent+4, c.tone, c.text)
		return
	}
	for _, part := range wrap(printable(c.text), room) {
		p.raw(line + p.paint(c.tone, part))
		line = strings.Repeat(" ", at)
	}
}

// Step is one thing that was done.
type Step struct {
	Where, What, Result string
	Failed              bool
}

// Steps writes what was done, and sentences on what that leaves.
func (p *Printer) Steps(steps []Step, left []string) error {
	g := &grid{head: []string{"where", "what", "result"}}
	for _, s := range steps {
		row := cells(s.Where, s.What, s.Result)
		row[2].tone = good
		if s.Failed {
			row[2].tone = bad
		}
		g.add(row)
	}
	p.print(g)
	for _, s := range left {
		p.text(gridIndent, doubt, s)
	}
	return p.err
}
