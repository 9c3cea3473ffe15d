package node

import "time"

// resyncTimeout is PEER_RESYNC_TIMEOUT: how long the section waits for a teacher before it counts as synchronised.
const resyncTimeout = 5 * time.Second

// resync is what HAProxy keeps in the flags of a peers section. The node starts in FROMREMOTE, since there is no old process; it
// ends in FINISHED and stays there.
type resync struct {
	isFinished bool
	teacher    *session // the one session that is assigned; a resync request has been sent to it or is about to be
	timer      *time.Timer
}

// armResync starts the wait for a teacher anew.
func (n *Node) armResync() {
	if n.resync.timer != nil {
		n.resync.timer.Stop()
	}
	n.resync.timer = time.AfterFunc(resyncTimeout, n.resyncExpired)
}

// resyncExpired gives up, unless somebody teaches: there is no timeout on an assigned teacher.
func (n *Node) resyncExpired() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.resync.teacher == nil && !n.resync.isFinished {
		n.resync.isFinished = true
		n.log.Info("resync ended without a teacher")
	}
}

// assignTeacher picks the first established peer that has not said that it is not up to date.
func (n *Node) assignTeacher() {
	if n.resync.isFinished || n.resync.teacher != nil {
		return
	}
	for _, p := range n.peers {
		if s := p.session; s != nil && !p.isLocal && !p.isNotUpToDate {
			n.resync.teacher = s
			s.isLearning, s.requestDue = true, true
			s.wakeUp()
			return
		}
	}
}

// lessonEnded handles RESYNCFINISHED and RESYNCPARTIAL. Each one is confirmed, asked for or not.
func (s *session) lessonEnded(isFinished bool) {
	n := s.node
	s.confirmsDue++
	if isFinished {
		s.peer.counters.LessonsFinished++
	} else {
		s.peer.counters.LessonsPartial++
	}
	if !s.isLearning {
		return
	}
	s.isLearning = false
	n.resync.teacher = nil
	if isFinished {
		n.resync.isFinished = true
		n.log.Info("resync finished", "teacher", s.peer.Name)
		return
	}
	s.peer.isNotUpToDate = true
	n.armResync()
	n.assignTeacher()
}

// loseTeacher un-assigns a session that ended before its lesson did.
func (s *session) loseTeacher() {
	if !s.isLearning {
		return
	}
	s.isLearning = false
	s.node.resync.teacher = nil
	s.node.armResync()
	s.node.assignTeacher()
}
