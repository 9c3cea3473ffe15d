package cli

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"

	"stktc/topology/sticktable"
)

// parseKey reads a key as "show table" writes those of the definition, into its bytes on the wire. A string that is too long is cut, as HAProxy
// does; a binary that is too short is filled up with zeros.
func parseKey(def *sticktable.Definition, text string) ([]byte, bool) {
	switch def.Key {
	case sticktable.IPv4, sticktable.IPv6:
		return parseAddress(def.Key, text)
	case sticktable.Integer:
		n, err := strconv.ParseUint(text, 10, 32)
		return binary.BigEndian.AppendUint32(nil, uint32(n)), err == nil
	case sticktable.String:
		return []byte(text[:min(len(text), def.KeyLen-1)]), true
	case sticktable.Binary:
		b, err := hex.DecodeString(text)
		if err != nil || len(b) > def.KeyLen {
			return nil, false
		}
		return append(b, make([]byte, def.KeyLen-len(b))...), true
	}
	return nil, false
}

// parseAddress takes an IPv4 address also for an IPv6 key, as HAProxy does since 3.x.
func parseAddress(key sticktable.KeyType, text string) ([]byte, bool) {
	addr, err := netip.ParseAddr(text)
	switch {
	case err != nil || addr.Zone() != "":
		return nil, false
	case key == sticktable.IPv6:
		b := addr.As16()
		return b[:], true
	}
	return addr.AsSlice(), addr.Is4()
}

// appendKey appends a key as HAProxy shows it.
func appendKey(b []byte, def *sticktable.Definition, key []byte) []byte {
	switch {
	case def.Key == sticktable.Integer && len(key) == 4:
		return strconv.AppendUint(b, uint64(binary.BigEndian.Uint32(key)), 10)
	case def.Key == sticktable.IPv4 && len(key) == 4:
		return netip.AddrFrom4([4]byte(key)).AppendTo(b)
	case def.Key == sticktable.IPv6 && len(key) == 16:
		return appendIPv6(b, [16]byte(key))
	case def.Key == sticktable.String:
		return appendText(b, key)
	}
	return fmt.Appendf(b, "%X", key)
}

// appendIPv6 writes an address as inet_ntop does, which shows IPv4-compatible addresses (::/96) with dots, as it does mapped ones.
func appendIPv6(b []byte, key [16]byte) []byte {
	if [12]byte(key[:12]) == [12]byte{} && (key[12] != 0 || key[13] != 0) {
		return netip.AddrFrom4([4]byte(key[12:])).AppendTo(append(b, "::"...))
	}
	return netip.AddrFrom16(key).AppendTo(b)
}
