package load

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// standBack lets the goroutine run on a thread of its own with the least claim to a processor: on another machine, where nodes are, what loads would take none from what is timed.
func standBack() {
	runtime.LockOSThread() // the thread ends with the goroutine
	unix.Setpriority(unix.PRIO_PROCESS, 0, 19)
}
