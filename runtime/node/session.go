package node

import (
	"bufio"
	"errors"
	"io"
	"net"
	"time"

	"stktc/runtime/peers"
)

// maxMessage is tune.bufsize's default: a longer message is answered with a size limit error.
const maxMessage = 16384

// readBuffer holds the longest message with its header.
const readBuffer = maxMessage + 8

// session is one conversation past the hello. All fields but conn are guarded by the node's lock.
type session struct {
	node *Node
	peer *peer
	conn net.Conn

	tables  []sharedTable // by our tables
	current *sharedTable  // what the peer's updates are about; nil: nothing of ours
	defined *table        // the table that we defined last

	isLearning  bool // assigned: the peer is to teach us, and gets no updates until it has
	requestDue  bool
	teaching    teaching
	lesson      lesson
	confirmsDue int

	isReleased bool
	wake       chan struct{}
	ended      chan struct{}
	parting    []byte // written last, after a fault of the peer's
	scratch    scratch
}

// teaching is how far the peer's resync request has been answered.
type teaching uint8

const (
	notTeaching     teaching = iota
	inLesson                 // PEER_F_TEACH_PROCESS
	awaitingConfirm          // PEER_F_TEACH_FINISHED; no updates until the confirmation
)

// sharedTable is a table's state within a session (HAProxy's struct shared_table).
type sharedTable struct {
	table     *table
	remoteID  uint32   // the peer's id of it; 0: not defined yet
	binding   *binding // nil until defined
	lastGot   uint32   // last of the peer's ids
	lastAcked uint32   // last of them that we acked
	pushed    uint64   // all local entries up to this id have been sent
	origin    uint64   // pushed when the lesson began
}

func newSession(n *Node, p *peer, conn net.Conn) *session {
	s := &session{node: n, peer: p, conn: conn, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	s.tables = make([]sharedTable, len(n.tables))
	for i, t := range n.tables {
		from := t.cursor(p.acked[i])
		s.tables[i] = sharedTable{table: t, pushed: from, origin: from}
	}
	return s
}

// wakeUp has the writer look for something to send.
func (s *session) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *session) close() { s.conn.Close() }

// run reads and writes until the session ends. The greeting goes out first.
func (s *session) run(r *bufio.Reader, greeting []byte) {
	s.conn.SetDeadline(time.Time{})
	written := make(chan struct{})
	go func() { defer close(written); s.write(greeting) }()
	err := s.read(r)
	s.node.mu.Lock()
	s.parting = partingWords(err)
	if s.parting != nil {
		s.peer.counters.ProtocolErrors++
	} else {
		s.conn.Close() // frees a writer that is blocked
	}
	s.node.mu.Unlock()
	close(s.ended)
	<-written
	s.conn.Close()
	s.node.log.Info("session ended", "peer", s.peer.Name, "error", err)
	s.node.mu.Lock()
	s.release()
	s.node.mu.Unlock()
}

// partingWords is the error message that a fault of the peer's is answered with.
func partingWords(err error) []byte {
	var fault *messageError
	switch {
	case errors.Is(err, peers.ErrTooLong):
		return peers.AppendError(nil, peers.SizeLimitError)
	case errors.Is(err, peers.ErrReserved), errors.As(err, &fault):
		return peers.AppendError(nil, peers.ProtocolError)
	}
	return nil
}

// release takes the session out of the peer's state, once.
func (s *session) release() {
	if s.isReleased {
		return
	}
	s.isReleased = true
	if s.peer.session == s {
		s.peer.session = nil
	}
	s.loseTeacher()
	s.peer.signal()
}

// messageError is a message whose body cannot be read.
type messageError struct{ err error }

func (e *messageError) Error() string { return e.err.Error() }
func (e *messageError) Unwrap() error { return e.err }

// read handles messages until the connection or the peer fails.
func (s *session) read(r *bufio.Reader) error {
	for {
		s.conn.SetReadDeadline(time.Now().Add(inactivityTimeout))
		if _, err := r.Peek(r.Buffered() + 1); err != nil {
			return err
		}
		if err := s.readBuffered(r); err != nil {
			return err
		}
	}
}

// readBuffered handles all messages that are there, and then has them acked: HAProxy too drains its input first.
func (s *session) readBuffered(r *bufio.Reader) error {
	buf, _ := r.Peek(r.Buffered())
	s.node.mu.Lock()
	defer s.node.mu.Unlock()
	defer s.wakeUp()
	consumed := 0
	for {
		frame, n, err := peers.ParseFrame(buf[consumed:], maxMessage)
		if err != nil {
			return err
		}
		if n == 0 {
			_, err := r.Discard(consumed)
			return err
		}
		if s.isReleased {
			return io.ErrClosedPipe
		}
		if err := s.handle(frame); err != nil {
			return err
		}
		consumed += n
	}
}

// handle does what a message says. What is unknown is ignored, and so are error messages: the close that follows them counts.
func (s *session) handle(f peers.Frame) error {
	switch f.Class {
	case peers.Control:
		s.handleControl(f.Type)
	case peers.StickTable:
		return s.handleStickTable(f)
	}
	return nil
}

func (s *session) handleControl(t peers.Type) {
	switch t {
	case peers.ResyncRequest:
		s.beginLesson()
	case peers.ResyncFinished:
		s.lessonEnded(true)
	case peers.ResyncPartial:
		s.lessonEnded(false)
	case peers.ResyncConfirm:
		s.lessonConfirmed()
	case peers.Heartbeat:
		s.peer.counters.HeartbeatsGotten++
		s.peer.reconnectAt = time.Now().Add(reconnectTimeout)
	}
}

func (s *session) handleStickTable(f peers.Frame) error {
	switch f.Type {
	case peers.UpdateEntry, peers.IncUpdate, peers.UpdateTimed, peers.IncUpdateTimed:
		return s.handleUpdate(f)
	case peers.DefineTable:
		s.handleDefinition(f.Body)
	case peers.SwitchTable:
		id, err := peers.ParseSwitch(f.Body)
		if err != nil {
			return &messageError{err}
		}
		s.current = s.byRemoteID(id)
	case peers.AckUpdate:
		return s.handleAck(f.Body)
	}
	return nil
}

// handleDefinition selects the table; one that is not ours, or of another shape, deselects.
func (s *session) handleDefinition(body []byte) {
	s.current = nil
	def, err := peers.ParseTableDefinition(body)
	if err != nil {
		s.node.log.Warn("table definition ignored", "peer", s.peer.Name, "error", err)
		return
	}
	if old := s.byRemoteID(def.ID); old != nil {
		old.remoteID = 0
	}
	for i := range s.tables {
		st := &s.tables[i]
		if st.table.def.Name != def.Name {
			continue
		}
		b := st.table.bind(&def)
		if b == nil {
			s.node.log.Warn("table has another key", "peer", s.peer.Name, "table", def.Name, "theirs", def.KeyString(), "ours", st.table.def.KeyString())
			return
		}
		st.remoteID, st.binding = def.ID, b
		s.current = st
	}
}

func (s *session) byRemoteID(id uint32) *sharedTable {
	for i := range s.tables {
		if s.tables[i].remoteID == id && s.tables[i].binding != nil {
			return &s.tables[i]
		}
	}
	return nil
}

func (s *session) handleUpdate(f peers.Frame) error {
	st := s.current
	if st == nil {
		s.peer.counters.UpdatesIgnored++
		return nil
	}
	u := &s.scratch.update
	if err := st.binding.layout.ParseUpdate(f.Type, f.Body, u); err != nil {
		return &messageError{err}
	}
	if u.Explicit {
		st.lastGot = u.ID
	} else {
		st.lastGot++
	}
	st.table.apply(st.binding, u)
	s.peer.counters.UpdatesReceived++
	return nil
}

// handleAck moves the place from which a later session goes on. Acks do not count during a lesson.
func (s *session) handleAck(body []byte) error {
	id, update, err := peers.ParseAck(body)
	if err != nil {
		return &messageError{err}
	}
	s.peer.counters.AcksReceived++
	if s.teaching == notTeaching && id >= 1 && int(id) <= len(s.tables) {
		s.peer.acked[id-1] = update
	}
	return nil
}
