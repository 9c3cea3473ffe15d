package load

import (
	"testing"
	"time"

	"stktc/runtime/peers"
)

// played makes a session of the first of two nodes over no connection.
func played(t testing.TB, keys int) *session {
	c := config("lb1", "lb2")
	c.Keys = keys
	return playedBy(t, c)
}

func playedBy(t testing.TB, c Config) *session {
	c.Target = "nowhere:1"
	c.setDefaults()
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	s := &session{n: newLoad(c).nodes[0]}
	s.read.init(nil)
	s.writer.init(s.n)
	return s
}

func BenchmarkPush(b *testing.B) {
	s := played(b, 1_000_000)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n&(batchSize-1) == 0 {
			s.buf = s.buf[:0]
			s.encode(loading, batchSize, s.n.l.clock().tick, writeSize)
		}
	}
}

// stream gives whole messages with n updates of the table of sums, in scattered order.
func stream(s *session, n int) []byte {
	l := s.n.l
	b := peers.AppendTableDefinition(nil, &l.sum)
	indices, key := make([]uint32, n), l.keys.buffer()
	s.n.out.next.pick(indices)
	for i, index := range indices {
		l.keys.put(key, index)
		b = l.shape.layout.AppendUpdate(b, uint32(i+1), 1000, key, []uint64{uint64(i), uint64(i), 100, 1000, 1000})
	}
	return b
}

func BenchmarkReceive(b *testing.B) {
	s := played(b, 1_000_000)
	const updates = 1 << 20
	text := stream(s, updates)
	b.ReportAllocs()
	done, at := 0, 0
	for n := 0; b.Loop(); n++ {
		if n < done {
			continue
		}
		before := s.n.in.updates.Load()
		s.read.start, s.read.end = 0, copy(s.read.buf, text[at:])
		if err := s.handleBuffered(s.n.l.clock()); err != nil {
			b.Fatal(err)
		}
		done += int(s.n.in.updates.Load() - before)
		if at += s.read.start; at == len(text) {
			at = 0
		}
	}
}

func TestNoAllocations(t *testing.T) {
	s := played(t, 10_000)
	push := func() { s.buf = s.buf[:0]; s.encode(loading, 100, s.n.l.clock().tick, writeSize) }
	push()
	if n := testing.AllocsPerRun(100, push); n != 0 {
		t.Errorf("100 updates allocate %v times", n)
	}
	text := stream(s, 100)
	receive := func() {
		s.read.start, s.read.end = 0, copy(s.read.buf, text)
		if err := s.handleBuffered(s.n.l.clock()); err != nil {
			t.Fatal(err)
		}
	}
	receive()
	// The table's definition, which comes once, is what allocates.
	definition := len(peers.AppendTableDefinition(nil, &s.n.l.sum))
	text = text[definition:]
	s.read.acked = time.Now().Add(time.Hour) // acks go through the mail, some times a second
	if n := testing.AllocsPerRun(100, receive); n != 0 {
		t.Errorf("receiving 100 sums allocates %v times", n)
	}
	if got := s.n.in.updates.Load(); got != 100*102 {
		t.Errorf("%d sums were taken, want %d", got, 100*102)
	}
}
