package node

import (
	"time"

	"stktc/runtime/peers"
)

// batchEntries is how many entries are sent between two looks at the input (tune.peers.max-updates-at-once).
const batchEntries = 200

// scratch is memory that a session uses again and again. The update is the reader's, the rest the writer's.
type scratch struct {
	update peers.Update
	out    []byte
	entry  []byte
	values []uint64
}

// write sends whatever there is to send until the session ends.
func (s *session) write(greeting []byte) {
	s.scratch.out = append(s.scratch.out, greeting...)
	heartbeat := time.NewTimer(heartbeatTimeout)
	silence := time.NewTimer(inactivityTimeout)
	defer heartbeat.Stop()
	defer silence.Stop()
	for {
		if out := s.fill(); len(out) > 0 {
			if !s.send(out) {
				return
			}
			silence.Reset(inactivityTimeout)
			continue
		}
		select {
		case <-s.wake:
		case <-heartbeat.C:
			s.heartbeat()
			heartbeat.Reset(heartbeatTimeout)
		case <-silence.C: // updates are due, but withheld
			s.close()
			return
		case <-s.ended:
			s.send(s.parting)
			return
		}
	}
}

// send writes; false when the session is over. A connection that takes nothing for so long is dead.
func (s *session) send(out []byte) bool {
	s.conn.SetWriteDeadline(time.Now().Add(inactivityTimeout))
	_, err := s.conn.Write(out)
	s.scratch.out = out[:0]
	if err != nil {
		s.close()
	}
	return err == nil
}

// heartbeat is sent unless updates wait, even those that may not be sent now.
func (s *session) heartbeat() {
	s.node.mu.Lock()
	defer s.node.mu.Unlock()
	for i := range s.tables {
		if s.tables[i].pushed < s.tables[i].table.localUpdate {
			return
		}
	}
	s.scratch.out = peers.AppendControl(s.scratch.out, peers.Heartbeat)
	s.peer.counters.HeartbeatsSent++
}

// fill collects what is to be sent, in the order of peer_send_msgs: request, acks and updates table by table, the lesson's end,
// confirmations.
func (s *session) fill() []byte {
	s.node.mu.Lock()
	defer s.node.mu.Unlock()
	b := s.scratch.out
	if s.isReleased {
		return nil
	}
	if s.requestDue {
		s.requestDue = false
		b = peers.AppendControl(b, peers.ResyncRequest)
	}
	budget := batchEntries
	for i := range s.tables {
		b = s.appendAck(b, &s.tables[i])
		if s.teaching == notTeaching && !s.isLearning {
			b = s.appendPushes(b, &s.tables[i], &budget)
		}
	}
	if s.teaching == inLesson {
		b = s.appendLesson(b, &budget)
	}
	for ; s.confirmsDue > 0; s.confirmsDue-- {
		b = peers.AppendControl(b, peers.ResyncConfirm)
		s.peer.counters.ConfirmsSent++
	}
	return b
}

func (s *session) appendAck(b []byte, st *sharedTable) []byte {
	if st.lastGot == st.lastAcked {
		return b
	}
	st.lastAcked = st.lastGot
	s.peer.counters.AcksSent++
	return peers.AppendAck(b, st.remoteID, st.lastGot)
}

// appendPushes sends the local entries that changed since the last one sent (peer_send_teach_process_msgs).
func (s *session) appendPushes(b []byte, st *sharedTable, budget *int) []byte {
	t := st.table
	if st.pushed >= t.localUpdate || *budget <= 0 {
		return b
	}
	b = s.appendDefinition(b, t)
	last := uint32(0)
	for ; *budget > 0; *budget-- {
		e := t.local.next(st.pushed)
		if e == nil {
			st.pushed = t.localUpdate
			t.committed = max(t.committed, st.pushed)
			return b
		}
		if !t.isExpired(e) {
			b = s.appendEntry(b, t, e, last, false)
			last = e.wireID()
		}
		st.pushed = e.seq
		t.committed = max(t.committed, e.seq)
	}
	return b
}

// appendDefinition says which table the next updates are about, unless it was the last one anyway.
func (s *session) appendDefinition(b []byte, t *table) []byte {
	if s.defined == t {
		return b
	}
	s.defined = t
	return peers.AppendTableDefinition(b, &t.def)
}

// appendEntry sends an entry; its id is left out where it is the one after the last (last is 0 at the start of a batch).
func (s *session) appendEntry(b []byte, t *table, e *entry, last uint32, isTimed bool) []byte {
	s.scratch.values = t.wireValues(s.scratch.values, e)
	s.peer.counters.UpdatesSent++
	whole := s.scratch.entry[:0]
	kind, id := peers.UpdateEntry, e.wireID()
	if isTimed {
		kind = peers.UpdateTimed
		whole = t.layout.AppendUpdate(whole, id, t.remain(e), []byte(e.key), s.scratch.values)
	} else {
		whole = t.layout.AppendUpdateUntimed(whole, id, []byte(e.key), s.scratch.values)
	}
	s.scratch.entry = whole
	if last == 0 || id != last+1 {
		return append(b, whole...)
	}
	return appendInc(b, whole, kind)
}

// appendInc turns an update with an id into one without. The codec writes only the former: HAProxy 3.3 and later acks the
// latter wrongly, so that nobody but a HAProxy should send them.
func appendInc(b, whole []byte, kind peers.Type) []byte {
	frame, _, err := peers.ParseFrame(whole, len(whole))
	if err != nil {
		panic("node: the codec cannot read what it wrote: " + err.Error())
	}
	const idLen = 4
	b = append(b, byte(peers.StickTable), byte(kind)+1)
	b = peers.AppendInt(b, uint64(len(frame.Body)-idLen))
	return append(b, frame.Body[idLen:]...)
}
