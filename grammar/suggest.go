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

// Of accepted words a message lists all up to maxListed, and of more only a few before it counts the rest.
const maxListed, fewListed = 16, 5

// Accepted completes a message about a word that is not known: what was likely meant, and what is accepted.
func Accepted(word string, known []string) string {
	hint := ""
	if best, ok := Suggest(word, known); ok {
		hint = "did you mean `" + best + "`? "
	}
	return hint + "accepted are " + List(known)
}

// Count writes a number of things for a message: "no node", "1 node", "3 nodes".
func Count(n int, noun string) string {
	switch n {
	case 0:
		return "no " + noun
	case 1:
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// List joins words for a message: "`a`, `b`, `c`", and of more than maxListed "+n more" behind the fifth.
func List(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	shown := words
	if len(words) > maxListed {
		shown = words[:fewListed]
	}
	text := "`" + strings.Join(shown, "`, `") + "`"
	if more := len(words) - len(shown); more > 0 {
		text += " +" + strconv.Itoa(more) + " more"
	}
	return text
}
