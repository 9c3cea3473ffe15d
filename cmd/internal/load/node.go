package load

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"stktc/runtime/peers"
)

// node is one HAProxy that is played. It outlives its sessions.
type node struct {
	l      *load
	name   string
	number int
	pid    int
	isDeaf bool
	isSlow bool
	isIdle bool

	isFlaky bool // it reconnects and restarts

	updatesBefore uint64 // that it was sent before anything was pushed

	isReborn atomic.Bool // it has forgotten everything once

	out output
	in  input

	arrived   chan arrival // connections that the target opened, past the hello
	wake      chan struct{}
	isUp      atomic.Bool // its session has ended a first lesson
	sessions  atomic.Int64
	losses    atomic.Int64
	mu        sync.Mutex
	conn      net.Conn // of the present session
	lastError error
}

// output is what the node counted. Rows are written by the node's writer alone, and by nobody once the load is over.
type output struct {
	rows      []uint32
	id        uint32 // last update id given out
	acked     atomic.Uint32
	last      atomic.Uint32 // id, for others to read
	sent      atomic.Uint64 // updates of the fill and the load
	encoded   atomic.Uint64 // updates of the recording
	taught    atomic.Uint64 // updates of lessons and repetitions
	bytes     atomic.Uint64
	stage     stage     // that inStage belongs to
	inStage   uint64    // updates sent in the stage
	isDone    bool      // with the stage
	dropped   int       // sessions in the load so far
	until     time.Time // when an idle node is done
	fill      picker
	next      picker
	batch     [batchSize]uint32
	touched   uint32 // keeps the touching of rows from being optimised away
	key       []byte
	values    []uint64
	recording recording
	probes    []probe
	turn      int   // of probes
	timed     int64 // when the next probe is due, ns of the load's clock
}

// input is what the node was sent. Guarded by mu.
type input struct {
	mu        sync.Mutex
	rows      []uint32
	totals    []uint64 // by cell: the sum over all keys of what the rows show
	wentBack  uint64   // counters that shrank
	badLife   uint64   // updates that live longer than their table's entries
	foreign   uint64   // keys that were never pushed
	givenBack uint64   // updates of what the node had forgotten
	latency   *hdrhistogram.Histogram
	faults    []string      // what is wrong with the table's definition, said once each
	heard     []string      // names of the tables that the target defined
	changed   int64         // when a counter was last seen to change, ns of the load's clock
	keep      keep          // the reader's alone
	gap       time.Duration // longest time for which what came was not read, as a recorded load's sums were decoded

	updates, others, bytes, heartbeats atomic.Uint64
}

// batchSize is how many rows are touched ahead of their use: their cache misses overlap.
const batchSize = 64

// probesPerNode bounds how many timed updates of a node are under way at once.
const probesPerNode = 64

// arrival is a connection past the hello, with what was read behind it.
type arrival struct {
	conn   net.Conn
	unread []byte
}

func newNode(l *load, number int) *node {
	n := &node{
		l: l, name: l.Nodes[number], number: number, pid: newPID(), arrived: make(chan arrival, 1), wake: make(chan struct{}, 1),
		isDeaf: slices.Contains(l.Deaf, l.Nodes[number]), isSlow: slices.Contains(l.Slow, l.Nodes[number]),
		isIdle: slices.Contains(l.Idle, l.Nodes[number]),
	}
	n.isFlaky = slices.Contains(l.Flaky, n.name) || l.Flaky == nil && !n.isDeaf // one that does not read would not learn that it may go on
	n.out.rows = make([]uint32, int(l.keys.total)*l.shape.words)
	n.out.key, n.out.values = l.keys.buffer(), make([]uint64, l.shape.layout.Slots())
	n.out.probes = make([]probe, probesPerNode)
	n.out.next, n.out.fill = newPickers(&l.Config, number)
	n.in.latency = newHistogram()
	n.in.totals = make([]uint64, len(l.shape.cells))
	if l.To != "" {
		n.in.rows = make([]uint32, int(l.keys.total)*l.shape.words)
	}
	return n
}

// newPID is the process id that a node says it has: another one each time that it starts.
func newPID() int { return 2 + rand.IntN(1<<22-2) }

// row gives the row of an index.
func (s *shape) row(rows []uint32, index uint32) []uint32 {
	at := int(index) * s.words
	return rows[at : at+s.words : at+s.words]
}

// signal lets the writer look again.
func (n *node) signal() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// run holds a session with the target, one after the other, until ctx ends.
func (n *node) run(ctx context.Context) error {
	for ctx.Err() == nil {
		a, err := n.connect(ctx)
		if err != nil {
			return err
		}
		if a.conn == nil {
			continue
		}
		n.setConn(a.conn)
		err = newSession(n, a).run(ctx)
		n.setConn(nil)
		switch {
		case ctx.Err() != nil:
		case errors.Is(err, errPlanned):
			pause(ctx, n.l.Away)
		case n.isReplaying():
			return fmt.Errorf("`%s` lost its session during a recorded load, which cannot go on: %w", n.name, err)
		default:
			n.losses.Add(1)
			n.failed(err)
			n.l.note("%s lost its session: %v", n.name, err)
		}
	}
	return nil
}

func (n *node) setConn(c net.Conn) {
	n.mu.Lock()
	n.conn = c
	n.mu.Unlock()
}

// redialEvery is shorter than HAProxy's 5 s: what is measured is the target.
const redialEvery = 250 * time.Millisecond

// connect waits for the target, or dials it. No connection and no error means: try again.
func (n *node) connect(ctx context.Context) (arrival, error) {
	var dialled <-chan time.Time
	if n.l.Target != "" {
		select {
		case a := <-n.arrived:
			return a, nil
		default:
		}
		a, err := n.dial(ctx)
		if a.conn != nil || err != nil {
			return a, err
		}
		dialled = time.After(redialEvery)
	}
	select {
	case a := <-n.arrived:
		return a, nil
	case <-dialled:
	case <-ctx.Done():
	}
	return arrival{}, nil
}

// dial makes one attempt. An error means that no further attempt can do better.
func (n *node) dial(ctx context.Context) (arrival, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, network(n.l.Target), n.l.Target)
	if err != nil {
		n.failed(err)
		return arrival{}, nil
	}
	n.awaitsAnswer()
	conn.SetDeadline(time.Now().Add(silenceLimit))
	r := bufio.NewReader(conn)
	status, err := n.hello(conn, r)
	if err == nil && status == peers.StatusSuccess {
		return newArrival(conn, r), nil
	}
	conn.Close()
	if err == nil {
		err = n.refused(status)
	}
	return arrival{}, err
}

// errNoAnswer is why a node whose hello is not answered is not ready.
var errNoAnswer = errors.New("the connection was accepted, but the hello was not answered")

// hello says who calls whom, and reads the answer: StatusNone where there is none. An error means that what answers speaks another protocol.
func (n *node) hello(conn net.Conn, r *bufio.Reader) (peers.Status, error) {
	hello := peers.AppendHello(nil, peers.Hello{Called: n.l.TargetName, Caller: n.name, PID: n.pid})
	_, err := conn.Write(hello)
	if err == nil {
		_, err = r.Peek(1)
	}
	if err != nil {
		why := errNoAnswer
		if !isTimeout(err) {
			why = fmt.Errorf("the connection was accepted, but ended at the hello: %w", err)
		}
		n.failed(why)
		return peers.StatusNone, nil
	}
	first, _ := r.Peek(r.Buffered())
	stranger := answerOf(first)
	status, err := peers.ReadStatus(r)
	if errors.Is(err, peers.ErrStatus) || err != nil && stranger != "" {
		return status, fmt.Errorf("`%s` is not a peers listener: it answered %s", n.l.Target, cmp.Or(stranger, err.Error()))
	}
	if err != nil {
		n.failed(fmt.Errorf("the answer to the hello was cut short: %w", err))
		return peers.StatusNone, nil
	}
	return status, nil
}

// answerOf names the protocol of an answer to a hello that is known to be another one; "" of any else.
func answerOf(b []byte) string {
	text := strings.ToLower(string(b[:min(len(b), 16)]))
	switch {
	case strings.HasPrefix(text, "http/"), strings.HasPrefix(text, "<!doctype html"), strings.HasPrefix(text, "<html"):
		return "HTTP"
	case strings.HasPrefix(text, "ssh-"):
		return "SSH"
	case len(b) > 1 && b[0] == 0x15 && b[1] == 3: // an alert (RFC 8446, 5.1)
		return "TLS, which stktload does not speak"
	}
	return ""
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

const (
	dialLimit    = time.Second
	silenceLimit = 5 * time.Second // HAProxy's inactivity timeout
)

func newArrival(conn net.Conn, r *bufio.Reader) arrival {
	unread := make([]byte, r.Buffered())
	r.Read(unread)
	return arrival{conn, unread}
}

// refused makes the error of a hello that will never be accepted; nil if it may be.
func (n *node) refused(s peers.Status) error {
	switch s {
	case peers.StatusNone:
		return nil
	case peers.StatusTryAgain:
		n.failed(errors.New(s.Explain()))
		return nil
	}
	return fmt.Errorf("the target `%s` refuses node `%s` with `%d`: %s", n.l.TargetName, n.name, int(s), s.Explain())
}

// awaitsAnswer is what there is to say until the first hello is answered.
func (n *node) awaitsAnswer() {
	n.mu.Lock()
	n.lastError = cmp.Or(n.lastError, errNoAnswer)
	n.mu.Unlock()
}

func (n *node) failed(err error) {
	n.mu.Lock()
	n.lastError = err
	n.mu.Unlock()
}

func network(address string) string {
	if strings.HasPrefix(address, "/") {
		return "unix"
	}
	return "tcp"
}

// serve takes the connections that the target opens, until the listener is closed. The newest one becomes the session.
func (n *node) serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go n.greet(conn)
	}
}

func (n *node) greet(conn net.Conn) {
	conn.SetDeadline(time.Now().Add(silenceLimit))
	r := bufio.NewReader(conn)
	hello, status, err := peers.ReadHello(r)
	switch {
	case err != nil:
		conn.Close()
		return
	case status != peers.StatusSuccess:
	case hello.Called != n.name:
		status = peers.StatusLocalName
	case hello.Caller != n.l.TargetName:
		status = peers.StatusRemoteName
	}
	conn.Write(peers.AppendStatus(nil, status))
	if status != peers.StatusSuccess {
		n.failed(fmt.Errorf("`%s` called `%s` and was refused: %s", hello.Caller, hello.Called, status.Explain()))
		conn.Close()
		return
	}
	n.mu.Lock()
	if n.conn != nil {
		n.conn.Close()
	}
	n.mu.Unlock()
	select {
	case n.arrived <- newArrival(conn, r):
	case <-time.After(silenceLimit):
		conn.Close()
	}
}

// pause waits; it ends early with ctx.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
