package runtime

import (
	"slices"
	"time"

	"stktc/runtime/session"
)

// share decides whether this aggregator writes to the nodes, or one of its replicas does, and tells them. The caller holds s.mu.
//
// Of the replicas that are whole one writes: the one that has done so for longest, and where none has, the first in name order. So who comes back
// leaves the writing to who took over. If none is whole all write, and so do the parts of a parted network: what they write is the same, or the
// best there is.
func (s *section) share() {
	was := s.writing.Load()
	writing := s.shouldWrite()
	s.writing.Store(writing)
	s.shareAbove()
	switch {
	case !writing || !s.whole:
		s.tellWriting(time.Time{})
	case s.wrote.IsZero():
		s.tellWriting(time.Now())
	}
	if writing == was {
		return
	}
	if !writing {
		s.log.Info("standing by: a replica writes to the nodes")
		return
	}
	s.log.Info("writing to the nodes from now on")
	s.moves.Replicas++
	s.wake()
}

// reunion is how long after a source came back a replica may take to do so too: dialling is tried every 5 s at least.
const reunion = 6 * time.Second

// joined notes that a session with the peer begins.
func (s *section) joined(m *member) {
	if m.direction.isSource() && !s.isWhole() {
		s.reunite()
	}
}

// reunite begins the time after the network was parted, or after this process did not run: replicas may have gone on without us. What we have is older than what they wrote, until the
// sources have taught or the replicas are heard. One that seems connected may only not have been found silent yet.
func (s *section) reunite() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || !s.hasReplica() {
		return
	}
	s.grace = time.Now().Add(reunion)
	if s.graced != nil {
		s.graced.Stop()
	}
	s.graced = time.AfterFunc(reunion, s.review)
	s.look()
}

func (s *section) hasReplica() bool {
	return slices.ContainsFunc(s.members, func(m *member) bool { return m.direction == Replica })
}

// shareAbove decides whether forwarded tables are sent to the nodes: not while they may be older than what replicas wrote. The caller holds s.mu.
func (s *section) shareAbove() {
	heard := s.every(Direction.isAbove, func(m *member) bool { return m.connected() && m.link.learned() })
	if is := heard || !time.Now().Before(s.grace); s.above.Swap(is) != is && is {
		s.wake()
	}
}

// hidesReplica tells whether a replica is out of reach without being known to be away. The caller holds s.mu.
func (s *section) hidesReplica() bool {
	for _, m := range s.members {
		if m.direction == Replica && m.link.isHidden() {
			return true
		}
	}
	return false
}

// isHidden tells whether the peer is not connected, or has not said yet what it is, and nothing says that nobody is there.
func (l *link) isHidden() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.refused && (!l.isConnected() || l.lesson == notTaught)
}

func (s *section) shouldWrite() bool {
	others, first, older := false, true, false
	someWrites := !s.wrote.IsZero()
	for _, m := range s.members {
		if m.direction != Replica || !m.connected() || !m.link.saysWhole() {
			continue
		}
		others = true
		first = first && m.link.local < m.link.name
		since := m.link.writesSince()
		someWrites = someWrites || !since.IsZero()
		older = older || !since.IsZero() && (s.wrote.IsZero() || writesLonger(m.link, since, s.wrote))
	}
	switch {
	case !others:
		return s.whole || !time.Now().Before(s.grace) || !s.hidesReplica()
	case !s.whole:
		return false
	case someWrites:
		return !older && !s.wrote.IsZero()
	}
	return first
}

// skew is how far apart two times may be that are one: the word of the other takes its time.
const skew = 50 * time.Millisecond

// writesLonger tells whether the replica has been writing for longer than we have; of two that began at one time the first name goes on.
func writesLonger(l *link, since, ours time.Time) bool {
	if d := since.Sub(ours); d > skew || d < -skew {
		return d < 0
	}
	return l.name < l.local
}

// tellWriting notes since when we write and are whole, and tells the replicas. The caller holds s.mu.
func (s *section) tellWriting(since time.Time) {
	if since.Equal(s.wrote) {
		return
	}
	s.wrote = since
	for _, m := range s.members {
		if m.direction == Replica {
			m.link.withSession(s.sayWriting)
		}
	}
}

func (s *section) sayWriting(sess *session.Session) {
	if s.wrote.IsZero() {
		sess.SayWriting(0)
		return
	}
	sess.SayWriting(time.Since(s.wrote) + time.Millisecond) // 0 would mean that we do not
}

// meet tells a replica at the begin of a session what we are.
func (s *section) meet(sess *session.Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sayWriting(sess)
	sess.Announce(s.whole)
}

// Writing implements session.Owner.
func (c *conversation) Writing(since time.Duration) {
	c.l.mu.Lock()
	if c.l.owner == c {
		c.l.writes = time.Time{}
		if since > 0 {
			c.l.writes = time.Now().Add(-since)
		}
	}
	c.l.mu.Unlock()
	c.review()
}
