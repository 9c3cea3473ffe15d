package render

import "unicode/utf8"

// Widths are estimated, a little generously: the reader's fonts are not known here.

// monospace is the width in pixels of text in the 11px monospaced font: 0.62 em a cell covers the usual fonts.
func monospace(s string) int {
	cells := 0
	for _, r := range printable(s) {
		cells += runeWidth(r)
	}
	return (cells*68 + 9) / 10
}

// proportional is the width in pixels of text in a sans-serif font of that size.
func proportional(s string, size int) int {
	hundredths := 0
	for _, r := range printable(s) {
		switch {
		case runeWidth(r) != 1:
			hundredths += 100 * runeWidth(r)
		case 'A' <= r && r <= 'Z', r == 'm', r == 'w', r == '%', r == '@', r >= 0x80:
			hundredths += 80
		case r == 'i', r == 'j', r == 'l', r == '.', r == ',', r == ':', r == ' ', r == '\'', r == '|':
			hundredths += 32
		default:
			hundredths += 60
		}
	}
	return (hundredths*size + 99) / 100
}

// maxName is the number of characters of a name that are shown; tooltips have the whole.
const maxName = 32

// clip shortens text to a number of characters.
func clip(s string, limit int) string {
	s = printable(s)
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit-1]) + "…"
}
