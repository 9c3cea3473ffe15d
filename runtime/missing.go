package runtime

import (
	"slices"
	"time"
)

const (
	// gathering is how long sources that go one after another may take to be told of in one line of the log.
	gathering = 500 * time.Millisecond
	// mostNamed is how many sources a line of the log names.
	mostNamed = 5
)

// miss sees to it that the log names sources which are missing since it last did. What comes back at once it need not name. The caller holds s.mu.
func (s *section) miss() {
	if s.whole || !s.released.Load() {
		s.missed = nil
		return
	}
	if s.misses() && s.gathered == nil {
		s.gathered = time.AfterFunc(gathering, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.gathered = nil
			if !s.closed && !s.whole && s.released.Load() && s.misses() {
				s.missed = s.missing()
				s.log.Warn("not every source is connected and has taught", naming(s.missed)...)
			}
		})
	}
}

// misses tells whether a source is missing that the log has not named since it is. The caller holds s.mu.
func (s *section) misses() bool {
	missing := s.missing()
	s.missed = slices.DeleteFunc(s.missed, func(name string) bool { return !slices.Contains(missing, name) })
	return len(missing) > len(s.missed)
}

// naming gives the attributes of a line of the log that names sources.
func naming(missing []string) []any {
	if more := len(missing) - mostNamed; more > 0 {
		return []any{"missing", missing[:mostNamed], "more", more}
	}
	return []any{"missing", missing}
}

// missing names the sources that are not connected or have not taught. The caller holds s.mu.
func (s *section) missing() []string {
	names := []string{}
	for _, m := range s.members {
		if m.direction.isSource() && !m.isWhole() {
			names = append(names, m.link.name)
		}
	}
	return names
}
