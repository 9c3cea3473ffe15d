package haproxy

import (
	"fmt"
	"strconv"
	"strings"
)

// PeersSection is what "show peers" says of a section.
type PeersSection struct {
	Name  string
	Flags uint64 // 0x1 local done, 0x2 remote done (0x3: synchronised), 0x4 a teacher is assigned; higher bits depend on the version
	Peers []PeerState
}

// IsSynchronised tells whether the section has ended its resync (or given up waiting for one).
func (s *PeersSection) IsSynchronised() bool { return s.Flags&3 == 3 }

// Peer finds a peer by name.
func (s *PeersSection) Peer(name string) *PeerState {
	for i := range s.Peers {
		if s.Peers[i].Name == name {
			return &s.Peers[i]
		}
	}
	return nil
}

// PeerState is what "show peers" says of a peer.
type PeerState struct {
	Name       string
	IsLocal    bool
	IsActive   bool   // has a session
	Address    string // as dialled
	LastStatus string // NONE, CONN, HSHK, ESTA, RETR, PROT, VERS, NAME, UNKN
	Counters   map[string]int64
	Tables     []SharedTable
}

// IsEstablished tells whether the peer has a session that passed the hello.
func (p *PeerState) IsEstablished() bool { return p.IsActive && p.LastStatus == "ESTA" }

// Table finds a shared table.
func (p *PeerState) Table(name string) *SharedTable {
	for i := range p.Tables {
		if p.Tables[i].Name == name {
			return &p.Tables[i]
		}
	}
	return nil
}

// SharedTable is a table's state towards one peer.
type SharedTable struct {
	Name              string
	LocalID, RemoteID int64 // RemoteID is 0 until the peer has defined the table
	LastAcked         int64 // last id of the peer's that we acked
	LastPushed        int64
	Update            int64 // last id of ours that the peer acked
}

// ParsePeers reads the answer to "show peers". Lines and fields that it does not know are passed over: versions differ.
func ParsePeers(reply string) ([]PeersSection, error) {
	var sections []PeersSection
	for _, line := range strings.Split(reply, "\n") {
		indent := len(line) - len(strings.TrimLeft(line, " "))
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		isItem := strings.HasPrefix(fields[0], "0x")
		switch {
		case indent == 0 && isItem:
			sections = append(sections, parseSection(fields))
		case len(sections) == 0:
			return nil, fmt.Errorf("show peers: %s", line)
		default:
			sections[len(sections)-1].addLine(fields, indent, isItem)
		}
	}
	return sections, nil
}

func parseSection(fields []string) PeersSection {
	kv := fieldMap(fields)
	flags, _ := strconv.ParseUint(strings.TrimPrefix(kv["flags"], "0x"), 16, 64)
	return PeersSection{Name: kv["id"], Flags: flags}
}

// addLine reads a line below a section's: peers are indented by two, their counters by eight, their tables by ten, those by more.
func (s *PeersSection) addLine(fields []string, indent int, isItem bool) {
	kv := fieldMap(fields)
	if indent == 2 && isItem {
		s.Peers = append(s.Peers, parsePeer(kv))
		return
	}
	if len(s.Peers) == 0 {
		return
	}
	p := &s.Peers[len(s.Peers)-1]
	switch {
	case isItem && kv["local_id"] != "":
		p.Tables = append(p.Tables, SharedTable{LocalID: number(kv["local_id"]), RemoteID: number(kv["remote_id"])})
	case len(p.Tables) == 0:
		for k, v := range kv {
			if n, err := strconv.ParseInt(v, 0, 64); err == nil {
				p.Counters[k] = n
			}
		}
	default:
		p.Tables[len(p.Tables)-1].addLine(kv)
	}
}

// parsePeer reads "id=agg(remote,active) addr=127.0.0.1:20002 last_status=ESTA …".
func parsePeer(kv map[string]string) PeerState {
	name, rest, _ := strings.Cut(kv["id"], "(")
	place, state, _ := strings.Cut(strings.TrimSuffix(rest, ")"), ",")
	return PeerState{
		Name: name, IsLocal: place == "local", IsActive: state == "active",
		Address: kv["addr"], LastStatus: kv["last_status"], Counters: map[string]int64{},
	}
}

func (t *SharedTable) addLine(kv map[string]string) {
	if _, ok := kv["last_pushed"]; ok {
		t.LastAcked, t.LastPushed, t.Update = number(kv["last_acked"]), number(kv["last_pushed"]), number(kv["update"])
	}
	if id, ok := kv["id"]; ok {
		t.Name = id
	}
}

// fieldMap takes the words of the shape "name=value" apart; others are passed over.
func fieldMap(fields []string) map[string]string {
	kv := map[string]string{}
	for _, f := range fields {
		if k, v, ok := strings.Cut(f, "="); ok {
			kv[k] = v
		}
	}
	return kv
}

func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}
