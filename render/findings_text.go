package render

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"stktc/grammar/diag"
)

// TextOptions are what the caller knows of the reader's terminal.
type TextOptions struct {
	Color bool
	Width int // columns; 0 stands for 120, less than 40 for 40
}

// maxPlaces is the greatest number of places of one finding that are shown with an excerpt; the rest are named.
const maxPlaces = 5

// maxFindings is how many findings are shown; the rest is counted. Whoever reads 50 has enough to do, and programs have other formats.
const maxFindings = 50

// SGR parameters. Blue is bright: plain blue is hard to read on black.
const (
	bold   = "1"
	red    = "1;31"
	yellow = "1;33"
	cyan   = "1;36"
	blue   = "1;94"
)

// Text prints findings with excerpts of all files that they concern, the gravest first, at most 50 of them, and a last line with the counts.
// Of an info there is only its sentence and place. No findings give no text.
func (f *Findings) Text(o TextOptions) []byte {
	sorted := f.List.Heard()
	if len(sorted) == 0 {
		return nil
	}
	t := &textPrinter{files: f.Files, lines: map[string][]string{}, color: o.Color, width: cmp.Or(o.Width, 120)}
	t.width = max(t.width, 40)
	slices.SortStableFunc(sorted, func(a, b diag.Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	for i := range sorted[:min(len(sorted), maxFindings)] {
		t.finding(&sorted[i])
		t.out.WriteByte('\n')
	}
	if more := len(sorted) - maxFindings; more > 0 {
		t.line(fmt.Sprintf("%s more, not shown; --format compact lists all", counted(more, "finding")))
	}
	t.line(t.paint(bold, f.Counts()) + f.hint())
	return t.out.Bytes()
}

// hint tells of findings that can be mended without asking.
func (f *Findings) hint() string {
	if n := f.fixable(); n > 0 {
		return fmt.Sprintf("; %d fixable: stktc lint --fix", n)
	}
	return ""
}

type textPrinter struct {
	out    bytes.Buffer
	files  diag.Files
	lines  map[string][]string // of files that were shown already
	color  bool
	width  int
	gutter int // digits of the greatest line number of the finding
}

// mark is one underlined place.
type mark struct {
	diag.Note
	primary bool
}

func (t *textPrinter) finding(f *diag.Finding) {
	head := f.Severity.String()
	if f.Code != "" {
		head += "[" + string(f.Code) + "]"
	}
	t.line(t.paint(severityColor(f.Severity), head) + t.paint(bold, ": "+printable(f.Summary)))
	shown, rest := places(f)
	t.gutter = gutter(shown)
	if f.Severity == diag.Info {
		t.short(f)
		return
	}
	for i, group := range byFile(shown) {
		t.excerpt(group, i == 0)
	}
	t.notes(f, rest)
}

// short says of an info where it is, and no more: nothing is wrong.
func (t *textPrinter) short(f *diag.Finding) {
	switch at := f.Primary.Span; {
	case at.IsZero():
	case at.Start.Line == 0:
		t.line(strings.Repeat(" ", t.gutter+1) + t.paint(blue, "--> ") + printable(at.File))
	default:
		t.line(strings.Repeat(" ", t.gutter+1) + t.paint(blue, "--> ") + printable(at.String()))
	}
}

// places splits a finding's places into those to show, the primary first, and those to name only.
func places(f *diag.Finding) (shown []mark, rest []diag.Span) {
	if !f.Primary.Span.IsZero() {
		shown = append(shown, mark{f.Primary, true})
	}
	for _, n := range f.Related {
		switch {
		case n.Span.IsZero():
		case len(shown) < maxPlaces:
			shown = append(shown, mark{n, false})
		default:
			rest = append(rest, n.Span)
		}
	}
	return shown, rest
}

func gutter(marks []mark) int {
	last := 0
	for _, m := range marks {
		last = max(last, m.Span.Start.Line)
	}
	return len(fmt.Sprint(last))
}

// byFile groups marks by file, the files in the order in which they first appear.
func byFile(marks []mark) [][]mark {
	var groups [][]mark
	for _, m := range marks {
		i := slices.IndexFunc(groups, func(g []mark) bool { return g[0].Span.File == m.Span.File })
		if i < 0 {
			groups = append(groups, []mark{m})
			continue
		}
		groups[i] = append(groups[i], m)
	}
	return groups
}

// excerpt shows the marked lines of one file.
func (t *textPrinter) excerpt(marks []mark, first bool) {
	arrow := "::: "
	if first {
		arrow = "--> "
	}
	at := marks[0].Span
	place := printable(at.File)
	if at.Start.Line > 0 {
		place = printable(at.String())
	}
	t.line(strings.Repeat(" ", t.gutter+1) + t.paint(blue, arrow) + place)
	if at.Start.Line == 0 || t.files[at.File] == nil {
		return
	}
	t.bar("")
	slices.SortStableFunc(marks, func(a, b mark) int { return a.Span.Compare(b.Span) })
	previous := 0
	for i, m := range marks {
		n := m.Span.Start.Line
		if n != previous {
			t.gap(at.File, previous, n)
			end := i + 1
			for end < len(marks) && marks[end].Span.Start.Line == n {
				end++
			}
			t.marked(n, marks[i:end])
		}
		previous = n
	}
	t.bar("")
}

// gap stands between two marked lines: the line between them when there is only one, else dots.
func (t *textPrinter) gap(file string, previous, next int) {
	switch {
	case previous == 0 || next == previous+1:
	case next == previous+2:
		l := layOut(t.source(file, previous+1), 0, t.reach())
		t.numbered(previous+1, l.cut(0, min(l.width(), t.room())))
	default:
		t.line(" " + t.paint(blue, "..."))
	}
}

// marked shows one line and the marks under it, leftmost first.
func (t *textPrinter) marked(n int, marks []mark) {
	lead := marks[0]
	for _, m := range marks {
		if m.primary {
			lead = m
		}
	}
	l := layOut(t.source(marks[0].Span.File, n), lead.Span.Start.Column-1, t.reach())
	from, to := l.columns(lead.Span)
	start, end := l.window(from, to, t.room())
	t.numbered(n, l.cut(start, end))
	for _, m := range marks {
		from, to := l.columns(m.Span)
		from, to = min(max(from, start), end), min(max(to, start), end)
		sign, color := "-", blue
		if m.primary {
			sign, color = "^", red
		}
		under := strings.Repeat(sign, max(1, to-from))
		if m.Label != "" {
			under += " " + printable(m.Label)
		}
		t.bar(strings.Repeat(" ", from-start) + t.paint(color, under))
	}
}

// columns are the terminal columns of a span; of a span over several lines only the first line counts.
func (l sourceLine) columns(s diag.Span) (from, to int) {
	from = l.column(s.Start.Column - 1)
	if s.End.Line > s.Start.Line {
		return from, l.width()
	}
	return from, l.column(s.End.Column - 1)
}

// room is the number of columns for source text: the terminal's without the gutter.
func (t *textPrinter) room() int { return t.width - t.gutter - 4 }

// reach is how many bytes before and behind a mark may be shown: a column may take several.
func (t *textPrinter) reach() int { return 8 * max(t.room(), 64) }

func (t *textPrinter) source(file string, n int) string {
	lines, ok := t.lines[file]
	if !ok {
		lines = strings.Split(string(t.files[file]), "\n")
		t.lines[file] = lines
	}
	if n < 1 || n > len(lines) {
		return ""
	}
	return strings.TrimSuffix(lines[n-1], "\r")
}

func (t *textPrinter) numbered(n int, text string) {
	t.line(t.paint(blue, fmt.Sprintf(" %*d |", t.gutter, n)) + " " + text)
}

func (t *textPrinter) bar(text string) {
	t.line(strings.Repeat(" ", t.gutter+2) + t.paint(blue, "|") + " " + text)
}

// line writes one line without trailing spaces.
func (t *textPrinter) line(s string) {
	t.out.WriteString(strings.TrimRight(s, " "))
	t.out.WriteByte('\n')
}

func (t *textPrinter) paint(color, s string) string {
	if !t.color || s == "" {
		return s
	}
	return "\x1b[" + color + "m" + s + "\x1b[0m"
}

func severityColor(s diag.Severity) string {
	switch s {
	case diag.Error:
		return red
	case diag.Warning:
		return yellow
	}
	return cyan
}
