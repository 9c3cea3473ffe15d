package runtime

import (
	"time"

	"stktc/runtime/peers"
	"stktc/runtime/session"
	"stktc/runtime/store"
)

// Status is what the aggregator is doing, at a moment.
type Status struct {
	Started  time.Time
	Sections []SectionStatus
}

// SectionStatus is one aggregations section.
type SectionStatus struct {
	Name     string
	Local    Peer
	Rules    []Rule
	Forwards []string
	Released bool     // sums are sent; false during the silence after the start
	Whole    bool     // every configured source is connected and has taught
	Missing  []string // the sources that keep it from being whole
	Peers    []PeerStatus
	Tables   []TableStatus
}

// PeerStatus is one peer of a section.
type PeerStatus struct {
	Name      string
	Address   string // as configured
	Direction Direction
	Connected bool
	Inbound   bool         // the peer dialled
	Remote    string       // address of the present session's other end
	PID       int          // of the peer's process, if it dialled
	Since     time.Time    // of the present session, or of the end of the last one
	Sessions  int          // since the start
	Lesson    string       // what it taught in this session: none, partial or finished
	Status    peers.Status // of the last dial
	LastError string

	UpdatesIn, UpdatesOut, Ignored uint64 // in this session
	BytesIn, BytesOut              uint64
	HeartbeatsIn, HeartbeatsOut    uint64
	Sends                          []session.TableStatus
}

// TableStatus is one table of a section.
type TableStatus struct {
	Table     *store.Table
	Forwarded bool   // comes from above as it is, else summed
	Source    string // the name of the tables that contribute
}

// Status tells what the aggregator is doing.
func (a *Aggregator) Status() Status {
	st := Status{Started: a.started}
	for _, s := range a.sections {
		st.Sections = append(st.Sections, s.status())
	}
	return st
}

func (s *section) status() SectionStatus {
	s.mu.Lock()
	st := SectionStatus{
		Name: s.cfg.Name, Local: s.cfg.Local, Rules: s.cfg.Rules, Forwards: s.cfg.Forwards, Released: s.released, Whole: s.whole,
	}
	s.mu.Unlock()
	st.Missing = s.missing()
	for _, l := range s.links {
		st.Peers = append(st.Peers, l.peerStatus(s.direction(l)))
	}
	for _, t := range s.list() {
		st.Tables = append(st.Tables, TableStatus{Table: t.Table, Forwarded: t.forwarded(), Source: s.sourceName(t)})
	}
	return st
}

func (l *link) peerStatus(d Direction) PeerStatus {
	l.mu.Lock()
	st := PeerStatus{
		Name: l.name, Address: l.address, Direction: d, Connected: l.sess != nil, Inbound: l.inbound, Remote: l.remote, PID: l.pid,
		Since: l.since, Sessions: l.sessions, Lesson: l.lesson.String(), Status: l.status,
	}
	if l.lastErr != nil {
		st.LastError = l.lastErr.Error()
	}
	sess := l.sess
	l.mu.Unlock()
	if sess == nil {
		return st
	}
	n := sess.Stats()
	st.UpdatesIn, st.UpdatesOut, st.Ignored = n.UpdatesIn.Load(), n.UpdatesOut.Load(), n.Ignored.Load()
	st.BytesIn, st.BytesOut = n.BytesIn.Load(), n.BytesOut.Load()
	st.HeartbeatsIn, st.HeartbeatsOut = n.HeartbeatsIn.Load(), n.HeartbeatsOut.Load()
	st.Sends = sess.Tables()
	return st
}

// Now is the aggregator's clock, in the store's milliseconds.
func (a *Aggregator) Now() uint32 { return a.now() }
