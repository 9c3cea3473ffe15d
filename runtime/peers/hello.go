package peers

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The version this package speaks. Minor version 0 is accepted too: it differs only in lacking the timed updates.
const (
	Major = 2
	Minor = 1
)

// protocolName begins the first line of a hello (HAProxy's PEER_SESSION_PROTO_NAME).
const protocolName = "HAProxyS "

// maxHello bounds the three lines together. HAProxy's own bound is tune.bufsize per line, and names are configuration words.
const maxHello = 4096

// ErrLineTooLong means that 4 KiB went by without the end of a hello or of a status line.
var ErrLineTooLong = errors.New("line is longer than 4 KiB")

// Hello is what the dialler says first.
type Hello struct {
	Major, Minor int
	Called       string // the peer being called: the acceptor's local name
	Caller       string // the dialler's local name
	PID          int    // the dialler's process; 0 if it did not say. A new one means a new or reloaded process
}

// AppendHello appends the three lines, announcing version 2.1 whatever h says. Send them in one write: HAProxy forgets a
// version that arrives before the rest of the hello.
func AppendHello(b []byte, h Hello) []byte {
	return fmt.Appendf(b, "%s%d.%d\n%s\n%s %d 1\n", protocolName, Major, Minor, h.Called, h.Caller, h.PID)
}

// ParseHello reads the three lines, given without their ends. The status is StatusSuccess, StatusProtocol or
// StatusVersion, decided as HAProxy's peer_getline_* do; whether the names are known is the caller's to decide.
func ParseHello(line1, line2, line3 string) (Hello, Status) {
	h := Hello{Called: line2}
	if s := h.parseVersion(line1); s != StatusSuccess {
		return h, s
	}
	return h, h.parseCaller(line3)
}

func (h *Hello) parseVersion(line string) Status {
	version, ok := strings.CutPrefix(line, protocolName)
	if !ok {
		return StatusProtocol
	}
	major, minor, _ := strings.Cut(version, ".")
	m, err1 := strconv.ParseUint(major, 10, 31)
	n, err2 := strconv.ParseUint(minor, 10, 31)
	if err1 != nil || err2 != nil {
		return StatusVersion
	}
	h.Major, h.Minor = int(m), int(n)
	if h.Major != Major || h.Minor > Minor {
		return StatusVersion
	}
	return StatusSuccess
}

// parseCaller demands the space behind the name and nothing else: HAProxy does not read the two numbers.
func (h *Hello) parseCaller(line string) Status {
	name, rest, ok := strings.Cut(line, " ")
	if !ok {
		return StatusProtocol
	}
	h.Caller = name
	pid, _, _ := strings.Cut(rest, " ")
	if n, err := strconv.ParseUint(pid, 10, 31); err == nil {
		h.PID = int(n)
	}
	return StatusSuccess
}

// ReadHello reads a hello. It stops at the first line that is wrong, so that a client of another protocol gets its answer
// at once. A hello longer than 4 KiB is StatusProtocol. The error is the reader's; io.EOF becomes io.ErrUnexpectedEOF.
func ReadHello(r *bufio.Reader) (Hello, Status, error) {
	var h Hello
	budget := maxHello
	steps := [...]func(string) Status{
		h.parseVersion,
		func(line string) Status { h.Called = line; return StatusSuccess },
		h.parseCaller,
	}
	for _, parse := range steps {
		line, err := readLine(r, &budget)
		if errors.Is(err, ErrLineTooLong) {
			return h, StatusProtocol, nil
		}
		if err != nil {
			return h, StatusNone, err
		}
		if s := parse(line); s != StatusSuccess {
			return h, s, nil
		}
	}
	return h, StatusSuccess, nil
}

// readLine reads up to a line feed, which it drops together with one carriage return before it, and takes the bytes off
// the budget.
func readLine(r *bufio.Reader, budget *int) (string, error) {
	var line []byte
	for {
		c, err := r.ReadByte()
		if err == io.EOF {
			return "", io.ErrUnexpectedEOF
		}
		if err != nil {
			return "", err
		}
		if c == '\n' {
			return strings.TrimSuffix(string(line), "\r"), nil
		}
		if *budget--; *budget <= 0 {
			return "", ErrLineTooLong
		}
		line = append(line, c)
	}
}
