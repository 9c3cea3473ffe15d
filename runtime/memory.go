package runtime

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
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
	left := a.opt.MaxMemory - max(besides(a.opt.MaxMemory), ResidentMemory()-a.memory.Held())
	a.forKeys.Store(max(left, leastMemory))
	a.memory.SetLimit(a.forKeys.Load())
}

// ResidentMemory is how many bytes the process has resident; 0 where the system does not tell.
func ResidentMemory() int64 {
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

// evictions tells what was evicted: the first at once, or whoever looks meets wrong sums without a word; what follows, once in a while.
type evictions struct {
	told  map[*table]uint64 // keys, since the start
	total uint64
	last  time.Time
}

const (
	seeEvictions  = 100 * time.Millisecond // how often it is looked whether there are any
	tellEvictions = 10 * time.Second       // the least time between two lines of the log
)

// tell logs how many keys of which tables were evicted since it did so last.
func (e *evictions) tell(a *Aggregator) {
	now, total := time.Now(), uint64(0)
	for _, t := range a.Tables() {
		total += t.Evicted()
	}
	if total == e.total || now.Sub(e.last) < tellEvictions {
		return
	}
	e.total = total
	keys, counts := uint64(0), map[*table]uint64{}
	var tables []string
	for _, s := range a.currentSections() {
		for _, t := range s.list() {
			counts[t] = t.Evicted()
			if n := counts[t] - e.told[t]; n > 0 {
				keys += n
				tables = append(tables, fmt.Sprintf("%s (%d)", t.Name(), n))
			}
		}
	}
	if keys == 0 {
		return
	}
	e.told, e.last = counts, now
	a.log.Warn("no memory for more keys: those nearest to their end were evicted; raise --max-memory, or shorten the tables' expire", "keys", keys, "tables", tables,
		"held", megabytes(a.memory.Held()), "limit-for-keys", megabytes(a.forKeys.Load()), "max-memory", megabytes(a.opt.MaxMemory))
}

// megabytes writes bytes in the unit that --max-memory takes as m.
func megabytes(bytes int64) string { return fmt.Sprintf("%.1fm", float64(bytes)/(1<<20)) }
