package node

import (
	"math"

	"stktc/runtime/peers"
)

// lesson is how far a lesson has come: through the tables, and in each through three stretches of ids. HAProxy calls the first two
// together stage 1: they are the upper part of its tree of updates, seen from where the session stands.
type lesson struct {
	table   int
	stretch stretch
	cursor  uint64
}

type stretch uint8

const (
	localAhead  stretch = iota // local entries that the peer has not acked
	learnedOnes                // entries that we learned
	localBehind                // the rest
	stretches
)

// beginLesson answers a resync request, which may come in the middle of another lesson.
func (s *session) beginLesson() {
	s.teaching = inLesson
	s.lesson = lesson{}
	for i := range s.tables {
		st := &s.tables[i]
		st.pushed = st.table.cursor(s.peer.acked[i])
		st.origin = st.pushed
	}
	if len(s.tables) > 0 {
		s.lesson.cursor = s.tables[0].origin
	}
}

// lessonConfirmed goes back to where the lesson began: entries newer than the last ack are pushed again (the handler of RESYNCCONFIRM).
func (s *session) lessonConfirmed() {
	if s.teaching == awaitingConfirm {
		s.peer.counters.LessonsTaught++
	}
	for i := range s.tables {
		st := &s.tables[i]
		st.pushed = st.origin
		s.peer.acked[i] = uint32(st.origin)
	}
	s.teaching = notTeaching
}

// appendLesson sends the next part, and after the last one the verdict about ourselves.
func (s *session) appendLesson(b []byte, budget *int) []byte {
	for ; s.lesson.table < len(s.tables); s.nextTable() {
		var done bool
		if b, done = s.appendTable(b, &s.tables[s.lesson.table], budget); !done {
			return b
		}
	}
	s.teaching = awaitingConfirm
	if s.node.resync.isFinished {
		return peers.AppendControl(b, peers.ResyncFinished)
	}
	return peers.AppendControl(b, peers.ResyncPartial)
}

func (s *session) nextTable() {
	s.lesson = lesson{table: s.lesson.table + 1}
	if s.lesson.table < len(s.tables) {
		s.lesson.cursor = s.tables[s.lesson.table].origin
	}
}

// appendTable sends one table, which is defined even when it is empty. It is not done when the budget ends first.
func (s *session) appendTable(b []byte, st *sharedTable, budget *int) (_ []byte, done bool) {
	b = s.appendDefinition(b, st.table)
	last := uint32(0)
	for ; *budget > 0; *budget-- {
		e := s.nextEntry(st)
		if e == nil {
			return b, true
		}
		s.lesson.cursor = e.seq
		if !st.table.isExpired(e) {
			b = s.appendEntry(b, st.table, e, last, !s.peer.isDowngraded)
			last = e.wireID()
		}
	}
	return b, false
}

// nextEntry finds the next entry of the lesson, going from stretch to stretch.
func (s *session) nextEntry(st *sharedTable) *entry {
	for ; s.lesson.stretch < stretches; s.lesson.stretch, s.lesson.cursor = s.lesson.stretch+1, 0 {
		log, limit := &st.table.local, uint64(math.MaxUint64)
		switch s.lesson.stretch {
		case learnedOnes:
			log = &st.table.learned
		case localBehind:
			limit = st.origin
		}
		if e := log.next(s.lesson.cursor); e != nil && e.seq <= limit {
			return e
		}
	}
	return nil
}
