package peers

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"stktc/topology/sticktable"
)

// maxCacheID is the number of places in a session's dictionary cache (HAProxy's PEER_STKT_CACHE_MAX_ENTRIES).
const maxCacheID = 128

// Update is one entry of a table: its key and its values, which replace what was there.
type Update struct {
	ID       uint32   // 0 unless Explicit
	Explicit bool     // false: the id is the table's last one plus 1
	Timed    bool     // whether Expire was sent
	Expire   uint32   // remaining lifetime in ms, signed as HAProxy uses it; 0 unless Timed
	Key      []byte   // aliases the message; numbers and addresses big endian, strings without length and NUL
	Values   []uint64 // by slot, see Layout
}

// ParseUpdate reads the body of a message of type UpdateEntry, IncUpdate, UpdateTimed or IncUpdateTimed into u. u.Values
// is reused when it has room, so that a u that is used again costs no allocation; u.Key is valid as long as body is.
// Values are cut to the width that HAProxy stores, strings to the table's length and at a NUL. After an error u is undefined.
func (l *Layout) ParseUpdate(t Type, body []byte, u *Update) error {
	rest, err := u.parseHeader(t, body)
	if err != nil {
		return err
	}
	if rest, err = l.parseKey(rest, u); err != nil {
		return err
	}
	if cap(u.Values) < l.slots {
		u.Values = make([]uint64, l.slots)
	}
	u.Values = u.Values[:l.slots]
	return l.parseValues(rest, u.Values)
}

// NextUpdate reads the message at the start of b into u as ParseFrame and ParseUpdate would, if it is an update of a key that is no string and below 240 bytes, all there and well formed, and tells how many
// bytes it takes. n is 0 for anything else: those two say what it is. u.Values must have l.Slots() values. It is for the one message of which there are millions.
func (l *Layout) NextUpdate(b []byte, u *Update) (n int) {
	const start = headerLen + 1
	if len(b) < start || Class(b[0]) != StickTable || b[2] >= longInt || len(b) < start+int(b[2]) || l.key == sticktable.String || len(u.Values) != l.slots {
		return 0
	}
	n = start + int(b[2])
	rest := b[start:n]
	switch Type(b[1]) {
	case UpdateEntry:
		u.Explicit, u.Timed = true, false
	case IncUpdate:
		u.Explicit, u.Timed = false, false
	case UpdateTimed:
		u.Explicit, u.Timed = true, true
	case IncUpdateTimed:
		u.Explicit, u.Timed = false, true
	default:
		return 0
	}
	u.ID, u.Expire = 0, 0
	if u.Explicit {
		if len(rest) < 4 {
			return 0
		}
		u.ID, rest = binary.BigEndian.Uint32(rest), rest[4:]
	}
	if u.Timed {
		if len(rest) < 4 {
			return 0
		}
		u.Expire, rest = binary.BigEndian.Uint32(rest), rest[4:]
	}
	if len(rest) < l.keyLen {
		return 0
	}
	u.Key = rest[:l.keyLen:l.keyLen]
	if l.parseValues(rest[l.keyLen:], u.Values) != nil {
		return 0
	}
	return n
}

func (u *Update) parseHeader(t Type, b []byte) ([]byte, error) {
	u.ID, u.Expire = 0, 0
	u.Explicit = t == UpdateEntry || t == UpdateTimed
	u.Timed = t == UpdateTimed || t == IncUpdateTimed
	if !u.Explicit && !u.Timed && t != IncUpdate {
		return nil, updateError("type", fmt.Errorf("%w: found `%#02x`, accepted is an update", ErrRefused, byte(t)))
	}
	if u.Explicit {
		if len(b) < 4 {
			return nil, updateError("update id", ErrShort)
		}
		u.ID, b = binary.BigEndian.Uint32(b), b[4:]
	}
	if u.Timed {
		if len(b) < 4 {
			return nil, updateError("expire", ErrShort)
		}
		u.Expire, b = binary.BigEndian.Uint32(b), b[4:]
	}
	return b, nil
}

func (l *Layout) parseKey(b []byte, u *Update) ([]byte, error) {
	if l.key == sticktable.String {
		return l.parseStringKey(b, u)
	}
	if len(b) < l.keyLen {
		return nil, updateError("key", ErrShort)
	}
	u.Key = b[:l.keyLen:l.keyLen]
	return b[l.keyLen:], nil
}

func (l *Layout) parseStringKey(b []byte, u *Update) ([]byte, error) {
	length, n := ParseInt(b)
	if n == 0 {
		return nil, updateError("key length", ErrInteger)
	}
	if b = b[n:]; uint64(len(b)) < length {
		return nil, updateError("key", ErrShort)
	}
	key := b[:min(int(length), l.keyLen-1)]
	if i := bytes.IndexByte(key, 0); i >= 0 {
		key = key[:i]
	}
	u.Key = key[:len(key):len(key)]
	return b[length:], nil
}

// parseValues runs the layout. It keeps its place in an index instead of shortening b, and reads integers of one and two
// bytes (below 2288, nothing to cut) itself: 2 ns a value instead of 4.
func (l *Layout) parseValues(b []byte, values []uint64) error {
	pos, slot := 0, 0
	for _, r := range l.runs {
		if r.width == dict {
			n, err := parseDict(b[pos:])
			if err != nil {
				return err
			}
			pos += n
			continue
		}
		for end := slot + r.slots; slot < end; slot++ {
			if pos < len(b) && b[pos] < longInt {
				values[slot] = uint64(b[pos])
				pos++
				continue
			}
			if pos+1 < len(b) && b[pos+1] < 0x80 {
				values[slot] = uint64(b[pos]) + uint64(b[pos+1])<<4
				pos += 2
				continue
			}
			v, n := parseLongInt(b[pos:])
			if n == 0 {
				return updateError(l.columnAt(slot), ErrInteger)
			}
			values[slot] = r.width.cut(v)
			pos += n
		}
	}
	return nil
}

// cut keeps what HAProxy would store of v.
func (w width) cut(v uint64) uint64 {
	switch w {
	case narrow:
		return uint64(uint32(v))
	case signed:
		return uint64(int32(v))
	}
	return v
}

// parseDict tells how long a dictionary value is. The value itself is not kept: no arithmetic is defined on it.
func parseDict(b []byte) (n int, err error) {
	length, n := ParseInt(b)
	if n == 0 {
		return 0, updateError("server_key length", ErrInteger)
	}
	if length > uint64(len(b)-n) {
		return 0, updateError("server_key", ErrShort)
	}
	end := n + int(length)
	return end, checkDict(b[n:end])
}

// checkDict accepts nothing (no value), an id alone (the value that came with it before) and an id with a value.
func checkDict(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	id, n := ParseInt(b)
	if n == 0 {
		return updateError("server_key cache id", ErrInteger)
	}
	if id < 1 || id > maxCacheID {
		return updateError("server_key cache id", fmt.Errorf("%w: found `%d`, accepted is %s", ErrRefused, id, interval(1, maxCacheID)))
	}
	if b = b[n:]; len(b) == 0 {
		return nil
	}
	length, n := ParseInt(b)
	if n == 0 {
		return updateError("server_key value length", ErrInteger)
	}
	if length > uint64(len(b)-n) {
		return updateError("server_key value", ErrShort)
	}
	return nil
}

func updateError(field string, err error) error {
	return fmt.Errorf("update: %s: %w", field, err)
}

// AppendUpdate appends an update timed message with an explicit id; expire is the remaining lifetime in ms, 0 for a table
// whose entries do not expire. The key is as ParseUpdate gives it for this layout; values has l.Slots() values. A dictionary
// value is sent as none, which leaves the receiver's as it is. Nothing is allocated if b has room.
func (l *Layout) AppendUpdate(b []byte, id, expire uint32, key []byte, values []uint64) []byte {
	b, body := beginBody(b, UpdateTimed)
	b = binary.BigEndian.AppendUint32(b, id)
	b = binary.BigEndian.AppendUint32(b, expire)
	return endBody(l.appendEntry(b, key, values), body)
}

// AppendUpdateUntimed appends an update message with an explicit id, which gives the entry the table's whole lifetime.
func (l *Layout) AppendUpdateUntimed(b []byte, id uint32, key []byte, values []uint64) []byte {
	b, body := beginBody(b, UpdateEntry)
	b = binary.BigEndian.AppendUint32(b, id)
	return endBody(l.appendEntry(b, key, values), body)
}

func (l *Layout) appendEntry(b, key []byte, values []uint64) []byte {
	b = l.appendKey(b, key)
	for _, r := range l.runs {
		if r.width == dict {
			b = append(b, 0)
			continue
		}
		for _, v := range values[:r.slots] {
			b = AppendInt(b, r.width.cut(v))
		}
		values = values[r.slots:]
	}
	return b
}

// appendKey makes the key fit the table's length whatever its own is, since a receiver counts on it.
func (l *Layout) appendKey(b, key []byte) []byte {
	if l.key == sticktable.String {
		key = key[:min(len(key), l.keyLen-1)]
		b = AppendInt(b, uint64(len(key)))
		return append(b, key...)
	}
	b = append(b, key[:min(len(key), l.keyLen)]...)
	for n := len(key); n < l.keyLen; n++ {
		b = append(b, 0)
	}
	return b
}
