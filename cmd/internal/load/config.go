// Package load plays HAProxy nodes against a target that speaks the peers protocol: each node counts in a stick table, pushes what it counted, and
// reads the sums that the target pushes back. Run is the entry point. Everything that a node pushed is kept, so that at the end every field of
// every sum on every node is compared with an oracle that shares no arithmetic with the aggregator.
//
// The load must cost far less than what it loads. A key is an index, and index and key are computed from each other; what a node counted and what it was
// sent are rows of 32-bit words in one flat slice each; updates are encoded into one buffer and written in large pieces; nothing is allocated for an update.
// A recorded load is encoded before it begins, and what comes back is kept and decoded when it is over, each as of the time at which it was written and read.
// Memory: (1 + words) × 4 bytes for a key × node, twice, where a rate has three words, a 64-bit counter two, everything else one.
package load

import (
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strings"
	"time"

	"stktc/topology/sticktable"
)

// Order is the order in which a node goes through its keys.
type Order string

// The orders. In order the keys ascend, which hides the target's cache misses: every key's neighbour was just used.
const (
	Scattered Order = "scattered"
	InOrder   Order = "in-order"
)

// Distribution is how often a key is used.
type Distribution string

// The distributions.
const (
	Uniform Distribution = "uniform" // each key once a lap
	Zipf    Distribution = "zipf"    // the key of rank k in proportion to 1/k^s
)

// Config says what to play. The zero value of a field means what its comment says, else it must be set.
type Config struct {
	Nodes      []string // peer names that the target knows
	TargetName string   // the target's own peer name
	Target     string   // address to dial; "" waits for the target to dial
	Listen     []string // addresses at which the nodes listen, in the order of Nodes; nil: they do not

	Table      string                // wire name of the table without suffix: "t", "/t"
	From, To   string                // suffixes of the table that nodes count in and of its sum; To "" expects no sums
	Definition sticktable.Definition // of the table that nodes count in

	Keys         int
	Order        Order
	Distribution Distribution
	ZipfExponent float64 // above 0
	Seed         uint64

	Updates  int           // in all, spread evenly over the nodes; 0: Duration counts. Of a recorded load an eighth more, before it
	Duration time.Duration // of the load
	Rate     int           // updates a second in all; 0: as fast as the target takes them
	Tick     time.Duration // of a paced load: how often a node writes what is due; 0: 1 ms
	NoFill   bool          // do not push each key once before the load
	FillRate int           // updates a second in all, of the fill; 0: as fast as the target takes them
	Recorded bool          // encode the load before it begins, and decode what came when it is over; needs Updates, has no Rate, Probes or Reconnects

	Probes     int           // updates a second and node whose way is timed; 0: none
	Echo       string        // address of a program that echoes, which is timed beside the load; empty: none
	Reconnects int           // times that each node drops its session during the load
	Away       time.Duration // how long it stays away each time
	Restarts   int           // times that each node forgets everything during the load, and is given back what the target knows of it
	Flaky      []string      // nodes that reconnect and restart; nil: all but the deaf ones
	Idle       []string      // nodes that push nothing but probes, and look at nothing else; with any, only they time, each other
	Events     []Event       // that happen behind the load, in this order
	Linger     time.Duration // how long idle nodes go on behind an event, when the target may still be at work; 0: 2 s
	Deaf       []string      // nodes that do not read during the load
	Slow       []string      // nodes that read SlowRate at most during the load
	SlowRate   int           // bytes a second

	Connect   time.Duration // limit for all sessions to be up; 0: 10 s
	Settle    time.Duration // limit for all sums to be right after the load, and for the load to stand still; 0: 30 s
	Looks     int           // times that all sums are compared; 0: 3
	LookEvery time.Duration // 0: 2 s

	PID      int            // of the target; 0: unknown
	Progress func(Progress) // called some times a second; nil: not
}

// Limits of a Config.
const (
	MaxKeys  = 1 << 30
	MaxNodes = 1 << 10
)

func (c *Config) setDefaults() {
	if c.Tick == 0 {
		c.Tick = time.Millisecond
	}
	if c.Connect == 0 {
		c.Connect = 10 * time.Second
	}
	if c.Settle == 0 {
		c.Settle = 30 * time.Second
	}
	if c.Looks == 0 {
		c.Looks = 3
	}
	if c.LookEvery == 0 {
		c.LookEvery = 2 * time.Second
	}
	if c.Linger == 0 {
		c.Linger = 2 * time.Second
	}
	if c.ZipfExponent == 0 {
		c.ZipfExponent = 1
	}
}

// Check says what of a configuration cannot be played.
func (c *Config) Check() error {
	seen := map[string]bool{}
	for _, n := range c.Nodes {
		if n == "" || strings.ContainsAny(n, " \n") || seen[n] {
			return fmt.Errorf("node name `%s` is empty, has a space, or is there twice", n)
		}
		seen[n] = true
	}
	for _, n := range slices.Concat(c.Deaf, c.Slow, c.Idle, c.Flaky) {
		if !seen[n] {
			return fmt.Errorf("`%s` is not one of the nodes `%s`", n, strings.Join(c.Nodes, ","))
		}
		if slices.Contains(c.Flaky, n) && (slices.Contains(c.Deaf, n) || slices.Contains(c.Idle, n)) {
			return fmt.Errorf("`%s` cannot be flaky: a node that is deaf or idle drops no sessions", n)
		}
	}
	for _, address := range slices.Concat([]string{c.Target}, c.Listen) {
		if err := checkAddress(address); err != nil {
			return err
		}
	}
	switch {
	case len(c.Nodes) < 1 || len(c.Nodes) > MaxNodes:
		return fmt.Errorf("`%d` nodes, accepted are 1 to %d", len(c.Nodes), MaxNodes)
	case c.TargetName == "":
		return errors.New("the target's peer name is missing")
	case c.Target == "" && len(c.Listen) == 0:
		return errors.New("neither a target to dial nor addresses to listen at")
	case len(c.Listen) != 0 && len(c.Listen) != len(c.Nodes):
		return fmt.Errorf("`%d` addresses to listen at for `%d` nodes", len(c.Listen), len(c.Nodes))
	}
	return c.checkTable()
}

// checkAddress demands a port, or a UNIX socket's path; nothing is right too.
func checkAddress(address string) error {
	if address == "" || network(address) == "unix" {
		return nil
	}
	if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
		return fmt.Errorf("address `%s`, accepted are HOST:PORT and the path of a UNIX socket, which begins with `/`", address)
	}
	return nil
}

func (c *Config) checkTable() error {
	most := uint64(MaxKeys)
	if c.Definition.Key == sticktable.IPv4 {
		most = math.MaxUint32 - firstIPv4
	}
	switch {
	case c.Table+c.From == "" || c.Table+c.From == c.Table+c.To:
		return fmt.Errorf("tables `%s` and `%s` must differ and have names", c.Table+c.From, c.Table+c.To)
	case len(c.Definition.Columns) == 0:
		return errors.New("the table stores nothing")
	case c.Keys < 1 || uint64(c.Keys) > min(most, MaxKeys):
		return fmt.Errorf("`%d` keys, accepted are 1 to %d", c.Keys, min(most, MaxKeys))
	case c.Definition.Key == sticktable.String && c.Definition.KeyLen-1 < hexDigits:
		return fmt.Errorf("string keys of `%d` characters, accepted are %d and more", c.Definition.KeyLen-1, hexDigits)
	case c.Definition.Key == sticktable.Binary && c.Definition.KeyLen < 4:
		return fmt.Errorf("binary keys of `%d` bytes, accepted are 4 and more", c.Definition.KeyLen)
	case c.Updates < 0 || c.Duration < 0 || c.Updates == 0 && c.Duration == 0:
		return errors.New("neither a number of updates nor a duration")
	case c.Rate < 0 || c.FillRate < 0 || c.Restarts < 0 || c.Probes < 0 || c.Reconnects < 0 || c.ZipfExponent < 0:
		return errors.New("rates and numbers cannot be negative")
	case c.Recorded && (c.Updates == 0 || c.Rate != 0 || c.Probes != 0 && len(c.Idle) == 0 || c.Reconnects+c.Restarts != 0):
		return errors.New("a recorded load has a number of updates, and no rate, reconnects or restarts, nor probes but of idle nodes")
	case len(c.Idle) >= len(c.Nodes):
		return fmt.Errorf("all of the nodes `%s` are idle", strings.Join(c.Nodes, ","))
	case slices.ContainsFunc(c.Events, func(e Event) bool { return eventStages[e] == 0 }):
		return fmt.Errorf("events `%s`, accepted are `%s`, `%s` and `%s`", c.Events, Relearn, Forget, Fade)
	case slices.Contains(c.Events, Fade) && c.Definition.Expire == 0:
		return errors.New("nothing fades in a table without expire")
	case len(c.Slow) > 0 && c.SlowRate <= 0:
		return errors.New("a slow reader's rate must be above 0")
	}
	return nil
}
