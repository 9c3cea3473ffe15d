// Package cli is the aggregator's stats socket: it answers HAProxy's own commands in HAProxy's own formats where there is one, and tells what only an
// aggregator knows. New makes a Server, Listen opens its addresses, Serve answers until its context ends.
//
// It reads the aggregator's tables in batches and writes between them: no lock is held while a client is written to, and a reply of any
// length costs a buffer of 32 KiB. Formats are those of HAProxy 2.6 (cli.c, stick_table.c, peers.c); each reply ends with an empty line.
package cli

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"stktc/runtime"
)

// Aggregator is what the socket shows.
type Aggregator interface {
	// Status tells what the aggregator is doing. The tables in it are live.
	Status() runtime.Status
	Faults() []runtime.Fault
	// Now is the clock of the tables, in ms.
	Now() uint32
}

var _ Aggregator = (*runtime.Aggregator)(nil)

// Options are what a Server is given of the world.
type Options struct {
	Version string       // for "show info"
	Reload  func() error // carries out "reload"; nil: the command says that it cannot
	Logger  *slog.Logger
	Timeout time.Duration // longest wait for a command, and for a client to take 32 KiB of a reply; 0: DefaultTimeout
}

// Limits of what clients may cost.
const (
	DefaultTimeout = 10 * time.Second // HAProxy's "stats timeout"
	promptTimeout  = 5 * time.Minute  // between the commands of an interactive session
	maxLine        = 4 << 10          // bytes of a line, its end included
	maxClients     = 64               // of all listeners together
	writeBuffer    = 32 << 10
)

// Server answers commands. Listen is to be called before Serve.
type Server struct {
	agg       Aggregator
	opt       Options
	log       *slog.Logger
	listeners []*listener
	slots     chan struct{}
	running   sync.WaitGroup

	now  func() time.Time
	pid  int
	node string
}

// New makes a server without listeners.
func New(a Aggregator, opt Options) *Server {
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Timeout == 0 {
		opt.Timeout = DefaultTimeout
	}
	node, _ := os.Hostname()
	return &Server{
		agg: a, opt: opt, log: opt.Logger, slots: make(chan struct{}, maxClients),
		now: time.Now, pid: os.Getpid(), node: node,
	}
}

// Serve answers on all listeners until ctx ends; then it closes them and the connections, removes the UNIX sockets, and returns when nothing of it runs any more.
func (s *Server) Serve(ctx context.Context) {
	for _, l := range s.listeners {
		s.running.Go(func() { s.accept(ctx, l) })
	}
	<-ctx.Done()
	s.Close()
	s.running.Wait()
}

// Close closes the listeners and removes the UNIX sockets. It is needed only without Serve.
func (s *Server) Close() {
	for _, l := range s.listeners {
		l.close()
	}
}

// acceptPause keeps a listener that cannot accept, for want of descriptors say, from spinning.
const acceptPause = 100 * time.Millisecond

func (s *Server) accept(ctx context.Context, l *listener) {
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			s.log.Error("stats socket cannot accept", "address", l.addr.Address, "err", err)
			select {
			case <-time.After(acceptPause):
			case <-ctx.Done():
			}
			continue
		}
		s.admit(ctx, conn, l.addr)
	}
}

// admit gives the client a conversation of its own, if there is room for one.
func (s *Server) admit(ctx context.Context, conn net.Conn, at Address) {
	select {
	case s.slots <- struct{}{}:
	default:
		s.log.Warn("stats socket: too many clients", "limit", maxClients)
		conn.SetWriteDeadline(time.Now().Add(acceptPause))
		conn.Write([]byte("Too many clients, try again later\n\n"))
		conn.Close()
		return
	}
	s.running.Go(func() {
		defer func() { <-s.slots }()
		stop := context.AfterFunc(ctx, func() { conn.Close() })
		defer stop()
		newClient(s, conn, at).run()
	})
}
