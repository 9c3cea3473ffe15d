package runtime

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Another takes our place after 5 s of silence, and we may have said nothing for 2.5 s when we are stopped (session's heartbeat): who did not run for less than the difference was
// not missed.
const (
	pulseEvery = 100 * time.Millisecond
	sleepLimit = 2 * time.Second
)

// errSlept ends the sessions of a process that did not run.
var errSlept = errors.New("this process did not run for a while")

// pulse knows when this process ran last.
type pulse struct {
	mu   sync.Mutex // held while the process begins anew
	last atomic.Pointer[time.Time]
}

// gap is how long the process did not run until now. The monotonic clock stands still while a machine is suspended; the other one is set forward after that.
func (p *pulse) gap(now time.Time) time.Duration {
	last := p.last.Load()
	return max(now.Sub(*last), now.Round(0).Sub(last.Round(0)))
}

func (p *pulse) slept() bool { return p.gap(time.Now()) > sleepLimit }

// startPulse notes from now on that the process runs, until ctx ends, and gives what waits for that.
func (a *Aggregator) startPulse(ctx context.Context) (wait func()) {
	now := time.Now()
	a.pulse.last.Store(&now)
	var running sync.WaitGroup
	running.Go(func() { a.beatPulse(ctx) })
	return running.Wait
}

func (a *Aggregator) beatPulse(ctx context.Context) {
	ticker := time.NewTicker(pulseEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			a.stir()
		case <-ctx.Done():
			return
		}
	}
}

// stir notes that the process runs. One that did not for a while begins anew before the call returns: others may have gone on without it, what it has is older than what they wrote.
// The caller holds no lock.
func (a *Aggregator) stir() {
	a.pulse.mu.Lock()
	defer a.pulse.mu.Unlock()
	now := time.Now()
	if gap := a.pulse.gap(now); gap > sleepLimit {
		a.beginAnew(gap)
	}
	a.pulse.last.Store(&now)
}

// beginAnew lets nothing that was said count any more, and ends all sessions. The tables stay: sums are sent again when the sources have taught.
func (a *Aggregator) beginAnew(gap time.Duration) {
	a.log.Warn("this process did not run for a while: sessions begin anew, sums wait until the sources have taught", "gap", gap.Round(time.Millisecond))
	a.mu.Lock()
	sections, links := a.sections, a.links
	a.mu.Unlock()
	for _, l := range links {
		l.doubt()
	}
	for _, s := range sections {
		s.fallSilent()
		s.reunite()
	}
}

// doubt forgets what the peer said, and ends its session.
func (l *link) doubt() {
	l.mu.Lock()
	l.doubted, l.owner = true, nil
	l.lesson, l.whole, l.writes, l.refused = notTaught, false, time.Time{}, false
	sess := l.sess
	l.mu.Unlock()
	if sess != nil {
		sess.Stop(errSlept)
	}
}

// wakefulConn is a peer's connection that takes nothing from a process which has just woken: what it would send is old.
type wakefulConn struct {
	net.Conn
	pulse *pulse
}

func (c *wakefulConn) Write(b []byte) (int, error) {
	if c.pulse.slept() {
		return 0, errSlept
	}
	return c.Conn.Write(b)
}

// Read also sees to it that a silent peer does not get what waits for it in the kernel, when the network brings that after all: the session is over then, and its sums are old.
func (c *wakefulConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		discard(c.Conn)
	}
	return n, err
}

// CloseWrite implements what a session ends with.
func (c *wakefulConn) CloseWrite() error {
	if conn, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return conn.CloseWrite()
	}
	return errors.ErrUnsupported
}

// discard lets the connection be reset when it is closed.
func discard(conn net.Conn) {
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
}
