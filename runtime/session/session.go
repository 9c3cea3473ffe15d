// Package session is one conversation with one peer: it is handed an established connection, and Run returns when that ends. The reader owns the
// decoding and applies updates to the store in batches; the writer owns the buffer, and finds what to send in the store's cursors. Neither holds a lock across a system call, and
// nothing is queued for a peer that does not read.
package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"stktc/runtime/peers"
	"stktc/runtime/store"
)

// Timers. HAProxy ends a session after 5 s without a byte, and sends a heartbeat every 3 s (PEER_HEARTBEAT_TIMEOUT, reg-tests apart).
const (
	heartbeatEvery = 2500 * time.Millisecond
	earlyHeartbeat = 250 * time.Millisecond // HAProxy forgets that a peer is alive when it drops a colliding connection late: a second early sign keeps the session
	silenceLimit   = 5 * time.Second
	writeLimit     = 10 * time.Second
	ackDelay       = 100 * time.Millisecond
	lessonLimit    = 2 * time.Second // HAProxy 3.3 and later cuts a lesson after 5 s
)

// Why a session ended, besides the network's errors.
var (
	ErrSilent   = errors.New("peer was silent for 5 s")
	ErrReplaced = errors.New("a newer session took over")
	ErrDrained  = errors.New("shut down")
	ErrProtocol = errors.New("peer sent a malformed message")
	ErrRemote   = errors.New("peer reported a protocol error")
)

// Owner is what the session tells about. All calls come from the session's reader, one after the other.
type Owner interface {
	// Define tells which tables take the updates of a table that the peer defines: none to ignore them.
	Define(def *peers.TableDefinition) []*store.Source
	// ResyncRequested says that the peer asks to be taught. The answer is a call of Teach.
	ResyncRequested()
	// LessonEnded says that the peer has taught what it has; finished: and that this is everything.
	LessonEnded(finished bool)
	// Writing says how long the peer, a replica, has been writing to the nodes; 0: it does not.
	Writing(since time.Duration)
	// Refused says that the session passes over a table of the peer, and why.
	Refused(table string, reason error)
	// Faulty says that the peer broke the protocol with a message that begins with these bytes. The session ends.
	Faulty(err error, message []byte)
	// Confirmed says that the peer confirmed the end of a lesson of ours.
	Confirmed()
}

// Config is what a session is made from.
type Config struct {
	Conn   net.Conn
	Unread []byte // bytes that were read behind the handshake
	Owner  Owner
	Clock  func() uint32 // milliseconds, see package store
}

// Session is one conversation.
type Session struct {
	conn   net.Conn
	owner  Owner
	clock  func() uint32
	read   reader
	deaf   atomic.Bool  // updates of the peer are passed over
	learns atomic.Int64 // until when the lesson that the peer was asked for is taken for one, Unix ns; 0: it has ended

	writes atomic.Int64 // when the write that is under way began, Unix ns; 0: none is
	wake   chan struct{}

	mu       sync.Mutex // guards what the reader and the owner leave for the writer
	controls []peers.Type
	acks     map[uint32]uint32 // the peer's table id: last update
	ackSince time.Time         // of the oldest ack that is not sent
	outputs  []*output
	lesson   *lesson
	announce announcement
	writing  *time.Duration // to be said
	tables   uint32         // table ids given out
	draining bool
	cause    error

	stats Stats
}

// Stats count what went through the session.
type Stats struct {
	BytesIn, BytesOut           atomic.Uint64
	UpdatesIn, UpdatesOut       atomic.Uint64
	Ignored                     atomic.Uint64 // updates of tables that nobody takes
	HeartbeatsIn, HeartbeatsOut atomic.Uint64
}

// New makes a session over an established connection. Run starts it.
func New(cfg Config) *Session {
	s := &Session{
		conn: cfg.Conn, owner: cfg.Owner, clock: cfg.Clock,
		wake: make(chan struct{}, 1), acks: map[uint32]uint32{},
	}
	s.read.init(cfg.Unread)
	return s
}

// Stats are the session's counters.
func (s *Session) Stats() *Stats { return &s.stats }

// Run speaks until the connection or ctx ends, and tells why it ended. The connection is closed then.
func (s *Session) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	written := make(chan struct{})
	go func() {
		defer close(written)
		cancel(s.writeLoop(ctx))
	}()
	stop := context.AfterFunc(ctx, func() { s.conn.Close() })
	cancel(s.readLoop())
	<-written
	stop()
	s.conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, out := range s.outputs {
		out.cursor.Close()
	}
	if s.cause != nil {
		return s.cause
	}
	return context.Cause(ctx)
}

// Stop ends the session for a reason.
func (s *Session) Stop(cause error) {
	s.mu.Lock()
	if s.cause == nil {
		s.cause = cause
	}
	s.mu.Unlock()
	s.conn.Close()
}

// Drain ends the session when everything that waits for the peer is sent.
func (s *Session) Drain() {
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	s.Wake()
}

// Wake lets the writer look for something to send. It never blocks.
func (s *Session) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Deafen lets the session pass over the peer's updates, without acknowledging them, or hear them again: what a returning peer counts before it was given back
// what it lost would replace that. A lesson that is asked for afterwards holds what was passed over.
func (s *Session) Deafen(deaf bool) { s.deaf.Store(deaf) }

// longestLesson is how long a lesson of 20 million updates takes, several times over: a peer that never says that it ended is not read slowly for ever.
const longestLesson = 5 * time.Minute

// Ask asks the peer to teach everything that it has.
func (s *Session) Ask() {
	s.learns.Store(time.Now().Add(longestLesson).UnixNano())
	s.control(peers.ResyncRequest)
}

// maxControls bounds what a peer can make us owe it: HAProxy waits for the answer to one lesson before it ends the next.
const maxControls = 64

func (s *Session) control(t peers.Type) {
	s.mu.Lock()
	if len(s.controls) < maxControls {
		s.controls = append(s.controls, t)
	}
	s.mu.Unlock()
	s.Wake()
}

// Send lets the peer have a table: all of it, and then what changes, while ready says so. When ready changes its answer to yes the owner calls Wake. A key is sent
// again after pace at the soonest, but for lessons.
func (s *Session) Send(t *store.Table, ready func() bool, pace time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, out := range s.outputs {
		if out.cursor.Table() == t {
			return
		}
	}
	out := &output{ready: ready, pace: pace, def: peers.TableDefinition{ID: s.nextTableID(), Name: t.Name()}}
	out.cursor = t.Subscribe(func() {
		out.behind.CompareAndSwap(0, time.Now().UnixNano())
		s.Wake()
	})
	s.outputs = append(s.outputs, out)
}

// Lag is for how long the oldest change that the peer has not been sent yet waits: for the writer, for the peer to read, or for the sums of its table to be sent at all.
func (s *Session) Lag() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	oldest := s.writes.Load()
	for _, out := range s.outputs {
		if at := out.behind.Load(); at != 0 && (oldest == 0 || at < oldest) {
			oldest = at
		}
	}
	if oldest == 0 {
		return 0
	}
	return max(0, time.Since(time.Unix(0, oldest)))
}

// nextTableID gives out table ids from 1: HAProxy takes 0 for none. The caller holds s.mu.
func (s *Session) nextTableID() uint32 {
	s.tables++
	return s.tables
}

// Own is what a peer contributed before this session, which it is given back in a lesson.
type Own struct {
	Table *store.Table
	Peer  string
	Name  string // of the table, as the peer defined it
}

// Teach answers the peer's request: what it gets back, then all tables, then the end of the lesson, finished or partial as finished says at that moment.
// done is called, by the writer, with whether everything was given back, and what was said.
func (s *Session) Teach(own []Own, finished func() bool, done func(givenBack, finished bool)) {
	s.mu.Lock()
	if s.lesson != nil { // asked again before it ended: it goes on
		s.mu.Unlock()
		return
	}
	s.lesson = &lesson{finished: finished, done: done, until: time.Now().Add(lessonLimit)}
	for _, o := range own {
		s.lesson.own = append(s.lesson.own, newOwnWalk(o, s.nextTableID()))
	}
	for _, out := range s.outputs {
		out.cursor.Rewind()
	}
	s.mu.Unlock()
	s.Wake()
}

// announcement is a word on our own state that nobody asked for.
type announcement uint8

const (
	announceNothing announcement = iota
	announceFinished
	announcePartial
)

// Announce tells the peer, unasked, that everything it was sent is all there is, or with finished false that it no longer is. It is said when everything is sent.
func (s *Session) Announce(finished bool) {
	s.mu.Lock()
	s.announce = announcePartial
	if finished {
		s.announce = announceFinished
	}
	s.mu.Unlock()
	s.Wake()
}

// SayWriting tells the peer, a replica, how long we have been writing to the nodes; 0: we do not.
func (s *Session) SayWriting(since time.Duration) {
	s.mu.Lock()
	s.writing = &since
	s.mu.Unlock()
	s.Wake()
}

// TableStatus is what the session knows of a table that it sends.
type TableStatus struct {
	Name       string
	ID         uint32 // ours, on the wire
	Pushed     uint32 // id of the last update sent; 0: none yet
	Acked      uint32 // id that the peer acknowledged last; 0: none yet
	Unaccepted bool   // something was sent a while ago, and nothing was ever acknowledged
}

// unacceptedAfter is how long a peer may take to acknowledge the first update of a table before that is worth a word: HAProxy acknowledges within
// milliseconds, and never if it does not know the table or if key type or length differ.
const unacceptedAfter = 5 * time.Second

// Tables tells about the tables that the session sends.
func (s *Session) Tables() []TableStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]TableStatus, len(s.outputs))
	for i, out := range s.outputs {
		list[i] = TableStatus{
			Name: out.def.Name, ID: out.def.ID, Pushed: out.pushed.Load(), Acked: out.acked.Load(), Unaccepted: out.unaccepted(),
		}
	}
	return list
}

func (s *Session) fail(what string, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrProtocol, what, err)
}
