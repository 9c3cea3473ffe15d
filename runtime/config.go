package runtime

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"stktc/topology/sticktable"
)

// Config is what an Aggregator executes. It is the daemon's own type; cmd/stktc makes it from an aggregator's file.
type Config struct {
	Sections     []Section
	Binds        []Bind
	DynamicPeers bool         // accept peers that no section lists, as nodes, up to MaxDynamicPeers peers in all
	Source       *net.TCPAddr // where outgoing connections come from; nil: the system's choice
}

// Defaults and limits.
const (
	DefaultLearnTimeout = 3 * time.Second
	DefaultHold         = time.Hour
	MaxDynamicPeers     = 64 // with DynamicPeers, configured peers included
)

// Section is an aggregations section.
type Section struct {
	Name     string
	Local    Peer // Address is the listener
	Peers    []Peer
	Rules    []Rule
	Forwards []string // suffixes of tables that up peers send and that nodes and down peers get
	Leases   []Lease

	LearnTimeout time.Duration // longest silence after the start; 0: DefaultLearnTimeout
	NoGiveBack   bool          // a node that restarted empty does not get its own last values
	Hold         time.Duration // how long a disconnected peer's contributions live; 0: their table's expire, else DefaultHold
	Pace         time.Duration // least time between two sends of one key to one peer; 0: none
	StrictNames  bool          // the certificate of each peer must bear its name
}

// Rule sums tables that end in From into tables that end in To instead. An empty From takes every table that ends neither
// in a To nor in a forwarded suffix ("from any").
type Rule struct {
	From   string `json:"from"` // empty: any
	To     string `json:"to"`
	UpOnly bool   `json:"up_only"` // the sums go up, not to the nodes
}

// Lease is a key in a table of strings that nodes see as long as the section's sums are kept fresh.
type Lease struct {
	Table string // its wire name
	Time  time.Duration
}

// Peer is the other end of a session, or with Direction Local this end.
type Peer struct {
	Name      string
	Address   string // host:port, or a UNIX socket's path with a leading slash
	Direction Direction
	Group     int         // peers of one direction and group send the same: one counts at a time. 0: none
	TLS       *tls.Config // to dial the peer with, or with Direction Local to listen with; nil: clear text
}

// Bind is a further listener, which several sections may share.
type Bind struct {
	Address  string
	TLS      *tls.Config
	Sections []string // that are reached through it; nil: all
}

// Direction is a peer's place relative to this aggregator.
type Direction uint8

// The directions. A Node is an HAProxy that counts; a Replica serves the same nodes as this aggregator.
const (
	Node Direction = iota
	Local
	Up
	Down
	Replica
)

// String gives the configuration's keyword, "node" for an unmarked peer.
func (d Direction) String() string { return [...]string{"node", "local", "up", "down", "replica"}[d] }

// isSource tells whether sums are made from what the peer sends.
func (d Direction) isSource() bool { return d == Node || d == Down }

func (d Direction) isAbove() bool { return d == Up }

// check refuses what cannot be executed whatever the network does.
func (c *Config) check() error {
	if len(c.Sections) == 0 {
		return errors.New("no aggregations section: nothing to do")
	}
	for i, s := range c.Sections {
		if slices.ContainsFunc(c.Sections[:i], func(o Section) bool { return o.Name == s.Name }) {
			return fmt.Errorf("two sections are called %q", s.Name)
		}
		if s.Local.Name == "" || s.Local.Address == "" {
			return fmt.Errorf("section %q has no local peer", s.Name)
		}
		if most := sticktable.String.DefaultLen(); len(s.Leases) > 0 && len(s.Name) > most {
			return fmt.Errorf("section %q has a lease, whose key is the section's name: at most %d characters", s.Name, most)
		}
		for j, p := range s.Peers {
			if p.Name == s.Local.Name || slices.ContainsFunc(s.Peers[:j], func(o Peer) bool { return o.Name == p.Name }) {
				return fmt.Errorf("section %q has two peers called %q", s.Name, p.Name)
			}
		}
	}
	return nil
}
