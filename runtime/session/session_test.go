package session

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stktc/runtime/peers"
	"stktc/runtime/store"
	"stktc/topology/sticktable"
)

var gpcTable = sticktable.Definition{
	Key: sticktable.IPv4, KeyLen: 4, Expire: time.Minute, Columns: []sticktable.Column{{Type: sticktable.GPC0, Elems: 1}},
}

// owner is an aggregator that sums table "/t" into "/t.sum".
type owner struct {
	table *store.Table
	asked func()
	ended []bool
	conf  int
}

func (o *owner) Define(def *peers.TableDefinition) []*store.Source {
	if def.Name != "/t" {
		return nil
	}
	src, err := o.table.Source("lb1", def.Definition)
	if err != nil {
		return nil
	}
	return []*store.Source{src}
}
func (o *owner) ResyncRequested()      { o.asked() }
func (o *owner) LessonEnded(full bool) { o.ended = append(o.ended, full) }
func (o *owner) Writing(time.Duration) {}
func (o *owner) Refused(string, error) {}
func (o *owner) Faulty(error, []byte)  {}
func (o *owner) Confirmed()            { o.conf++ }

// talk is a session with its other end in the test's hands.
type talk struct {
	*Session
	t     *testing.T
	o     *owner
	end   net.Conn
	mu    sync.Mutex
	got   []byte
	heard chan struct{}
	err   error
	done  chan struct{}
}

// start begins a session; the test reads everything that it says unless deaf.
func start(t *testing.T, deaf bool) *talk {
	a, b := net.Pipe()
	began := time.Now()
	k := &talk{t: t, o: &owner{table: store.New("/t.sum"), asked: func() {}}, end: b, done: make(chan struct{}), heard: make(chan struct{})}
	k.Session = New(Config{Conn: a, Owner: k.o, Clock: func() uint32 { return uint32(time.Since(began).Milliseconds()) }})
	k.o.table.Begin("lb1")
	go func() {
		defer close(k.done)
		k.err = k.Run(context.Background())
	}()
	go func() {
		defer close(k.heard)
		for buf := make([]byte, 4096); !deaf; {
			n, err := b.Read(buf)
			k.mu.Lock()
			k.got = append(k.got, buf[:n]...)
			k.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return k
}

// say sends bytes in hex, spaces allowed.
func (k *talk) say(text string) {
	k.t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		k.t.Fatal(err)
	}
	k.end.Write(b)
	synctest.Wait()
}

func (k *talk) update(id uint32, key string, gpc uint64) {
	layout := peers.NewLayout(&peers.TableDefinition{ID: 1, Name: "/t", Definition: gpcTable})
	k.end.Write(layout.AppendUpdate(nil, id, 60_000, []byte(key), []uint64{gpc}))
	synctest.Wait()
}

func (k *talk) define(name string, def sticktable.Definition) {
	k.end.Write(peers.AppendTableDefinition(nil, &peers.TableDefinition{ID: 1, Name: name, Definition: def}))
	synctest.Wait()
}

// heardSince gives what the session said since the last call, a word a message.
func (k *talk) heardSince() string {
	synctest.Wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	var words []string
	for len(k.got) > 0 {
		f, n, err := peers.ParseFrame(k.got, peers.MaxFrame)
		if err != nil || n == 0 {
			k.t.Fatalf("the session sent something that is no message: % x (%v)", k.got, err)
		}
		words = append(words, describe(k.t, f))
		k.got = k.got[n:]
	}
	return strings.Join(words, ", ")
}

func describe(t *testing.T, f peers.Frame) string {
	switch {
	case f.Class == peers.StickTable && f.Type == peers.DefineTable:
		def, err := peers.ParseTableDefinition(f.Body)
		if err != nil {
			t.Fatal(err)
		}
		return "define " + def.Name
	case f.Class == peers.StickTable && f.Type == peers.UpdateTimed:
		var u peers.Update
		layout := peers.NewLayout(&peers.TableDefinition{ID: 1, Name: "/t", Definition: gpcTable})
		if err := layout.ParseUpdate(f.Type, f.Body, &u); err != nil {
			t.Fatal(err)
		}
		return "update " + net.IP(u.Key).String() + "=" + hex.EncodeToString([]byte{byte(u.Values[0])})
	case f.Class == peers.StickTable && f.Type == peers.AckUpdate:
		return "ack"
	}
	return f.String()
}

// finish closes the other end and waits for the session's end.
func (k *talk) finish() {
	k.end.Close()
	<-k.done
	<-k.heard
}

func (k *talk) expect(what, want string) {
	k.t.Helper()
	if got := k.heardSince(); got != want {
		k.t.Errorf("%s: the session said %q, want %q", what, got, want)
	}
}

func TestHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, false)
		k.expect("at once", "heartbeat")
		time.Sleep(earlyHeartbeat)
		k.expect("early", "heartbeat")
		for range 4 {
			time.Sleep(heartbeatEvery)
			k.expect("later", "heartbeat")
			k.say("00 04")
		}
		k.finish()
	})
}

func TestSilentPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, false)
		begin := time.Now()
		<-k.done
		if !errors.Is(k.err, ErrSilent) || time.Since(begin) != silenceLimit {
			t.Errorf("session with a silent peer ended after %v with %v", time.Since(begin), k.err)
		}
		k.finish()
	})
}

func TestDeafPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, true)
		begin := time.Now()
		for time.Since(begin) < writeLimit && k.end.SetWriteDeadline(time.Now().Add(time.Second)) == nil {
			if _, err := k.end.Write([]byte{0, 4}); err != nil {
				break
			}
			time.Sleep(time.Second)
		}
		<-k.done
		if took := time.Since(begin); took > writeLimit {
			t.Errorf("a peer that never reads held the session for %v", took)
		}
		k.finish()
	})
}

func TestLearnAndAck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, false)
		k.Ask()
		k.expect("asking", "heartbeat, resync request")
		k.define("/t", gpcTable)
		k.update(1, "\x0a\x00\x00\x01", 5)
		k.say("00 01")
		k.expect("lesson", "resync confirm, ack")
		if len(k.o.ended) != 1 || !k.o.ended[0] {
			t.Errorf("lessons ended: %v", k.o.ended)
		}
		k.update(2, "\x0a\x00\x00\x01", 6)
		time.Sleep(ackDelay)
		k.expect("later update", "ack")
		if e, ok := k.o.table.Lookup([]byte{10, 0, 0, 1}, 100); !ok || e.Values[0] != 6 {
			t.Errorf("the store has %v", e)
		}
		k.finish()
	})
}

func TestTeach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, false)
		k.define("/t", gpcTable)
		k.update(1, "\x0a\x00\x00\x01", 5)
		ready := false
		k.Send(k.o.table, func() bool { return ready }, 0)
		whole := false
		k.o.asked = func() { k.Teach(nil, func() bool { return whole }, func(_, _ bool) {}) }
		k.expect("before", "heartbeat")
		k.say("00 00")
		k.expect("while silent", "resync partial, ack")
		ready, whole = true, true
		k.Wake()
		k.expect("when sums may go", "define /t.sum, update 10.0.0.1=05")
		k.say("00 00")
		k.expect("asked again", "update 10.0.0.1=05, resync finished")
		k.update(2, "\x0a\x00\x00\x01", 6)
		k.update(3, "\x0a\x00\x00\x01", 7)
		k.expect("changes", "update 10.0.0.1=06, ack, update 10.0.0.1=07, ack")
		k.finish()
	})
}

func TestAnnounceAfterEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, false)
		k.define("/t", gpcTable)
		for i := range byte(3) {
			k.update(uint32(i)+1, string([]byte{10, 0, 0, i}), 1)
		}
		k.heardSince()
		k.Send(k.o.table, func() bool { return true }, 0)
		k.Announce(true)
		if got := k.heardSince(); !strings.HasSuffix(got, "resync finished, ack") || strings.Count(got, "update") != 3 {
			t.Errorf("the announcement came before everything was sent: %q", got)
		}
		k.finish()
	})
}

// TestGiveBack: a peer that comes back and asks gets what it had before, and not what it has counted since.
func TestGiveBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, false)
		k.define("/t", gpcTable)
		k.update(1, "\x0a\x00\x00\x01", 5)
		k.update(2, "\x0a\x00\x00\x02", 6)
		k.o.table.Begin("lb1") // as at the begin of its next session
		k.read.tables = map[uint32]*remoteTable{}
		k.define("/t", gpcTable)
		k.update(1, "\x0a\x00\x00\x02", 1)
		k.heardSince()
		given := false
		own := []Own{{Table: k.o.table, Peer: "lb1", Name: "/t"}}
		k.Teach(own, func() bool { return true }, func(all, _ bool) { given = all })
		k.expect("lesson", "define /t, update 10.0.0.1=05, resync finished, ack")
		if !given {
			t.Error("the session does not know that it gave everything back")
		}
		k.finish()
	})
}

// TestGiveBackRedefined: a peer that defines its table anew in the middle of the lesson that gives it back what it had gets that by the definition that the lesson began with.
func TestGiveBackRedefined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, false)
		wide := gpcTable
		wide.Columns = []sticktable.Column{{Type: sticktable.GPC0, Elems: 1}, {Type: sticktable.ConnCnt, Elems: 1}, {Type: sticktable.SessCnt, Elems: 1}}
		src, err := k.o.table.Source("lb1", wide)
		if err != nil {
			t.Fatal(err)
		}
		var b store.Batch
		for i := range uint32(20_000) {
			b.Add(binary.BigEndian.AppendUint32(nil, i), 60_000, []uint64{5, 6, 7})
		}
		src.Apply(&b, 0)
		k.o.table.Begin("lb1")
		own := []Own{{Table: k.o.table, Peer: "lb1", Name: "/t"}}
		k.Teach(own, func() bool { return true }, func(_, _ bool) {})
		k.define("/t", gpcTable) // narrower
		synctest.Wait()
		if got := k.heardSince(); !strings.Contains(got, "resync finished") {
			t.Error("the lesson has no end")
		}
		k.finish()
	})
}

func TestRedefinedTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, false)
		k.define("/t", gpcTable)
		k.update(1, "\x0a\x00\x00\x01", 5)
		k.Send(k.o.table, func() bool { return true }, 0)
		k.heardSince()
		wider := gpcTable
		wider.Columns = append([]sticktable.Column{}, gpcTable.Columns...)
		wider.Columns = append(wider.Columns, sticktable.Column{Type: sticktable.ConnCnt, Elems: 1})
		k.define("/t", wider)
		k.expect("wider", "define /t.sum, update 10.0.0.1=05")
		k.finish()
	})
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, false)
		k.define("/t", gpcTable)
		k.update(1, "\x0a\x00\x00\x01", 5)
		k.Send(k.o.table, func() bool { return true }, 0)
		k.Drain()
		<-k.done
		if !errors.Is(k.err, ErrDrained) {
			t.Errorf("drained session ended with %v", k.err)
		}
		if got := k.heardSince(); !strings.Contains(got, "update 10.0.0.1=05") {
			t.Errorf("drained session said %q only", got)
		}
		k.finish()
	})
}

// TestBadBytes: whatever a peer sends ends the session with an error message or is passed over, as HAProxy does it.
func TestBadBytes(t *testing.T) {
	define := "0a 82 0b 01 02 2f74 04 04 04 f0971c 00"
	for _, tc := range []struct{ name, bytes, answer string }{
		{"reserved class", "ff 00", "protocol error"},
		{"message too long", "0a 80 ff ff ff 7f", "size limit error"},
		{"update cut short", define + "0a 80 05 00000001 0a", "protocol error"},
		{"encoded integer without end", define + "0a 80 12 00000001 0a000001 ffffffffffffffffffff", "protocol error"},
		{"definition cut short", "0a 82 03 01 05 2f", "protocol error"},
		{"ack cut short", "0a 84 02 01 00", "protocol error"},
		{"unknown class", "0b 80 02 0000", ""},
		{"unknown control", "00 77", ""},
		{"unknown stick-table message", "0a 90 01 00", ""},
		{"update without a table", "0a 80 08 00000001 0a000001", ""},
		{"switch to an unknown table", define + "0a 83 01 09 0a 80 09 00000001 0a000001 05", ""},
		{"key type of the future", "0a 82 0b 01 02 2f74 09 04 04 f0971c 00", ""},
		{"ack of the future", "0a 84 06 f0 ff ff ff ff ff", "protocol error"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := start(t, false)
				k.heardSince()
				k.say(tc.bytes)
				k.expect("answer", tc.answer)
				select {
				case <-k.done:
					if tc.answer == "" {
						t.Errorf("the session ended: %v", k.err)
					}
				default:
					if tc.answer != "" {
						t.Error("the session goes on")
					}
				}
				k.finish()
			})
		})
	}
}
