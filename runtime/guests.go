package runtime

import (
	"net"
	"sync"
)

// guests counts the handshakes that are under way, by the address that they come from.
type guests struct {
	mu sync.Mutex
	by map[string]int
}

// enter counts one more from there, unless there are too many.
func (g *guests) enter(from string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.by == nil {
		g.by = map[string]int{}
	}
	if g.by[from] >= maxFromOne {
		return false
	}
	g.by[from]++
	return true
}

func (g *guests) leave(from string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.by[from]--; g.by[from] == 0 {
		delete(g.by, from)
	}
}

// origin is the address that a connection comes from, without its port.
func origin(conn net.Conn) string {
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.IP.String()
	}
	return conn.RemoteAddr().String()
}
