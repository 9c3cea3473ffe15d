package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// statusEvery is how often the service manager is told how things stand, when that changed.
const statusEvery = 200 * time.Millisecond

// notify tells the service manager how things stand until ctx ends: ready is who has released all sums, whole or after the learn-timeout.
func (d *daemon) notify(ctx context.Context) {
	ticker := time.NewTicker(statusEvery)
	defer ticker.Stop()
	ready, last := false, ""
	for {
		released, status := d.standing()
		switch {
		case released && !ready:
			ready, last = true, status
			d.manager.Ready(status)
		case status != last:
			last = status
			d.manager.Status(status)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			d.manager.Stopping()
			return
		}
	}
}

// standing says how the sections are, in one line, and whether all of them send their sums.
func (d *daemon) standing() (released bool, status string) {
	st := d.a.Status()
	released = true
	var parts []string
	for _, s := range st.Sections {
		switch {
		case s.Whole:
			parts = append(parts, s.Name+" whole")
		case !s.Released:
			released = false
			parts = append(parts, s.Name+" silent, waiting for "+strings.Join(s.Missing, ", "))
		default:
			parts = append(parts, s.Name+" misses "+strings.Join(s.Missing, ", "))
		}
	}
	if st.Reloads.LastError != "" {
		parts = append(parts, fmt.Sprintf("the last reload was refused: %s", st.Reloads.LastError))
	}
	if len(st.Reloads.Waits) > 0 {
		parts = append(parts, "restart for "+strings.Join(st.Reloads.Waits, ", "))
	}
	return released, strings.Join(parts, "; ")
}
