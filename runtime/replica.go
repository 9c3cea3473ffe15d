package runtime

// share decides whether this aggregator writes to the nodes, or one of its replicas does. wasWhole is what we were before the look that calls this; the
// caller holds s.mu.
//
// Of the replicas that are whole one writes. Who becomes whole while another is leaves the writing to it; where two that were whole meet, after
// their network was parted, the first in name order goes on. If none is whole all write, and so do the parts of a parted network: what they
// write is the same or the best there is.
func (s *section) share(wasWhole bool) {
	was := s.writing.Load()
	writing := s.shouldWrite(was, wasWhole)
	if writing == was {
		return
	}
	s.writing.Store(writing)
	s.log.Warn("writing to the nodes", "writing", writing)
	if writing {
		s.wake()
	}
}

func (s *section) shouldWrite(writing, wasWhole bool) bool {
	others, met := false, false
	for _, m := range s.members {
		if m.direction != Replica || !m.link.connected() || !m.link.saysWhole() {
			continue
		}
		others = true
		// One that said so with its first word was whole before we met; and of two such the first name goes on.
		met = met || m.link.wasWholeAtOnce() && m.link.name < m.link.local
	}
	switch {
	case !others:
		return true
	case !s.whole, !wasWhole:
		return false
	case met:
		return false
	}
	return writing
}
