package runtime

import (
	"slices"
	"time"
)

// SectionJSON is what programs read of an aggregations section, on the stats socket and over HTTP: fields may be added, those that are there stay as they are.
type SectionJSON struct {
	Name      string `json:"name"`
	Local     string `json:"local"`
	Listen    string `json:"listen"`
	Condition string `json:"condition"` // a sentence
	Released  bool   `json:"released"`  // sums are sent
	Writing   bool   `json:"writing"`   // to nodes; false while a replica does it
	Learned   bool   `json:"learned"`   // every source that is connected has ended a lesson
	Whole     bool   `json:"whole"`     // and none is missing
	// Since the start: other members of groups that came to count, and times that this aggregator began to write to the nodes after a replica did.
	GroupTakeovers   uint64   `json:"group_takeovers"`
	ReplicaTakeovers uint64   `json:"replica_takeovers"`
	Missing          []string `json:"missing"`
	Rules            []Rule   `json:"rules"`
	Forwards         []string `json:"forwards"`
}

// PeerJSON is what programs read of a peer of a section, as of SectionJSON.
type PeerJSON struct {
	Name          string         `json:"name"`
	Address       string         `json:"address"`
	Direction     string         `json:"direction"`
	Group         int            `json:"group"`   // 0: none
	Counts        bool           `json:"counts"`  // of its group this one does
	Dynamic       bool           `json:"dynamic"` // not in the configuration
	Missing       bool           `json:"missing"` // a source that is not connected, or has not taught
	Connected     bool           `json:"connected"`
	Inbound       bool           `json:"inbound"`
	Remote        string         `json:"remote"`
	PID           int            `json:"pid"`
	Since         time.Time      `json:"since"` // connected, or away
	Sessions      int            `json:"sessions"`
	Lesson        string         `json:"lesson"`
	Status        string         `json:"last_status"`
	StatusText    string         `json:"last_status_text"`
	LastError     string         `json:"last_error"`
	UpdatesIn     uint64         `json:"updates_in"`
	UpdatesOut    uint64         `json:"updates_out"`
	Ignored       uint64         `json:"ignored"`
	BytesIn       uint64         `json:"bytes_in"`
	BytesOut      uint64         `json:"bytes_out"`
	HeartbeatsIn  uint64         `json:"heartbeats_in"`
	HeartbeatsOut uint64         `json:"heartbeats_out"`
	Lag           float64        `json:"lag_seconds"`     // the oldest change that was not sent yet waits for so long
	Unacked       float64        `json:"unacked_seconds"` // it has acknowledged nothing for so long of what it was sent last in a table
	Refused       []RefusedTable `json:"refused"`         // its tables that are not summed
}

// JSON is the section for programs, without its peers and tables.
func (s *SectionStatus) JSON() SectionJSON {
	return SectionJSON{
		Name: s.Name, Local: s.Local.Name, Listen: s.Local.Address, Condition: s.Condition(),
		Released: s.Released, Writing: s.Writing, Learned: s.Learned, Whole: s.Whole, GroupTakeovers: s.Groups, ReplicaTakeovers: s.Replicas,
		Missing: notNil(s.Missing), Rules: notNil(s.Rules), Forwards: notNil(s.Forwards),
	}
}

// PeerJSON is a peer of the section for programs.
func (s *SectionStatus) PeerJSON(p *PeerStatus) PeerJSON {
	return PeerJSON{
		Name: p.Name, Address: p.Address, Direction: p.Direction.String(), Group: p.Group, Counts: p.Counts, Dynamic: p.Dynamic,
		Missing: slices.Contains(s.Missing, p.Name), Connected: p.Connected, Inbound: p.Inbound, Remote: p.Remote, PID: p.PID,
		Since: p.Since, Sessions: p.Sessions, Lesson: p.Lesson, Status: p.Status.String(), StatusText: p.Status.Explain(), LastError: p.LastError,
		UpdatesIn: p.UpdatesIn, UpdatesOut: p.UpdatesOut, Ignored: p.Ignored, BytesIn: p.BytesIn, BytesOut: p.BytesOut,
		HeartbeatsIn: p.HeartbeatsIn, HeartbeatsOut: p.HeartbeatsOut,
		Lag: p.Lag.Round(time.Microsecond).Seconds(), Unacked: p.Unacked.Round(time.Millisecond).Seconds(), Refused: notNil(p.Refused),
	}
}

// notNil makes an absent list an empty one, so that programs need not handle null.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
