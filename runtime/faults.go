package runtime

import (
	"errors"
	"slices"
	"time"

	"stktc/runtime/session"
)

// Fault is a message of a peer that broke the protocol.
type Fault struct {
	Time  time.Time
	Peer  string
	Err   string
	Bytes []byte // the beginning of the message
}

// maxFaults is how many faults are kept.
const maxFaults = 32

// RefusedTable is a table of a peer that is not summed.
type RefusedTable struct {
	Name, Reason string
}

// Faulty implements session.Owner.
func (c *conversation) Faulty(err error, message []byte) {
	if errors.Is(err, session.ErrRemote) {
		message = nil
	}
	a := c.l.a
	a.faultsMu.Lock()
	defer a.faultsMu.Unlock()
	a.faults = append(a.faults, Fault{Time: time.Now(), Peer: c.l.name, Err: err.Error(), Bytes: slices.Clone(message)})
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

// maxRefused bounds how many refused tables of a peer are remembered.
const maxRefused = 64

// Refused implements session.Owner: the table of the peer is not summed in this session.
func (c *conversation) Refused(table string, reason error) {
	c.log.Warn("table refused", "table", table, "err", reason)
	l := c.l
	l.mu.Lock()
	defer l.mu.Unlock()
	r := RefusedTable{Name: table, Reason: reason.Error()}
	if l.owner == c && len(l.refusedTables) < maxRefused && !slices.Contains(l.refusedTables, r) {
		l.refusedTables = append(slices.Clip(l.refusedTables), r)
	}
}
