package cli

import (
	"time"

	"stktc/runtime"
)

// sectionJSON is a section in "show peers json" and "show aggrs json".
type sectionJSON struct {
	Name       string      `json:"name"`
	Local      string      `json:"local"`
	Listen     string      `json:"listen"`
	Released   bool        `json:"released"` // sums are sent
	Whole      bool        `json:"whole"`
	Missing    []string    `json:"missing"`
	Rules      []ruleJSON  `json:"rules"`
	Forwards   []string    `json:"forwards"`
	Peers      []peerJSON  `json:"peers"`
	Tables     []aggrTable `json:"tables"`
	Mismatches []string    `json:"mismatches"`
}

type ruleJSON struct {
	From   string `json:"from"` // empty: any
	To     string `json:"to"`
	UpOnly bool   `json:"up_only"`
}

type peerJSON struct {
	Name          string     `json:"name"`
	Address       string     `json:"address"`
	Direction     string     `json:"direction"`
	Group         int        `json:"group"`   // 0: none
	Counts        bool       `json:"counts"`  // of its group this one does
	Dynamic       bool       `json:"dynamic"` // not in the configuration
	TLS           string     `json:"tls"`     // "TLS 1.3"; empty: clear text
	Connected     bool       `json:"connected"`
	Inbound       bool       `json:"inbound"`
	Remote        string     `json:"remote"`
	PID           int        `json:"pid"`
	Since         time.Time  `json:"since"`
	Sessions      int        `json:"sessions"`
	Lesson        string     `json:"lesson"`
	Status        string     `json:"last_status"`
	LastError     string     `json:"last_error"`
	UpdatesIn     uint64     `json:"updates_in"`
	UpdatesOut    uint64     `json:"updates_out"`
	Ignored       uint64     `json:"ignored"`
	BytesIn       uint64     `json:"bytes_in"`
	BytesOut      uint64     `json:"bytes_out"`
	HeartbeatsIn  uint64     `json:"heartbeats_in"`
	HeartbeatsOut uint64     `json:"heartbeats_out"`
	Sends         []sendJSON `json:"sends"`
}

type sendJSON struct {
	Table      string `json:"table"`
	ID         uint32 `json:"id"`
	Pushed     uint32 `json:"pushed"`
	Acked      uint32 `json:"acked"`
	Unaccepted bool   `json:"unaccepted"`
}

func sectionsJSON(sections []runtime.SectionStatus) []sectionJSON {
	list := make([]sectionJSON, len(sections))
	for i := range sections {
		s := &sections[i]
		j := sectionJSON{
			Name: s.Name, Local: s.Local.Name, Listen: s.Local.Address, Released: s.Released, Whole: s.Whole, Missing: notNil(s.Missing),
			Rules: []ruleJSON{}, Forwards: notNil(s.Forwards), Peers: []peerJSON{}, Tables: aggrTables(s), Mismatches: notNil(mismatches(s)),
		}
		for _, r := range s.Rules {
			j.Rules = append(j.Rules, ruleJSON{r.From, r.To, r.UpOnly})
		}
		for k := range s.Peers {
			j.Peers = append(j.Peers, newPeerJSON(&s.Peers[k]))
		}
		list[i] = j
	}
	return list
}

func newPeerJSON(p *runtime.PeerStatus) peerJSON {
	j := peerJSON{
		Name: p.Name, Address: p.Address, Direction: p.Direction.String(), Group: p.Group, Counts: p.Counts, Dynamic: p.Dynamic, TLS: p.TLS, Connected: p.Connected, Inbound: p.Inbound, Remote: p.Remote, PID: p.PID,
		Since: p.Since, Sessions: p.Sessions, Lesson: p.Lesson, Status: p.Status.String(), LastError: p.LastError,
		UpdatesIn: p.UpdatesIn, UpdatesOut: p.UpdatesOut, Ignored: p.Ignored, BytesIn: p.BytesIn, BytesOut: p.BytesOut,
		HeartbeatsIn: p.HeartbeatsIn, HeartbeatsOut: p.HeartbeatsOut, Sends: []sendJSON{},
	}
	for _, t := range p.Sends {
		j.Sends = append(j.Sends, sendJSON{t.Name, t.ID, t.Pushed, t.Acked, t.Unaccepted})
	}
	return j
}

func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
