package render

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/sergi/go-diff/diffmatchpatch"
)

// diffContext is the number of equal lines around a change.
const diffContext = 3

// UnifiedDiff compares two texts line by line, bytes as they are (a line with CRLF differs from one with LF), and gives what
// patch understands; nothing when they are equal.
func UnifiedDiff(nameA, nameB string, a, b []byte) []byte {
	edits := lineEdits(splitLines(a), splitLines(b))
	var out bytes.Buffer
	for _, h := range hunks(edits) {
		if out.Len() == 0 {
			fmt.Fprintf(&out, "--- %s\n+++ %s\n", diffName(nameA), diffName(nameB))
		}
		h.print(&out)
	}
	return out.Bytes()
}

// diffName ends a name that holds blanks with a tab: patch takes the first blank for the end of the name otherwise.
func diffName(name string) string {
	if strings.ContainsAny(name, " \t") {
		return name + "\t"
	}
	return name
}

// splitLines cuts behind every line feed; the last piece may lack it.
func splitLines(text []byte) []string {
	lines := strings.SplitAfter(string(text), "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// edit is one line of a comparison: kept (' '), only in a ('-') or only in b ('+').
type edit struct {
	op   byte
	line string
}

// lineEdits lets go-diff compare runes, one for each distinct line. Its own line mode writes numbers into strings and has split
// lines in the past; its time limit would make the outcome depend on the machine's speed.
func lineEdits(a, b []string) []edit {
	table := &lineTable{runes: map[string]rune{}, next: 1}
	ra, rb := table.encode(a), table.encode(b)
	if table.full {
		return replaced(a, b)
	}
	dmp := diffmatchpatch.New()
	dmp.DiffTimeout = 0
	var edits []edit
	for _, d := range dmp.DiffMainRunes(ra, rb, false) {
		op := map[diffmatchpatch.Operation]byte{diffmatchpatch.DiffEqual: ' ', diffmatchpatch.DiffDelete: '-', diffmatchpatch.DiffInsert: '+'}[d.Type]
		for _, r := range d.Text {
			edits = append(edits, edit{op, table.lines[r]})
		}
	}
	return edits
}

// lineTable numbers distinct lines by runes that survive a round trip through a string.
type lineTable struct {
	runes map[string]rune
	lines map[rune]string
	next  rune
	full  bool // over a million distinct lines
}

func (t *lineTable) encode(lines []string) []rune {
	if t.lines == nil {
		t.lines = map[rune]string{}
	}
	encoded := make([]rune, len(lines))
	for i, l := range lines {
		r, known := t.runes[l]
		if !known {
			for !utf8.ValidRune(t.next) && t.next <= utf8.MaxRune || t.next == utf8.RuneError {
				t.next++
			}
			r = t.next
			t.runes[l], t.lines[r] = r, l
			t.next++
			t.full = t.full || r > utf8.MaxRune
		}
		encoded[i] = r
	}
	return encoded
}

// replaced is the comparison of texts that have too many distinct lines to be told apart.
func replaced(a, b []string) []edit {
	var edits []edit
	for _, l := range a {
		edits = append(edits, edit{'-', l})
	}
	for _, l := range b {
		edits = append(edits, edit{'+', l})
	}
	return edits
}

// hunk is a run of edits that starts behind beforeA and beforeB lines.
type hunk struct {
	beforeA, beforeB int
	edits            []edit
}

// hunks cuts the edits into changes with their context; changes whose contexts touch share a hunk.
func hunks(edits []edit) []hunk {
	var found []hunk
	end, beforeA, beforeB := 0, 0, 0 // end of the last hunk's edits; lines of a and b before edit i
	for i, e := range edits {
		if e.op != ' ' {
			from, to := max(end, i-diffContext), min(len(edits), i+1+diffContext)
			if n := len(found); n > 0 && from == end {
				found[n-1].edits = append(found[n-1].edits, edits[end:max(end, to)]...)
			} else {
				found = append(found, hunk{beforeA - (i - from), beforeB - (i - from), edits[from:to:to]})
			}
			end = max(end, to)
		}
		if e.op != '+' {
			beforeA++
		}
		if e.op != '-' {
			beforeB++
		}
	}
	return found
}

// count tells how many of the edits' lines are in the text whose own lines have the sign.
func count(edits []edit, own byte) int {
	n := 0
	for _, e := range edits {
		if e.op == ' ' || e.op == own {
			n++
		}
	}
	return n
}

func (h *hunk) print(out *bytes.Buffer) {
	fmt.Fprintf(out, "@@ -%s +%s @@\n", hunkRange(h.beforeA, count(h.edits, '-')), hunkRange(h.beforeB, count(h.edits, '+')))
	for _, e := range h.edits {
		out.WriteByte(e.op)
		out.WriteString(e.line)
		if !strings.HasSuffix(e.line, "\n") {
			out.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

// hunkRange is "first,count"; an empty range names the line before it, and a count of 1 is left out.
func hunkRange(before, n int) string {
	switch n {
	case 0:
		return fmt.Sprintf("%d,0", before)
	case 1:
		return fmt.Sprint(before + 1)
	}
	return fmt.Sprintf("%d,%d", before+1, n)
}
