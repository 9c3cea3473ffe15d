package diag

// Nearest finds the candidate that word was likely meant to be: the first with the least edit distance, below 3 and
// below the length of the word. It gives "" when there is none.
func Nearest(word string, candidates []string) string {
	best, least := "", 3
	for _, c := range candidates {
		if d := Distance(word, c); d < least && d < len(word) {
			best, least = c, d
		}
	}
	return best
}

const shortWord = 24

// Distance counts the insertions, deletions, replacements and swaps of neighbours that turn a into b; 3 may stand for more. Its cost is
// len(a)*len(b), so words that cannot be near by their lengths alone are not compared.
func Distance(a, b string) int {
	if len(a) > len(b)+2 || len(b) > len(a)+2 {
		return 3
	}
	var room [3][shortWord + 1]int // nearly all words are short: these rows cost no allocation
	before, last, row := room[0][:], room[1][:], room[2][:]
	if len(b) > shortWord {
		before, last, row = make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	}
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
