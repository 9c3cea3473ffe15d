package aggregator

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"

	"stktc/topology"
)

// Pin confines the process to the processors of its cpu-map lines, and gives their number; 0 when there are no such lines. Threads of an aggregator are not tied to parts of its
// work as HAProxy's are, so all of them get the processors of all lines, and there are as many at work as there are processors. Numbers that the machine does not have, or that its
// cpuset keeps from the process, are passed over; the error says that none is left.
func Pin(lines []topology.CPUMap) (int, error) {
	if len(lines) == 0 {
		return 0, nil
	}
	var set unix.CPUSet
	for _, l := range lines {
		for _, cpu := range l.CPUs {
			set.Set(cpu)
		}
	}
	if err := pinThreads(&set); err != nil {
		return 0, fmt.Errorf("%s: cpu-map: %w", lines[0].Span, err)
	}
	var left unix.CPUSet
	if err := unix.SchedGetaffinity(0, &left); err != nil {
		return 0, fmt.Errorf("cpu-map: %w", err)
	}
	runtime.GOMAXPROCS(left.Count())
	return left.Count(), nil
}

// pinThreads goes over the threads until there is none that it has not seen: a new one has what its maker had.
func pinThreads(set *unix.CPUSet) error {
	seen := map[string]bool{}
	for fresh := true; fresh; {
		fresh = false
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, t := range threads {
			if seen[t.Name()] {
				continue
			}
			seen[t.Name()], fresh = true, true
			id, err := strconv.Atoi(t.Name())
			if err != nil {
				return err
			}
			err = unix.SchedSetaffinity(id, set)
			if errors.Is(err, unix.EINVAL) {
				return errors.New("none of the processors is there for this process")
			}
			if err != nil && !errors.Is(err, unix.ESRCH) {
				return err
			}
		}
	}
	return nil
}
