package load

import (
	"context"
	"fmt"
	"time"

	"stktc/runtime/peers"
	"stktc/topology/sticktable"
)

// recording is what a node will push during the load, encoded before it begins: then pushing costs a copy into the socket, and both of two cores are nearly free for the target.
type recording struct {
	pieces []piece
	next   int // piece to be written
}

// piece is a part of a recording that is written at once.
type piece struct {
	text    []byte
	updates uint64
	sent    stamp // when it was written
}

// pieceSize is how much of a recording is written at once: a system call for some 3,500 updates of the usual table.
const pieceSize = 64 << 10

// recordedProbes is how many updates of a node are timed during a recorded load: as many as can be under way, since what comes back is decoded afterwards.
const recordedProbes = probesPerNode

// What a recording says of the ages of rates follows from the pace at which it will be taken. A target that takes it faster is told with every update of periods that begin earlier, as no node tells it, and has to
// note that for each: 300 instead of 220 ns an update at 2.5 times the pace. So a part of the load is played first, to learn the pace.
const (
	warmUp     = "warm-up" // the stage's name
	warmUpPart = 8
	usualPace  = 1_000_000 // updates a second and node, where there was no fill
	overFill   = 3         // of the pace of the fill, that of the warm-up is taken to be
	overWarmUp = 1.15      // of the pace of the warm-up, that of the load: ages that grow too slowly do no harm
)

// record lets all nodes count and encode their whole load.
func (l *load) record(ctx context.Context, r *Report) error {
	l.pace, l.keptBytes = usualPace, keptBytes
	if fill := r.Stage(stageNames[filling]); fill != nil {
		l.pace = overFill * fill.InPerSecond / float64(l.loaders())
		if fill.UpdatesOut > 0 {
			l.keptBytes = 1.3 * float64(fill.BytesOut) / float64(fill.UpdatesOut)
		}
		if err := l.warmUp(ctx, r); err != nil {
			return err
		}
	}
	return l.encode(ctx)
}

func (l *load) encode(ctx context.Context) error {
	l.recordedFrom = l.clock().tick
	return l.awaitNodes(ctx, encoding)
}

// warmUp plays a part of the load for the pace at which the target takes it.
func (l *load) warmUp(ctx context.Context, r *Report) error {
	whole := l.quota
	l.quota = (whole + warmUpPart - 1) / warmUpPart
	if err := l.encode(ctx); err != nil {
		return err
	}
	played, err := l.playStage(ctx, loading)
	if played != nil {
		played.Name = warmUp
		r.Stages = append(r.Stages, *played)
		l.pace = overWarmUp * float64(played.UpdatesIn) / float64(played.Sending) / float64(l.loaders()) // when all was right may be told late, where nothing is counted
	}
	if err == nil { // else nodes may be about to read it
		l.quota = whole
	}
	return err
}

// recordPiece encodes a piece, or makes some room for what will come. A piece at a time, so that heartbeats go out meanwhile. The session's own buffer stays as it is.
func (s *session) recordPiece() time.Duration {
	l, out := s.n.l, &s.n.out
	if out.inStage == l.quota {
		if out.isDone || !s.n.in.keep.grow(l.roomToKeep()) { // when it is done the room is the reader's
			s.n.done()
			return beatEvery
		}
		return 0
	}
	buf, current := s.buf, s.current
	s.buf, s.current = make([]byte, 0, pieceSize+leastRoom), sourceID
	now := l.recordedFrom + uint32(float64(out.inStage)/l.pace*1000)
	updates := s.encode(encoding, l.quota-out.inStage, now, pieceSize)
	out.recording.pieces = append(out.recording.pieces, piece{text: s.buf, updates: updates})
	s.buf, s.current = buf, current
	out.inStage += updates
	out.encoded.Add(updates)
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
	s.piece.sent = s.n.l.clock()
	n, err := s.conn.Write(s.piece.text)
	out.bytes.Add(uint64(n))
	out.sent.Add(s.piece.updates)
	rec.next++
	s.piece = nil
	return err
}

// retime makes the rows' rates begin when the target was told that they did: what a recording says of their age counts from the moment at which it was
// written. It fails if the recording is not what was recorded.
func (n *node) retime() error {
	l := n.l
	u := peers.Update{Values: make([]uint64, l.shape.layout.Slots())}
	for i := range n.out.recording.pieces {
		p := &n.out.recording.pieces[i]
		for text := p.text; len(text) > 0; {
			size, err := l.shape.parseUpdate(text, &u)
			index, ok := l.keys.index(u.Key)
			if err != nil || size == 0 || !ok {
				return fmt.Errorf("the recording of `%s` is broken in piece %d: %v", n.name, i, err)
			}
			text = text[size:]
			l.shape.retime(l.shape.row(n.out.rows, index), u.Values, p.sent.tick)
		}
		p.text = nil
	}
	return nil
}

// parseUpdate reads the update at the start of b, of the table that nodes count in, and gives its length; 0 if it is not all there.
func (s *shape) parseUpdate(b []byte, u *peers.Update) (n int, err error) {
	if n = s.layout.NextUpdate(b, u); n > 0 {
		return n, nil
	}
	f, n, err := peers.ParseFrame(b, peers.MaxFrame)
	if err == nil && n > 0 {
		err = s.layout.ParseUpdate(f.Type, f.Body, u)
	}
	return n, err
}

// retime gives a row's rates the age that an update said at a moment.
func (s *shape) retime(row []uint32, values []uint64, now uint32) {
	for i := range s.cells {
		if c := &s.cells[i]; c.kind == sticktable.FreqCtr {
			row[c.word+rateTick] = (now - uint32(values[c.slot])) &^ 1
		}
	}
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
