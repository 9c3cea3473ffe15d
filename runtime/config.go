package runtime

import (
	"time"
)

// Config is what an Aggregator executes. It is the daemon's own type; cmd/stktc makes it from an aggregator's file.
type Config struct {
	Sections []Section
}

// Defaults of a Section.
const (
	DefaultLearnTimeout = 3 * time.Second
	DefaultHold         = time.Hour
)

// Section is an aggregations section.
type Section struct {
	Name     string
	Local    Peer // Address is the listener
	Peers    []Peer
	Rules    []Rule
	Forwards []string // suffixes of tables that up peers send and that nodes and down peers get

	LearnTimeout time.Duration // longest silence after the start; 0: DefaultLearnTimeout
	NoGiveBack   bool          // a node that restarted empty does not get its own last values
	Hold         time.Duration // how long a disconnected peer's contributions live; 0: their table's expire, else DefaultHold
}

// Rule sums tables that end in From into tables that end in To instead. An empty From takes every table that ends neither
// in a To nor in a forwarded suffix ("from any").
type Rule struct {
	From, To string
}

// Peer is the other end of a session, or with Direction Local this end.
type Peer struct {
	Name      string
	Address   string // host:port, or a UNIX socket's path with a leading slash
	Direction Direction
}

// Direction is a peer's place relative to this aggregator.
type Direction uint8

// The directions. A Node is an HAProxy that counts.
const (
	Node Direction = iota
	Local
	Up
	Down
)

// String gives the configuration's keyword, "node" for an unmarked peer.
func (d Direction) String() string { return [...]string{"node", "local", "up", "down"}[d] }
