package runtime

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"stktc/runtime/session"
	"stktc/runtime/store"
)

// section is an aggregations section at work: which tables take what from whom, and whether sums may be sent.
type section struct {
	a    *Aggregator
	name string
	log  *slog.Logger

	released atomic.Bool // sums may be sent: partial ones after a start must never overwrite right ones
	writing  atomic.Bool // nodes are written to: no, while a replica does it
	above    atomic.Bool // what came from above is not older than what replicas wrote

	mu       sync.Mutex // taken before a link's, a session's or a table's lock
	cfg      Section
	members  []*member
	groups   []*group
	tables   map[string]*table // by the name that receivers know
	order    []*table
	whole    bool
	moves    Takeovers
	wrote    time.Time // since when we write to the nodes and are whole; zero: not so
	timeout  *time.Timer
	patience *patience // of the present silence
	leases   *time.Timer
	grace    time.Time       // until when replicas that are out of reach may be about to come back
	graced   *time.Timer     // looks again then
	missed   []string        // sources that the log has named as missing
	gathered *time.Timer     // names those that are missing then; nil: none is to be named
	levels   map[string]bool // tables that peers teach beside ones that are summed here: others sum those
	closed   bool
}

// member is a peer of a section.
type member struct {
	section   *section
	link      *link
	direction Direction
	group     *group      // nil: none
	outside   atomic.Bool // the peer's present session came by a listener that does not serve the section
}

// table is one table of a section.
type table struct {
	*store.Table
	rule Rule // that makes it; zero for a forwarded table
	kind TableKind
	hold atomic.Int64 // Section.Hold
	pace atomic.Int64 // Section.Pace
}

// TableKind is where a table's contents come from.
type TableKind uint8

// The kinds of tables.
const (
	Summed    TableKind = iota
	Forwarded           // from above, as it is
	Leased              // made here: says that the sums are fresh
)

// String gives the word for displays.
func (k TableKind) String() string { return [...]string{"sum", "forwarded", "lease"}[k] }

func newSection(a *Aggregator, name string) *section {
	s := &section{a: a, name: name, log: a.log.With("section", name), tables: map[string]*table{}, levels: map[string]bool{}}
	s.writing.Store(true)
	s.above.Store(true)
	return s
}

// config is the section's present configuration. It is not changed in place.
func (s *section) config() Section {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg
}

func (s *section) currentMembers() []*member {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.members
}

// fallSilent begins a silence: it ends when the sources have taught, or after the learn-timeout, unless a source is teaching just then: a lesson of a million keys takes
// longer, and without it sums would be parts.
func (s *section) fallSilent() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.released.Store(false)
	limit := s.cfg.LearnTimeout
	if limit == 0 {
		limit = DefaultLearnTimeout
	}
	if s.timeout != nil {
		s.timeout.Stop()
	}
	p := &patience{until: time.Now().Add(mostPatience * limit), heard: map[*link]uint64{}}
	s.patience = p
	s.timeout = time.AfterFunc(max(limit-lessonPause, limit/2), func() {
		p.hears(s)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.waitFor(p, min(lessonPause, limit/2))
	})
}

const (
	lessonPause  = 500 * time.Millisecond // a source that said nothing for so long is not teaching
	mostPatience = 10                     // times the learn-timeout
)

// patience is how long a silence may go on for sources that are teaching.
type patience struct {
	until time.Time
	heard map[*link]uint64 // updates
}

// hears tells whether a source that has not ended its lesson has said something since it was asked last, or may not have come to it. One timer at a time asks.
func (p *patience) hears(s *section) (more bool) {
	for _, m := range s.currentMembers() {
		if !m.direction.isSource() || m.settled() {
			continue
		}
		heard := m.link.heard()
		more = more || heard > p.heard[m.link] || m.link.begins()
		p.heard[m.link] = heard
	}
	return more
}

// heard counts the updates of all of the peer's sessions.
func (l *link) heard() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	heard := l.past.UpdatesIn
	if l.sess != nil {
		heard += l.sess.Stats().UpdatesIn.Load()
	}
	return heard
}

// begins tells whether the peer's session is so young that it may not have said anything, or the one before was lost so lately that it is about to come back.
func (l *link) begins() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isConnected() {
		return time.Since(l.since) < lessonPause
	}
	return l.sessions > 0 && time.Since(l.since) < redialLeast+redialSpread+lessonPause
}

// waitFor ends the silence after a time, or looks again then if sources are teaching. The caller holds s.mu.
func (s *section) waitFor(p *patience, next time.Duration) {
	if s.patience != p || s.closed {
		return
	}
	s.timeout = time.AfterFunc(next, func() {
		teaching := p.hears(s) && time.Now().Before(p.until)
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case s.patience != p || s.closed || s.released.Load():
		case teaching:
			s.waitFor(p, lessonPause)
		default:
			for _, g := range s.groups {
				g.choose(s) // before anything is sent: two members may have begun to teach
			}
			s.release("learn-timeout")
			s.look()
		}
	})
}

// close ends the section's timers.
func (s *section) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, t := range []*time.Timer{s.timeout, s.leases, s.graced, s.gathered} {
		if t != nil {
			t.Stop()
		}
	}
}

// accepts lists the tables that take what a peer sends under that name: sources from nodes and from below, forwarded tables from above.
// Everything else is ignored: nodes teach back the sums that they were sent, and those must never be summed.
func (s *section) accepts(d Direction, name string) []*table {
	cfg := s.config()
	if d == Up {
		if cfg.forwards(name) {
			return []*table{s.table(name, Rule{}, Forwarded)}
		}
		return nil
	}
	var list []*table
	for _, r := range cfg.Rules {
		if d.isSource() && cfg.matches(r, name) {
			list = append(list, s.table(strings.TrimSuffix(name, r.From)+r.To, r, Summed))
		}
	}
	return list
}

// matches tells whether the rule sums tables of that name.
func (c *Section) matches(r Rule, name string) bool {
	if r.From != "" {
		return strings.HasSuffix(name, r.From)
	}
	isSum := slices.ContainsFunc(c.Rules, func(o Rule) bool { return strings.HasSuffix(name, o.To) })
	isLease := slices.ContainsFunc(c.Leases, func(l Lease) bool { return l.Table == name })
	return !isSum && !isLease && !c.forwards(name)
}

// forwards tells whether tables of that name come from above and go down as they are.
func (c *Section) forwards(name string) bool {
	return slices.ContainsFunc(c.Forwards, func(suffix string) bool { return strings.HasSuffix(name, suffix) })
}

// maxTables bounds the tables that peers can make a section keep: each takes some 50 KB while it is empty.
const maxTables = 1024

// table finds or makes the table of that name; nil if there are too many. A new one is sent to everybody who gets it.
func (s *section) table(name string, rule Rule, kind TableKind) *table {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tables[name]; t != nil {
		return t
	}
	if len(s.tables) >= maxTables {
		return nil
	}
	return s.newTable(name, rule, kind)
}

// newTable makes a table. The caller holds s.mu.
func (s *section) newTable(name string, rule Rule, kind TableKind) *table {
	t := &table{Table: store.NewWithin(&s.a.memory, name), rule: rule, kind: kind}
	t.hold.Store(int64(s.cfg.Hold))
	t.pace.Store(int64(s.cfg.Pace))
	s.tables[name] = t
	s.order = append(slices.Clip(s.order), t)
	for _, g := range s.groups {
		g.mark(t)
	}
	s.log.Info("new table", "table", name, "kind", kind.String())
	for _, m := range s.members {
		m.offer(t)
	}
	return t
}

// sends tells whether peers of that direction get the table.
func (t *table) sends(d Direction) bool {
	switch d {
	case Node:
		return !t.rule.UpOnly
	case Up:
		return t.kind == Summed
	}
	return d == Down
}

// takes tells whether peers of that direction may contribute to the table.
func (t *table) takes(d Direction) bool {
	return t.kind == Summed && d.isSource() || t.kind == Forwarded && d == Up
}

// sourceName is how the peers that contribute to the table call it.
func (t *table) sourceName() string {
	return strings.TrimSuffix(t.Name(), t.rule.To) + t.rule.From
}

// offer lets the peer have a table of the section, if it gets it.
func (m *member) offer(t *table) {
	if t.sends(m.direction) {
		m.withSession(func(sess *session.Session) { sess.Send(t.Table, m.ready(t), time.Duration(t.pace.Load())) })
	}
}

// ready gives the gate of a table's sums to the peer: closed during the silence after the start, and to nodes while a replica writes to
// them. What comes from above is as whole as it is there.
func (m *member) ready(t *table) func() bool {
	s := m.section
	may := &s.released
	if t.kind == Forwarded {
		may = &s.above
	}
	return func() bool { return may.Load() && (m.direction != Node || s.writing.Load()) }
}

func (s *section) list() []*table {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.order
}

// learned tells whether every source that is connected has ended a lesson; the one that asks is left out, or two that ask each other would each
// say that they know too little. An HAProxy that hears "partial" at its start is not synchronised for 5 s, and hands nothing over if it is reloaded then.
func (s *section) learned(but *link) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hasLearned(but)
}

// hasLearned is learned under the lock.
func (s *section) hasLearned(but *link) bool {
	for _, m := range s.members {
		if m.link != but && m.direction.isSource() && m.connected() && !m.link.learned() {
			return false
		}
	}
	return true
}

// review looks at the peers again after something about one of them changed: sums may be sent once each source has taught or is known to be away, one member of each group
// counts, one replica writes, and other aggregators are told whether we are whole.
func (s *section) review() {
	s.a.stir()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.a.live.Load() && !s.closed {
		s.look()
	}
}

// look is review under the lock.
func (s *section) look() {
	for _, g := range s.groups {
		g.choose(s)
	}
	if !s.released.Load() && s.every(Direction.isSource, (*member).settled) {
		s.release("every source has taught or is away")
	}
	whole := s.released.Load() && s.every(Direction.isSource, (*member).isWhole)
	was := s.whole
	s.whole = whole
	s.share()
	s.miss()
	if whole == was {
		return
	}
	if whole {
		s.log.Info("every source is connected and has taught")
	}
	for _, m := range s.members {
		if m.direction != Node {
			m.withSession(func(sess *session.Session) { sess.Announce(whole) })
		}
	}
}

// every tells whether all members of those directions are as asked; of a group it is enough that one is.
func (s *section) every(among func(Direction) bool, is func(*member) bool) bool {
	for _, m := range s.members {
		if among(m.direction) && m.group == nil && !is(m) {
			return false
		}
	}
	for _, g := range s.groups {
		if among(g.direction) && !slices.ContainsFunc(g.members, is) {
			return false
		}
	}
	return true
}

// settled tells whether nothing more is to be expected of the peer before sums are sent.
func (m *member) settled() bool {
	return m.link.dynamic.Load() || !m.outside.Load() && m.link.settled(m.direction)
}

// isWhole tells whether the peer is connected and has taught. One that nobody configured is missed by nobody.
func (m *member) isWhole() bool {
	return m.connected() && m.link.learned() || m.link.dynamic.Load() && !m.connected()
}

// release ends the silence. The caller holds s.mu.
func (s *section) release(why string) {
	if s.released.Swap(true) {
		return
	}
	s.missed = s.missing()
	s.log.Info("sums are sent from now on", append([]any{"because", why}, naming(s.missed)...)...)
	s.wake()
	s.renewLeases()
}

// wake lets all sessions look for something to send, after a gate was opened.
func (s *section) wake() {
	for _, m := range s.members {
		m.link.withSession((*session.Session).Wake)
	}
}
