package runtime

import (
	"errors"
	"slices"
	"time"

	"stktc/runtime/peers"
	"stktc/runtime/session"
)

// FaultKind is what is wrong with a message.
type FaultKind uint8

// The kinds of faults.
const (
	Malformed     FaultKind = iota // it cannot be read
	TooLong                        // it is longer than any message may be
	Reported                       // it says that the peer cannot read ours
	numFaultKinds = iota
)

// String gives the word for displays.
func (k FaultKind) String() string { return [...]string{"malformed", "too long", "reported"}[k] }

func faultKind(err error) FaultKind {
	switch {
	case errors.Is(err, session.ErrRemote):
		return Reported
	case errors.Is(err, peers.ErrTooLong):
		return TooLong
	}
	return Malformed
}

// Fault is a message of a peer that broke the protocol.
type Fault struct {
	Time   time.Time
	Peer   string
	Remote string // address that it came from
	Kind   FaultKind
	Err    string
	Bytes  []byte // the beginning of the message; none of those that report a fault of ours
}

// FaultCount is how many messages broke the protocol in one way.
type FaultCount struct {
	Kind  FaultKind
	Count uint64
}

// maxFaults is how many faults are kept.
const maxFaults = 32

// Faulty implements session.Owner.
func (c *conversation) Faulty(err error, message []byte) {
	kind := faultKind(err)
	if kind == Reported {
		message = nil
	}
	a := c.l.a
	a.faultsMu.Lock()
	defer a.faultsMu.Unlock()
	a.faulty[kind]++
	a.faults = append(a.faults, Fault{Time: time.Now(), Peer: c.l.name, Remote: c.remote, Kind: kind, Err: err.Error(), Bytes: slices.Clone(message)})
	if len(a.faults) > maxFaults {
		a.faults = slices.Delete(a.faults, 0, 1)
	}
}

// Faults lists the last messages that broke the protocol, oldest first.
func (a *Aggregator) Faults() []Fault {
	a.faultsMu.Lock()
	defer a.faultsMu.Unlock()
	return slices.Clone(a.faults)
}

func (a *Aggregator) faultCounts() []FaultCount {
	a.faultsMu.Lock()
	defer a.faultsMu.Unlock()
	var list []FaultCount
	for kind, n := range a.faulty {
		list = append(list, FaultCount{FaultKind(kind), n})
	}
	return list
}

// RefusedTable is a table of a peer that is not summed.
type RefusedTable struct {
	Name   string `json:"table"`
	Reason string `json:"reason"`
}

// maxRefused bounds how many refused tables of a peer are remembered.
const maxRefused = 64

// Refused implements session.Owner: the table of the peer is not summed in this session.
func (c *conversation) Refused(table string, reason error) {
	c.log.Warn("table refused", "table", table, "err", reason)
	c.l.noteRefused(c, RefusedTable{Name: table, Reason: reason.Error()})
}

// noteRefused shows a table as not summed in the session, if that is the present one.
func (l *link) noteRefused(c *conversation, r RefusedTable) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.owner == c && len(l.refusedTables) < maxRefused && !slices.Contains(l.refusedTables, r) {
		l.refusedTables = append(slices.Clip(l.refusedTables), r)
	}
}
