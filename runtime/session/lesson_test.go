package session

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestLessonRests: while a peer teaches and others are sent sums the session rests for twice as long as it works; when the lesson is over, or nobody is sent any, it does not.
func TestLessonRests(t *testing.T) {
	const work = 3 * time.Millisecond
	for _, test := range []struct {
		name         string
		asks, isSent bool
		since, want  time.Duration
	}{
		{"in a lesson", true, true, time.Second, work + lessonRests*work},
		{"in a lesson, and nobody is sent anything", true, false, time.Second, work},
		{"in a lesson that does not end", true, true, longestLesson + time.Second, work},
		{"in no lesson", false, true, time.Second, work},
	} {
		synctest.Test(t, func(t *testing.T) {
			k := start(t, false)
			if test.isSent {
				k.Send(k.o.table, func() bool { return true }, 0)
			}
			k.define("/t", gpcTable)
			k.update(1, "\x0a\x00\x00\x01", 5)
			if test.asks {
				k.Ask()
			}
			for range test.since / time.Second {
				k.say("00 04") // a heartbeat
				time.Sleep(time.Second)
			}
			synctest.Wait()
			clock := k.clock
			k.clock = func() uint32 { // this is what takes time
				time.Sleep(work)
				return clock()
			}
			began := time.Now()
			k.update(2, "\x0a\x00\x00\x01", 6)
			k.update(3, "\x0a\x00\x00\x01", 7) // is read when the work is done
			if took := time.Since(began); took != test.want {
				t.Errorf("%s: %v of work take %v, want %v", test.name, work, took, test.want)
			}
			k.clock = clock
			k.finish()
		})
	}
}
