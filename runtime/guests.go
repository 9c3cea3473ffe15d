package runtime

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// guests are the connections whose handshakes are under way at a listener, the oldest first.
type guests struct {
	mu      sync.Mutex
	by      map[string]int // how many, by where they come from
	waiting []net.Conn
	warned  time.Time
}

// Why somebody is shown the door before his handshake is over.
const (
	tooManyFromOne = "too many handshakes are under way from one place"
	tooManyAtAll   = "too many handshakes are under way, and this one has taken longest"
)

// enter lets a connection in and tells whom that drives out, and why: itself, where too many come from its place, else who has taken longest, where there are too many at all. Whoever means well says
// hello at once, so that a flood of connections that say nothing costs places only among themselves.
func (g *guests) enter(conn net.Conn) (out net.Conn, why string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.by == nil {
		g.by = map[string]int{}
	}
	from := neighbourhood(conn)
	if g.by[from] >= maxFromOne {
		return conn, tooManyFromOne
	}
	if len(g.waiting) >= maxHandshakes {
		out, why = g.waiting[0], tooManyAtAll
		g.remove(out)
	}
	g.by[from]++
	g.waiting = append(g.waiting, conn)
	return out, why
}

// leave is called when a handshake is over.
func (g *guests) leave(conn net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.remove(conn)
}

// remove forgets a connection, if it is there. The caller holds g.mu.
func (g *guests) remove(conn net.Conn) {
	i := slices.Index(g.waiting, conn)
	if i < 0 {
		return
	}
	g.waiting = slices.Delete(g.waiting, i, i+1)
	from := neighbourhood(conn)
	if g.by[from]--; g.by[from] == 0 {
		delete(g.by, from)
	}
}

// guestsWarnEvery is how often it is said that somebody was driven out.
const guestsWarnEvery = time.Minute

// warns tells whether it is time to say that somebody was driven out.
func (g *guests) warns() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Since(g.warned) < guestsWarnEvery {
		return false
	}
	g.warned = time.Now()
	return true
}

// origin is the address that a connection comes from, without its port.
func origin(conn net.Conn) string {
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.IP.String()
	}
	return conn.RemoteAddr().String()
}

// neighbourhood is origin, or for IPv6 the /64 around it, all of which one host may use.
func neighbourhood(conn net.Conn) string {
	from := origin(conn)
	if ip, err := netip.ParseAddr(from); err == nil && ip.Is6() {
		prefix, _ := ip.Prefix(64)
		return prefix.String()
	}
	return from
}
