package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"stktc/runtime/peers"
	"stktc/topology/sticktable"
)

// recording is what a node will push during the load, encoded before it begins: then pushing costs a copy into the socket, and both of two cores are nearly free for the target.
type recording struct {
	text   []byte
	pieces []piece
	next   int // piece to be written
}

// piece is a part of a recording that is written at once. It begins where the one before ends.
type piece struct {
	end     int
	updates uint64
	sent    stamp // when it was written
}

// pieceSize is how much of a recording is written at once: a system call for some 3,500 updates of the usual table.
const pieceSize = 64 << 10

// recordedProbes is how many updates of a node are timed during a recorded load: as many as can be under way, since what comes back is decoded afterwards.
const recordedProbes = probesPerNode

// usualPace is how many updates a second a node is taken to push where no fill told.
const usualPace = 1_000_000

// record lets all nodes count and encode their whole load, as if at the pace at which the target took the fill.
func (l *load) record(ctx context.Context, fill *Stage) error {
	l.pace = usualPace
	if fill != nil {
		l.pace = fill.InPerSecond / float64(len(l.nodes))
	}
	l.recordedFrom = l.clock().tick
	return l.awaitNodes(ctx, encoding)
}

// recordPiece encodes a piece. The session's own buffer stays as it is.
func (s *session) recordPiece() time.Duration {
	l, out := s.n.l, &s.n.out
	rec := &out.recording
	if out.inStage == l.quota {
		if !out.isDone { // from then on the room is the reader's
			s.n.in.keep.room = l.roomToKeep()
		}
		s.n.done()
		return beatEvery
	}
	buf, current := s.buf, s.current
	s.buf, s.current = rec.text, sourceID
	now := l.recordedFrom + uint32(float64(out.inStage)/l.pace*1000)
	updates := s.encode(encoding, l.quota-out.inStage, now, len(rec.text)+pieceSize)
	rec.text = s.buf
	s.buf, s.current = buf, current
	rec.pieces = append(rec.pieces, piece{end: len(rec.text), updates: updates})
	out.inStage += updates
	return 0
}

// isReplaying tells whether rows hold what was not pushed yet.
func (n *node) isReplaying() bool {
	at := n.l.stage()
	return at == encoding || at == loading && n.l.Recorded
}

// replay makes the next piece of the recording the one to be written.
func (s *session) replay() time.Duration {
	rec := &s.n.out.recording
	if rec.next == len(rec.pieces) {
		s.n.done()
		return beatEvery
	}
	if s.current != sourceID {
		s.buf = peers.AppendTableDefinition(s.buf, &s.n.l.source)
		s.current = sourceID
	}
	if every := len(rec.pieces)/recordedProbes + 1; rec.next%every == 0 && s.n.l.probeCell != nil && len(s.n.l.Idle) == 0 {
		s.sendProbe(s.n.l.clock())
	}
	s.piece = &rec.pieces[rec.next]
	return 0
}

// writePiece writes a piece of the recording.
func (s *session) writePiece() error {
	out := &s.n.out
	rec := &out.recording
	start := 0
	if rec.next > 0 {
		start = rec.pieces[rec.next-1].end
	}
	s.piece.sent = s.n.l.clock()
	n, err := s.conn.Write(rec.text[start:s.piece.end])
	out.bytes.Add(uint64(n))
	out.sent.Add(s.piece.updates)
	rec.next++
	s.piece = nil
	return err
}

// retime makes the rows' rates begin when the target was told that they did: what a recording says of their age counts from the moment at which it was
// written. It fails if the recording is not what was recorded.
func (n *node) retime() error {
	l, rec := n.l, &n.out.recording
	var u peers.Update
	from := 0
	for _, p := range rec.pieces {
		for from < p.end {
			f, size, err := peers.ParseFrame(rec.text[from:p.end], peers.MaxFrame)
			if err == nil && size > 0 {
				err = l.shape.layout.ParseUpdate(f.Type, f.Body, &u)
			}
			index, ok := l.keys.index(u.Key)
			if err != nil || size == 0 || !ok {
				return fmt.Errorf("the recording of `%s` is broken at byte %d: %v", n.name, from, err)
			}
			from += size
			l.shape.retime(l.shape.row(n.out.rows, index), u.Values, p.sent.tick)
		}
	}
	return nil
}

// retime gives a row's rates the age that an update said at a moment.
func (s *shape) retime(row []uint32, values []uint64, now uint32) {
	for i := range s.cells {
		if c := &s.cells[i]; c.kind == sticktable.FreqCtr {
			row[c.word+rateTick] = (now - uint32(values[c.slot])) &^ 1
		}
	}
}

// keep is what a node was sent during a recorded load. It is decoded when the load is over, as of the times at which it was read.
type keep struct {
	room   []byte // that is not used yet
	blocks []block
}

type block struct {
	text []byte
	at   stamp
}

// keptLimit is how many bytes all nodes keep at most; what comes beyond is decoded as it comes.
const keptLimit = 2 << 30

// roomToKeep makes room for every sum of every update, in memory that is there: the first touch of a page costs as much as some updates.
func (l *load) roomToKeep() []byte {
	const usual = 32 // bytes an update, with some reserve
	n := min(l.quota*uint64(len(l.nodes))*uint64(usual+4*l.shape.words), keptLimit/uint64(len(l.nodes)))
	room := make([]byte, n)
	for i := 0; i < len(room); i += 4096 {
		room[i] = 1
	}
	return room
}

// leastRoom is what a read should have room for.
const leastRoom = 16 << 10

// keeps tells whether what comes is to be decoded later.
func (s *session) keeps() bool {
	n := s.n
	return n.l.Recorded && !n.isSlow && !n.isIdle && n.l.isLoading() && len(n.in.keep.room) >= leastRoom
}

// keep reads until the load is over, or the room is used up, and decodes it then.
func (s *session) keep() error {
	k := &s.n.in.keep
	for len(k.room) >= leastRoom {
		s.extend() // before the stage is looked at: whoever ends it moves the deadline afterwards
		if !s.n.l.isLoading() {
			break
		}
		if err := s.silence(s.keepRead()); err != nil {
			return err
		}
	}
	return s.decodeKept()
}

// keepSize is how much is read at once, as far as there is room.
const keepSize = 256 << 10

func (s *session) keepRead() error {
	k := &s.n.in.keep
	if len(k.room) < leastRoom {
		k.room = make([]byte, keepSize)
	}
	n, err := s.conn.Read(k.room[:min(len(k.room), keepSize)])
	if n == 0 {
		return err
	}
	s.n.in.bytes.Add(uint64(n))
	k.blocks = append(k.blocks, block{k.room[:n], s.n.l.clock()})
	k.room = k.room[n:]
	return nil
}

// decodeKept decodes what was kept. Meanwhile it goes on reading: ages that wait to be read are wrong when they are.
func (s *session) decodeKept() error {
	k, decoded, looked := &s.n.in.keep, 0, time.Now()
	for ; len(k.blocks) > 0; k.blocks = k.blocks[1:] {
		if err := s.decodeBlock(k.blocks[0]); err != nil {
			return err
		}
		if decoded += len(k.blocks[0].text); decoded < glanceEvery {
			continue
		}
		decoded = 0
		s.n.in.missed(time.Since(looked))
		looked = time.Now()
		s.conn.SetReadDeadline(looked.Add(glance))
		if err := s.keepRead(); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
	}
	s.n.in.missed(time.Since(looked))
	*k = keep{room: k.room}
	s.read.deadline = time.Time{}
	return nil
}

// missed takes note of a time for which the connection was not looked at.
func (in *input) missed(d time.Duration) {
	in.mu.Lock()
	in.gap = max(in.gap, d)
	in.mu.Unlock()
}

// While what was kept is decoded, the connection is looked at for so long behind so many bytes, which take some milliseconds.
const (
	glance      = 100 * time.Microsecond
	glanceEvery = 1 << 20
)

func (s *session) decodeBlock(b block) error {
	r := &s.read
	for text := b.text; len(text) > 0; {
		n := copy(r.buf[r.end:], text)
		r.end += n
		text = text[n:]
		if err := s.handleBuffered(b.at); err != nil {
			return err
		}
		r.move()
	}
	return nil
}

// endReplay waits until the target seems to have answered all of a recorded load, and brings the rows' rates to the times at which they were pushed.
func (l *load) endReplay(ctx context.Context) error {
	l.awaitQuiet(ctx)
	for _, n := range l.nodes {
		if err := n.retime(); err != nil {
			return err
		}
	}
	return nil
}

// quietFor is how long no node must be sent anything for the load to be over, and quietLimit how long that is waited for: rates may be sent again all the time.
const (
	quietFor   = 20 * time.Millisecond
	quietLimit = 2 * time.Second
)

// awaitQuiet waits until the target has answered what it was sent, as far as can be told without decoding it.
func (l *load) awaitQuiet(ctx context.Context) {
	limit := time.Now().Add(quietLimit)
	for last := uint64(1 << 63); time.Now().Before(limit) && ctx.Err() == nil; pause(ctx, quietFor) {
		now := uint64(0)
		for _, n := range l.nodes {
			now += n.in.bytes.Load()
		}
		if now == last {
			return
		}
		last = now
	}
}

// wakeReaders ends the reads that wait: the stage has changed.
func (l *load) wakeReaders() {
	for _, n := range l.nodes {
		n.mu.Lock()
		if n.conn != nil {
			n.conn.SetReadDeadline(time.Now())
		}
		n.mu.Unlock()
	}
}
