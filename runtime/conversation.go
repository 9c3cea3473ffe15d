package runtime

import (
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"stktc/runtime/peers"
	"stktc/runtime/session"
	"stktc/runtime/store"
)

// conversation is what a link does with one session. It is the session's owner.
type conversation struct {
	l       *link
	sess    *session.Session
	log     *slog.Logger
	remote  string
	acks    acks
	process process   // compared with that of the last session
	members []*member // the peer's places when the session began; a reload that changes them ends the session

	mu           sync.Mutex
	begun        map[*table]bool // tables that count this session
	asked        bool            // we have asked for a lesson in this session
	askedAt      uint32          // and when
	waiting      bool            // and it has not ended
	ask          *time.Timer
	saidFinished bool   // the last lesson that we gave was finished
	words        uint64 // about itself, that the peer has said
	keepStale    bool   // what the peer was not given back in time must not be dropped for that
	strays       strays // tables of the peer that nothing takes
	ended        bool
}

const (
	requestWait = time.Second     // how long a returning node may take to ask for what it lost, before we ask it
	askLater    = 6 * time.Second // after a partial lesson: HAProxy takes itself for complete 5 s after its start
)

// begin opens the session in all tables, tells an aggregator what we are, and asks the peer for what it has, now or when it had back what it lost.
func (c *conversation) begin() {
	held, asks := false, false
	for _, m := range c.members {
		for _, t := range m.section.list() {
			if t.takes(m.direction) {
				c.enter(t)
				held = held || c.process != sameProcess && m.givesBack(t) && t.holds(c.l)
			}
			m.offer(t)
		}
		asks = asks || m.direction != Replica
		m.section.joined(m)
		if m.direction == Replica {
			m.section.meet(c.sess)
		}
	}
	switch {
	case held:
		c.sess.Deafen(true)
		c.askIn(requestWait)
	case asks:
		c.askNow()
	}
}

// givesBack tells whether the peer may get back what it contributed to the table before.
func (m *member) givesBack(t *table) bool {
	return m.direction == Node && t.takes(Node) && !m.section.config().NoGiveBack && t.LastDefinition(m.link.name).Key.IsValid()
}

// holds tells whether there is something of the peer's from before its present session.
func (t *table) holds(l *link) bool {
	none := t.CollectOwn(l.name, store.GiveBack(t.LastDefinition(l.name)), &store.OwnPlace{}, l.a.now(), func(_, _ uint32, _ []byte, _ []uint64) bool { return false })
	return !none
}

// enter notes once that this session contributes to the table.
func (c *conversation) enter(t *table) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.begun[t] && !c.ended {
		c.begun[t] = true
		c.l.unhold(t)
		t.Begin(c.l.name)
		t.Asked(c.l.name, c.askedAt)
	}
}

func (c *conversation) askNow() {
	c.mu.Lock()
	c.asked, c.waiting, c.askedAt = true, true, c.l.a.now()
	for t := range c.begun {
		t.Asked(c.l.name, c.askedAt)
	}
	c.mu.Unlock()
	c.sess.Deafen(false)
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

// review lets the peer's sections look again.
func (c *conversation) review() {
	for _, m := range c.members {
		m.section.review()
	}
}

// Define implements session.Owner.
func (c *conversation) Define(def *peers.TableDefinition) []*store.Source {
	var sources []*store.Source
	for _, m := range c.members {
		for _, t := range m.section.accepts(m.direction, def.Name) {
			if t == nil {
				c.Refused(def.Name, errTooManyTables)
				continue
			}
			c.enter(t)
			c.noteSummed(def.Name)
			_, before := t.Definition()
			src, err := t.Source(c.l.name, def.Definition)
			if _, now := t.Definition(); now != before && before != 0 {
				m.section.askOthers(c.l, t)
			}
			if err != nil {
				c.Refused(def.Name, err)
				continue
			}
			m.section.retry(t)
			for _, bad := range t.Mismatches() {
				c.log.Warn("data type left out of the sum: sources disagree", "table", t.Name(),
					bad.Peers[0], bad.Has[0].String(), bad.Peers[1], bad.Has[1].String())
			}
			sources = append(sources, src)
		}
	}
	c.noteStray(def.Name)
	return sources
}

// ResyncRequested implements session.Owner.
func (c *conversation) ResyncRequested() {
	c.mu.Lock()
	if c.ask != nil && !c.asked {
		c.ask.Stop() // until it has confirmed the lesson, or said nothing for a while after it
	}
	c.mu.Unlock()
	var own []session.Own
	if c.l.asks(c.process) {
		own = c.own()
	}
	c.sess.Teach(own, c.learned, c.taught)
}

// taught is called at the end of a lesson of ours. "Finished" was said for having learned; an aggregator that must know of sources that are missing is told at once.
func (c *conversation) taught(givenBack, finished bool) {
	c.mu.Lock()
	c.saidFinished = finished
	asked := c.asked
	c.mu.Unlock()
	if !finished {
		c.l.taughtInPart()
	}
	if !asked {
		c.askIn(requestWait)
	}
	if !givenBack {
		c.log.Warn("the lesson was too short to give everything back")
		c.mu.Lock()
		c.keepStale = true
		c.mu.Unlock()
	}
	for _, m := range c.members {
		if m.direction != Node && c.learned() && !m.section.isWhole() {
			c.sess.Announce(false)
		}
	}
}

func (s *section) isWhole() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.whole
}

// errTooManyTables refuses a table of a peer.
var errTooManyTables = errors.New("the section has too many tables already")

// askOthers asks the table's other sources to teach again, after its shape changed: what they sent of a data type that was left out, or not there, is not kept.
func (s *section) askOthers(but *link, t *table) {
	for _, m := range s.currentMembers() {
		if m.link == but || !t.takes(m.direction) {
			continue
		}
		m.link.mu.Lock()
		c := m.link.owner
		m.link.mu.Unlock()
		if c != nil {
			c.askAgain()
		}
	}
}

// askAgain asks for a lesson if one was asked for before: else that is still to come.
func (c *conversation) askAgain() {
	c.mu.Lock()
	asked := c.asked && !c.ended
	c.mu.Unlock()
	if asked {
		c.askNow()
	}
}

// errRetry ends the session of a peer whose table was refused, and is not any more.
var errRetry = errors.New("its table is no longer refused: it is to define it again")

// retry lets peers begin anew whose keys were refused for another peer's, once that has changed its own.
func (s *section) retry(t *table) {
	refused := t.Refused()
	for _, m := range s.currentMembers() {
		if slices.Contains(refused, m.link.name) {
			m.link.withSession(func(sess *session.Session) { sess.Stop(errRetry) })
		}
	}
}

// own lists what the peer gets back, each of its tables once.
func (c *conversation) own() []session.Own {
	var list []session.Own
	for _, m := range c.members {
		for _, t := range m.section.list() {
			name := t.sourceName()
			known := slices.ContainsFunc(list, func(o session.Own) bool { return o.Name == name })
			if !known && m.givesBack(t) {
				list = append(list, session.Own{Table: t.Table, Peer: c.l.name, Name: name})
			}
		}
	}
	return list
}

// learned tells whether all sections of the peer have learned from everybody else and may speak.
func (c *conversation) learned() bool {
	for _, m := range c.members {
		if !m.section.released.Load() || !m.section.learned(c.l) {
			return false
		}
	}
	return true
}

// Confirmed implements session.Owner: a returning node has back what it lost, so now it can teach what it counted meanwhile.
func (c *conversation) Confirmed() {
	c.mu.Lock()
	asked, finished := c.asked, c.saidFinished
	c.mu.Unlock()
	if finished {
		c.l.synced()
	}
	if !asked {
		c.askIn(0)
	}
}

// LessonEnded implements session.Owner: the peer has taught what we asked for, or says unasked what it is. It counts when what the lesson did not name is dropped.
func (c *conversation) LessonEnded(finished bool) {
	c.mu.Lock()
	answer := c.waiting
	c.waiting = false
	c.words++
	word := c.words
	c.mu.Unlock()
	count := func() {
		c.l.note(c, finished, word)
		c.review()
	}
	switch {
	case finished && (answer || !c.l.isNode()): // a node says so only when asked
		c.dropStale(count)
		return
	case !finished && answer:
		c.askIn(askLater)
	}
	count()
}

// dropStale drops what the peer no longer has, as it has taught everything in this session, and calls done after that. That is not for who reads what the peer says next to wait for.
func (c *conversation) dropStale(done func()) {
	c.mu.Lock()
	keep := c.keepStale
	begun := make([]*table, 0, len(c.begun))
	for t := range c.begun {
		begun = append(begun, t)
	}
	c.mu.Unlock()
	if keep {
		done()
		return
	}
	drops := make([]func(uint32) int, len(begun))
	for i, t := range begun {
		drops[i] = t.Stale(c.l.name)
	}
	go func() { // nobody waits for it at the end of the program
		for i, t := range begun {
			if n := drops[i](c.l.a.now()); n > 0 {
				c.log.Info("contributions dropped: the peer no longer has them", "table", t.Name(), "entries", n)
			}
		}
		done()
	}()
}

// note keeps the peer's word about itself, the last one that it said.
func (l *link) note(c *conversation, finished bool, word uint64) {
	c.mu.Lock()
	last := c.words == word
	c.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.owner != c {
		return
	}
	if last {
		l.whole = finished
	}
	l.lesson = max(l.lesson, taughtPartial)
	if finished {
		l.lesson = taughtFinished
	}
}
