package node

import (
	"bufio"
	"bytes"
	"context"
	"math/rand/v2"
	"net"
	"time"

	"stktc/runtime/peers"
)

// Timers of HAProxy's peers.c.
const (
	reconnectTimeout  = 5 * time.Second // PEER_RECONNECT_TIMEOUT: from a dial or from the last heartbeat received to the next dial
	heartbeatTimeout  = 3 * time.Second // PEER_HEARTBEAT_TIMEOUT
	connectTimeout    = time.Second     // of the hidden frontend's TCP connections
	inactivityTimeout = 5 * time.Second // idem: nothing read, or nothing written
)

// peer is a peer of the section; it outlives its sessions (HAProxy's struct peer).
type peer struct {
	Peer
	isLocal       bool
	status        peers.Status
	reconnectAt   time.Time // no dial before
	cancelDial    func()    // while a dial is under way
	session       *session  // past the hello
	acked         []uint32  // by table: last of our ids that the peer acked
	isNotUpToDate bool      // it ended a lesson with RESYNCPARTIAL
	isDowngraded  bool      // it speaks 2.0: no timed updates
	changed       chan struct{}
	counters      Counters
}

func newPeer(c Peer, isLocal bool, tables int) *peer {
	return &peer{Peer: c, isLocal: isLocal, acked: make([]uint32, tables), changed: make(chan struct{}, 1)}
}

// collisionDelay is the time to the next dial after a newer session has won: random, so that two that dial each other come apart.
func collisionDelay() time.Duration { return time.Duration(50+rand.IntN(2000)) * time.Millisecond }

// disconnect ends a session or dial, if there is one.
func (p *peer) disconnect() bool {
	had := false
	if p.cancelDial != nil {
		p.cancelDial()
		p.cancelDial, had = nil, true
	}
	if p.session != nil {
		p.session.close()
		had = true
	}
	return had
}

// signal has the dial loop look again.
func (p *peer) signal() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// dialLoop dials whenever HAProxy would.
func (n *Node) dialLoop(ctx context.Context, p *peer) {
	for ctx.Err() == nil {
		n.mu.Lock()
		wait, isWanted := p.untilDial()
		n.mu.Unlock()
		switch {
		case isWanted && wait <= 0:
			n.dial(ctx, p)
		case isWanted:
			p.await(ctx, wait)
		default:
			select {
			case <-ctx.Done():
			case <-p.changed:
			}
		}
	}
}

// untilDial tells whether the peer is to be dialled at all, and when.
func (p *peer) untilDial() (time.Duration, bool) {
	switch {
	case p.session != nil || p.cancelDial != nil:
		return 0, false
	case p.status == peers.StatusNone:
		return 0, true
	}
	return time.Until(p.reconnectAt), mayRedial(p.status)
}

func (p *peer) await(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-p.changed:
	case <-timer.C:
	}
}

// dial makes one attempt and runs the session that comes of it.
func (n *Node) dial(ctx context.Context, p *peer) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n.mu.Lock()
	if n.stopped || p.session != nil {
		n.mu.Unlock()
		return
	}
	p.status = peers.StatusConnecting
	p.reconnectAt = time.Now().Add(reconnectTimeout)
	p.cancelDial = cancel
	n.sessions.Add(1)
	n.mu.Unlock()
	defer n.sessions.Done()

	s, r := n.greet(ctx, p)
	if s != nil {
		s.run(r, nil)
	}
}

// greet connects and says hello; nil if no session came of it.
func (n *Node) greet(ctx context.Context, p *peer) (*session, *bufio.Reader) {
	conn, err := n.connect(ctx, p)
	if err != nil {
		n.log.Debug("dial failed", "peer", p.Name, "error", err)
		n.dialEnded(ctx, p, peers.StatusConnecting)
		return nil, nil
	}
	unblock := context.AfterFunc(ctx, func() { conn.Close() })
	n.setStatus(p, peers.StatusConnected)
	conn.SetDeadline(time.Now().Add(inactivityTimeout))
	status, r := peers.StatusConnected, bufio.NewReaderSize(conn, readBuffer)
	if _, err = conn.Write(n.hello(p)); err == nil {
		var answered peers.Status
		if answered, err = peers.ReadStatus(r); err == nil {
			status = answered
		}
	}
	if !unblock() || err != nil || status != peers.StatusSuccess {
		n.log.Info("hello refused", "peer", p.Name, "status", int(status), "error", err)
		conn.Close()
		n.dialEnded(ctx, p, status)
		return nil, nil
	}
	return n.dialSucceeded(ctx, p, conn), r
}

func (n *Node) connect(ctx context.Context, p *peer) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if n.config.Dial != nil {
		return n.config.Dial(ctx, p.Peer)
	}
	var d net.Dialer
	return d.DialContext(ctx, networkOf(p.Address), p.Address)
}

func (n *Node) hello(p *peer) []byte {
	b := peers.AppendHello(nil, peers.Hello{Called: p.Name, Caller: n.config.Name, PID: n.pid})
	n.mu.Lock()
	defer n.mu.Unlock()
	if p.isDowngraded {
		b = bytes.Replace(b, []byte(" 2.1\n"), []byte(" 2.0\n"), 1)
	}
	return b
}

func (n *Node) setStatus(p *peer, s peers.Status) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if p.session == nil {
		p.status = s
	}
}

// dialEnded notes a dial without success, unless a session that the peer opened has replaced it (then ctx is cancelled).
func (n *Node) dialEnded(ctx context.Context, p *peer, s peers.Status) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	p.cancelDial = nil
	p.status = s
	p.isDowngraded = p.isDowngraded || s == peers.StatusVersion
}

func (n *Node) dialSucceeded(ctx context.Context, p *peer, conn net.Conn) *session {
	n.mu.Lock()
	defer n.mu.Unlock()
	if ctx.Err() != nil || n.stopped {
		conn.Close()
		return nil
	}
	p.cancelDial = nil
	return n.establish(p, conn)
}

// accept answers a hello and runs the session that comes of it.
func (n *Node) accept(conn net.Conn) {
	conn.SetDeadline(time.Now().Add(inactivityTimeout))
	r := bufio.NewReaderSize(conn, readBuffer)
	hello, status, err := peers.ReadHello(r)
	if err != nil {
		n.log.Debug("no hello", "from", conn.RemoteAddr(), "error", err)
		conn.Close()
		return
	}
	s, status := n.admit(conn, hello, status)
	if s == nil {
		n.log.Info("hello refused", "from", conn.RemoteAddr(), "caller", hello.Caller, "called", hello.Called, "status", status.Explain())
		conn.Write(peers.AppendStatus(nil, status))
		conn.Close()
		return
	}
	s.run(r, peers.AppendStatus(nil, status))
}

// admit decides about a hello as peer_io_handler does. The newest session stays, except for the local peer's.
func (n *Node) admit(conn net.Conn, hello peers.Hello, status peers.Status) (*session, peers.Status) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if status != peers.StatusSuccess {
		return nil, status
	}
	if hello.Called != n.config.Name {
		return nil, peers.StatusLocalName
	}
	p := n.peer(hello.Caller)
	if p == nil {
		return nil, peers.StatusRemoteName
	}
	if p.isLocal && p.session != nil || n.stopped { // a session that began after stop would never end
		return nil, peers.StatusTryAgain
	}
	had := p.disconnect()
	p.isDowngraded = hello.Minor == 0
	s := n.establish(p, conn)
	if had {
		p.counters.Collisions++
		p.reconnectAt = time.Now().Add(collisionDelay())
	}
	return s, peers.StatusSuccess
}

// establish makes the peer's session (init_connected_peer). An older session of the peer has been closed, but may not have ended yet.
func (n *Node) establish(p *peer, conn net.Conn) *session {
	if p.session != nil {
		p.session.release()
	}
	s := newSession(n, p, conn)
	p.session = s
	p.status = peers.StatusSuccess
	p.isNotUpToDate = false
	p.reconnectAt = time.Now().Add(reconnectTimeout)
	p.counters.Sessions++
	n.log.Info("session established", "peer", p.Name)
	n.assignTeacher()
	return s
}
