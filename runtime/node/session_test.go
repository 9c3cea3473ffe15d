package node

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"stktc/runtime/peers"
	"stktc/topology/sticktable"
)

func lb1(t *testing.T, tables ...TableConfig) *Node {
	if tables == nil {
		tables = []TableConfig{plain("bk")}
	}
	n := newNode(t, Config{Name: "lb1", Peers: []Peer{{Name: "agg"}, {Name: "agg2"}}, Tables: tables})
	serve(t, n)
	synctest.Wait()
	return n
}

// learnt plays the lesson that a fresh node asks for.
func (s *script) learnt() {
	s.t.Helper()
	s.want(request)
	s.send(partial)
	s.want(confirm)
}

func TestHello(t *testing.T) {
	for _, c := range []struct{ hello, status string }{
		{"HAProxyS 2.1\nlb1\nagg 12 1\n", "200\n"},
		{"HAProxyS 2.0\r\nlb1\r\nagg 12 1\r\n", "200\n"},
		{"HAProxyS 2.1\nlb1\nagg \n", "200\n"},
		{"HAProxyS 2.1\nlb1\nlb1 12 1\n", "200\n"},
		{"GET / HTTP/1.1\n", "501\n"},
		{"HAProxyS 2.1\nlb1\nagg\n", "501\n"},
		{"HAProxyS 2.2\n", "502\n"},
		{"HAProxyS 3.0\n", "502\n"},
		{"HAProxyS 2.1\nlb2\nagg 12 1\n", "503\n"},
		{"HAProxyS 2.1\nLB1\nagg 12 1\n", "503\n"},
		{"HAProxyS 2.1\nlb1\nagg9 12 1\n", "504\n"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := connect(t, lb1(t))
			s.write([]byte(c.hello))
			if got := string(s.read(4)); got != c.status {
				t.Errorf("%q: answered %q, want %q", c.hello, got, c.status)
			}
		})
	}
}

func TestHelloTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := connect(t, lb1(t))
		s.write([]byte("HAProxyS 2.1\nlb1\n"))
		if after := s.wantClosed(); after != 5*time.Second {
			t.Errorf("closed after %v", after)
		}
	})
}

// The conversation of a real 2.6.12: definition and update are byte for byte what it sent.
func TestBytesOfHAProxy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tip := TableConfig{WireName: "/tip", Definition: definition(time.Minute,
			sticktable.Column{Type: sticktable.HTTPReqRate, Period: 10 * time.Second},
			sticktable.Column{Type: sticktable.GPC0},
			sticktable.Column{Type: sticktable.BytesInCnt},
			sticktable.Column{Type: sticktable.GPC0Rate, Period: 10 * time.Second},
			sticktable.Column{Type: sticktable.ConnCur},
			sticktable.Column{Type: sticktable.HTTPReqCnt},
		)}
		n := lb1(t, plain("1"), plain("2"), plain("3"), plain("4"), plain("5"), tip)
		s := call(t, n, "agg")
		s.learnt()
		if err := n.Set("/tip", ip("1.2.3.4"), Change{Column: sticktable.GPC0Rate, Delta: 5}); err != nil {
			t.Fatal(err)
		}
		s.want("0a8216 06 042f746970 04 04 fcd503 f0971c 03f0e203 0af0e203")
		// gpc0, gpc0_rate, conn_cur, http_req_cnt; http_req_rate is unused: its age is the clock itself, which starts at 2^32 - 20000; bytes_in_cnt
		s.want("0a8016 00000001 01020304 00 000500 00 00 f08ff5fe7e0000 00")
		s.keepAlive()
		time.Sleep(3502 * time.Millisecond)
		if err := n.Touch("/tip", ip("1.2.3.4"),
			Change{Column: sticktable.GPC0, Delta: 7},
			Change{Column: sticktable.HTTPReqCnt, Delta: 1000},
			Change{Column: sticktable.BytesInCnt, Delta: 5_000_000_000}); err != nil {
			t.Fatal(err)
		}
		s.want(heartbeat)
		got := s.read(3 + 4 + 4 + 1 + 5)
		want := unhex(t, "0a8022"+"00000002"+"01020304"+"07"+"fecb00"+"05"+"00")
		if string(got[3:]) != string(want[3:]) {
			t.Errorf("got %x, want %x", got, want)
		}
	})
}

func TestPush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := lb1(t, plain("bk"), plain("bk2"))
		s := call(t, n, "agg")
		s.learnt()
		count(t, n, "bk", "10.0.0.1", 3)
		s.want(define(1, "bk"), entryOf(1, -1, "10.0.0.1", 3))
		synctest.Wait()
		count(t, n, "bk", "10.0.0.1", 1) // sent already: a new id
		s.want(entryOf(2, -1, "10.0.0.1", 4))
		synctest.Wait()
		count(t, n, "bk2", "10.0.0.1", 1)
		s.want(define(2, "bk2"), entryOf(1, -1, "10.0.0.1", 1))
		synctest.Wait()
		count(t, n, "bk", "10.0.0.2", 5)
		s.want(define(1, "bk"), entryOf(3, -1, "10.0.0.2", 5))
		s.wantSilence()
	})
}

// While updates are withheld, changes to one entry become one message with the newest values.
func TestPushCoalesces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := lb1(t)
		s := call(t, n, "agg")
		s.want(request)
		for range 10 {
			count(t, n, "bk", "10.0.0.1", 1)
			count(t, n, "bk", "10.0.0.2", 2)
		}
		s.send(partial)
		// An entry keeps its id until it is sent, but the last one gets a new one at each touch: seen on 2.6.12, like the confirmation
		// behind the updates.
		s.want(define(1, "bk"), entryOf(1, -1, "10.0.0.1", 10), entryOf(11, -1, "10.0.0.2", 20), confirm)
		s.wantSilence()
	})
}

func TestAckMovesTheResumePoint(t *testing.T) {
	for _, c := range []struct {
		name string
		ack  []string
		want []string
	}{
		{"two of four", []string{ackOf(1, 2)}, []string{define(1, "bk"), entryOf(3, -1, "10.0.0.3", 3), incOf(-1, "10.0.0.4", 4)}},
		{"all", []string{ackOf(1, 4)}, nil},
		{"none", nil, []string{define(1, "bk"), entryOf(1, -1, "10.0.0.1", 1), incOf(-1, "10.0.0.2", 2), incOf(-1, "10.0.0.3", 3), incOf(-1, "10.0.0.4", 4)}},
		{"byte-swapped", []string{ackOf(1, 0x02000000)}, []string{define(1, "bk"), entryOf(1, -1, "10.0.0.1", 1), incOf(-1, "10.0.0.2", 2), incOf(-1, "10.0.0.3", 3), incOf(-1, "10.0.0.4", 4)}},
		{"of another table", []string{ackOf(9, 4)}, []string{define(1, "bk"), entryOf(1, -1, "10.0.0.1", 1), incOf(-1, "10.0.0.2", 2), incOf(-1, "10.0.0.3", 3), incOf(-1, "10.0.0.4", 4)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := lb1(t)
				s := call(t, n, "agg")
				s.want(request)
				for i, key := range []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"} {
					count(t, n, "bk", key, uint64(i+1))
				}
				s.send(finished)
				s.want(define(1, "bk"), entryOf(1, -1, "10.0.0.1", 1), incOf(-1, "10.0.0.2", 2), incOf(-1, "10.0.0.3", 3), incOf(-1, "10.0.0.4", 4), confirm)
				s.send(c.ack...)
				synctest.Wait()
				s.conn.Close()
				synctest.Wait()
				again := call(t, n, "agg")
				again.want(c.want...)
				again.wantSilence()
			})
		})
	}
}

func TestApply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := lb1(t)
		s := call(t, n, "agg")
		s.learnt()
		s.send(define(7, "bk"), entryOf(5, -1, "10.0.0.1", 9))
		s.want(ackOf(7, 5))
		wantGPC0(t, n, "bk", "10.0.0.1", 9)
		s.send(entryOf(6, -1, "10.0.0.1", 2)) // overwrites, also with less
		s.want(ackOf(7, 6))
		wantGPC0(t, n, "bk", "10.0.0.1", 2)
		s.send(incOf(-1, "10.0.0.2", 1))
		s.want(ackOf(7, 7))
		s.wantSilence() // learned entries are not pushed

		count(t, n, "bk", "10.0.0.1", 1) // counts on from what was learned
		s.want(define(1, "bk"), entryOf(3, -1, "10.0.0.1", 3))
	})
}

// Updates of tables that are not ours, or of another shape, are ignored and not acked, until a definition or a switch selects ours.
func TestUnknownTables(t *testing.T) {
	other := func(change func(*peers.TableDefinition)) string {
		def := peers.TableDefinition{ID: 3, Name: "bk", Definition: plain("bk").Definition}
		change(&def)
		return fmt.Sprintf("%x", peers.AppendTableDefinition(nil, &def))
	}
	for name, def := range map[string]string{
		"name":       define(3, "other"),
		"slash":      define(3, "/bk"),
		"key type":   other(func(d *peers.TableDefinition) { d.Key = sticktable.Integer }),
		"key length": other(func(d *peers.TableDefinition) { d.Key, d.KeyLen = sticktable.Binary, 5 }),
		"cut off":    "0a8203 03 02 62",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := lb1(t)
				s := call(t, n, "agg")
				s.learnt()
				s.send(entryOf(1, -1, "10.0.0.1", 1)) // before any definition
				s.send(define(2, "bk"), entryOf(1, -1, "10.0.0.1", 2))
				s.want(ackOf(2, 1))
				s.send(def, entryOf(2, -1, "10.0.0.1", 99))
				s.wantSilence()
				wantGPC0(t, n, "bk", "10.0.0.1", 2)
				s.send("0a830102", entryOf(3, -1, "10.0.0.1", 4)) // back to ours
				s.want(ackOf(2, 3))
				wantGPC0(t, n, "bk", "10.0.0.1", 4)
				if got := n.Peers()[0].Counters.UpdatesIgnored; got != 2 {
					t.Errorf("%d updates ignored, want 2", got)
				}
			})
		})
	}
}

// A definition with other columns: what is not ours is skipped, what is not theirs stays, conn_cur is learned by recv-only tables alone.
func TestApplyColumns(t *testing.T) {
	for _, recvOnly := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			ours := TableConfig{WireName: "bk", RecvOnly: recvOnly, Definition: definition(time.Minute,
				sticktable.Column{Type: sticktable.GPC0}, sticktable.Column{Type: sticktable.ConnCur},
				sticktable.Column{Type: sticktable.HTTPReqCnt}, sticktable.Column{Type: sticktable.GPT, Elems: 3})}
			theirs := peers.TableDefinition{ID: 1, Name: "bk", Definition: definition(time.Minute,
				sticktable.Column{Type: sticktable.ServerID}, sticktable.Column{Type: sticktable.ConnCur},
				sticktable.Column{Type: sticktable.HTTPReqCnt}, sticktable.Column{Type: sticktable.ServerKey},
				sticktable.Column{Type: sticktable.GPT, Elems: 2})}
			n := lb1(t, ours)
			s := call(t, n, "agg")
			s.learnt()
			count(t, n, "bk", "10.0.0.1", 6)
			if err := n.Set("bk", ip("10.0.0.1"), Change{Column: sticktable.GPT, Elem: 2, Delta: 77}); err != nil {
				t.Fatal(err)
			}
			s.keepAlive()
			s.drain()
			synctest.Wait()
			s.write(peers.AppendTableDefinition(nil, &theirs))
			s.send("0a800e 00000001 0a000001 09 05 08 00 01 02")
			synctest.Wait()
			e, _ := n.Lookup("bk", ip("10.0.0.1"))
			got := fmt.Sprint(e.Value(sticktable.GPC0), e.Value(sticktable.ConnCur), e.Value(sticktable.HTTPReqCnt),
				e.ElemValue(sticktable.GPT, 0), e.ElemValue(sticktable.GPT, 1), e.ElemValue(sticktable.GPT, 2))
			want := "6 0 8 1 2 77"
			if recvOnly {
				want = "6 5 8 1 2 77"
			}
			if got != want {
				t.Errorf("recv-only %v: got %s, want %s", recvOnly, got, want)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	for _, c := range []struct{ name, send, want string }{
		{"reserved class", "ff00", "0100"},
		{"too long", "0a80 f091fe01", "0101"},
		{"cut update", "0a8005 00000001 0a", "0100"},
		{"cut ack", "0a840101", "0100"},
		{"cut switch", "0a8300", "0100"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := call(t, lb1(t), "agg")
				s.learnt()
				s.send(define(1, "bk"))
				s.send(c.send)
				s.want(c.want)
				if after := s.wantClosed(); after != 0 {
					t.Errorf("closed after %v", after)
				}
			})
		})
	}
}

// What HAProxy reads and ignores: unknown classes and types, bodies longer than known, errors.
func TestUnknownMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := lb1(t)
		s := call(t, n, "agg")
		s.learnt()
		s.send("0b00", "0b8003010203", "0a05", "0a9f021122", "0009", "0100", "0101")
		s.send(define(1, "bk"), "0a800b 00000001 0a000001 05 0000")
		s.want(ackOf(1, 1))
		wantGPC0(t, n, "bk", "10.0.0.1", 5)
	})
}

func TestHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := call(t, lb1(t), "agg")
		s.learnt()
		s.keepAlive()
		for range 5 {
			start := time.Now()
			s.want(heartbeat)
			if d := time.Since(start); d > 3*time.Second {
				t.Errorf("heartbeat after %v", d)
			}
		}
	})
}

func TestSilentPeerIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := call(t, lb1(t), "agg")
		s.want(request)
		if after := s.wantClosed(); after != 5*time.Second {
			t.Errorf("cut after %v, want 5s", after)
		}
	})
}

// Updates are withheld from an assigned teacher and from a peer that has not confirmed its lesson. With updates pending there are no heartbeats
// either, and the node cuts the session.
func TestWithheldUpdatesEndTheSession(t *testing.T) {
	for _, name := range []string{"request unanswered", "end unconfirmed"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := lb1(t)
				s := call(t, n, "agg")
				s.want(request)
				if name == "end unconfirmed" {
					s.send(finished)
					s.want(confirm)
					s.send(request)
					s.want(define(1, "bk"), finished)
				}
				s.keepAlive()
				count(t, n, "bk", "10.0.0.1", 1)
				if after := s.wantClosed(); after != 5*time.Second {
					t.Errorf("cut after %v, want 5s", after)
				}
			})
		})
	}
}

func TestEntryExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := lb1(t)
		s := call(t, n, "agg")
		s.learnt()
		s.keepAlive()
		s.drain()
		count(t, n, "bk", "10.0.0.1", 1)
		s.send(define(1, "bk"), entryOf(1, 5000, "10.0.0.2", 1), entryOf(2, 0, "10.0.0.3", 1), entryOf(3, 999_999, "10.0.0.4", 1), entryOf(4, -1, "10.0.0.5", 1))
		synctest.Wait()
		lives := func() (s string) {
			for _, e := range n.Entries("bk") {
				s += fmt.Sprintf("%d:%v ", e.Key[3], e.Expire)
			}
			return s
		}
		if got, want := lives(), "1:1m0s 2:5s 4:1m0s 5:1m0s "; got != want {
			t.Errorf("lives are %s, want %s", got, want)
		}
		time.Sleep(4999 * time.Millisecond)
		if got, want := lives(), "1:55.001s 2:1ms 4:55.001s 5:55.001s "; got != want {
			t.Errorf("lives are %s, want %s", got, want)
		}
		time.Sleep(time.Millisecond)
		wantNot(t, n, "10.0.0.2")
		time.Sleep(55 * time.Second)
		if got := lives(); got != "" {
			t.Errorf("alive: %s", got)
		}
	})
}

func wantNot(t *testing.T, n *Node, key string) {
	t.Helper()
	if e, ok := n.Lookup("bk", ip(key)); ok {
		t.Errorf("%s is there: %+v", key, e)
	}
}

func TestFullTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := plain("bk")
		c.Size = 3
		n := lb1(t, c)
		for _, key := range []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"} {
			count(t, n, "bk", key, 1)
			time.Sleep(time.Millisecond)
		}
		count(t, n, "bk", "10.0.0.1", 1)
		time.Sleep(time.Millisecond)
		count(t, n, "bk", "10.0.0.4", 1)
		wantNot(t, n, "10.0.0.2") // the one whose life ends first
		for _, key := range []string{"10.0.0.1", "10.0.0.3", "10.0.0.4"} {
			if _, ok := n.Lookup("bk", ip(key)); !ok {
				t.Errorf("%s is gone", key)
			}
		}
	})
}

func TestRefusedChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := plain("bk")
		c.Definition.Columns = append(c.Definition.Columns, sticktable.Column{Type: sticktable.GPT, Elems: 2}, sticktable.Column{Type: sticktable.ServerKey, Elems: 1})
		n := lb1(t, c)
		for _, err := range []error{
			n.Count("nope", ip("10.0.0.1"), sticktable.GPC0, 1),
			n.Count("bk", ip("10.0.0.1"), sticktable.GPC1, 1),
			n.Count("bk", ip("10.0.0.1"), sticktable.ServerKey, 1),
			n.Touch("bk", ip("10.0.0.1"), Change{Column: sticktable.GPC0, Delta: 1}, Change{Column: sticktable.GPT, Elem: 2}),
			n.Touch("bk", ip("10.0.0.1"), Change{Column: sticktable.GPC0, Elem: -1}),
		} {
			if err == nil {
				t.Error("no error")
			}
		}
		wantNot(t, n, "10.0.0.1")
	})
}

func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]Config{
		"no name":     {},
		"doubled":     {Name: "a", Peers: []Peer{{Name: "b"}, {Name: "b"}}},
		"own name":    {Name: "a", Peers: []Peer{{Name: "a"}}},
		"space":       {Name: "a b"},
		"table twice": {Name: "a", Tables: []TableConfig{plain("t"), plain("t")}},
		"no table":    {Name: "a", Tables: []TableConfig{plain("")}},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestPortInUse(t *testing.T) {
	first := newNode(t, Config{Name: "a", Listen: "127.0.0.1:0"})
	l, err := first.listen()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	second := newNode(t, Config{Name: "b", Listen: l.Addr().String()})
	if err := second.Serve(t.Context()); err == nil {
		t.Error("no error")
	}
}
