package peers

import (
	"bufio"
	"errors"
	"fmt"
	"strconv"
)

// Status is the acceptor's answer to a hello, and where a dialler stands before it has one (HAProxy's PEER_SESS_SC_*).
type Status int

// The statuses. Those below 200 are never on the wire. HAProxy does not dial again after 300 or more until it is
// reloaded or dialled itself, so to refuse for a passing reason close without any status.
const (
	StatusNone       Status = 0   // never tried
	StatusConnecting Status = 100 // TCP connection under way
	StatusConnected  Status = 110 // hello sent, status awaited
	StatusSuccess    Status = 200
	StatusTryAgain   Status = 300 // a local session exists already
	StatusProtocol   Status = 501
	StatusVersion    Status = 502
	StatusLocalName  Status = 503 // the called name is not ours
	StatusRemoteName Status = 504 // the caller's name is not in the section
)

var statusTexts = map[Status]struct{ short, long string }{
	StatusNone:       {"NONE", "never tried"},
	StatusConnecting: {"CONN", "connecting"},
	StatusConnected:  {"HSHK", "connected, waiting for the status"},
	StatusSuccess:    {"ESTA", "established"},
	StatusTryAgain:   {"RETR", "try again later: there is a session already"},
	StatusProtocol:   {"PROT", "the hello is not one of the peers protocol"},
	StatusVersion:    {"VERS", "the version of the protocol is not supported, accepted are 2.0 and 2.1"},
	StatusLocalName:  {"NAME", "the called name is not the local peer's name"},
	StatusRemoteName: {"UNKN", "the caller's name is not a peer of the section"},
}

// String gives the four letters of HAProxy's "show peers"; "NONE" for a status without any, as there.
func (s Status) String() string {
	if t, ok := statusTexts[s]; ok {
		return t.short
	}
	return statusTexts[StatusNone].short
}

// Explain gives a sentence for logs.
func (s Status) Explain() string {
	if t, ok := statusTexts[s]; ok {
		return t.long
	}
	return fmt.Sprintf("unknown status `%d`", int(s))
}

// AppendStatus appends the status line.
func AppendStatus(b []byte, s Status) []byte {
	return append(strconv.AppendInt(b, int64(s), 10), '\n')
}

// ErrStatus means that the acceptor answered with something that is not a status.
var ErrStatus = errors.New("status line does not start with three digits")

// ReadStatus reads the acceptor's answer. What follows the three digits on the line is ignored, as by HAProxy, which uses
// atoi. The reader may hold messages afterwards: an acceptor may send them in the same segment.
func ReadStatus(r *bufio.Reader) (Status, error) {
	budget := maxHello
	line, err := readLine(r, &budget)
	if err != nil {
		return 0, err
	}
	if len(line) < 3 {
		return 0, fmt.Errorf("%w: found `%s`", ErrStatus, printable(line))
	}
	code, err := strconv.ParseUint(line[:3], 10, 16)
	if err != nil || len(line) > 3 && line[3] >= '0' && line[3] <= '9' {
		return 0, fmt.Errorf("%w: found `%s`", ErrStatus, printable(line))
	}
	return Status(code), nil
}

// printable makes the start of a line from the network fit for a message.
func printable(line string) string {
	q := strconv.QuoteToASCII(line[:min(len(line), 64)])
	return q[1 : len(q)-1]
}
