package runtime

import (
	"fmt"
	"time"
)

// rivalsEvery is how often it is said of one peer that two processes use its name.
const rivalsEvery = time.Minute

// caller is a process that dials under a peer's name. In containers all have one pid, so that it needs the address, too.
type caller struct {
	host string // without a port
	pid  int
}

// rivals knows which processes used a peer's name last.
type rivals struct {
	now, before caller
	quietUntil  time.Time
	takeovers   int       // in all
	last        time.Time // of them
}

// meet notes who takes the name, and whether somebody's session was alive until then. It tells whether two processes use the name: one that comes back after another took its place
// did not end, and one that comes back from elsewhere ends its old session first.
func (r *rivals) meet(who caller, lives bool) bool {
	if who == r.now {
		return false
	}
	back := who == r.before && lives
	r.before, r.now = r.now, who
	if back {
		r.takeovers++
		r.last = time.Now()
	}
	return back
}

// err says so as long as it is true, for displays.
func (r *rivals) err() error {
	if r.takeovers == 0 || time.Since(r.last) > rivalsEvery {
		return nil
	}
	return fmt.Errorf("two processes use this name, at %s (pid %d) and %s (pid %d): one of them counts at a time, the %d. to take over does now",
		r.now.host, r.now.pid, r.before.host, r.before.pid, r.takeovers)
}

// noteCaller notes who dialled in, and warns of two processes with one name. The caller holds l.mu.
func (l *link) noteCaller(who caller, lives bool) {
	if who.pid == 0 {
		return
	}
	l.lastPID = who.pid
	if !l.rivals.meet(who, lives) || time.Now().Before(l.rivals.quietUntil) {
		return
	}
	l.rivals.quietUntil = time.Now().Add(rivalsEvery)
	now, before := l.rivals.now, l.rivals.before
	l.log.Warn("two processes use the peer's name: each takes the session from the other, and what it counts replaces what the other does",
		"addresses", []string{now.host, before.host}, "pids", []int{now.pid, before.pid}, "takeovers", l.rivals.takeovers)
}
