package render

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"stktc/grammar/diag"
)

// Findings is what a run of lint or build has to say, and about how much. Its methods print it; the texts for people may change
// at any time, JSON only with its version.
type Findings struct {
	List    diag.List  // in the order to print
	Files   diag.Files // the texts that spans point into
	Nodes   int        // hosts that were looked at
	Version string     // of stktc, for programs
	Rules   []Rule     // the pages of the findings' codes, for SARIF
}

// Rule is the page of a code.
type Rule struct {
	Code     diag.Code
	Slug     string
	Severity diag.Severity
	Title    string // one line
	Page     string // Markdown
}

// Counts sums up in a few words: "1 error, 2 warnings in 7 files (7 nodes)". Infos, and what is silenced, are mentioned when there are any.
func (f *Findings) Counts() string {
	parts := []string{counted(f.List.Count(diag.Error), "error"), counted(f.List.Count(diag.Warning), "warning")}
	if n := f.List.Count(diag.Info); n > 0 {
		parts = append(parts, fmt.Sprintf("%d info", n))
	}
	ignored, known := f.silenced()
	if ignored > 0 {
		parts = append(parts, fmt.Sprintf("%d ignored", ignored))
	}
	if known > 0 {
		parts = append(parts, fmt.Sprintf("%d in the baseline", known))
	}
	s := strings.Join(parts, ", ") + " in " + counted(len(f.Files), "file")
	if f.Nodes > 0 {
		s += " (" + counted(f.Nodes, "node") + ")"
	}
	return s
}

// silenced counts the findings that comments silence, and those that a baseline knows.
func (f *Findings) silenced() (ignored, known int) {
	for i := range f.List {
		switch s := f.List[i].Silenced; {
		case s == nil:
		case s.At.IsZero():
			known++
		default:
			ignored++
		}
	}
	return ignored, known
}

// fixable counts the findings that --fix mends.
func (f *Findings) fixable() int {
	n := 0
	for _, d := range f.List.Heard() {
		if fix := d.SafeFix(); fix != nil {
			n++
		}
	}
	return n
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// printable makes text from users' files harmless on a terminal: control and formatting characters (escape sequences,
// reversed text) and broken UTF-8 become U+FFFD, line ends and tabs spaces.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if isHarmful(r) {
			return utf8.RuneError
		}
		return r
	}, s)
}

func isHarmful(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)
}
