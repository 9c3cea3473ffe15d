package check

import (
	"fmt"
	"strconv"
	"strings"

	"stktc/grammar/diag"
)

// maxNamed is the greatest number of names in a sentence.
const maxNamed = 4

// and joins names as in a sentence: "a", "a and b", "a, b and c", "a, b, c, d and 3 more".
func and(names []string) string {
	n := len(names)
	if n > maxNamed+1 {
		return strings.Join(names[:maxNamed], ", ") + fmt.Sprintf(" and %d more", n-maxNamed)
	}
	if n < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
}

// verb chooses between "dials" and "dial" by the number of subjects.
func verb(subjects int, one, many string) string {
	if subjects == 1 {
		return one
	}
	return many
}

// count writes "1 node", "3 nodes".
func count(n int, noun string) string {
	return strconv.Itoa(n) + " " + verb(n, noun, noun+"s")
}

func code(s string) string { return "`" + s + "`" }

// codes quotes every word and joins them as in a sentence.
func codes(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = code(w)
	}
	return and(quoted)
}

func note(at diag.Span, format string, args ...any) diag.Note {
	return diag.Note{Span: at, Label: fmt.Sprintf(format, args...)}
}

// unique keeps the first of equal words.
func unique(words []string) []string {
	seen := map[string]bool{}
	var kept []string
	for _, w := range words {
		if !seen[w] {
			seen[w] = true
			kept = append(kept, w)
		}
	}
	return kept
}
