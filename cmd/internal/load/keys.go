package load

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"

	"stktc/topology/sticktable"
)

// IPv4Key is the key of an index, of a table of type ip.
func IPv4Key(index int) string {
	k := keys{kind: sticktable.IPv4, base: firstIPv4, template: make([]byte, 4)}
	return k.text(uint32(index))
}

// hexDigits of a string key tell its index.
const hexDigits = 8

// firstIPv4 is 10.0.0.0: as far as 16 million keys go they are private addresses.
const firstIPv4 = 10 << 24

// keys computes keys from indices and back. The last four bytes, or the last eight hexadecimal digits of a string, are the index.
type keys struct {
	kind     sticktable.KeyType
	template []byte
	base     uint32
	total    uint32
}

func newKeys(def *sticktable.Definition, total int) keys {
	k := keys{kind: def.Key, total: uint32(total), template: make([]byte, def.KeyLen)}
	switch def.Key {
	case sticktable.String:
		prefix := "client-"
		if room := def.KeyLen - 1 - hexDigits; len(prefix) > room {
			prefix = prefix[:room]
		}
		k.template = append([]byte(prefix), "00000000"...)
	case sticktable.IPv4:
		k.base = firstIPv4
	case sticktable.IPv6:
		copy(k.template, netip.MustParseAddr("2001:db8::").AsSlice())
	}
	return k
}

// buffer is what put needs: one for each goroutine.
func (k *keys) buffer() []byte { return bytes.Clone(k.template) }

// put makes the buffer hold the key of an index.
func (k *keys) put(buf []byte, index uint32) {
	if k.kind != sticktable.String {
		binary.BigEndian.PutUint32(buf[len(buf)-4:], k.base+index)
		return
	}
	const digits = "0123456789abcdef"
	for i := len(buf) - 1; i >= len(buf)-hexDigits; i-- {
		buf[i] = digits[index&15]
		index >>= 4
	}
}

// index is the inverse of put; false if the key is not one of ours.
func (k *keys) index(key []byte) (uint32, bool) {
	if len(key) != len(k.template) {
		return 0, false
	}
	tail := 4
	if k.kind == sticktable.String {
		tail = hexDigits
	}
	head := len(key) - tail
	if head > 0 && !bytes.Equal(key[:head], k.template[:head]) {
		return 0, false
	}
	if k.kind == sticktable.String {
		i, ok := parseHex(key[head:])
		return i, ok && i < k.total
	}
	i := binary.BigEndian.Uint32(key[head:]) - k.base
	return i, i < k.total
}

func parseHex(digits []byte) (v uint32, ok bool) {
	for _, c := range digits {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		default:
			return 0, false
		}
		v = v<<4 | uint32(c)
	}
	return v, true
}

// text writes a key as HAProxy shows it.
func (k *keys) text(index uint32) string {
	buf := k.buffer()
	k.put(buf, index)
	switch k.kind {
	case sticktable.IPv4, sticktable.IPv6:
		addr, _ := netip.AddrFromSlice(buf)
		return addr.String()
	case sticktable.Integer:
		return fmt.Sprint(binary.BigEndian.Uint32(buf))
	case sticktable.String:
		return string(buf)
	}
	return fmt.Sprintf("%X", buf)
}
