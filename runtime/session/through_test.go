package session

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"stktc/runtime/peers"
	"stktc/runtime/store"
	"stktc/topology/sticktable"
)

// recorded is a connection to a peer that says what was recorded, over and over, and reads everything.
type recorded struct {
	net.Conn
	first, again []byte
	left         []byte
	rounds       int
	written      atomic.Int64
	over         chan struct{} // closed when all is read
	closed       chan struct{}
}

func (c *recorded) Read(b []byte) (int, error) {
	if len(c.left) == 0 {
		if c.rounds--; c.rounds < 0 {
			if c.rounds == -1 {
				close(c.over)
			}
			<-c.closed
			return 0, io.EOF
		}
		c.left = c.again
	}
	n := copy(b, c.left)
	c.left = c.left[n:]
	return n, nil
}

func (c *recorded) Write(b []byte) (int, error) {
	c.written.Add(int64(len(b)))
	return len(b), nil
}

func (c *recorded) Close() error {
	select {
	case <-c.closed:
	default:
		close(c.closed)
	}
	return nil
}
func (*recorded) SetReadDeadline(time.Time) error  { return nil }
func (*recorded) SetWriteDeadline(time.Time) error { return nil }

// TestNoAllocationPerUpdate: from socket to store and from store to socket no update costs an allocation. What is left are a few for each read.
func TestNoAllocationPerUpdate(t *testing.T) {
	in, out, mallocs := through(t, 20_000, 40)
	if per := float64(mallocs) / float64(in); per > 0.01 {
		t.Errorf("%.3f allocations an update: %d for %d in and %d out", per, mallocs, in, out)
	}
}

// BenchmarkSessions is an update through the sessions of two peers, in and out, but for the system's part. The processor's time counts, as two work at a time; with -cpu 1,2 the
// updates in a second tell what a second core brings where nothing else needs one.
func BenchmarkSessions(b *testing.B) {
	for _, keys := range []int{10_000, 300_000, 1_000_000} {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			through(b, keys, 1)
			began, start := processorTime(), time.Now()
			in, out, _ := through(b, keys, max(2, b.N/keys/2))
			b.ReportMetric(float64(in)/1e6/time.Since(start).Seconds(), "M-updates/s")
			b.ReportMetric(float64(processorTime()-began)/float64(in), "cpu-ns/update")
			b.ReportMetric(float64(out)/float64(in), "out/in")
		})
	}
}

func processorTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// through lets two peers say each key so many times, in scattered order, and be sent the sums.
func through(t testing.TB, keys, rounds int) (in, out, mallocs uint64) {
	t.Helper()
	def := peers.TableDefinition{ID: 1, Name: "/t", Definition: sticktable.Definition{
		Key: sticktable.IPv4, KeyLen: 4, Expire: time.Hour,
		Columns: []sticktable.Column{
			{Type: sticktable.GPC0, Elems: 1}, {Type: sticktable.HTTPReqCnt, Elems: 1}, {Type: sticktable.HTTPReqRate, Elems: 1, Period: 10 * time.Second},
		},
	}}
	layout := peers.NewLayout(&def)
	var updates []byte
	for k := range uint32(keys) {
		updates = layout.AppendUpdate(updates, k+1, 60_000, binary.BigEndian.AppendUint32(nil, k*2_654_435_761), []uint64{uint64(k), 70, 900, 5, 7})
	}
	table := store.New("/t.sum")
	began := time.Now()
	clock := func() uint32 { return uint32(time.Since(began).Milliseconds()) }
	var conns [2]*recorded
	var sessions [2]*Session
	for i, name := range []string{"lb1", "lb2"} {
		conns[i] = &recorded{left: peers.AppendTableDefinition(nil, &def), again: updates, rounds: rounds, over: make(chan struct{}), closed: make(chan struct{})}
		o := &sumOwner{owner: owner{table: table, asked: func() {}}, name: name}
		sessions[i] = New(Config{Conn: conns[i], Owner: o, Clock: clock})
		sessions[i].Send(table, func() bool { return true }, 0)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	done := make(chan error, 2)
	for _, s := range sessions {
		go func() { done <- s.Run(context.Background()) }()
	}
	for _, c := range conns {
		<-c.over
	}
	runtime.ReadMemStats(&after)
	for _, s := range sessions {
		s.Stop(io.EOF)
		<-done
	}
	in = sessions[0].Stats().UpdatesIn.Load() + sessions[1].Stats().UpdatesIn.Load()
	out = sessions[0].Stats().UpdatesOut.Load() + sessions[1].Stats().UpdatesOut.Load()
	if in != uint64(2*keys*rounds) || out < uint64(keys) {
		t.Fatalf("%d updates in, %d out", in, out)
	}
	return in, out, after.Mallocs - before.Mallocs
}

// sumOwner lets a peer contribute to the owner's table under a name of its own.
type sumOwner struct {
	owner
	name string
}

func (o *sumOwner) Define(def *peers.TableDefinition) []*store.Source {
	o.table.Begin(o.name)
	src, err := o.table.Source(o.name, def.Definition)
	if err != nil {
		return nil
	}
	return []*store.Source{src}
}
