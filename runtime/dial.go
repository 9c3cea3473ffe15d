package runtime

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"stktc/runtime/peers"
)

// Times of dialling. HAProxy dials again 5 s after its last dial or sign of life, or 50 to 2049 ms after a session that it ended itself.
const (
	dialTimeout    = 3 * time.Second // of a dial, and of the wait for the answer to a hello
	largerNameWait = time.Second     // between aggregators: how long the larger name leaves the dialling to the smaller
	redialLeast    = 500 * time.Millisecond
	redialSpread   = 1500 * time.Millisecond
	redialMost     = 3 * time.Second // but for the jitter, so that peers that went at one time do not come to be dialled at one time
)

// dialLoop keeps the peer connected until ctx ends. One of the two addresses may be wrong or one-way, so both ends dial; whoever comes first leaves the other nothing to do.
func (l *link) dialLoop(ctx context.Context) {
	var wait time.Duration
	if !l.isNode() && l.local > l.name {
		wait = largerNameWait
	}
	failures := 0
	for sleep(ctx, wait) {
		if l.connected() || l.dial(ctx) {
			failures = 0
			select {
			case <-l.lost:
			case <-ctx.Done():
			}
			wait = jitter()
			continue
		}
		failures++
		wait = min(time.Duration(failures)*time.Second/2, redialMost) + jitter()
	}
}

func jitter() time.Duration { return redialLeast + rand.N(redialSpread) }

// sleep waits, and tells whether ctx still goes on.
func sleep(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// dial tries once to reach the peer, and tells whether a session came of it.
func (l *link) dial(ctx context.Context) bool {
	address, secure := l.startDialling()
	defer l.endDialling()
	conn, err := l.a.connect(ctx, address)
	if err != nil {
		l.dialled(peers.StatusConnecting, err)
		return false
	}
	if secure != nil {
		conn = tls.Client(conn, secure)
	}
	unread, status, err := l.greet(ctx, conn, secure)
	if err != nil || status != peers.StatusSuccess {
		conn.Close()
		l.dialled(status, err)
		return false
	}
	return l.admit(conn, unread, nil, 0, func() error { return l.stillAt(address, conn) }) == nil
}

// stillAt tells why a connection that we dialled is not what a reload left of the peer: nil when it is.
func (l *link) stillAt(address string, conn net.Conn) error {
	l.mu.Lock()
	now, secure := l.address, l.tls
	l.mu.Unlock()
	if now != address {
		return errReconfigured
	}
	return l.trust(conn, secure)
}

// greet shakes hands, says hello and reads the answer.
func (l *link) greet(ctx context.Context, conn net.Conn, secure *tls.Config) (unread []byte, status peers.Status, err error) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	conn.SetDeadline(time.Now().Add(dialTimeout))
	if secured, ok := conn.(*tls.Conn); ok {
		err := shakeHands(secured)
		if gravity(err) == slog.LevelDebug && ctx.Err() == nil { // HAProxy's listener, without TLS, does not say what it takes a handshake for
			err = errClosed
		}
		if err != nil {
			return nil, peers.StatusConnecting, err
		}
	}
	if err := l.trust(conn, secure); err != nil {
		return nil, peers.StatusConnecting, err
	}
	l.startGreeting()
	hello := peers.Hello{Called: l.name, Caller: l.local, PID: os.Getpid()}
	if _, err := conn.Write(peers.AppendHello(nil, hello)); err != nil {
		return nil, peers.StatusConnected, err
	}
	r := bufio.NewReader(conn)
	if first, _ := r.Peek(1); isTLS(first) {
		return nil, peers.StatusConnected, errWantsTLS
	}
	if status, err = peers.ReadStatus(r); err != nil {
		if secure == nil && errors.Is(err, io.ErrUnexpectedEOF) { // so does HAProxy's listener with TLS, and an aggregator for a passing reason
			err = errHungUp
		}
		return nil, peers.StatusConnected, fmt.Errorf("no answer to the hello: %w", explainTLS(err)) // TLS 1.3 refuses our certificate this late
	}
	unread, err = r.Peek(r.Buffered())
	conn.SetDeadline(time.Time{})
	return unread, status, err
}

// connect dials with the system's means, or those that the aggregator was given.
func (a *Aggregator) connect(ctx context.Context, address string) (net.Conn, error) {
	if a.opt.Dial != nil {
		return a.opt.Dial(ctx, network(address), address)
	}
	d := net.Dialer{Timeout: dialTimeout}
	a.mu.Lock()
	if a.cfg.Source != nil && network(address) == "tcp" {
		d.LocalAddr = a.cfg.Source
		if a.cfg.Source.Port != 0 {
			d.Control = shareSource
		}
	}
	a.mu.Unlock()
	return d.DialContext(ctx, network(address), address)
}

func (l *link) startDialling() (address string, secure *tls.Config) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dialling = true
	return l.address, l.tls
}

// startGreeting notes that the peer's end accepted the connection.
func (l *link) startGreeting() {
	l.mu.Lock()
	l.greeting = true
	l.mu.Unlock()
}

func (l *link) endDialling() {
	l.mu.Lock()
	l.dialling, l.greeting = false, false
	l.mu.Unlock()
}

// dialled notes a dial that failed, and says so when it is news.
func (l *link) dialled(status peers.Status, err error) {
	if err == nil {
		err = fmt.Errorf("peer answered %d: %s", status, status.Explain())
	}
	l.mu.Lock()
	news := l.lastErr == nil || l.lastErr.Error() != err.Error()
	connected, address := l.sess != nil, l.address
	l.lastErr, l.status = err, status
	l.refused = errors.Is(err, syscall.ECONNREFUSED)
	l.mu.Unlock()
	if connected {
		return
	}
	if news {
		l.log.Warn("peer not reached", "address", address, "err", err)
	}
	for _, m := range l.currentMembers() {
		m.section.review()
	}
}

// isClosed tells whether a listener was closed on purpose.
func isClosed(err error) bool { return errors.Is(err, net.ErrClosed) }

// network tells whether an address is a UNIX socket's.
func network(address string) string {
	if strings.Contains(address, "/") || !strings.Contains(address, ":") {
		return "unix"
	}
	return "tcp"
}
