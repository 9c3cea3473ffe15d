package peers

import (
	"errors"
	"fmt"
)

// Class is the first byte of a message (HAProxy's PEER_MSG_CLASS_*). A class that is not one of the constants is to be
// skipped, as HAProxy does.
type Class byte

// The classes.
const (
	Control    Class = 0x00
	Error      Class = 0x01
	StickTable Class = 0x0a
	Reserved   Class = 0xff
)

// Type is the second byte of a message; what it means depends on the class.
type Type byte

// The types of class Control. They have no body.
const (
	ResyncRequest  Type = 0x00
	ResyncFinished Type = 0x01
	ResyncPartial  Type = 0x02
	ResyncConfirm  Type = 0x03
	Heartbeat      Type = 0x04
)

// The types of class Error. They have no body.
const (
	ProtocolError  Type = 0x00
	SizeLimitError Type = 0x01
)

// The types of class StickTable.
const (
	UpdateEntry    Type = 0x80 // u32 id, key, values
	IncUpdate      Type = 0x81 // key, values
	DefineTable    Type = 0x82 // id, name, key type, key length, data types, expire, parameters
	SwitchTable    Type = 0x83 // table id
	AckUpdate      Type = 0x84 // table id, u32 id
	UpdateTimed    Type = 0x85 // u32 id, u32 expire ms, key, values
	IncUpdateTimed Type = 0x86 // u32 expire ms, key, values
)

// hasBody is the bit of a type that announces a length and a body, whatever the class.
const hasBody = 0x80

const (
	headerLen = 2
	// maxLengthLen is how many bytes HAProxy waits for to know a length (PEER_MSG_ENC_LENGTH_MAXLEN).
	maxLengthLen = 5
)

// MaxFrame is the longest body HAProxy can send: it counts the length in 16 bits, and tune.bufsize may be raised to that.
const MaxFrame = 65535

// Faults of a message's header.
var (
	ErrTooLong  = errors.New("message is longer than the limit")
	ErrReserved = errors.New("message class 255 is reserved")
)

// Frame is one message as cut from the stream.
type Frame struct {
	Class Class
	Type  Type
	Body  []byte // aliases the input; nil for types below 0x80
}

// ParseFrame cuts the message at the start of b; the message takes n bytes. With n == 0 and no error, b does not hold all
// of it yet. A body longer than limit is ErrTooLong as soon as its length is known, class 255 is ErrReserved; after either
// the stream cannot be followed any more.
func ParseFrame(b []byte, limit int) (f Frame, n int, err error) {
	if len(b) < headerLen {
		return Frame{}, 0, nil
	}
	f.Class, f.Type = Class(b[0]), Type(b[1])
	if f.Class == Reserved {
		return Frame{}, 0, ErrReserved
	}
	if f.Type&hasBody == 0 {
		return f, headerLen, nil
	}
	length, k := ParseInt(b[headerLen:min(len(b), headerLen+maxLengthLen)])
	switch start := headerLen + k; {
	case k == 0 && len(b) < headerLen+maxLengthLen:
		return Frame{}, 0, nil
	case k == 0 || length > uint64(limit):
		return Frame{}, 0, ErrTooLong
	case uint64(len(b)-start) < length:
		return Frame{}, 0, nil
	default:
		end := start + int(length)
		f.Body = b[start:end:end]
		return f, end, nil
	}
}

// AppendControl appends a message of class Control.
func AppendControl(b []byte, t Type) []byte { return append(b, byte(Control), byte(t)) }

// AppendError appends a message of class Error. HAProxy ignores it, so the sender must close after it.
func AppendError(b []byte, t Type) []byte { return append(b, byte(Error), byte(t)) }

// beginBody appends the header of a stick-table message with one byte kept free for its length; body is where the body
// starts.
func beginBody(b []byte, t Type) (_ []byte, body int) {
	b = append(b, byte(StickTable), byte(t), 0)
	return b, len(b)
}

// endBody fills in the length of everything appended since beginBody. Only a body of 240 bytes or more has to move, by
// one or two bytes.
func endBody(b []byte, body int) []byte {
	n := len(b) - body
	if n < longInt {
		b[body-1] = byte(n)
		return b
	}
	var prefix [maxIntLen]byte
	p := AppendInt(prefix[:0], uint64(n))
	b = append(b, p[1:]...)
	copy(b[body-1+len(p):], b[body:body+n])
	copy(b[body-1:], p)
	return b
}

var controlNames = [...]string{"resync request", "resync finished", "resync partial", "resync confirm", "heartbeat"}

var errorNames = [...]string{"protocol error", "size limit error"}

var stickTableNames = [...]string{
	"update", "inc update", "define table", "switch table", "ack update", "update timed", "inc update timed",
}

// String names the message for logs: "resync request", or "class 0x0b type 0x80" if there is no name for it.
func (f Frame) String() string {
	names, i := []string(nil), int(f.Type)
	switch f.Class {
	case Control:
		names = controlNames[:]
	case Error:
		names = errorNames[:]
	case StickTable:
		names, i = stickTableNames[:], i-int(UpdateEntry)
	}
	if i >= 0 && i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("class %#02x type %#02x", byte(f.Class), byte(f.Type))
}
