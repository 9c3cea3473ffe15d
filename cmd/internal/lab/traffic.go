package lab

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"stktc/grammar"
	"stktc/topology/sticktable"
)

// clients is how many keys are counted in each table.
const clients = 3

// longPeriod is the least period of a rate that shows the count itself while the lab runs: nothing leaves it before.
const longPeriod = 10 * time.Minute

// amounts are small primes, so that sums of different nodes differ.
var amounts = []uint64{2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89}

// amount is how often a client is counted on a node.
func amount(node, client int) uint64 { return amounts[(node+5*client)%len(amounts)] }

// amountOf is what a client adds to a cell on a node whose counters are set one by one: different for every column, so that mixed up
// columns are seen.
func amountOf(node, client, column int) uint64 { return amount(node, client) * uint64(column+1) }

// key is a client as a table has it.
type key struct {
	shown string // as HAProxy shows and reads it
	wire  []byte
}

// keyOf makes the key of a client.
func keyOf(d *sticktable.Definition, client netip.Addr, n int) key {
	switch d.Key {
	case sticktable.IPv4:
		return key{client.String(), client.AsSlice()}
	case sticktable.IPv6:
		a := netip.MustParseAddr(fmt.Sprintf("2001:db8::%d", n+1))
		return key{a.String(), a.AsSlice()}
	case sticktable.Integer:
		return key{fmt.Sprint(1001 + n), binary.BigEndian.AppendUint32(nil, uint32(1001+n))}
	case sticktable.Binary:
		wire := make([]byte, d.KeyLen)
		wire[0] = byte(1 + n)
		return key{fmt.Sprintf("%X", wire), wire}
	}
	text := fmt.Sprintf("%d-client", n+1)
	text = text[:min(len(text), max(d.KeyLen-1, 1))]
	return key{text, []byte(text)}
}

// tracker is a frontend that counts requests by their source address in a table.
type tracker struct {
	address string // host:port
}

// trackers finds, by the names that tables have on the command line, the frontends that count every HTTP request's source.
func trackers(configs []*grammar.ConfigFile) map[string]tracker {
	found := map[string]tracker{}
	mode := "tcp"
	for _, config := range configs {
		for _, s := range config.Sections {
			switch s.Keyword.Value {
			case "defaults":
				mode = modeOf(s, "tcp")
			case "frontend", "listen":
				address, ok := listener(s)
				if !ok || modeOf(s, mode) != "http" {
					continue
				}
				for _, table := range tracked(s) {
					if _, known := found[table]; !known {
						found[table] = tracker{address}
					}
				}
			}
		}
	}
	return found
}

func modeOf(s *grammar.Section, inherited string) string {
	for _, l := range s.Lines {
		if len(l.Words) > 1 && l.Words[0].Value == "mode" {
			inherited = l.Words[1].Value
		}
	}
	return inherited
}

// listener gives the first address of a proxy that can be reached over TCP.
func listener(s *grammar.Section) (string, bool) {
	for _, l := range s.Lines {
		if len(l.Words) < 2 || l.Words[0].Value != "bind" {
			continue
		}
		for _, a := range strings.Split(l.Words[1].Value, ",") {
			if _, err := netip.ParseAddrPort(a); err == nil {
				return a, true
			}
		}
	}
	return "", false
}

// tracked lists the tables in which a proxy counts the source of every request.
func tracked(s *grammar.Section) []string {
	var tables []string
	for i := range s.Lines {
		l := &s.Lines[i]
		if !isTrack(l) || l.Conditional {
			continue
		}
		at := slices.IndexFunc(l.Words, func(w grammar.Scalar) bool { return strings.HasPrefix(w.Value, "track-sc") })
		switch rest := l.Words[at+1:]; {
		case len(rest) == 1 && rest[0].Value == "src":
			tables = append(tables, s.Name.Value)
		case len(rest) == 3 && rest[0].Value == "src" && rest[1].Value == "table":
			tables = append(tables, rest[2].Value)
		}
	}
	return tables
}
