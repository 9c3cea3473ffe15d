package console

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// printable makes text that came over the wire fit for a terminal: what would move the cursor or change colours is written as its number.
func printable(s string) string {
	if !strings.ContainsFunc(s, unprintable) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && s[i] != 0xef:
			fmt.Fprintf(&b, `\x%02X`, s[i])
		case unprintable(r):
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func unprintable(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }

// count writes a number with its thousands apart: "1,234,567".
func count(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// size writes a number of bytes in the unit that leaves one to three digits before the point.
func size(n uint64) string {
	units := []string{"B", "kB", "MB", "GB", "TB", "PB", "EB"}
	v, unit := float64(n), 0
	for v >= 999.5 && unit < len(units)-1 {
		v, unit = v/1000, unit+1
	}
	if unit == 0 || v >= 99.95 {
		return fmt.Sprintf("%.0f %s", v, units[unit])
	}
	return fmt.Sprintf("%.1f %s", v, units[unit])
}

// plural counts things.
func plural(n uint64, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + more
}

// span writes a time in its two greatest units: "3m12s", "2d4h". Under 10 s there is a tenth.
func span(seconds float64) string {
	if seconds < 9.95 {
		return strconv.FormatFloat(math.Max(0, seconds), 'f', 1, 64) + "s"
	}
	s := int64(math.Round(seconds))
	for _, u := range []struct {
		size, next int64
		name, rest string
	}{{86400, 3600, "d", "h"}, {3600, 60, "h", "m"}, {60, 1, "m", "s"}} {
		if s < u.size {
			continue
		}
		text := strconv.FormatInt(s/u.size, 10) + u.name
		if rest := s % u.size / u.next; rest > 0 {
			text += strconv.FormatInt(rest, 10) + u.rest
		}
		return text
	}
	return strconv.FormatInt(s, 10) + "s"
}

// life writes the rest of an entry's life, of ms; nil is for ever.
func life(ms *uint32) string {
	if ms == nil {
		return "never"
	}
	return span((time.Duration(*ms) * time.Millisecond).Seconds())
}

// wrap breaks text behind blanks and commas into lines of at most width characters. A word that is longer has a line to itself.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for text != "" {
		end := strings.IndexAny(text, " ,") + 1
		if end == 0 {
			end = len(text)
		}
		if word := text[:end]; line != "" && width < length(strings.TrimRight(line+word, " ")) {
			lines = append(lines, strings.TrimRight(line, " "))
			line = ""
		}
		line += text[:end]
		text = text[end:]
	}
	return append(lines, strings.TrimRight(line, " "))
}

func length(s string) int { return utf8.RuneCountInString(s) }
