package haproxy

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Table is what "show table" says of a table.
type Table struct {
	Name    string
	Type    string // ip, ipv6, integer, string, binary
	Size    int64
	Used    int64
	Entries []Entry
}

// Entry is a line of "show table".
type Entry struct {
	Key    string // escapes undone
	Use    int
	Exp    time.Duration // rest of its life; 0 in tables without expire
	Values []Value       // in the order shown
}

// Value is one column of an entry.
type Value struct {
	Name   string        // "http_req_rate", or for an element of an array "gpc1_rate"
	Period time.Duration // of rates
	Text   string        // a number, or the text of server_key
}

// Uint gives the value of a column that holds a number; false if the entry has no such column or it is not a number.
func (e *Entry) Uint(name string) (uint64, bool) {
	for _, v := range e.Values {
		if v.Name == name {
			n, err := strconv.ParseUint(v.Text, 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// Entry finds a key.
func (t *Table) Entry(key string) *Entry {
	for i := range t.Entries {
		if t.Entries[i].Key == key {
			return &t.Entries[i]
		}
	}
	return nil
}

var tableHeader = regexp.MustCompile(`^# table: (.*), type: (\S+), size:(\d+), used:(\d+)$`)

// ParseTable reads the answer to "show table NAME".
func ParseTable(reply string) (*Table, error) {
	tables, err := ParseTables(reply)
	if err != nil {
		return nil, err
	}
	if len(tables) != 1 {
		return nil, fmt.Errorf("show table: %d tables where one was expected", len(tables))
	}
	return &tables[0], nil
}

// ParseTables reads the answer to "show table", with or without entries.
func ParseTables(reply string) ([]Table, error) {
	var tables []Table
	for _, line := range strings.Split(reply, "\n") {
		switch {
		case line == "":
		case strings.HasPrefix(line, "# table: "):
			t, err := parseTableHeader(line)
			if err != nil {
				return nil, err
			}
			tables = append(tables, t)
		case strings.HasPrefix(line, "0x") && len(tables) > 0:
			e, err := parseEntry(line)
			if err != nil {
				return nil, err
			}
			t := &tables[len(tables)-1]
			t.Entries = append(t.Entries, e)
		default:
			return nil, fmt.Errorf("show table: %s", line)
		}
	}
	return tables, nil
}

func parseTableHeader(line string) (Table, error) {
	m := tableHeader.FindStringSubmatch(line)
	if m == nil {
		return Table{}, fmt.Errorf("show table: cannot read %q", line)
	}
	size, err := strconv.ParseInt(m[3], 10, 64)
	if err != nil {
		return Table{}, fmt.Errorf("show table: size of %q: %w", line, err)
	}
	used, err := strconv.ParseInt(m[4], 10, 64)
	if err != nil {
		return Table{}, fmt.Errorf("show table: used of %q: %w", line, err)
	}
	return Table{Name: m[1], Type: m[2], Size: size, Used: used}, nil
}

// parseEntry reads "0x55…: key=1.2.3.4 use=0 exp=50391 shard=0 gpc0=7 gpc0_rate(10000)=5"; shard is there since HAProxy 2.7.
func parseEntry(line string) (Entry, error) {
	var e Entry
	_, rest, ok := strings.Cut(line, ": ")
	if !ok {
		return e, fmt.Errorf("show table: cannot read %q", line)
	}
	for _, field := range splitEscaped(rest) {
		if err := e.addField(field); err != nil {
			return e, fmt.Errorf("show table: %w in %q", err, line)
		}
	}
	return e, nil
}

func (e *Entry) addField(field string) error {
	name, text, ok := strings.Cut(field, "=")
	if !ok {
		return fmt.Errorf("no value in %q", field)
	}
	var err error
	switch name {
	case "key":
		e.Key, err = unescape(text)
	case "use":
		e.Use, err = strconv.Atoi(text)
	case "exp":
		var ms int64
		ms, err = strconv.ParseInt(text, 10, 64)
		e.Exp = time.Duration(ms) * time.Millisecond
	case "shard":
	default:
		var v Value
		v, err = parseValue(name, text)
		e.Values = append(e.Values, v)
	}
	return err
}

// parseValue reads a column whose name may carry a period in milliseconds: "http_req_rate(10000)".
func parseValue(name, text string) (Value, error) {
	base, period, isRate := strings.Cut(name, "(")
	v := Value{Name: base, Text: text}
	if !isRate {
		return v, nil
	}
	ms, err := strconv.ParseInt(strings.TrimSuffix(period, ")"), 10, 64)
	v.Period = time.Duration(ms) * time.Millisecond
	return v, err
}

// splitEscaped splits at spaces that no backslash precedes.
func splitEscaped(s string) []string {
	var fields []string
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case ' ':
			if i > start {
				fields = append(fields, s[start:i])
			}
			start = i + 1
		}
	}
	if start < len(s) {
		fields = append(fields, s[start:])
	}
	return fields
}

var letterEscapes = map[byte]byte{'t': '\t', 'n': '\n', 'r': '\r', 'e': 0x1b}

// unescape undoes HAProxy's dump_text: backslash with space, =, backslash, t, n, r, e, or xHH.
func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch {
		case i >= len(s):
			return "", fmt.Errorf("key %q ends in a backslash", s)
		case s[i] == 'x':
			if i+3 > len(s) {
				return "", fmt.Errorf("short \\x in key %q", s)
			}
			n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				return "", err
			}
			b.WriteByte(byte(n))
			i += 2
		case letterEscapes[s[i]] != 0:
			b.WriteByte(letterEscapes[s[i]])
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), nil
}
