// Package diag holds positions in files and what stktc has to say about them.
//
// A Finding is a user's mistake, or a doubt about what the user wrote: it has a stable code, one sentence, every place
// that it concerns, what happens at run time, and a fix where one is known. A finding is never a Go error; a Go error
// means that the world failed (a file could not be read). The package is a leaf: it knows no syntax and prints nothing.
package diag

import (
	"cmp"
	"fmt"
	"slices"
)

// Pos is a place in a file. Line and Column count from 1, Column in bytes; Offset counts bytes from 0.
type Pos struct {
	Line, Column, Offset int
}

// Span is a half-open range of one file: End is the first place behind it. The zero Span means "nowhere".
type Span struct {
	File       string
	Start, End Pos
}

// IsZero tells whether s points nowhere.
func (s Span) IsZero() bool { return s.File == "" && s.Start.Line == 0 }

// String gives file:line:column.
func (s Span) String() string {
	return fmt.Sprintf("%s:%d:%d", s.File, s.Start.Line, s.Start.Column)
}

// Compare orders spans by file, then by place.
func (s Span) Compare(o Span) int {
	return cmp.Or(
		cmp.Compare(s.File, o.File),
		cmp.Compare(s.Start.Line, o.Start.Line),
		cmp.Compare(s.Start.Column, o.Start.Column),
		cmp.Compare(s.End.Line, o.End.Line),
		cmp.Compare(s.End.Column, o.End.Column),
	)
}

// Severity of a finding. The zero value is invalid.
type Severity uint8

// The severities, least first, so that they compare with <.
const (
	Info    Severity = iota + 1 // worth knowing; nothing is wrong
	Warning                     // likely not meant
	Error                       // wrong, unless something outside the files makes it right
)

// String gives "info", "warning" or "error".
func (s Severity) String() string {
	switch s {
	case Info:
		return "info"
	case Warning:
		return "warning"
	case Error:
		return "error"
	}
	return fmt.Sprintf("severity(%d)", uint8(s))
}

// ParseSeverity reads what String gives.
func ParseSeverity(s string) (Severity, bool) {
	for _, v := range []Severity{Info, Warning, Error} {
		if s == v.String() {
			return v, true
		}
	}
	return 0, false
}

// Code is a finding's stable identity: "STK" and three digits. Codes are never reused.
type Code string

// Note is a place with a few words on what stands there.
type Note struct {
	Span  Span
	Label string
}

// Edit replaces the text of a span.
type Edit struct {
	Span    Span
	NewText string
}

// Fix is a way to mend a finding. Safe fixes may be applied without asking.
type Fix struct {
	Title string
	Safe  bool
	Edits []Edit
}

// SafeFix gives the finding's fix that may be applied without asking, nil when there is none or it has no edits.
func (f *Finding) SafeFix() *Fix {
	for i := range f.Fixes {
		if f.Fixes[i].Safe && len(f.Fixes[i].Edits) > 0 {
			return &f.Fixes[i]
		}
	}
	return nil
}

// RunTime is what an operator would see of the mistake on a running cluster.
type RunTime struct {
	Command string // the command that shows it, "show peers"
	On      string // the node to ask
	Symptom string // what it answers, "last_status=CONN"
}

// Finding is one mistake or doubt.
type Finding struct {
	Code     Code
	Slug     string // the code in words, "peer-address-mismatch"
	Severity Severity
	Summary  string // one sentence, no full stop; its subject is a node; both values quoted
	Primary  Note   // the place to mend
	Related  []Note // the other ends
	Notes    []string
	Impact   string // what it does to the cluster
	RunTime  *RunTime
	Fixes    []Fix
	Nodes    []string // names of the nodes concerned, sorted
	Edges    []string // "aggr1->aggr3"
	Tables   []string // names of the tables concerned, sorted
	Compared *Comparison
	Silenced *Silence // why it is not to be shown; nil for what is
}

// Comparison sets two things side by side that should be alike.
type Comparison struct {
	Left, Right string // what is compared, as headings
	Rows        []ComparisonRow
}

// ComparisonRow is one property of both sides. Code and Severity are zero where the two agree.
type ComparisonRow struct {
	What, Left, Right string
	Code              Code
	Severity          Severity
	Effect            string // what the difference does, in a few words
}

// Silence is why a finding is not shown: a comment in the user's files asks for it, or a baseline knows it already.
type Silence struct {
	Reason string
	At     Span // of the comment; zero for a baseline
}

// Ignore is a comment that silences findings in its place: "# stktc:ignore STK201 -- reason".
type Ignore struct {
	Code        Code // or a finding's slug
	Reason      string
	Span        Span // of the comment
	First, Last int  // the lines that it covers, from 1
}

// Covers tells whether a place is on a line that the comment speaks of.
func (i *Ignore) Covers(s Span) bool {
	return s.File == i.Span.File && i.First <= s.Start.Line && s.Start.Line <= i.Last
}

// Fingerprint identifies the finding across edits of the file: it holds no line numbers. Findings about text alone, which
// concern no node, share one in each file.
func (f *Finding) Fingerprint() string {
	subject := f.Edges
	if len(subject) == 0 {
		subject = f.Nodes
	}
	if len(subject) == 0 && len(f.Tables) == 0 && f.Primary.Span.File != "" {
		subject = []string{f.Primary.Span.File}
	}
	s := string(f.Code)
	for _, part := range [][]string{subject, f.Tables} {
		for _, p := range part {
			s += ":" + p
		}
	}
	return s
}

// List is a set of findings. Its zero value is empty and ready for use.
type List []Finding

// Add appends findings.
func (l *List) Add(f ...Finding) { *l = append(*l, f...) }

// Errorf appends an error about one place: for syntax and schema findings, which have one end only.
func (l *List) Errorf(code Code, at Span, format string, args ...any) {
	l.Add(Finding{Code: code, Severity: Error, Summary: fmt.Sprintf(format, args...), Primary: Note{Span: at}})
}

// About names the node and the table, "" for none, that the findings from an index on concern, unless they name some themselves.
func (l List) About(from int, node, table string) {
	for i := from; i < len(l); i++ {
		f := &l[i]
		if len(f.Nodes) > 0 || len(f.Tables) > 0 {
			continue
		}
		if node != "" {
			f.Nodes = []string{node}
		}
		if table != "" {
			f.Tables = []string{table}
		}
	}
}

// Bound keeps the first findings, most of the errors and as many of the others, and tells how many it dropped.
func (l *List) Bound(most int) (dropped int) {
	errors, others := 0, 0
	before := len(*l)
	*l = slices.DeleteFunc(*l, func(f Finding) bool {
		n := &others
		if f.Severity == Error {
			n = &errors
		}
		*n++
		return *n > most
	})
	return before - len(*l)
}

// Sort puts the findings into their one order, file then place then code, and drops those that say the same.
func (l *List) Sort() {
	slices.SortStableFunc(*l, func(a, b Finding) int {
		return cmp.Or(a.Primary.Span.Compare(b.Primary.Span), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Summary, b.Summary))
	})
	*l = slices.CompactFunc(*l, func(a, b Finding) bool {
		return a.Code == b.Code && a.Primary.Span == b.Primary.Span && a.Summary == b.Summary
	})
}

// Count tells how many findings have the severity, silenced ones left out.
func (l List) Count(s Severity) int {
	n := 0
	for i := range l {
		if l[i].Severity == s && l[i].Silenced == nil {
			n++
		}
	}
	return n
}

// Worst is the highest severity in the list, silenced findings left out; 0 when there is none.
func (l List) Worst() Severity {
	var worst Severity
	for i := range l {
		if l[i].Silenced == nil {
			worst = max(worst, l[i].Severity)
		}
	}
	return worst
}

// Heard lists the findings that are not silenced.
func (l List) Heard() List {
	var heard List
	for i := range l {
		if l[i].Silenced == nil {
			heard = append(heard, l[i])
		}
	}
	return heard
}

// Files are the texts that findings speak of, by the name used in spans: what a printer needs for excerpts.
type Files map[string][]byte
