package node

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestLessonOfOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := lb1(t, plain("bk"), plain("empty"))
		s := call(t, n, "agg")
		s.want(request)
		s.send(define(1, "bk"), entryOf(1, 30_000, "10.0.0.9", 9), finished)
		s.want(ackOf(1, 1), confirm)
		for i, key := range []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"} {
			count(t, n, "bk", key, uint64(i+1))
			if i == 0 {
				s.want(define(1, "bk"), entryOf(2, -1, key, 1))
			} else {
				s.want(entryOf(uint32(i+2), -1, key, byte(i+1)))
			}
			synctest.Wait()
		}
		s.send(ackOf(1, 2), request)
		// Ahead of the ack first, then the learned ones, then the rest; the empty table is defined too.
		s.want(entryOf(3, 60_000, "10.0.0.2", 2), incOf(60_000, "10.0.0.3", 3),
			entryOf(1|1<<31, 30_000, "10.0.0.9", 9), entryOf(2, 60_000, "10.0.0.1", 1), define(2, "empty"), finished)
		count(t, n, "bk", "10.0.0.4", 4)
		s.wantSilence() // withheld
		s.send(ackOf(1, 4), confirm)
		// Everything since the ack before the lesson comes again; acks during the lesson do not count.
		s.want(define(1, "bk"), entryOf(3, -1, "10.0.0.2", 2), incOf(-1, "10.0.0.3", 3), incOf(-1, "10.0.0.4", 4))
		s.wantSilence()
		if c := n.Peers()[0].Counters; c.LessonsTaught != 1 || c.LessonsFinished != 1 {
			t.Errorf("counters %+v", c)
		}
	})
}

func TestLessonVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := lb1(t)
		s := call(t, n, "agg")
		s.learnt()
		s.keepAlive()
		s.send(request)
		s.want(define(1, "bk"), partial) // nobody has finished a lesson for us
		s.send(confirm)
		for start := time.Now(); time.Since(start) < 5*time.Second; {
			if n.Synchronised() {
				t.Fatal("synchronised too early")
			}
			s.want(heartbeat)
		}
		synctest.Wait()
		if !n.Synchronised() {
			t.Fatal("not synchronised after the timeout")
		}
		s.send(request)
		s.want(finished)
	})
}

// A peer of version 2.0 gets no timed updates.
func TestLessonForOldPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := lb1(t)
		count(t, n, "bk", "10.0.0.1", 1)
		s := connect(t, n)
		s.write([]byte("HAProxyS 2.0\nlb1\nagg 1 1\n"))
		s.wantText("200\n")
		s.want(request)
		s.send(request)
		s.want(define(1, "bk"), entryOf(1, -1, "10.0.0.1", 1), partial)
	})
}

// A lesson longer than a batch, disturbed by changes.
func TestLongLesson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := newNetwork()
		teacher := newNode(t, Config{Name: "old", Peers: []Peer{{Name: "young"}}, Tables: []TableConfig{plain("bk"), plain("bk2")}})
		net.attach("old", teacher)
		for i := range 1000 {
			key := fmt.Sprintf("10.0.%d.%d", i/250, i%250)
			count(t, teacher, "bk", key, uint64(i))
			count(t, teacher, "bk2", key, uint64(2*i))
		}
		serve(t, teacher)
		pupil := newNode(t, Config{Name: "young", Peers: []Peer{{Name: "old", Address: "old"}}, Dial: net.dial, Tables: []TableConfig{plain("bk2"), plain("bk")}})
		serve(t, pupil)
		time.Sleep(time.Second)
		for i := range 1000 {
			key := fmt.Sprintf("10.0.%d.%d", i/250, i%250)
			wantGPC0(t, pupil, "bk", key, uint64(i))
			wantGPC0(t, pupil, "bk2", key, uint64(2*i))
		}
	})
}

// One teacher at a time: the first; after a partial lesson, or its loss, the next.
func TestTeachers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := lb1(t)
		first := call(t, n, "agg")
		first.want(request)
		second := call(t, n, "agg2")
		second.wantSilence()
		if p := n.Peers(); !p[0].Learning || p[1].Learning {
			t.Errorf("%+v", p)
		}
		first.send(partial)
		first.want(confirm)
		second.want(request)
		second.conn.Close()
		synctest.Wait()
		first.wantSilence() // it has said that it does not know all

		second = call(t, n, "agg2")
		second.want(request)
		second.send(finished)
		second.want(confirm)
		if !n.Synchronised() {
			t.Error("not synchronised")
		}
		second.conn.Close()
		call(t, n, "agg2").wantSilence() // once finished, never again
	})
}

func TestUnaskedVerdictsAreConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := lb1(t)
		s := call(t, n, "agg")
		s.learnt()
		s.send(finished + partial + finished)
		s.want(confirm, confirm, confirm)
		if n.Synchronised() {
			t.Error("an unasked verdict has ended the resync")
		}
	})
}

func TestResyncTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := lb1(t)
		time.Sleep(5*time.Second - 1)
		if n.Synchronised() {
			t.Error("too early")
		}
		time.Sleep(1)
		synctest.Wait()
		if !n.Synchronised() {
			t.Error("not synchronised")
		}
		call(t, n, "agg").wantSilence()
	})
}

// An assigned teacher has all the time it wants.
func TestNoTimeoutOnTeacher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := lb1(t)
		s := call(t, n, "agg")
		s.want(request)
		s.keepAlive()
		for range 4 {
			s.want(heartbeat)
		}
		if n.Synchronised() {
			t.Error("gave up on its teacher")
		}
		s.send(finished)
		s.want(confirm)
		if !n.Synchronised() {
			t.Error("not synchronised")
		}
	})
}
