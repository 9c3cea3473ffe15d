package main

import (
	"fmt"
	"time"

	"stktc/cmd/internal/load"
)

// What figures need to mean something.
const (
	leastCPU  = 100 * time.Millisecond // time of processes is told in hundredths of a second
	leastTime = 50 * time.Millisecond  // some round trips, and what it takes to begin and to notice the end
	leastKeys = 10_000                 // memory comes in pieces of 4 MB
)

const tooSmall = "too small to measure"

// tooSmallMeans explains tooSmall.
var tooSmallMeans = fmt.Sprintf("%s: a load needs %v of CPU time and %v to tell what an update costs, %s keys to tell what a key takes, and a push beyond a quantile",
	tooSmall, leastCPU, leastTime, short(leastKeys))

// isTimed tells whether a stage took long enough for its rates.
func isTimed(s *load.Stage) bool { return float64(s.Seconds) >= leastTime.Seconds() }

// isBusy tells whether a process used enough CPU time in a stage to tell that.
func isBusy(u *load.Usage) bool { return float64(u.CPU) >= leastCPU.Seconds() }

// isCosted tells whether a process used enough CPU time in a stage to tell that of an update. What is taught is no update of the stage, and has its cost too.
func isCosted(s *load.Stage, u *load.Usage) bool { return isBusy(u) && s.UpdatesIn > s.Taught }

// hasQuantile tells whether one push at least is beyond a quantile, as that share of them is.
func hasQuantile(l *load.Latency, beyond float64) bool { return float64(l.Count)*beyond >= 1 }

// told formats figures that mean something.
func told(isMeasured bool, format string, values ...any) string {
	if !isMeasured {
		return tooSmall
	}
	return fmt.Sprintf(format, values...)
}
