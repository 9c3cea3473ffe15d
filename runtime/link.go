package runtime

import (
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"stktc/runtime/peers"
	"stktc/runtime/session"
	"stktc/runtime/store"
)

// link is one peer as seen under one local name: its sessions, one at a time, and what is known of it between them.
type link struct {
	a           *Aggregator
	log         *slog.Logger
	local, name string
	address     string
	members     []member // the sections that list both names
	lost        chan struct{}

	mu       sync.Mutex
	sess     *session.Session
	done     chan struct{} // closed when sess has ended
	dialling bool
	closed   bool // no new sessions
	inbound  bool
	remote   string // address of the present session
	pid      int
	since    time.Time // of the present session, or of the end of the last one
	sessions int
	status   peers.Status // of the last dial
	lastErr  error
	refused  bool   // the last dial was refused: nobody is there
	lesson   lesson // what the peer taught in this session

	owner *conversation          // of the present session
	holds map[*table]*time.Timer // end the contributions of a peer that stays away
}

// member is a section that the link belongs to, and the peer's place there.
type member struct {
	section   *section
	direction Direction
}

// lesson is how far a peer has taught.
type lesson uint8

const (
	notTaught lesson = iota
	taughtPartial
	taughtFinished
)

// String gives the word for displays.
func (l lesson) String() string { return [...]string{"none", "partial", "finished"}[l] }

func newLink(a *Aggregator, local, remote Peer) *link {
	return &link{
		a: a, local: local.Name, name: remote.Name, address: remote.Address,
		log: a.log.With("peer", remote.Name), lost: make(chan struct{}, 1), since: a.started,
		holds: map[*table]*time.Timer{},
	}
}

// isNode tells whether the peer is an HAProxy, in any section.
func (l *link) isNode() bool {
	return slices.ContainsFunc(l.members, func(m member) bool { return m.direction == Node })
}

func (l *link) connected() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sess != nil
}

// learned tells whether the peer has ended a lesson in this session.
func (l *link) learned() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lesson != notTaught
}

// settled tells whether nothing more is to be expected of the peer before sums are sent: it has taught, or nobody is there. An aggregator below that says partial has just
// started itself, and will say when it is whole.
func (l *link) settled(d Direction) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sess == nil {
		return l.refused
	}
	return l.lesson == taughtFinished || l.lesson == taughtPartial && d == Node
}

// withSession calls f with the present session, if there is one.
func (l *link) withSession(f func(*session.Session)) {
	l.mu.Lock()
	sess := l.sess
	l.mu.Unlock()
	if sess != nil {
		f(sess)
	}
}

// offer lets the peer have a table of the section, if it gets it.
func (l *link) offer(s *section, t *table) {
	if t.sends(s.direction(l)) {
		l.withSession(func(sess *session.Session) { sess.Send(t.Table, s.ready(t)) })
	}
}

// adopt makes the connection the peer's session. The newest one stays, as with HAProxy: two that cross may end each other, and chance in the delays
// before the next dial breaks the tie.
func (l *link) adopt(conn net.Conn, unread []byte, inbound bool, pid int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		conn.Close()
		return
	}
	before, beforeDone := l.sess, l.done
	c := &conversation{l: l, log: l.log, begun: map[*table]bool{}}
	c.sess = session.New(session.Config{Conn: conn, Unread: unread, Owner: c, Clock: l.a.now, Logger: l.log})
	l.sess, l.done, l.owner = c.sess, make(chan struct{}), c
	l.inbound, l.pid, l.remote = inbound, pid, conn.RemoteAddr().String()
	l.lesson, l.refused, l.status, l.lastErr = notTaught, false, peers.StatusSuccess, nil
	l.since = time.Now()
	l.sessions++
	done := l.done
	l.a.running.Go(func() {
		defer close(done)
		if before != nil {
			before.Stop(session.ErrReplaced)
			<-beforeDone
		}
		l.converse(c)
	})
}

// converse runs a session from its beginning to its end.
func (l *link) converse(c *conversation) {
	l.log.Info("peer connected", "address", l.remote, "inbound", l.inbound)
	c.begin()
	err := c.sess.Run(l.a.sessions)
	c.end()
	l.mu.Lock()
	if l.sess == c.sess {
		l.sess, l.owner = nil, nil
		l.since = time.Now()
		l.lastErr = err
	}
	l.mu.Unlock()
	l.log.Info("peer disconnected", "because", err)
	select {
	case l.lost <- struct{}{}:
	default:
	}
	for _, m := range l.members {
		m.section.review()
	}
}

// stopping ends the link: what is pending is sent, no session follows.
func (l *link) stopping() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.withSession((*session.Session).Drain)
}

// conversation is what a link does with one session. It is the session's owner.
type conversation struct {
	l    *link
	sess *session.Session
	log  *slog.Logger

	mu        sync.Mutex
	begun     map[*table]bool // tables that count this session
	asked     bool
	ask       *time.Timer
	keepStale bool // what the peer was not given back in time must not be dropped for that
	ended     bool
}

const (
	requestWait = time.Second     // how long a returning node may take to ask for what it lost, before we ask it
	askAgain    = 6 * time.Second // after a partial lesson: HAProxy takes itself for complete 5 s after its start
)

// begin opens the session in all tables, and asks the peer for what it has, now or when it had back what it lost.
func (c *conversation) begin() {
	held := false
	for _, m := range c.l.members {
		for _, t := range m.section.list() {
			if t.takes(m.direction) {
				c.enter(t)
				held = held || m.givesBack(t, c.l.name)
			}
			c.l.offer(m.section, t)
		}
	}
	if held {
		c.askIn(requestWait)
		return
	}
	c.askNow()
}

// givesBack tells whether the peer may get back what it contributed to the table before.
func (m member) givesBack(t *table, name string) bool {
	return m.direction == Node && !m.section.cfg.NoGiveBack && t.takes(Node) && t.LastDefinition(name).Key.IsValid()
}

// enter notes once that this session contributes to the table.
func (c *conversation) enter(t *table) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.begun[t] && !c.ended {
		c.begun[t] = true
		c.l.unhold(t)
		t.Begin(c.l.name)
	}
}

func (c *conversation) askNow() {
	c.mu.Lock()
	c.asked = true
	c.mu.Unlock()
	c.sess.Ask()
}

func (c *conversation) askIn(wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ask != nil {
		c.ask.Stop()
	}
	if !c.ended {
		c.ask = time.AfterFunc(wait, c.askNow)
	}
}

func (c *conversation) end() {
	c.mu.Lock()
	c.ended = true
	if c.ask != nil {
		c.ask.Stop()
	}
	begun := c.begun
	c.mu.Unlock()
	for t := range begun {
		t.End(c.l.name)
		c.l.hold(t)
	}
}

// hold drops what the peer contributed to the table when it stays away for too long.
func (l *link) hold(t *table) {
	wait := t.hold
	if wait == 0 {
		if wait = t.LastDefinition(l.name).Expire; wait == 0 {
			wait = DefaultHold
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holds[t] = time.AfterFunc(wait, func() {
		if n := t.Drop(l.name, l.a.now()); n > 0 {
			l.log.Warn("contributions dropped: the peer stays away", "table", t.Name(), "entries", n)
		}
	})
}

// unhold is called when the peer is back.
func (l *link) unhold(t *table) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if timer := l.holds[t]; timer != nil {
		timer.Stop()
		delete(l.holds, t)
	}
}

// Define implements session.Owner.
func (c *conversation) Define(def *peers.TableDefinition) []*store.Source {
	var sources []*store.Source
	for _, m := range c.l.members {
		for _, t := range m.section.accepts(m.direction, def.Name) {
			c.enter(t)
			src, err := t.Source(c.l.name, def.Definition)
			if err != nil {
				c.log.Warn("table refused", "table", def.Name, "err", err)
				continue
			}
			for _, bad := range t.Mismatches() {
				c.log.Warn("data type left out of the sum: sources disagree", "table", t.Name(),
					bad.Peers[0], bad.Has[0].String(), bad.Peers[1], bad.Has[1].String())
			}
			sources = append(sources, src)
		}
	}
	return sources
}

// ResyncRequested implements session.Owner.
func (c *conversation) ResyncRequested() {
	c.sess.Teach(c.own(), c.learned, func(givenBack bool) {
		if !givenBack {
			c.log.Warn("the lesson was too short to give everything back")
			c.mu.Lock()
			c.keepStale = true
			c.mu.Unlock()
		}
	})
}

// own lists what the peer gets back, each of its tables once.
func (c *conversation) own() []session.Own {
	var list []session.Own
	for _, m := range c.l.members {
		for _, t := range m.section.list() {
			name := m.section.sourceName(t)
			known := slices.ContainsFunc(list, func(o session.Own) bool { return o.Name == name })
			if !known && m.givesBack(t, c.l.name) {
				list = append(list, session.Own{Table: t.Table, Peer: c.l.name, Name: name})
			}
		}
	}
	return list
}

// learned tells whether all sections of the peer have learned and may speak.
func (c *conversation) learned() bool {
	for _, m := range c.l.members {
		m.section.mu.Lock()
		released := m.section.released
		m.section.mu.Unlock()
		if !released || !m.section.learned() {
			return false
		}
	}
	return true
}

// Confirmed implements session.Owner: a returning node has back what it lost, so now it can teach what it counted meanwhile.
func (c *conversation) Confirmed() {
	c.mu.Lock()
	asked := c.asked
	c.mu.Unlock()
	if !asked {
		c.askIn(0)
	}
}

// LessonEnded implements session.Owner.
func (c *conversation) LessonEnded(finished bool) {
	c.mu.Lock()
	keep := c.keepStale
	begun := make([]*table, 0, len(c.begun))
	for t := range c.begun {
		begun = append(begun, t)
	}
	c.mu.Unlock()
	if !finished {
		c.askIn(askAgain)
	} else if !keep {
		for _, t := range begun {
			if n := t.DropStale(c.l.name, c.l.a.now()); n > 0 {
				c.log.Info("contributions dropped: the peer no longer has them", "table", t.Name(), "entries", n)
			}
		}
	}
	c.l.mu.Lock()
	if c.l.owner == c {
		c.l.lesson = max(c.l.lesson, taughtPartial)
		if finished {
			c.l.lesson = taughtFinished
		}
	}
	c.l.mu.Unlock()
	for _, m := range c.l.members {
		m.section.review()
	}
}
