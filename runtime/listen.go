package runtime

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"stktc/runtime/peers"
)

// listener accepts peers for sections.
type listener struct {
	net.Listener
	a       *Aggregator
	address string
	serves  atomic.Pointer[serves]
	guests  guests
}

// serves is what a listener does; a reload changes it.
type serves struct {
	tls      *tls.Config // nil: clear text
	sections []string
}

// Limits of what strangers may cost.
const (
	helloTimeout  = 5 * time.Second
	maxHandshakes = 512
	maxFromOne    = 64                  // of these from one address: a stranger alone cannot keep peers out
	maxKnown      = 4 * MaxDynamicPeers // names of dynamic peers that are remembered, connected or not
)

// wanted lists the listeners of a configuration: one at each section's local peer, and the further ones. Where both have one address, sections share it.
func (c *Config) wanted() (addresses []string, what map[string]*serves) {
	what = map[string]*serves{}
	add := func(address string, t *tls.Config, sections ...string) {
		w := what[address]
		if w == nil {
			w = &serves{}
			what[address] = w
			addresses = append(addresses, address)
		}
		if t != nil {
			w.tls = t
		}
		w.sections = append(w.sections, sections...)
	}
	for _, s := range c.Sections {
		add(s.Local.Address, s.Local.TLS, s.Name)
	}
	for _, b := range c.Binds {
		sections := b.Sections
		for _, s := range c.Sections {
			if b.Sections == nil {
				sections = append(sections, s.Name)
			}
		}
		add(b.Address, b.TLS, sections...)
	}
	return addresses, what
}

// openListeners gives the listeners of a configuration; those that are open already stay. With an error nothing has changed. The caller holds a.mu.
func (a *Aggregator) openListeners(cfg *Config) ([]*listener, error) {
	addresses, what := cfg.wanted()
	var list, opened []*listener
	for _, address := range addresses {
		if i := slices.IndexFunc(a.listeners, func(l *listener) bool { return l.address == address }); i >= 0 {
			list = append(list, a.listeners[i])
			continue
		}
		l, err := a.listen(address)
		if err != nil {
			for _, l := range opened {
				l.Close()
			}
			return nil, err
		}
		list, opened = append(list, l), append(opened, l)
	}
	for _, l := range list {
		l.serves.Store(what[l.address])
	}
	return list, nil
}

func (a *Aggregator) listen(address string) (*listener, error) {
	l, err := a.opt.Listen(network(address), address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen for peers: %w", err)
	}
	return &listener{Listener: l, a: a, address: address}, nil
}

// serve accepts connections until the listener is closed.
func (l *listener) serve(ctx context.Context) {
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil || isClosed(err) {
			if conn != nil {
				conn.Close()
			}
			return
		}
		if err != nil {
			l.a.log.Error("cannot accept peers", "address", l.address, "err", err)
			if !sleep(ctx, 100*time.Millisecond) {
				return
			}
			continue
		}
		out, why := l.guests.enter(conn)
		if out != nil {
			out.Close()
			if l.guests.warns() {
				l.a.log.Warn("connections closed before they said hello", "address", l.address, "from", out.RemoteAddr(), "because", why)
			}
		}
		if out != conn {
			l.a.running.Go(func() {
				defer l.guests.leave(conn)
				l.welcome(ctx, conn)
			})
		}
	}
}

// welcome reads a hello and answers it.
func (l *listener) welcome(ctx context.Context, accepted net.Conn) {
	stop := context.AfterFunc(ctx, func() { accepted.Close() })
	accepted.SetDeadline(time.Now().Add(helloTimeout))
	conn, r, hello, status, err := l.hear(accepted)
	var link *link
	if err == nil {
		link, status = l.judge(hello, status)
	}
	if link != nil {
		defer link.arriving.Add(-1)
		err = link.trust(conn, l.serves.Load().tls)
	}
	if err != nil {
		l.a.log.Log(ctx, gravity(err), "peer refused", "from", conn.RemoteAddr(), "caller", hello.Caller, "err", err)
	}
	if err != nil || status == peers.StatusNone || link != nil && (link.leavesDialling() || link.hasDialled() && isGone(conn, r)) {
		stop()
		conn.Close() // without a status line: HAProxy and we take that as temporary
		return
	}
	conn.Write(peers.AppendStatus(nil, status))
	if !stop() || link == nil {
		l.a.log.Warn("peer refused", "from", conn.RemoteAddr(), "calls", hello.Called, "caller", hello.Caller, "status", int(status), "because", status.Explain())
		conn.Close()
		return
	}
	unread, _ := r.Peek(r.Buffered())
	conn.SetDeadline(time.Time{})
	if err := link.admit(conn, unread, l, hello.PID, func() error { return l.stillServes(link, conn) }); err != nil {
		l.a.log.Warn("peer refused", "from", conn.RemoteAddr(), "caller", hello.Caller, "err", err)
	}
}

// stillServes tells why the listener would not take the peer any more, after a reload: nil when it would. The caller holds a.mu.
func (l *listener) stillServes(peer *link, conn net.Conn) error {
	if !slices.Contains(l.a.listeners, l) || !slices.Contains(l.a.links, peer) || !peer.isIn(l.a.called(l, peer.local)) {
		return errReconfigured
	}
	return peer.trust(conn, l.serves.Load().tls)
}

// hear shakes hands where the listener has TLS, and reads the hello. The connection is never nil.
func (l *listener) hear(accepted net.Conn) (conn net.Conn, r *bufio.Reader, hello peers.Hello, status peers.Status, err error) {
	if conn, err = l.secure(accepted); err != nil {
		return conn, nil, hello, peers.StatusNone, err
	}
	r = bufio.NewReader(conn)
	if first, _ := r.Peek(1); isTLS(first) {
		return conn, nil, hello, peers.StatusNone, errWantsTLS
	}
	hello, status, err = peers.ReadHello(r)
	return conn, r, hello, status, err
}

// gravity: who connects and says nothing looks only whether somebody listens. Whom we showed the door needs no further word.
func gravity(err error) slog.Level {
	var timeout net.Error
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, net.ErrClosed) || errors.As(err, &timeout) && timeout.Timeout() {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

// judge gives the link that a hello asks for, or the status that HAProxy's own acceptor would answer: operators diagnose by it. StatusNone is a
// refusal for now. The link takes a place among the peers until its arriving is counted down.
func (l *listener) judge(hello peers.Hello, status peers.Status) (*link, peers.Status) {
	if status != peers.StatusSuccess {
		return nil, status
	}
	a := l.a
	a.mu.Lock()
	defer a.mu.Unlock()
	called := a.called(l, hello.Called)
	if len(called) == 0 {
		return nil, peers.StatusLocalName
	}
	i := slices.IndexFunc(a.links, func(o *link) bool { return o.local == hello.Called && o.name == hello.Caller && o.isIn(called) })
	var found *link
	switch {
	case i < 0 && (!a.cfg.DynamicPeers || hello.Caller == hello.Called || !isWord(hello.Caller)):
		return nil, peers.StatusRemoteName
	case (i < 0 || !a.links[i].isPresent()) && !a.hasRoom(hello.Caller):
		return nil, peers.StatusNone
	case i < 0:
		found = a.dynamicLink(hello, called)
	default:
		found = a.links[i]
	}
	found.arriving.Add(1)
	return found, peers.StatusSuccess
}

// isWord tells whether a name that no configuration holds can stand in logs, and on terminals, as it is.
func isWord(name string) bool {
	return name != "" && utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsGraphic(r) })
}

// called lists the sections that the listener serves and whose local peer has the name.
func (a *Aggregator) called(l *listener, name string) []*section {
	var list []*section
	for _, s := range a.sections {
		if slices.Contains(l.serves.Load().sections, s.name) && s.config().Local.Name == name {
			list = append(list, s)
		}
	}
	return list
}

func (l *link) isIn(sections []*section) bool {
	return slices.ContainsFunc(l.currentMembers(), func(m *member) bool { return slices.Contains(sections, m.section) })
}

// hasRoom tells whether a dynamic peer that is not connected may be. The caller holds a.mu.
func (a *Aggregator) hasRoom(caller string) bool {
	present := 0
	for _, l := range a.links {
		if l.isPresent() {
			present++
		}
	}
	if present >= MaxDynamicPeers {
		a.log.Warn("peer refused: too many dynamic peers", "caller", caller, "limit", MaxDynamicPeers)
	}
	return present < MaxDynamicPeers
}

// isPresent tells whether the peer takes a place among those that may be connected: one that is configured always does.
func (l *link) isPresent() bool {
	return !l.dynamic.Load() || l.arriving.Load() > 0 || l.connected()
}

// dynamicLink makes a link for a node that no section lists. The names of those that went are remembered, up to a limit. The caller holds a.mu.
func (a *Aggregator) dynamicLink(hello peers.Hello, sections []*section) *link {
	known := 0
	var oldest *link
	for _, l := range a.links {
		if l.dynamic.Load() {
			known++
		}
		if !l.isPresent() && (oldest == nil || l.lastChange().Before(oldest.lastChange())) {
			oldest = l
		}
	}
	if known >= maxKnown && oldest != nil {
		a.unlist(oldest)
	}
	l := newLink(a, hello.Called, hello.Caller, a.homes[sections[0].name])
	l.dynamic.Store(true)
	for _, s := range sections {
		m := &member{section: s, link: l, direction: Node}
		l.members = append(l.members, m)
		s.mu.Lock()
		s.members = append(slices.Clip(s.members), m)
		s.mu.Unlock()
	}
	a.links = append(slices.Clip(a.links), l)
	return l
}

// lastChange is when the present session began, or the last one ended.
func (l *link) lastChange() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.since
}

// unlist forgets a dynamic peer.
func (a *Aggregator) unlist(l *link) {
	a.links = slices.DeleteFunc(slices.Clone(a.links), func(o *link) bool { return o == l })
	for _, m := range l.currentMembers() {
		s := m.section
		s.mu.Lock()
		s.members = slices.DeleteFunc(slices.Clone(s.members), func(o *member) bool { return o == m })
		s.mu.Unlock()
	}
	a.dismiss(l, l.currentMembers())
}

// crossing is how long after a dial of ours an inbound hello is taken for one that crossed it.
const crossing = 100 * time.Millisecond

// hasDialled tells whether the peer's present session is one that we dialled.
func (l *link) hasDialled() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.isConnected() && !l.inbound
}

// isGone tells whether who said hello hangs up without waiting for the answer. So does an HAProxy whose dial was refused, as nobody listened yet, and that took a connection of ours before its second try, a
// second later (peer_session_forceshutdown): the hello lies in its buffers and goes out all the same, the end right behind it. It must not cost the session that it took.
func isGone(conn net.Conn, r *bufio.Reader) bool {
	conn.SetReadDeadline(time.Now().Add(crossing))
	_, err := r.Peek(1)
	conn.SetReadDeadline(time.Now().Add(helloTimeout))
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

// leavesDialling tells whether an inbound hello is to be dropped for a dial of our own that it crosses: two ends that both take the other's connection for the newer
// one end both. An HAProxy that has our hello has given its own up; between aggregators the smaller name's dial counts.
func (l *link) leavesDialling() bool {
	node := l.isNode()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sess != nil {
		return !l.inbound && time.Since(l.since) < crossing && (node || l.local < l.name)
	}
	return l.greeting && node || l.dialling && !node && l.local < l.name
}
