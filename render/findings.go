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
	Version string     // of stktc, for JSON
}

// Counts sums up in a few words: "1 error, 2 warnings in 7 files (7 nodes)". Notes of severity info are mentioned when there are any.
func (f *Findings) Counts() string {
	parts := []string{counted(f.List.Count(diag.Error), "error"), counted(f.List.Count(diag.Warning), "warning")}
	if n := f.List.Count(diag.Info); n > 0 {
		parts = append(parts, fmt.Sprintf("%d info", n))
	}
	s := strings.Join(parts, ", ") + " in " + counted(len(f.Files), "file")
	if f.Nodes > 0 {
		s += " (" + counted(f.Nodes, "node") + ")"
	}
	return s
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
