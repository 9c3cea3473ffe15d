package runtime

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"stktc/runtime/peers"
	"stktc/runtime/session"
)

// link is one peer as seen under one local name by sections that share their sessions: one session at a time, and what is known of the peer between them.
type link struct {
	a            *Aggregator
	log          *slog.Logger
	local, name  string
	home         string       // the first of the sections that share it, see Config.homes; guarded by Aggregator.mu
	dynamic      atomic.Bool  // not in the configuration: it may only dial in
	arriving     atomic.Int32 // hellos that are being answered
	dials        bool         // dialLoop runs, or ran; guarded by Aggregator.mu
	lost         chan struct{}
	stopDialling context.CancelFunc

	mu       sync.Mutex
	address  string
	tls      *tls.Config // to dial with; nil: clear text
	members  []*member   // the sections that list both names
	sess     *session.Session
	conn     net.Conn      // of the present session
	via      *listener     // that accepted it; nil: we dialled
	owner    *conversation // of the present session
	done     chan struct{} // closed when sess has ended
	dialling bool
	greeting bool // our hello is on its way
	closed   bool // no new sessions
	inbound  bool
	remote   string // address of the present session
	pid      int
	since    time.Time // of the present session, or of the end of the last one; before the first since we know of the peer
	sessions int
	status   peers.Status // of the last dial
	lastErr  error
	refused  bool      // the last dial was refused: nobody is there
	lesson   lesson    // what the peer taught in this session
	whole    bool      // the peer's last word in this session is that it has everything
	writes   time.Time // since when the peer, a replica, writes to the nodes by its own word; zero: it does not
	doubted  bool      // the present session is from before this process slept
	holds    map[*table]*time.Timer
	past     Traffic   // of sessions that have ended
	lastPID  int       // of the peer's process, as it last said it; 0: never
	rivals   rivals    // who uses the peer's name
	unsynced time.Time // when the peer, an HAProxy, was last known to be without a finished lesson; zero: it is not

	refusedTables []RefusedTable // in this session
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

func newLink(a *Aggregator, local, name, home string) *link {
	return &link{
		a: a, local: local, name: name, home: home, log: a.log.With("peer", name), lost: make(chan struct{}, 1), since: time.Now(),
		holds: map[*table]*time.Timer{}, stopDialling: func() {},
	}
}

// currentMembers lists the peer's places.
func (l *link) currentMembers() []*member {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.members
}

// isNode tells whether the peer is an HAProxy, in any section.
func (l *link) isNode() bool {
	return slices.ContainsFunc(l.currentMembers(), func(m *member) bool { return m.direction == Node })
}

func (l *link) connected() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.isConnected()
}

// isConnected is connected under the lock.
func (l *link) isConnected() bool { return l.sess != nil && !l.doubted }

// learned tells whether the peer has ended a lesson in this session.
func (l *link) learned() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lesson != notTaught
}

// saysWhole tells whether the peer, an aggregator, has everything by its own last word.
func (l *link) saysWhole() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.whole
}

// writesSince tells since when the peer, a replica, writes to the nodes; zero: it does not, or is not whole.
func (l *link) writesSince() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.writes
}

// settled tells whether nothing more is to be expected of the peer before sums are sent: it has taught, or nobody is there. An aggregator below that says partial has just
// started itself, and will say when it is whole.
func (l *link) settled(d Direction) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.isConnected() {
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

// admit makes the connection the peer's session, unless a reload during the handshake, which may take seconds, gave the peer another place: check tells why it is not to be.
func (l *link) admit(conn net.Conn, unread []byte, via *listener, pid int, check func() error) error {
	l.a.stir()
	l.a.mu.Lock()
	defer l.a.mu.Unlock()
	if err := check(); err != nil {
		conn.Close()
		return err
	}
	l.adopt(conn, unread, via, pid)
	return nil
}

// adopt makes the connection the peer's session. The newest one stays, as with HAProxy: two that cross may end each other, and chance in the delays
// before the next dial breaks the tie. The caller holds a.mu.
func (l *link) adopt(conn net.Conn, unread []byte, via *listener, pid int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		conn.Close()
		return
	}
	bound(conn)
	before, beforeDone := l.sess, l.done
	who := caller{host: origin(conn), pid: pid}
	process := l.process(who)
	l.noteCaller(who, before != nil)
	c := &conversation{l: l, log: l.log, remote: conn.RemoteAddr().String(), begun: map[*table]bool{}, members: reached(l.members, via), process: process}
	for _, m := range l.members {
		m.outside.Store(!slices.Contains(c.members, m))
	}
	c.sess = session.New(session.Config{Conn: &wakefulConn{conn, &l.a.pulse}, Unread: unread, Owner: c, Clock: l.a.now})
	l.sess, l.done, l.owner = c.sess, make(chan struct{}), c
	inbound := via != nil
	l.conn, l.via = conn, via
	l.inbound, l.pid, l.remote = inbound, pid, c.remote
	l.lesson, l.whole, l.writes, l.doubted = notTaught, false, time.Time{}, false
	l.refusedTables = nil
	l.refused, l.status, l.lastErr = false, peers.StatusSuccess, nil
	l.since = time.Now()
	l.sessions++
	done, remote := l.done, l.remote
	l.a.running.Go(func() {
		defer close(done)
		if before != nil {
			before.Stop(session.ErrReplaced)
			<-beforeDone
		}
		l.log.Info("peer connected", "address", remote, "inbound", inbound)
		l.converse(c)
	})
}

// socketBuffer bounds what waits in the kernel: a megabyte of updates is a queue of 0.3 s, and costs a third more CPU for cache misses.
const socketBuffer = 128 << 10

func bound(conn net.Conn) {
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetReadBuffer(socketBuffer)
		tcp.SetWriteBuffer(socketBuffer)
	}
}

// converse runs a session from its beginning to its end.
func (l *link) converse(c *conversation) {
	c.begin()
	err := c.sess.Run(l.a.sessions)
	c.end()
	l.mu.Lock()
	l.past.add(c.sess.Stats())
	if l.sess == c.sess {
		l.sess, l.owner, l.conn, l.via = nil, nil, nil, nil
		l.since = time.Now()
		l.lastErr = err
	}
	l.mu.Unlock()
	l.log.Info("peer disconnected", "because", err)
	select {
	case l.lost <- struct{}{}:
	default:
	}
	c.review()
}

// process is what is known of the process at the other end, compared with that of the last session.
type process uint8

const (
	unknownProcess process = iota
	sameProcess
	otherProcess // it may have lost everything
)

// process compares the number that a peer says when it dials with the last one; one that comes from elsewhere may be another with the same. The caller holds l.mu.
func (l *link) process(who caller) process {
	switch {
	case who.pid == 0 || l.lastPID == 0:
		return unknownProcess
	case who == l.rivals.now:
		return sameProcess
	case who.pid == l.lastPID:
		return unknownProcess
	}
	return otherProcess
}

// resyncWindow is how long after a lesson that was not finished an HAProxy may ask again: it takes itself for complete after 5 s without one (PEER_RESYNC_TIMEOUT, armed again by a partial lesson).
const resyncWindow = 6 * time.Second

// asks notes that the peer asks for a lesson, and tells whether it has lost what it had. An HAProxy asks only as long as it was never taught a finished lesson: so one that
// was, and asks, is another process; one that was not is the same that asked before.
func (l *link) asks(p process) (lost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lost = p == otherProcess || p == unknownProcess && time.Since(l.unsynced) > resyncWindow
	l.unsynced = time.Now()
	return lost
}

// taughtInPart notes that the peer, if it is one that asks, got a lesson that was not finished: it may ask again from now on.
func (l *link) taughtInPart() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.unsynced.IsZero() {
		l.unsynced = time.Now()
	}
}

// synced notes that the peer confirmed a finished lesson.
func (l *link) synced() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unsynced = time.Time{}
}

// retire ends the link: what is pending is sent, no session follows.
func (l *link) retire() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.stopDialling()
	l.withSession((*session.Session).Drain)
}

// hold drops what the peer contributed to the table when it stays away for too long.
func (l *link) hold(t *table) {
	wait := time.Duration(t.hold.Load())
	if wait == 0 {
		if wait = t.LastDefinition(l.name).Expire; wait == 0 {
			wait = DefaultHold
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var timer *time.Timer
	timer = time.AfterFunc(wait, func() {
		l.mu.Lock()
		isBack := l.holds[t] != timer
		if !isBack {
			delete(l.holds, t)
		}
		l.mu.Unlock()
		if isBack {
			return
		}
		if n := t.DropAway(l.name, l.a.now()); n > 0 {
			l.log.Warn("contributions dropped: the peer stays away", "table", t.Name(), "entries", n)
		}
	})
	l.holds[t] = timer
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
