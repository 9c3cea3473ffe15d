package cli

import (
	"fmt"
	"strings"
)

// splitCommands cuts a line at its semicolons, those behind a backslash apart.
func splitCommands(line string) []string {
	var list []string
	start := 0
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case ';':
			list = append(list, line[start:i])
			start = i + 1
		}
	}
	return append(list, line[start:])
}

// splitWords cuts a command at its blanks and undoes the escapes of the words. A backslash takes the next byte as it is, but for t, n, r, e, and x
// with two hexadecimal digits: what "show table" prints as a key can be given back, where HAProxy would take these for letters.
func splitWords(command string) []string {
	var words []string
	var word []byte
	inWord := false
	for i := 0; i < len(command); i++ {
		c := command[i]
		switch {
		case c == '\\' && i+1 < len(command):
			var n int
			c, n = unescape(command[i+1:])
			word = append(word, c)
			i += n
			inWord = true
		case isBlank(c):
			if inWord {
				words = append(words, string(word))
			}
			word, inWord = word[:0], false
		default:
			word = append(word, c)
			inWord = true
		}
	}
	if inWord {
		words = append(words, string(word))
	}
	return words
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }

// unescape gives the byte that s, which follows a backslash, stands for, and how much of s that took.
func unescape(s string) (byte, int) {
	if letter := strings.IndexByte(escapeLetters, s[0]); letter >= 0 {
		return escapedBytes[letter], 1
	}
	if s[0] == 'x' && len(s) >= 3 {
		high, low := hexDigit(s[1]), hexDigit(s[2])
		if high >= 0 && low >= 0 {
			return byte(high<<4 | low), 3
		}
	}
	return s[0], 1
}

// The escapes of HAProxy's dump_text that have a letter, and what each stands for.
const (
	escapeLetters = "tnre"
	escapedBytes  = "\t\n\r\x1b"
)

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// appendText appends s as HAProxy shows string keys (dump_text): printable ASCII, with backslashes before blanks, "=" and themselves.
func appendText(b, s []byte) []byte {
	for _, c := range s {
		switch letter := strings.IndexByte(escapedBytes, c); {
		case letter >= 0:
			b = append(b, '\\', escapeLetters[letter])
		case c == '\\' || c == ' ' || c == '=':
			b = append(b, '\\', c)
		case c < ' ' || c > '~':
			b = fmt.Appendf(b, `\x%02X`, c)
		default:
			b = append(b, c)
		}
	}
	return b
}

// Quote writes a word so that the server reads it as it is, whatever bytes it has. An empty word cannot be written.
func Quote(word string) string {
	return strings.ReplaceAll(string(appendText(nil, []byte(word))), ";", `\;`)
}
