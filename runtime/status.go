package runtime

import (
	"crypto/tls"
	"strings"
	"time"

	"stktc/runtime/peers"
	"stktc/runtime/session"
	"stktc/runtime/store"
)

// Status is what the aggregator is doing, at a moment.
type Status struct {
	Started  time.Time
	Sections []SectionStatus
	Reloads  ReloadStatus
	Faults   []FaultCount // since the start, every kind
}

// SectionStatus is one aggregations section.
type SectionStatus struct {
	Name     string
	Local    Peer
	Rules    []Rule
	Forwards []string
	Released bool     // sums are sent; false during the silence after the start
	Writing  bool     // nodes are written to; false while a replica does it
	Learned  bool     // every source that is connected has ended a lesson
	Whole    bool     // every configured source is connected and has taught
	Missing  []string // the sources that keep it from being whole
	Takeovers
	Peers  []PeerStatus
	Tables []TableStatus
}

// Condition sums the section up in a sentence.
func (s *SectionStatus) Condition() string {
	text := "whole, every source is connected and has taught"
	missing := "nobody"
	if len(s.Missing) > 0 {
		missing = strings.Join(s.Missing, ", ")
	}
	switch {
	case !s.Released:
		text = "silent until every source has taught, waiting for " + missing
	case !s.Whole:
		text = "not whole, missing " + missing
	case len(s.Missing) > 0:
		text = "whole, though these of a group are away: " + missing
	}
	if !s.Writing {
		text += "; standing by, a replica writes to the nodes"
	}
	return text
}

// PeerStatus is one peer of a section.
type PeerStatus struct {
	Name      string
	Address   string // as configured
	Direction Direction
	Group     int  // 0: none
	Counts    bool // of its group this member counts; true without a group
	Dynamic   bool // not in the configuration
	Connected bool
	Inbound   bool         // the peer dialled
	Remote    string       // address of the present session's other end
	TLS       TLSStatus    // of the present session
	PID       int          // of the peer's process, if it dialled
	Since     time.Time    // of the present session, or of the end of the last one
	Sessions  int          // since the start
	Lesson    string       // what it taught in this session: none, partial or finished
	Status    peers.Status // of the last dial
	LastError string

	Traffic // since the start
	Sends   []session.TableStatus
	Lag     time.Duration  // how long the oldest change waits that was not sent yet
	Unacked time.Duration  // how long it has acknowledged nothing of what it was sent last in a table; half a second fine
	Refused []RefusedTable // its tables that are not summed, in this session
}

// Takeovers counts, since the start, how often one took over from another that sends the same.
type Takeovers struct {
	Groups   uint64 // another member of a group counts
	Replicas uint64 // this aggregator began to write to the nodes after a replica did, or as much as it could tell
}

// TLSStatus is how a session is encrypted. Version is empty for clear text.
type TLSStatus struct {
	Version  string // "TLS 1.3"
	Cipher   string // "TLS_AES_128_GCM_SHA256"
	Peer     string // the names in the certificate that the peer showed; empty: it showed none
	Verified bool   // an authority that the configuration trusts vouches for that certificate
}

// Traffic counts what went over sessions.
type Traffic struct {
	UpdatesIn, UpdatesOut       uint64
	Ignored                     uint64 // updates of tables that nobody takes
	BytesIn, BytesOut           uint64
	HeartbeatsIn, HeartbeatsOut uint64
}

// add adds what went over a session.
func (t *Traffic) add(n *session.Stats) {
	t.UpdatesIn += n.UpdatesIn.Load()
	t.UpdatesOut += n.UpdatesOut.Load()
	t.Ignored += n.Ignored.Load()
	t.BytesIn += n.BytesIn.Load()
	t.BytesOut += n.BytesOut.Load()
	t.HeartbeatsIn += n.HeartbeatsIn.Load()
	t.HeartbeatsOut += n.HeartbeatsOut.Load()
}

// TableStatus is one table of a section.
type TableStatus struct {
	Table  *store.Table
	Kind   TableKind
	Source string // the name of the tables that contribute
}

// Status tells what the aggregator is doing.
func (a *Aggregator) Status() Status {
	st := Status{Started: a.started, Reloads: a.Reloads(), Faults: a.faultCounts()}
	for _, s := range a.currentSections() {
		st.Sections = append(st.Sections, s.status())
	}
	return st
}

func (s *section) status() SectionStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := SectionStatus{
		Name: s.name, Local: s.cfg.Local, Rules: s.cfg.Rules, Forwards: s.cfg.Forwards,
		Released: s.released.Load(), Writing: s.writing.Load(), Learned: s.hasLearned(nil), Whole: s.whole, Missing: s.missing(), Takeovers: s.moves,
	}
	for _, m := range s.members {
		st.Peers = append(st.Peers, m.status())
	}
	for _, t := range s.order {
		st.Tables = append(st.Tables, TableStatus{Table: t.Table, Kind: t.kind, Source: t.sourceName()})
	}
	return st
}

func (m *member) status() PeerStatus {
	l := m.link
	l.mu.Lock()
	defer l.mu.Unlock()
	st := PeerStatus{
		Name: l.name, Address: l.address, Direction: m.direction, Group: groupNumber(m), Counts: m.group == nil || m.group.chosen == m,
		Dynamic: l.dynamic.Load(), Connected: l.isConnected() && !m.outside.Load(), Inbound: l.inbound, Remote: l.remote, PID: l.pid,
		Since: l.since, Sessions: l.sessions, Lesson: l.lesson.String(), Status: l.status, Traffic: l.past,
	}
	st.Refused = l.refusedTables
	if err := l.rivals.err(); err != nil {
		st.LastError = err.Error()
	} else if l.lastErr != nil {
		st.LastError = l.lastErr.Error()
	}
	st.TLS = l.tlsStatus()
	if l.sess != nil {
		st.Traffic.add(l.sess.Stats())
		st.Sends = l.sess.Tables()
		st.Lag = l.sess.Lag()
	}
	if l.owner != nil {
		st.Unacked = l.owner.acks.age(time.Now())
	}
	return st
}

// tlsStatus tells how the present session is encrypted. The caller holds l.mu.
func (l *link) tlsStatus() TLSStatus {
	secured, ok := l.conn.(*tls.Conn)
	if !ok {
		return TLSStatus{}
	}
	state, cfg := secured.ConnectionState(), l.tls
	if l.via != nil {
		cfg = l.via.serves.Load().tls
	}
	st := TLSStatus{Version: tls.VersionName(state.Version), Cipher: tls.CipherSuiteName(state.CipherSuite)}
	if len(state.PeerCertificates) > 0 {
		st.Peer = strings.Join(namesOf(state.PeerCertificates[0]), ", ")
		st.Verified = cfg != nil && cfg.VerifyConnection != nil // or there would be no session
	}
	return st
}
