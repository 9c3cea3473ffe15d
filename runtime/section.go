package runtime

import (
	"log/slog"
	"strings"
	"sync"
	"time"

	"stktc/runtime/session"
	"stktc/runtime/store"
)

// section is an aggregations section at work: which tables take what from whom, and whether sums may be sent.
type section struct {
	a     *Aggregator
	cfg   *Section
	log   *slog.Logger
	links []*link

	mu       sync.Mutex
	tables   map[string]*table // by the name that receivers know
	order    []*table
	released bool // sums may be sent: partial ones after a start must never overwrite right ones
	whole    bool
	timeout  *time.Timer
}

// table is one table of a section.
type table struct {
	*store.Table
	rule int           // of cfg.Rules; -1: forwarded
	hold time.Duration // Section.Hold
}

func (t *table) forwarded() bool { return t.rule < 0 }

// start begins the silence.
func (s *section) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := s.cfg.LearnTimeout
	if limit == 0 {
		limit = DefaultLearnTimeout
	}
	s.timeout = time.AfterFunc(limit, func() { s.release("learn-timeout") })
}

func (s *section) stop() { s.timeout.Stop() }

// accepts lists the tables that take what the peer sends under that name: sources from nodes and from below, forwarded tables from above.
// Everything else is ignored: nodes teach back the sums that they were sent, and those must never be summed.
func (s *section) accepts(d Direction, name string) []*table {
	if d == Up {
		if s.isForwarded(name) {
			return []*table{s.table(name, -1)}
		}
		return nil
	}
	var list []*table
	for i, r := range s.cfg.Rules {
		if s.matches(r, name) {
			list = append(list, s.table(strings.TrimSuffix(name, r.From)+r.To, i))
		}
	}
	return list
}

func (s *section) matches(r Rule, name string) bool {
	if r.From != "" {
		return strings.HasSuffix(name, r.From)
	}
	for _, other := range s.cfg.Rules {
		if strings.HasSuffix(name, other.To) {
			return false
		}
	}
	return !s.isForwarded(name)
}

func (s *section) isForwarded(name string) bool {
	for _, suffix := range s.cfg.Forwards {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

// table finds or makes the table of that name. A new one is sent to everybody who gets it.
func (s *section) table(name string, rule int) *table {
	s.mu.Lock()
	t, ok := s.tables[name]
	if !ok {
		t = &table{Table: store.New(name), rule: rule, hold: s.cfg.Hold}
		s.tables[name] = t
		s.order = append(s.order, t)
	}
	s.mu.Unlock()
	if !ok {
		s.log.Info("new table", "table", name, "forwarded", t.forwarded())
		for _, l := range s.links {
			l.offer(s, t)
		}
	}
	return t
}

// sends tells whether a peer gets the table: sums go to all, forwarded tables down.
func (t *table) sends(d Direction) bool { return !t.forwarded() || d != Up }

// takes tells whether the peer may contribute to the table.
func (t *table) takes(d Direction) bool { return t.forwarded() == (d == Up) }

// sourceName is how the peers that contribute to the table call it.
func (s *section) sourceName(t *table) string {
	if t.forwarded() {
		return t.Name()
	}
	r := s.cfg.Rules[t.rule]
	return strings.TrimSuffix(t.Name(), r.To) + r.From
}

// ready gives the gate of a table's sums: closed during the silence after the start. What comes from above is as whole as it is there.
func (s *section) ready(t *table) func() bool {
	if t.forwarded() {
		return func() bool { return true }
	}
	return func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.released
	}
}

func (s *section) list() []*table {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.order[:len(s.order):len(s.order)]
}

func (s *section) storeTables() []*store.Table {
	var list []*store.Table
	for _, t := range s.list() {
		list = append(list, t.Table)
	}
	return list
}

// direction is the peer's place in this section.
func (s *section) direction(l *link) Direction {
	for _, m := range l.members {
		if m.section == s {
			return m.direction
		}
	}
	return Node
}

// learned tells whether every source that is connected has ended a lesson.
func (s *section) learned() bool {
	for _, l := range s.links {
		if s.direction(l) != Up && l.connected() && !l.learned() {
			return false
		}
	}
	return true
}

// review looks at the sources again after one of them changed: sums may be sent once each has taught or is known to be away, and who stands above is told whether
// we are whole.
func (s *section) review() {
	settled, whole := true, true
	for _, l := range s.links {
		d := s.direction(l)
		if d == Up {
			continue
		}
		settled = settled && l.settled(d)
		whole = whole && l.connected() && l.learned()
	}
	if settled {
		s.release("every source has taught or is away")
	}
	s.mu.Lock()
	whole = whole && s.released
	changed := whole != s.whole
	s.whole = whole
	s.mu.Unlock()
	if !changed {
		return
	}
	s.log.Info("whole", "whole", whole)
	for _, l := range s.links {
		if s.direction(l) == Up {
			l.withSession(func(sess *session.Session) { sess.Announce(whole) })
		}
	}
}

// release ends the silence.
func (s *section) release(why string) {
	s.mu.Lock()
	was := s.released
	s.released = true
	s.mu.Unlock()
	if was {
		return
	}
	s.log.Info("sums are sent from now on", "because", why, "missing", s.missing())
	for _, l := range s.links {
		l.withSession((*session.Session).Wake)
	}
	s.review()
}

// missing names the sources that are not connected or have not taught.
func (s *section) missing() []string {
	names := []string{}
	for _, l := range s.links {
		if s.direction(l) != Up && !(l.connected() && l.learned()) {
			names = append(names, l.name)
		}
	}
	return names
}
