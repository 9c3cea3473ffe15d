package render

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"stktc/grammar/diag"
)

// noteLabels are the words that a note may begin with, before a colon, to be set apart; every other note is labelled "note".
var noteLabels = []string{"vote", "danger", "looked at", "closest"}

// maxListed is the greatest number of items of a list in a text for people.
const maxListed = 5

func (t *textPrinter) notes(f *diag.Finding, rest []diag.Span) {
	if len(rest) > 0 {
		t.note("also", listed(positions(rest)))
	}
	for _, n := range f.Notes {
		t.note(splitNote(n))
	}
	if f.Compared != nil {
		t.compared(f.Compared)
	}
	if f.Impact != "" {
		t.note("impact", f.Impact)
	}
	if r := f.RunTime; r != nil {
		t.note("run time", runTimeText(r))
	}
	for i, fix := range f.Fixes {
		label := "fix"
		if i > 0 {
			label = "or"
		}
		t.fix(label, &fix)
	}
	if f.Code != "" {
		t.note("help", "stktc explain "+string(f.Code))
	}
}

// compared prints two declarations side by side.
func (t *textPrinter) compared(c *diag.Comparison) {
	left, right := utf8.RuneCountInString(c.Left), utf8.RuneCountInString(c.Right)
	for _, r := range c.Rows {
		left, right = max(left, utf8.RuneCountInString(r.Left)), max(right, utf8.RuneCountInString(r.Right))
	}
	cell := func(s string, width int) string {
		return printable(s) + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s))) + "  "
	}
	indent := strings.Repeat(" ", t.gutter+2)
	t.line(indent + t.paint(blue, "=") + strings.Repeat(" ", 11) + t.paint(bold, cell(c.Left, left)+cell(c.Right, right)))
	for _, r := range c.Rows {
		verdict := "ok"
		if r.Code != "" {
			verdict = t.paint(severityColor(r.Severity), fmt.Sprintf("%-7s", r.Severity)) + "  " + string(r.Code) + "  " + printable(r.Effect)
		}
		t.line(indent + "  " + t.paint(bold, fmt.Sprintf("%-9s ", r.What)) + cell(r.Left, left) + cell(r.Right, right) + verdict)
	}
}

func splitNote(n string) (label, text string) {
	for _, l := range noteLabels {
		if text, ok := strings.CutPrefix(n, l+": "); ok {
			return l, text
		}
	}
	return "note", n
}

func runTimeText(r *diag.RunTime) string {
	if r.Command == "" {
		return r.Symptom
	}
	return fmt.Sprintf("`%s` on %s: %s", r.Command, r.On, r.Symptom)
}

// fix prints a fix, where it applies, and the whole lines that it would insert.
func (t *textPrinter) fix(label string, f *diag.Fix) {
	text := f.Title
	var spans []diag.Span
	for _, e := range f.Edits {
		spans = append(spans, e.Span)
	}
	if len(spans) > 0 {
		text += " at " + listed(positions(spans))
	}
	if f.Safe {
		text += " (safe)"
	}
	t.note(label, text)
	for _, e := range f.Edits {
		if e.Span.Start == e.Span.End && strings.Contains(e.NewText, "\n") {
			for line := range strings.SplitSeq(strings.TrimSpace(e.NewText), "\n") {
				t.line(strings.Repeat(" ", t.gutter+14) + "+ " + printable(line))
			}
		}
	}
}

// note prints one labelled note, wrapped at the terminal's width.
func (t *textPrinter) note(label, text string) {
	head := t.paint(blue, "=") + " " + t.paint(bold, fmt.Sprintf("%-9s ", label+":"))
	indent := strings.Repeat(" ", t.gutter+14)
	for i, line := range wrap(printable(text), t.width-t.gutter-14) {
		if i == 0 {
			t.line(strings.Repeat(" ", t.gutter+2) + head + line)
		} else {
			t.line(indent + line)
		}
	}
}

// wrap breaks text at spaces into lines of at most width characters, words longer than that excepted.
func wrap(text string, width int) []string {
	var lines []string
	var line string
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}

// positions writes spans as FILE:LINE, each line once.
func positions(spans []diag.Span) []string {
	var s []string
	for _, at := range spans {
		if p := fmt.Sprintf("%s:%d", at.File, at.Start.Line); !slices.Contains(s, p) {
			s = append(s, p)
		}
	}
	return s
}

// listed joins items with commas, no more than a reader wants.
func listed(items []string) string {
	if len(items) <= maxListed {
		return strings.Join(items, ", ")
	}
	return strings.Join(items[:maxListed], ", ") + fmt.Sprintf(" +%d more", len(items)-maxListed)
}
