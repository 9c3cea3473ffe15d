package web

import (
	"fmt"
	"time"

	"stktc/runtime"
	"stktc/runtime/store"
)

// aliveLimit is how long the aggregator may take between two ticks, 5 ms apart when all is well. Peers give up after the same time.
const aliveLimit = 5 * time.Second

// Alive gives the reason why the aggregator must be taken for stuck, if it must.
func (s *Server) Alive() error {
	return aliveAfter(s.source.TickAge())
}

func aliveAfter(age time.Duration) error {
	if age > aliveLimit {
		return fmt.Errorf("time has not passed in the tables for %s, the limit is %s", age.Round(time.Second), aliveLimit)
	}
	return nil
}

// snapshot is what the aggregator did at a moment, with what takes a walk over the tables.
type snapshot struct {
	runtime.Status
	at    time.Time
	age   time.Duration // since the last tick
	alive error
	used  map[*store.Table]int
	stats map[*store.Table]store.Stats
}

// snapshotAge is how old a snapshot may be: counting the keys costs 5 ns each, under the locks that updates need.
const snapshotAge = time.Second

// snapshot gives the present one, or takes it.
func (s *Server) snapshot() *snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.last != nil && now.Sub(s.last.at) < snapshotAge && !now.Before(s.last.at) {
		return s.last
	}
	age := s.source.TickAge()
	snap := &snapshot{
		Status: s.source.Status(), at: now, age: age, alive: aliveAfter(age), used: map[*store.Table]int{}, stats: map[*store.Table]store.Stats{},
	}
	for i := range snap.Sections {
		for _, t := range snap.Sections[i].Tables {
			snap.used[t.Table], snap.stats[t.Table] = t.Table.Used(), t.Table.Stats()
		}
	}
	s.last = snap
	return snap
}

// links calls f once for each session that there is or could be, with the first of the sections that it serves: those that list a peer under one local name share
// one session with it.
func (snap *snapshot) links(f func(sec *runtime.SectionStatus, p *runtime.PeerStatus)) {
	seen := map[[2]string]bool{}
	for i := range snap.Sections {
		sec := &snap.Sections[i]
		for j := range sec.Peers {
			p := &sec.Peers[j]
			if link := [2]string{sec.Local.Name, p.Name}; !seen[link] {
				seen[link] = true
				f(sec, p)
			}
		}
	}
}

// isReady tells whether every section may send its sums: each is whole, or has waited for what is missing as long as it may.
func isReady(st *runtime.Status) bool {
	for i := range st.Sections {
		if sec := &st.Sections[i]; !sec.Whole && !sec.Released {
			return false
		}
	}
	return true
}

// refuses lists the tables that the peer was sent and never acknowledged.
func refuses(p *runtime.PeerStatus) []string {
	names := []string{}
	for _, t := range p.Sends {
		if t.Unaccepted {
			names = append(names, t.Name)
		}
	}
	return names
}
