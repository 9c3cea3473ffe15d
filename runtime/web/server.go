// Package web is the aggregator's HTTP side: metrics, health, readiness, and a page that shows what the aggregator does. New makes a
// Server, Listen opens its addresses, Serve answers until its context ends.
//
// It only reads, and it shows no key and no value of a key: who may see those asks the stats socket. What it costs is bounded, however many ask: the tables
// are counted at most once a second, and no more than 64 connections are open.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"stktc/runtime"
)

// Source is what the server tells about.
type Source interface {
	// Status tells what the aggregator is doing. The tables in it are live.
	Status() runtime.Status
	// TickAge is how long ago time last passed in the tables, the proof that the aggregator works. No change of the wall clock may matter to it.
	TickAge() time.Duration
}

var _ Source = (*runtime.Aggregator)(nil)

// Options are what a Server is given of the world.
type Options struct {
	Version  string // of this program
	Revision string // its commit; may be empty
	Logger   *slog.Logger
}

// Limits of what clients may cost.
const (
	headerTimeout   = 5 * time.Second // for a request's head
	readTimeout     = 10 * time.Second
	writeTimeout    = 30 * time.Second // for a whole reply, collecting metrics included
	idleTimeout     = 30 * time.Second // between two requests of a connection
	maxHeader       = 16 << 10         // bytes; net/http adds 4 KiB
	maxConnections  = 64               // of all listeners together: a crowd may not take the descriptors that peers need
	maxScrapes      = 4                // at a time
	shutdownTimeout = 2 * time.Second  // for replies under way when the server ends
)

// Server answers over HTTP. Listen is to be called before Serve.
type Server struct {
	source    Source
	opt       Options
	log       *slog.Logger
	http      *http.Server
	listeners []net.Listener
	slots     chan struct{}

	now  func() time.Time
	pid  int
	node string

	mu   sync.Mutex
	last *snapshot
}

// New makes a server without listeners.
func New(source Source, opt Options) *Server {
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	node, _ := os.Hostname()
	s := &Server{
		source: source, opt: opt, log: opt.Logger, slots: make(chan struct{}, maxConnections),
		now: time.Now, pid: os.Getpid(), node: node,
	}
	s.http = &http.Server{
		Handler: s.handler(), ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, DisableGeneralOptionsHandler: true,
		// What clients do wrong is not worth more: a port scan must not fill the log.
		ErrorLog: slog.NewLogLogger(opt.Logger.Handler(), slog.LevelDebug),
	}
	return s
}

// Listen opens a TCP address, host:port; Serve answers there. Without a host it is all of this machine's, with port 0 one that is free.
func (s *Server) Listen(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("cannot listen on `%s` for HTTP: %w", address, err)
	}
	if tcp, ok := l.Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		s.log.Warn("HTTP is open to the network, and there is no authentication", "address", l.Addr().String())
	}
	s.listeners = append(s.listeners, &limited{Listener: l, slots: s.slots, closed: make(chan struct{})})
	return nil
}

// Addresses are those that are listened on.
func (s *Server) Addresses() []net.Addr {
	var list []net.Addr
	for _, l := range s.listeners {
		list = append(list, l.Addr())
	}
	return list
}

// Serve answers on all listeners until ctx ends, and gives replies that are under way then 2 s. It returns when nothing of it runs any more: nil, or why a listener
// failed before that.
func (s *Server) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	failed := make(chan error, len(s.listeners))
	for _, l := range s.listeners {
		running.Go(func() {
			if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("HTTP on `%s`: %w", l.Addr(), err)
				cancel()
			}
		})
	}
	<-ctx.Done()
	s.shutdown()
	running.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

func (s *Server) shutdown() {
	limit, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	if s.http.Shutdown(limit) != nil {
		s.http.Close()
	}
	s.Close()
}

// Close closes the listeners. It is needed only without Serve.
func (s *Server) Close() {
	for _, l := range s.listeners {
		l.Close()
	}
}
