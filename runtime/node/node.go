// Package node plays an HAProxy in the peers protocol: it keeps stick tables as HAProxy does, dials and accepts, asks for a lesson
// at its start, pushes what it counts, applies what it is sent, teaches everything on request. New and Serve are the entry points;
// Count does what a request does, Lookup reads what "show table" would show.
//
// It stands for HAProxy in the lab on machines without one, in the load tool and in tests. To be of use as an oracle for
// runtime/store and runtime/session it shares nothing with them but the codec, and it follows HAProxy's own structure:
// names in comments are those of HAProxy's peers.c, stick_table.c and freq_ctr.c. What differs from HAProxy: there is one section, no
// old process to learn from at a reload (the local phase of a resync is skipped), no dictionaries (a server_key is sent as none and
// not learned), and no shards.
//
// One lock, Node.mu, guards all state; it is not held while reading from or writing to a connection.
package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"stktc/runtime/peers"
	"stktc/topology/sticktable"
)

// Config is one node: a peers section and its tables.
type Config struct {
	Name   string // the local peer's name
	Listen string // host:port, or a UNIX socket's path with a leading slash; "" does not listen

	// Listener is used instead of listening at Listen. Serve closes it.
	Listener net.Listener

	Peers  []Peer
	Tables []TableConfig

	// Dial connects to a peer; nil dials its Address.
	Dial func(ctx context.Context, peer Peer) (net.Conn, error)

	Logger *slog.Logger // nil: nothing is logged
}

// Peer is a remote peer of the section.
type Peer struct {
	Name    string
	Address string // as Config.Listen; "" is never dialled
}

// TableConfig is a stick table.
type TableConfig struct {
	WireName   string // "bk" for a proxy's table, "/t1" for a table line in a peers section
	Definition sticktable.Definition
	Size       int  // entries; when full, the oldest make room; 0: no limit
	RecvOnly   bool // learns conn_cur too (HAProxy 3.2)
}

// Node is a running or not yet running node. Its methods may be called concurrently.
type Node struct {
	config Config
	log    *slog.Logger
	clock  clock
	pid    int

	mu       sync.Mutex
	tables   []*table
	byName   map[string]*table
	peers    []*peer // the remote ones, then the local one
	resync   resync
	sessions sync.WaitGroup
	stopped  bool
}

// New makes a node. It fails when a name is missing or doubled, or a table cannot be.
func New(config Config) (*Node, error) {
	n := &Node{config: config, log: config.Logger, clock: newClock(), pid: 1 + rand.IntN(1<<22), byName: map[string]*table{}}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	n.log = n.log.With("node", config.Name)
	for _, c := range config.Tables {
		if err := n.addTable(c); err != nil {
			return nil, err
		}
	}
	return n, n.addPeers()
}

func (n *Node) addTable(c TableConfig) error {
	if c.WireName == "" || n.byName[c.WireName] != nil {
		return fmt.Errorf("node `%s`: table name `%s` is missing or used twice", n.config.Name, c.WireName)
	}
	t := newTable(c, uint32(len(n.tables)+1), n.clock)
	n.tables = append(n.tables, t)
	n.byName[c.WireName] = t
	return nil
}

func (n *Node) addPeers() error {
	all := append(append([]Peer(nil), n.config.Peers...), Peer{Name: n.config.Name})
	seen := map[string]bool{}
	for i, c := range all {
		if c.Name == "" || strings.ContainsAny(c.Name, " \n") || seen[c.Name] {
			return fmt.Errorf("node `%s`: peer name `%s` is missing, used twice, or has a space", n.config.Name, c.Name)
		}
		seen[c.Name] = true
		n.peers = append(n.peers, newPeer(c, i == len(all)-1, len(n.tables)))
	}
	return nil
}

// Serve listens, dials every peer, and returns nil when ctx has ended and all sessions are closed. It fails when it cannot
// listen. A node serves once.
func (n *Node) Serve(ctx context.Context) error {
	l, err := n.listen()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n.mu.Lock()
	n.armResync()
	n.mu.Unlock()
	var loops sync.WaitGroup
	for _, p := range n.peers {
		if !p.isLocal && (p.Address != "" || n.config.Dial != nil) {
			loops.Go(func() { n.dialLoop(ctx, p) })
		}
	}
	loops.Go(func() { n.sweepLoop(ctx) })
	var failed error
	if l != nil {
		loops.Go(func() { <-ctx.Done(); l.Close() })
		if failed = n.acceptLoop(ctx, l); failed != nil {
			cancel()
		}
	}
	<-ctx.Done()
	n.stop()
	loops.Wait()
	n.sessions.Wait()
	return failed
}

func (n *Node) listen() (net.Listener, error) {
	if n.config.Listener != nil || n.config.Listen == "" {
		return n.config.Listener, nil
	}
	return net.Listen(networkOf(n.config.Listen), n.config.Listen)
}

func networkOf(address string) string {
	if strings.HasPrefix(address, "/") {
		return "unix"
	}
	return "tcp"
}

func (n *Node) acceptLoop(ctx context.Context, l net.Listener) error {
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // out of descriptors, or a connection that was reset meanwhile
			n.log.Warn("accept failed", "error", err)
			if !pause(ctx, acceptRetry) {
				return nil
			}
			continue
		}
		if !n.startSession() {
			conn.Close()
			continue
		}
		go func() { defer n.sessions.Done(); n.accept(conn) }()
	}
}

const acceptRetry = 50 * time.Millisecond

// startSession counts a session unless the node is stopping.
func (n *Node) startSession() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.stopped {
		n.sessions.Add(1)
	}
	return !n.stopped
}

// Accept runs a session over a connection that a peer has opened, and returns when it is over. It is what Serve does
// with every connection of its listener.
func (n *Node) Accept(conn net.Conn) {
	if !n.startSession() {
		conn.Close()
		return
	}
	defer n.sessions.Done()
	n.accept(conn)
}

// stop ends all sessions.
func (n *Node) stop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stopped = true
	n.resync.timer.Stop()
	for _, p := range n.peers {
		p.disconnect()
	}
}

// sweepLoop removes expired entries, so that a node that nobody reads keeps no dead ones.
func (n *Node) sweepLoop(ctx context.Context) {
	for pause(ctx, sweepInterval) {
		n.mu.Lock()
		for _, t := range n.tables {
			t.sweep()
		}
		n.mu.Unlock()
	}
}

// sweepInterval is long beside the cost of a sweep (some 20 ns an entry).
const sweepInterval = 10 * time.Second

// pause waits; false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// peer finds a peer by name, the local one included.
func (n *Node) peer(name string) *peer {
	for _, p := range n.peers {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// A status at which HAProxy's dialler goes on trying (__process_running_peer_sync); after any other it waits to be dialled.
func mayRedial(s peers.Status) bool {
	return s == peers.StatusConnecting || s == peers.StatusConnected || s == peers.StatusSuccess
}
