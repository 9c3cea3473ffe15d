package runtime

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"stktc/runtime/peers"
	"stktc/topology/sticktable"
)

// everything is a conversation with every kind of message in it.
func everything() []byte {
	rates := sticktable.Definition{Key: sticktable.String, KeyLen: 16, Expire: time.Minute, Columns: []sticktable.Column{
		{Type: sticktable.GPC0, Elems: 1}, {Type: sticktable.HTTPReqRate, Elems: 1, Period: 10 * time.Second},
		{Type: sticktable.BytesInCnt, Elems: 1}, {Type: sticktable.ServerKey, Elems: 1}, {Type: sticktable.GPT, Elems: 2},
	}}
	values := []byte{5, 0xf0, 0, 7, 3, 0xf0, 0x91, 0xbd, 0x80, 0x94, 0, 6, 1, 4, 's', 'r', 'v', '1', 8, 9}
	entry := append([]byte{4, 'e', 'v', 'i', 'l'}, values...)
	id, life := binary.BigEndian.AppendUint32(nil, 7), binary.BigEndian.AppendUint32(nil, 50_000)
	return bytes.Join([][]byte{
		rawHello("x", "evil", 666), rawHeartbeat, rawRequest, rawShape(1, "t.raw", rates),
		rawFrame(peers.UpdateEntry, append(id, entry...)), rawFrame(peers.IncUpdate, entry),
		rawFrame(peers.UpdateTimed, append(append(id, life...), entry...)), rawFrame(peers.IncUpdateTimed, append(life, entry...)),
		rawDefinition(2, "u.raw"), rawIncrement("evil", 1), peers.AppendSwitch(nil, 1), rawFrame(peers.IncUpdate, entry),
		peers.AppendAck(nil, 1, 3), rawConfirm, rawFinished, peers.AppendWriting(nil, time.Second),
	}, nil)
}

// TestEveryByte cuts a conversation at every byte, and changes every byte in three ways: nobody else's counts change, and nothing is left behind.
func TestEveryByte(t *testing.T) {
	a := newArena(t)
	whole := everything()
	storm := func() {
		for i := range whole {
			a.speak(whole[:i])
			for _, mask := range []byte{0x01, 0x80, 0xff} {
				changed := bytes.Clone(whole)
				changed[i] ^= mask
				a.speak(changed)
			}
		}
	}
	storm()
	before := heap()
	storm()
	if after := heap(); after > before+1<<20 {
		t.Errorf("the heap grew from %d to %d KB", before>>10, after>>10)
	}
	if len(a.Faults()) != maxFaults {
		t.Errorf("%d faults are shown", len(a.Faults()))
	}
	a.unharmed()
	a.speak(whole)
	if got, there := a.contributes("evil", "evil"); !there {
		t.Errorf("the conversation as it should be left %d", got)
	}
}

// speak says something as a peer, and waits until the aggregator has closed the connection too.
func (a *arena) speak(words []byte) {
	a.t.Helper()
	conn, err := net.Dial("tcp", a.address)
	if err != nil {
		a.t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	conn.Write(words)
	conn.(*net.TCPConn).CloseWrite()
	if _, err := io.Copy(io.Discard, conn); err != nil && isTimeout(err) {
		a.t.Fatalf("the aggregator kept a connection: %v, after % x", err, words)
	}
}

func isTimeout(err error) bool {
	n, ok := err.(net.Error)
	return ok && n.Timeout()
}

// acked is the last update of a table that the aggregator acknowledged.
func (p *rawPeer) acked(table uint32) (last uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.heard {
		if id, n, err := peers.ParseAck(f.Body); f.Class == peers.StickTable && f.Type == peers.AckUpdate && err == nil && id == table {
			last = n
		}
	}
	return last
}

// TestUpdateIDs: the last value counts whatever its id, and the acknowledged id is the last one, or the one after.
func TestUpdateIDs(t *testing.T) {
	t.Parallel()
	a := newArena(t)
	tests := []struct {
		name string
		says [][]byte
		acks uint32
	}{
		{"one", [][]byte{rawUpdate(1, "k", 1)}, 1},
		{"backwards", [][]byte{rawUpdate(100, "k", 1), rawUpdate(99, "k", 2), rawUpdate(5, "k", 3)}, 5},
		{"the same again", [][]byte{rawUpdate(100, "k", 3), rawUpdate(100, "k", 2)}, 100},
		{"a jump", [][]byte{rawUpdate(1, "k", 1), rawUpdate(1<<31+7, "k", 2)}, 1<<31 + 7},
		{"implicit", [][]byte{rawIncrement("k", 9), rawIncrement("k", 10)}, 2},
		{"implicit behind a jump", [][]byte{rawUpdate(1<<30, "k", 1), rawIncrement("k", 2), rawIncrement("k", 7)}, 1<<30 + 2},
		{"implicit behind a step back", [][]byte{rawUpdate(10, "k", 8), rawUpdate(3, "k", 2), rawIncrement("k", 4)}, 4},
		{"past 2^32", [][]byte{rawUpdate(1<<32-2, "k", 1), rawIncrement("k", 2), rawIncrement("k", 3), rawIncrement("k", 6)}, 1},
		{"past 2^32 and explicit", [][]byte{rawUpdate(1<<32-1, "k", 1), rawUpdate(2, "k", 11)}, 2},
		{"of two tables", [][]byte{rawUpdate(40, "k", 1), rawDefinition(2, "u.raw"), rawUpdate(7, "k", 3), rawDefinition(1, "t.raw"), rawIncrement("k", 5)}, 41},
		{"after an unknown table", [][]byte{rawUpdate(40, "k", 1), peers.AppendSwitch(nil, 9), rawIncrement("k", 3), peers.AppendSwitch(nil, 1), rawIncrement("k", 6)}, 41},
	}
	want := []uint64{1, 3, 2, 2, 10, 7, 4, 6, 11, 5, 6}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := a.call(append([][]byte{rawDefinition(1, "t.raw")}, test.says...)...)
			eventually(t, "the ack", func() bool { return p.acked(1) == test.acks })
			if got, _ := a.contributes("evil", "k"); got != want[i] {
				t.Errorf("contributes %d, want %d", got, want[i])
			}
			eventually(t, "the sum", func() bool { return a.shows(0, "k") == want[i] })
		})
	}
	a.unharmed()
}

// TestAckLies: acknowledgements are advice: whatever is acknowledged, the peer gets what changes, and everything in its next session.
func TestAckLies(t *testing.T) {
	t.Parallel()
	for _, ack := range []struct{ table, id uint32 }{{1, 0}, {1, 1<<32 - 1}, {1, 1 << 31}, {1, 0x01000000}, {99, 5}, {0, 5}, {1<<32 - 1, 1}} {
		t.Run(fmt.Sprintf("table %d id %#x", ack.table, ack.id), func(t *testing.T) {
			t.Parallel()
			a := newArena(t)
			for range 2 {
				p := a.call()
				eventually(t, "what there is", func() bool { return p.received("safe") == 11 })
				p.say(peers.AppendAck(nil, ack.table, ack.id), rawConfirm)
				was := a.shows(1, "more")
				a.touch(0, "more", 1)
				eventually(t, "what changes", func() bool { return p.received("more") == was+1 && a.shows(1, "more") == was+1 })
				if p.isOver() {
					t.Error("the session ended")
				}
			}
		})
	}
}

// received is the last value of a key in the only table that the aggregator sent.
func (p *rawPeer) received(key string) (value uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var layout *peers.Layout
	for _, f := range p.heard {
		if f.Class != peers.StickTable {
			continue
		}
		if f.Type == peers.DefineTable {
			def, err := peers.ParseTableDefinition(f.Body)
			if err != nil {
				p.t.Error(err)
			}
			layout = peers.NewLayout(&def)
		}
		var u peers.Update
		if f.Type == peers.UpdateTimed && layout.ParseUpdate(f.Type, f.Body, &u) == nil && string(u.Key) == key {
			value = u.Values[0]
		}
	}
	return value
}

// TestResyncStorm: a peer that asks for lessons without end gets no more than it can take, and keeps nobody from anything.
func TestResyncStorm(t *testing.T) {
	a := newArena(t)
	a.sparse = true
	var b []byte
	for i := range 20_000 {
		b = append(b, rawUpdate(uint32(i), fmt.Sprintf("k%d", i), 1)...)
	}
	a.call(rawDefinition(1, "t.raw"), b)
	for _, n := range a.nodes {
		eventually(t, "the keys", func() bool { return len(n.Entries("t.sum")) > 20_000 })
	}
	before := heap()
	p := a.call()
	storm := bytes.Repeat(rawRequest, 100_000)
	for range 5 {
		p.say(storm)
	}
	a.unharmed()
	eventually(t, "memory as before", func() bool { return heap() < before+1<<20 })
	n := p.ends()
	p.say(rawRequest)
	eventually(t, "an answer to one request more", func() bool { return p.ends() > n || p.isOver() })
	if p.isOver() {
		t.Error("the session ended")
	}
}

// ends is how many lessons were ended.
func (p *rawPeer) ends() int {
	return p.count(peers.Control, peers.ResyncFinished) + p.count(peers.Control, peers.ResyncPartial)
}

// TestNeverConfirms: a peer that neither ends the lesson that it is asked for, nor confirms ours, gets sums and gives its own, and keeps nobody from anything.
func TestNeverConfirms(t *testing.T) {
	t.Parallel()
	a := newArena(t)
	p := a.call(rawRequest, rawDefinition(1, "t.raw"), rawUpdate(1, "safe", 100))
	eventually(t, "a lesson", func() bool { return p.ends() > 0 && p.received("safe") == 111 })
	for i := range 5 {
		p.say(rawRequest, rawUpdate(uint32(i)+2, "mine", uint64(i)))
		a.touch(0, "yours", 1)
		eventually(t, "both sums", func() bool { return a.shows(1, "mine") == uint64(i) && p.received("yours") == uint64(i)+1 })
	}
	if p.ends() > 6 || p.isOver() {
		t.Errorf("%d lessons ended, session over: %v", p.ends(), p.isOver())
	}
	a.unharmed()
}

// TestSilence: who sends heartbeats and nothing else stays, who says nothing goes after 5 s, whether he has said hello or says it a byte a second, and nobody else waits for him.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		w.configured("agg", Config{Sections: []Section{inbound("a", "x", toSum, "n1", "beats", "silent", "slow")}})
		w.nodeAt("n1", map[string]string{"x": "x"})
		pass(5 * time.Second) // who is silent is not waited for any more
		call := func(first []byte) *rawPeer {
			conn, err := w.dial(t.Context(), "", "x")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			return startRaw(t, conn, first)
		}
		beats, silent, slow := call(rawHello("x", "beats", 1)), call(rawHello("x", "silent", 1)), call(nil)
		hello := rawHello("x", "slow", 1)
		over := map[*rawPeer]int{}
		for second := range 60 {
			for _, p := range []*rawPeer{beats, silent, slow} {
				if p.isOver() && over[p] == 0 {
					over[p] = second
				}
			}
			if second%3 == 2 {
				beats.say(rawHeartbeat)
			}
			if second < len(hello) {
				slow.say(hello[second : second+1])
			}
			w.count("n1", "client", 1)
			pass(time.Second)
			w.want("n1", "t.sum", "client", fmt.Sprint(second+1))
		}
		if over[beats] != 0 || over[silent] != 5 || over[slow] != 5 {
			t.Errorf("over after: beats %d s, silent %d s, slow %d s; want never, 5, 5", over[beats], over[silent], over[slow])
		}
		if !w.logged("peer disconnected", "peer=silent", "silent for 5 s") {
			t.Errorf("no word of the silent one:\n%s", w.log.String())
		}
	})
}
