package web

import (
	"fmt"
	"slices"
	"time"

	goruntime "runtime"

	"stktc/runtime"
	"stktc/runtime/store"
)

// The types of /status.json. Programs read them: fields may be added, but stay as they are. Names are those of "show aggrs json" on the stats socket.
type (
	statusJSON struct {
		Version       string        `json:"version"`
		Revision      string        `json:"revision"`
		Go            string        `json:"go"`
		Node          string        `json:"node"` // the host's name
		PID           int           `json:"pid"`
		Started       time.Time     `json:"started"`
		Now           time.Time     `json:"now"` // when all of this was so
		UptimeSeconds float64       `json:"uptime_seconds"`
		Alive         bool          `json:"alive"`
		Dead          string        `json:"dead"` // why not alive
		Ready         bool          `json:"ready"`
		TickAge       float64       `json:"tick_age_seconds"` // since time last passed in the tables
		Reloads       reloadsJSON   `json:"reloads"`
		Faults        faultsJSON    `json:"faults"`
		Sections      []sectionJSON `json:"sections"`
	}
	reloadsJSON struct {
		Successes uint64     `json:"successes"`
		Failures  uint64     `json:"failures"`
		Last      *time.Time `json:"last"`       // null: none yet
		LastError string     `json:"last_error"` // empty: it succeeded
	}
	sectionJSON struct {
		Name      string `json:"name"`
		Local     string `json:"local"`
		Listen    string `json:"listen"`
		Condition string `json:"condition"` // a sentence
		Released  bool   `json:"released"`  // sums are sent
		Writing   bool   `json:"writing"`   // to nodes; false while a replica does it
		Learned   bool   `json:"learned"`   // every source that is connected has taught
		Whole     bool   `json:"whole"`     // and none is missing
		// Since the start: other members of groups that came to count, and times that this aggregator began to write to the nodes after it stood by.
		GroupTakeovers   uint64      `json:"group_takeovers"`
		ReplicaTakeovers uint64      `json:"replica_takeovers"`
		Missing          []string    `json:"missing"`
		Rules            []ruleJSON  `json:"rules"`
		Forwards         []string    `json:"forwards"`
		Peers            []peerJSON  `json:"peers"`
		Tables           []tableJSON `json:"tables"`
	}
	ruleJSON struct {
		From   string `json:"from"` // empty: any
		To     string `json:"to"`
		UpOnly bool   `json:"up_only"`
	}
	peerJSON struct {
		Name          string        `json:"name"`
		Address       string        `json:"address"`
		Direction     string        `json:"direction"`
		Group         int           `json:"group"`   // 0: none
		Counts        bool          `json:"counts"`  // of its group this member counts
		Dynamic       bool          `json:"dynamic"` // not in the configuration
		Missing       bool          `json:"missing"` // among the section's missing
		Connected     bool          `json:"connected"`
		Inbound       bool          `json:"inbound"`
		TLS           tlsJSON       `json:"tls"`
		Remote        string        `json:"remote"`
		PID           int           `json:"pid"`
		Since         time.Time     `json:"since"` // connected, or away
		Sessions      int           `json:"sessions"`
		Lesson        string        `json:"lesson"`
		Status        string        `json:"last_status"`
		StatusText    string        `json:"last_status_text"`
		LastError     string        `json:"last_error"`
		Refuses       []string      `json:"refuses"` // tables that it was sent and never acknowledged
		Refused       []refusedJSON `json:"refused"` // its tables that are not summed
		UpdatesIn     uint64        `json:"updates_in"`
		UpdatesOut    uint64        `json:"updates_out"`
		Ignored       uint64        `json:"ignored"`
		BytesIn       uint64        `json:"bytes_in"`
		BytesOut      uint64        `json:"bytes_out"`
		HeartbeatsIn  uint64        `json:"heartbeats_in"`
		HeartbeatsOut uint64        `json:"heartbeats_out"`
		Lag           float64       `json:"lag_seconds"`     // the oldest change that was not sent yet waits for so long
		Unacked       float64       `json:"unacked_seconds"` // it has acknowledged nothing for so long of what it was sent last in a table
	}
	tlsJSON struct {
		Version  string `json:"version"`  // "TLS 1.3"; empty: clear text
		Cipher   string `json:"cipher"`   // "TLS_AES_128_GCM_SHA256"
		Peer     string `json:"peer"`     // the names in the certificate that the peer showed; empty: it showed none
		Verified bool   `json:"verified"` // an authority that is trusted vouches for it
	}
	faultsJSON struct {
		Malformed uint64 `json:"malformed"`
		TooLong   uint64 `json:"too_long"`
		Reported  uint64 `json:"reported"` // by peers, of messages of ours
	}
	refusedJSON struct {
		Table  string `json:"table"`
		Reason string `json:"reason"`
	}
	tableJSON struct {
		Name         string            `json:"name"`
		Kind         string            `json:"kind"` // sum, forwarded or lease
		Source       string            `json:"source"`
		Type         string            `json:"type"` // empty before the first definition
		Store        string            `json:"store"`
		Used         int               `json:"used"` // keys
		Updates      uint64            `json:"updates"`
		Coalesced    uint64            `json:"coalesced"` // of these, those that joined a change not sent yet
		Resends      uint64            `json:"resends"`   // of sums, at the boundaries of rates' periods
		Crowded      uint64            `json:"crowded"`   // updates passed over: too many contributors
		Evicted      uint64            `json:"evicted"`   // keys, for want of memory
		Partial      uint64            `json:"partial"`   // keys that came back after that
		Bytes        uint64            `json:"bytes"`     // of memory
		Contributors []contributorJSON `json:"contributors"`
		LeftOut      []string          `json:"left_out"` // data types that are not summed, and why
	}
	contributorJSON struct {
		Peer      string `json:"peer"`
		Connected bool   `json:"connected"`
	}
)

func (s *Server) status(snap *snapshot) statusJSON {
	j := statusJSON{
		Version: s.opt.Version, Revision: s.opt.Revision, Go: goruntime.Version(), Node: s.node, PID: s.pid,
		Started: snap.Started, Now: snap.at, UptimeSeconds: snap.at.Sub(snap.Started).Seconds(),
		Alive: snap.alive == nil, Ready: snap.alive == nil && isReady(&snap.Status),
		TickAge:  snap.age.Seconds(),
		Reloads:  reloadsJSON{Successes: snap.Reloads.Successes, Failures: snap.Reloads.Failures, LastError: snap.Reloads.LastError},
		Sections: make([]sectionJSON, len(snap.Sections)),
	}
	for _, f := range snap.Faults {
		*map[runtime.FaultKind]*uint64{
			runtime.Malformed: &j.Faults.Malformed, runtime.TooLong: &j.Faults.TooLong, runtime.Reported: &j.Faults.Reported,
		}[f.Kind] = f.Count
	}
	if snap.alive != nil {
		j.Dead = snap.alive.Error()
	}
	if !snap.Reloads.Last.IsZero() {
		j.Reloads.Last = &snap.Reloads.Last
	}
	for i := range snap.Sections {
		j.Sections[i] = newSectionJSON(snap, &snap.Sections[i])
	}
	return j
}

func newSectionJSON(snap *snapshot, s *runtime.SectionStatus) sectionJSON {
	j := sectionJSON{
		Name: s.Name, Local: s.Local.Name, Listen: s.Local.Address, Condition: s.Condition(),
		Released: s.Released, Writing: s.Writing, Learned: s.Learned, Whole: s.Whole, GroupTakeovers: s.Groups, ReplicaTakeovers: s.Replicas,
		Missing: notNil(s.Missing), Rules: []ruleJSON{}, Forwards: notNil(s.Forwards),
		Peers: make([]peerJSON, len(s.Peers)), Tables: make([]tableJSON, len(s.Tables)),
	}
	for _, r := range s.Rules {
		j.Rules = append(j.Rules, ruleJSON{r.From, r.To, r.UpOnly})
	}
	for i := range s.Peers {
		j.Peers[i] = newPeerJSON(s, &s.Peers[i])
	}
	for i, t := range s.Tables {
		j.Tables[i] = newTableJSON(t, snap.stats[t.Table])
		j.Tables[i].Used = snap.used[t.Table]
	}
	return j
}

func newPeerJSON(s *runtime.SectionStatus, p *runtime.PeerStatus) peerJSON {
	j := peerJSON{
		Name: p.Name, Address: p.Address, Direction: p.Direction.String(), Group: p.Group, Counts: p.Counts, Dynamic: p.Dynamic,
		Missing: slices.Contains(s.Missing, p.Name), Connected: p.Connected, Inbound: p.Inbound, TLS: tlsJSON(p.TLS), Remote: p.Remote, PID: p.PID,
		Since: p.Since, Sessions: p.Sessions, Lesson: p.Lesson, Status: p.Status.String(), StatusText: p.Status.Explain(), LastError: p.LastError,
		Refuses: refuses(p), UpdatesIn: p.UpdatesIn, UpdatesOut: p.UpdatesOut, Ignored: p.Ignored, BytesIn: p.BytesIn, BytesOut: p.BytesOut,
		HeartbeatsIn: p.HeartbeatsIn, HeartbeatsOut: p.HeartbeatsOut, Lag: p.Lag.Seconds(), Unacked: p.Unacked.Seconds(),
		Refused: []refusedJSON{},
	}
	for _, r := range p.Refused {
		j.Refused = append(j.Refused, refusedJSON{r.Name, r.Reason})
	}
	return j
}

func newTableJSON(t runtime.TableStatus, n store.Stats) tableJSON {
	def, _ := t.Table.Definition()
	j := tableJSON{
		Name: t.Table.Name(), Kind: t.Kind.String(), Source: t.Source, Store: def.StoreString(),
		Updates: n.Updates, Coalesced: n.Coalesced, Resends: n.Resends, Crowded: n.Crowded, Evicted: n.Evicted, Partial: n.Partial, Bytes: n.Bytes,
		Contributors: []contributorJSON{}, LeftOut: []string{},
	}
	if def.Key.IsValid() {
		j.Type = def.KeyString()
	}
	for _, c := range t.Table.Contributors() {
		if c.Defined {
			j.Contributors = append(j.Contributors, contributorJSON{c.Peer, c.Connected})
		}
	}
	for _, m := range t.Table.Mismatches() {
		j.LeftOut = append(j.LeftOut, fmt.Sprintf("%s: %s has %s, %s has %s", m.Type, m.Peers[0], m.Has[0], m.Peers[1], m.Has[1]))
	}
	return j
}

func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
