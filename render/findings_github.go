package render

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"

	"stktc/grammar/diag"
)

// GitHub prints findings as the workflow commands from which GitHub makes annotations of a pull request. Each has a line: without one it would not
// be shown beside the code.
func (f *Findings) GitHub() []byte {
	var out bytes.Buffer
	heard := f.List.Heard()
	for i := range heard {
		d := &heard[i]
		command := d.Severity.String()
		if d.Severity == diag.Info {
			command = "notice"
		}
		title := "stktc"
		if d.Code != "" {
			title = strings.TrimSpace(string(d.Code) + " " + d.Slug)
		}
		fmt.Fprintf(&out, "::%s %stitle=%s::%s\n", command, githubPlace(d.Primary.Span), githubProperty(title), githubMessage(d))
	}
	return out.Bytes()
}

func githubPlace(s diag.Span) string {
	if s.File == "" {
		return ""
	}
	place := fmt.Sprintf("file=%s,line=%d,", githubProperty(s.File), max(s.Start.Line, 1))
	if s.Start.Line == 0 {
		return place
	}
	if s.End.Line > 0 {
		place += fmt.Sprintf("endLine=%d,", s.End.Line)
	}
	if s.End.Line == s.Start.Line { // columns of several lines are not accepted
		place += fmt.Sprintf("col=%d,endColumn=%d,", s.Start.Column, max(s.End.Column, s.Start.Column))
	}
	return place
}

// githubMessage is the sentence, the other ends, and how to mend it.
func githubMessage(d *diag.Finding) string {
	lines := []string{printable(d.Summary)}
	for _, n := range d.Related {
		if !n.Span.IsZero() {
			lines = append(lines, printable(fmt.Sprintf("see %s: %s", n.Span, cmp.Or(n.Label, "here"))))
		}
	}
	if d.Impact != "" {
		lines = append(lines, "impact: "+printable(d.Impact))
	}
	for _, fix := range d.Fixes {
		lines = append(lines, "fix: "+printable(fix.Title))
	}
	return githubData.Replace(strings.Join(lines, "\n"))
}

var (
	githubData      = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubDelimiter = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func githubProperty(s string) string { return githubDelimiter.Replace(s) }
