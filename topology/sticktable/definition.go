package sticktable

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// KeyType is the type of a table's key, numbered as on the wire (HAProxy PEER_KT_*).
type KeyType uint8

// The key types of the wire; 0, 1 and 3 are unused.
const (
	Integer KeyType = 2
	IPv4    KeyType = 4
	IPv6    KeyType = 5
	String  KeyType = 6
	Binary  KeyType = 7
)

var keyTypeNames = map[KeyType]string{Integer: "integer", IPv4: "ip", IPv6: "ipv6", String: "string", Binary: "binary"}

// String gives the name in configurations and in "show table"; IPv4 is "ip".
func (k KeyType) String() string {
	if n, ok := keyTypeNames[k]; ok {
		return n
	}
	return fmt.Sprintf("keytype(%d)", uint8(k))
}

// IsValid tells whether k is one of the constants.
func (k KeyType) IsValid() bool { return keyTypeNames[k] != "" }

// ParseKeyType reads a type as configurations name it; "ipv4" (HAProxy 3.2) is "ip".
func ParseKeyType(name string) (KeyType, bool) {
	if name == "ipv4" {
		return IPv4, true
	}
	for k, n := range keyTypeNames {
		if n == name {
			return k, true
		}
	}
	return 0, false
}

// DefaultLen is the number of characters or bytes of a string or binary key when "len" is absent. For strings HAProxy
// keeps 32 bytes with the closing NUL in them, so 31 are usable.
func (k KeyType) DefaultLen() int {
	switch k {
	case String:
		return 31
	case Binary:
		return 32
	}
	return 0
}

// WireLen is the key length that the definition message states for a configured length: fixed for numbers and addresses,
// one more than configured for strings (room for the NUL), as configured for binaries.
func (k KeyType) WireLen(configured int) int {
	switch k {
	case Integer, IPv4:
		return 4
	case IPv6:
		return 16
	case String:
		return configured + 1
	}
	return configured
}

// Column is one stored data type with its arguments.
type Column struct {
	Type   DataType
	Elems  int           // number of elements; 1 unless the type is an array
	Period time.Duration // of rates, whole milliseconds; 0 for everything else
}

// String writes the column as in a "store" list: "http_req_rate(10s)", "gpc_rate(3,1m)".
func (c Column) String() string {
	var args []string
	if c.Type.Spec().Array {
		args = append(args, fmt.Sprint(c.Elems))
	}
	if c.Type.Spec().Kind == FreqCtr {
		args = append(args, FormatDuration(c.Period))
	}
	if args == nil {
		return c.Type.String()
	}
	return c.Type.String() + "(" + strings.Join(args, ",") + ")"
}

// Definition is the shape of a table: what two ends must agree on. Columns are in the order of their types' numbers, each type once.
type Definition struct {
	Key     KeyType
	KeyLen  int           // as on the wire, see KeyType.WireLen
	Expire  time.Duration // 0: entries do not expire
	Columns []Column
}

// Column finds the column of a type; nil if it is not stored.
func (d *Definition) Column(t DataType) *Column {
	for i := range d.Columns {
		if d.Columns[i].Type == t {
			return &d.Columns[i]
		}
	}
	return nil
}

// SortColumns puts the columns into the order of the wire.
func (d *Definition) SortColumns() {
	slices.SortFunc(d.Columns, func(a, b Column) int { return int(a.Type) - int(b.Type) })
}

// KeyString writes the key part as configurations do: "ip", "string len 64".
func (d *Definition) KeyString() string {
	switch {
	case d.Key == String && d.KeyLen != d.Key.WireLen(d.Key.DefaultLen()):
		return fmt.Sprintf("string len %d", d.KeyLen-1)
	case d.Key == Binary && d.KeyLen != d.Key.DefaultLen():
		return fmt.Sprintf("binary len %d", d.KeyLen)
	}
	return d.Key.String()
}

// StoreString writes the columns as a "store" list.
func (d *Definition) StoreString() string {
	parts := make([]string, len(d.Columns))
	for i, c := range d.Columns {
		parts[i] = c.String()
	}
	return strings.Join(parts, ",")
}

var units = []struct {
	unit time.Duration
	name string
}{
	{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}, {time.Millisecond, "ms"},
}

// FormatDuration writes a duration with the greatest HAProxy unit that keeps it whole: "1h", "90s", "1500ms".
func FormatDuration(d time.Duration) string {
	for _, u := range units {
		if d >= u.unit && d%u.unit == 0 {
			return fmt.Sprint(int64(d/u.unit)) + u.name
		}
	}
	return fmt.Sprint(d.Milliseconds()) + "ms"
}
