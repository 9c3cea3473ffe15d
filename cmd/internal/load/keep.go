package load

import (
	"errors"
	"os"
	"time"
)

// keep is what a node was sent during a recorded load. It is decoded when the load is over, as of the times at which it was read.
type keep struct {
	slabs  [][]byte // that are not used yet
	room   []byte   // of the slab that is
	blocks []block
}

type block struct {
	text []byte
	at   stamp
}

const (
	keptLimit = 2 << 30  // bytes that all nodes keep at most; what comes beyond is decoded as it comes
	slabSize  = 16 << 20 // how much room is made at once
	leastRoom = 16 << 10 // that a read should have
	keptBytes = 32       // of an update, where no fill told
)

// roomToKeep is how many bytes a node should be able to keep: every sum of every update.
func (l *load) roomToKeep() uint64 {
	return min(uint64(float64(l.quota)*float64(l.loaders())*l.keptBytes), keptLimit/uint64(len(l.nodes)))
}

// grow makes a slab of memory that is there, since the first touch of a page costs as much as some updates, and tells whether it did: not when there is enough.
func (k *keep) grow(enough uint64) bool {
	if uint64(len(k.slabs))*slabSize >= enough {
		return false
	}
	slab := make([]byte, slabSize)
	for i := 0; i < len(slab); i += os.Getpagesize() {
		slab[i] = 1
	}
	k.slabs = append(k.slabs, slab)
	return true
}

// use goes on to the next slab when there is not enough room, and tells whether there is.
func (k *keep) use() bool {
	if len(k.room) < leastRoom && len(k.slabs) > 0 {
		k.room, k.slabs = k.slabs[0], k.slabs[1:]
	}
	return len(k.room) >= leastRoom
}

// keeps tells whether what comes is to be decoded later.
func (s *session) keeps() bool {
	n := s.n
	return n.l.Recorded && !n.isSlow && !n.isIdle && n.l.isLoading() && n.in.keep.use()
}

// keep reads until the load is over, or the room is used up, and decodes it then.
func (s *session) keep() error {
	k := &s.n.in.keep
	for k.use() {
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
	if !k.use() {
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
	*k = keep{}
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
