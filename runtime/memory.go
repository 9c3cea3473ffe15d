package runtime

import (
	"bytes"
	"os"
	"strconv"
)

// leastMemory is what the tables may have however much the rest of the process takes.
const leastMemory = 1 << 20

// besides is what the process is left of a limit besides its tables: what it has when all peers have come, with the buffers of their sessions. Tables that have grown
// cannot give way to it later, as rows that are evicted make room for others in their places.
func besides(limit int64) int64 { return 32<<20 + limit/32 }

// boundMemory gives the tables what the limit leaves for them.
func (a *Aggregator) boundMemory() {
	if a.opt.MaxMemory <= 0 {
		return
	}
	left := a.opt.MaxMemory - max(besides(a.opt.MaxMemory), residentMemory()-a.memory.Held())
	a.memory.SetLimit(max(left, leastMemory))
}

// residentMemory is how many bytes the process has resident; 0 where the system does not tell.
func residentMemory() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(b)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// tellEvicted logs how many keys were evicted since it was called last, and gives how many were since the start.
func (a *Aggregator) tellEvicted(before uint64) (evicted uint64) {
	for _, t := range a.Tables() {
		evicted += t.Evicted()
	}
	if evicted > before {
		a.log.Warn("no memory for more: keys nearest to their end were evicted", "keys", evicted-before, "held", a.memory.Held(), "limit", a.opt.MaxMemory)
	}
	return evicted
}
