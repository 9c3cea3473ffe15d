package web

import (
	"fmt"
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
		runtime.SectionJSON
		Peers  []peerJSON  `json:"peers"`
		Tables []tableJSON `json:"tables"`
	}
	peerJSON struct {
		runtime.PeerJSON
		TLS     tlsJSON  `json:"tls"`
		Refuses []string `json:"refuses"` // tables that it was sent and never acknowledged
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
	tableJSON struct {
		Name         string            `json:"name"`
		Kind         string            `json:"kind"` // sum, forwarded or lease
		Source       string            `json:"source"`
		Type         string            `json:"type"` // empty before the first definition
		Store        string            `json:"store"`
		Used         int               `json:"used"` // keys
		Updates      uint64            `json:"updates"`
		Coalesced    uint64            `json:"coalesced"`    // of these, those that joined a change not sent yet
		Resends      uint64            `json:"resends"`      // of sums, at the boundaries of rates' periods
		Late         float64           `json:"late_seconds"` // behind with such boundaries, and with ends of entries
		Crowded      uint64            `json:"crowded"`      // updates passed over: too many contributors or keys
		Evicted      uint64            `json:"evicted"`      // keys, for want of memory
		Partial      uint64            `json:"partial"`      // keys that came back after that
		Bytes        uint64            `json:"bytes"`        // of memory
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
	j := sectionJSON{SectionJSON: s.JSON(), Peers: make([]peerJSON, len(s.Peers)), Tables: make([]tableJSON, len(s.Tables))}
	for i := range s.Peers {
		p := &s.Peers[i]
		j.Peers[i] = peerJSON{PeerJSON: s.PeerJSON(p), TLS: tlsJSON(p.TLS), Refuses: refuses(p)}
	}
	for i, t := range s.Tables {
		j.Tables[i] = newTableJSON(t, snap.stats[t.Table])
		j.Tables[i].Used = snap.used[t.Table]
	}
	return j
}

func newTableJSON(t runtime.TableStatus, n store.Stats) tableJSON {
	def, _ := t.Table.Definition()
	j := tableJSON{
		Name: t.Table.Name(), Kind: t.Kind.String(), Source: t.Source, Store: def.StoreString(),
		Updates: n.Updates, Coalesced: n.Coalesced, Resends: n.Resends, Late: t.Table.Late().Seconds(), Crowded: n.Crowded, Evicted: n.Evicted, Partial: n.Partial, Bytes: n.Bytes,
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
