package peers

import (
	"math"
	"time"
)

// Writing is a message of our own, of class Control: between aggregators that serve the same nodes, how long the sender has been the one that
// writes to them, in ms; 0: it does not. HAProxy passes over control messages that it does not know.
const Writing Type = 0x90

// AppendWriting appends a writing message. A time under a millisecond counts as one; a negative one as 0.
func AppendWriting(b []byte, since time.Duration) []byte {
	ms := uint64(max(since.Milliseconds(), 0))
	if since > 0 && ms == 0 {
		ms = 1
	}
	body := AppendInt(nil, ms)
	return append(append(b, byte(Control), byte(Writing), byte(len(body))), body...)
}

// ParseWriting reads the body of a writing message.
func ParseWriting(body []byte) (time.Duration, error) {
	r := fields{message: "writing", rest: body}
	ms := r.integer("milliseconds", 0, math.MaxInt64/uint64(time.Millisecond))
	return time.Duration(ms) * time.Millisecond, r.err
}
