package grammar

import (
	"strconv"
	"strings"

	"stktc/grammar/diag"
)

// Suggest finds the known word that was likely meant: one that differs in case only, else the nearest by diag.Nearest.
func Suggest(word string, known []string) (best string, ok bool) {
	for _, k := range known {
		if strings.EqualFold(k, word) {
			return k, true
		}
	}
	best = diag.Nearest(word, known)
	return best, best != ""
}

// maxListed is how many accepted words a message lists before it only counts the rest.
const maxListed = 5

// Accepted completes a message about a word that is not known: what was likely meant, and what is accepted, at most five words of it.
func Accepted(word string, known []string) string {
	hint := ""
	if best, ok := Suggest(word, known); ok {
		hint = "did you mean `" + best + "`? "
	}
	return hint + "accepted are " + List(known)
}

// List joins words for a message: "`a`, `b`, `c`", and "+n more" behind the fifth.
func List(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	shown := words[:min(len(words), maxListed)]
	text := "`" + strings.Join(shown, "`, `") + "`"
	if more := len(words) - len(shown); more > 0 {
		text += " +" + strconv.Itoa(more) + " more"
	}
	return text
}
