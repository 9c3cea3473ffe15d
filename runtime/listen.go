package runtime

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"time"

	"stktc/runtime/peers"
)

// listener accepts peers for every section that has its local peer at this address.
type listener struct {
	net.Listener
	a       *Aggregator
	address string
	slots   chan struct{} // handshakes under way
}

// Limits of what strangers may cost.
const (
	helloTimeout  = 5 * time.Second
	maxHandshakes = 128
)

func (a *Aggregator) listen(address string) (*listener, error) {
	l, err := a.opt.Listen(network(address), address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen for peers: %w", err)
	}
	return &listener{Listener: l, a: a, address: address, slots: make(chan struct{}, maxHandshakes)}, nil
}

// serve accepts connections until the listener is closed.
func (l *listener) serve(ctx context.Context) {
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
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
		l.slots <- struct{}{}
		l.a.running.Go(func() {
			l.welcome(ctx, conn)
			<-l.slots
		})
	}
}

// welcome reads a hello and answers it.
func (l *listener) welcome(ctx context.Context, conn net.Conn) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(helloTimeout))
	r := bufio.NewReader(conn)
	hello, status, err := peers.ReadHello(r)
	if err != nil {
		l.a.log.Debug("no hello", "from", conn.RemoteAddr(), "err", err)
		stop()
		conn.Close()
		return
	}
	var link *link
	if status == peers.StatusSuccess {
		link, status = l.find(hello)
	}
	if link != nil && link.leavesDialling() {
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
	link.adopt(conn, unread, true, hello.PID)
}

// find gives the link that a hello asks for, or the status that HAProxy's own acceptor would answer: operators diagnose by it.
func (l *listener) find(hello peers.Hello) (*link, peers.Status) {
	status := peers.StatusLocalName
	for _, s := range l.a.sections {
		if s.cfg.Local.Address != l.address || s.cfg.Local.Name != hello.Called {
			continue
		}
		status = peers.StatusRemoteName
		for _, link := range s.links {
			if link.name == hello.Caller {
				return link, peers.StatusSuccess
			}
		}
	}
	return nil, status
}

// leavesDialling tells whether an inbound hello is to be dropped for our own dial that is under way: between aggregators the smaller name's dial counts.
func (l *link) leavesDialling() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dialling && l.sess == nil && !l.isNode() && l.local < l.name
}
