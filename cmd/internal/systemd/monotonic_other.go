//go:build !linux

package systemd

import "time"

var started = time.Now()

// monotonic is some monotonic time: there is no systemd here to compare it with its own.
func monotonic() time.Duration { return time.Since(started) }
