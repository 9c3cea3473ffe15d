package runtime

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"net"
	"sync"
	"testing"
	"time"

	"stktc/runtime/peers"
	"stktc/topology/sticktable"
)

// rawPeer is a peer that says whatever a test wants, and keeps what it hears.
type rawPeer struct {
	net.Conn
	t      *testing.T
	mu     sync.Mutex
	status peers.Status // 0: no answer to the hello
	heard  []peers.Frame
	sparse bool          // only control messages are kept
	over   chan struct{} // closed when the other end has closed
}

// rawHello is what a peer says first.
func rawHello(called, caller string, pid int) []byte {
	return peers.AppendHello(nil, peers.Hello{Called: called, Caller: caller, PID: pid})
}

// startRaw takes over a connection, and says something over it.
func startRaw(t *testing.T, conn net.Conn, first ...[]byte) *rawPeer {
	p := &rawPeer{Conn: conn, t: t, over: make(chan struct{})}
	return p.start(first...)
}

func (p *rawPeer) start(first ...[]byte) *rawPeer {
	go p.listen()
	p.say(first...)
	return p
}

// say writes; the other end may have closed already.
func (p *rawPeer) say(messages ...[]byte) { p.Write(bytes.Join(messages, nil)) }

func (p *rawPeer) listen() {
	defer close(p.over)
	r := bufio.NewReaderSize(p.Conn, 1<<17)
	status, err := peers.ReadStatus(r)
	p.mu.Lock()
	p.status = status
	p.mu.Unlock()
	for err == nil {
		_, err = r.Peek(r.Buffered() + 1)
		for {
			buf, _ := r.Peek(r.Buffered())
			f, n, bad := peers.ParseFrame(buf, peers.MaxFrame)
			if bad != nil {
				p.t.Errorf("the aggregator sent % x: %v", buf[:min(len(buf), 40)], bad)
				return
			}
			if n == 0 {
				break
			}
			p.mu.Lock()
			if !p.sparse || f.Class == peers.Control {
				f.Body = bytes.Clone(f.Body)
				p.heard = append(p.heard, f)
			}
			p.mu.Unlock()
			r.Discard(n)
		}
	}
}

// count is how many messages of a type it heard.
func (p *rawPeer) count(class peers.Class, typ peers.Type) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, f := range p.heard {
		if f.Class == class && f.Type == typ {
			n++
		}
	}
	return n
}

// isOver tells whether the other end has closed.
func (p *rawPeer) isOver() bool {
	select {
	case <-p.over:
		return true
	default:
		return false
	}
}

// eventually waits for something in real time.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); <-time.After(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited 20 s: %s", what)
		}
	}
}

var (
	rawRequest   = peers.AppendControl(nil, peers.ResyncRequest)
	rawFinished  = peers.AppendControl(nil, peers.ResyncFinished)
	rawConfirm   = peers.AppendControl(nil, peers.ResyncConfirm)
	rawHeartbeat = peers.AppendControl(nil, peers.Heartbeat)
)

// rawDefinition defines a table with one counter.
func rawDefinition(id uint32, name string) []byte {
	return rawShape(id, name, counterDef)
}

func rawShape(id uint32, name string, def sticktable.Definition) []byte {
	return peers.AppendTableDefinition(nil, &peers.TableDefinition{ID: id, Name: name, Definition: def})
}

// counterDef has one counter, which is small on the wire.
var counterDef = sticktable.Definition{
	Key: sticktable.String, KeyLen: 16, Expire: time.Hour, Columns: []sticktable.Column{{Type: sticktable.GPC0, Elems: 1}},
}

// rawUpdate is an update of a table that rawDefinition defined, with an explicit id.
func rawUpdate(id uint32, key string, value uint64) []byte {
	body := binary.BigEndian.AppendUint32(nil, id)
	return rawFrame(peers.UpdateEntry, append(body, rawEntry(key, value)...))
}

// rawIncrement is an update without an id.
func rawIncrement(key string, value uint64) []byte {
	return rawFrame(peers.IncUpdate, rawEntry(key, value))
}

func rawEntry(key string, value uint64) []byte {
	b := peers.AppendInt(nil, uint64(len(key)))
	return peers.AppendInt(append(b, key...), value)
}

// rawFrame is a message of class stick-table with any body.
func rawFrame(typ peers.Type, body []byte) []byte {
	b := []byte{byte(peers.StickTable), byte(typ)}
	return append(peers.AppendInt(b, uint64(len(body))), body...)
}
