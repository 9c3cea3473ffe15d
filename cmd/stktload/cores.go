package main

import (
	"math"
	"runtime"
	"sync/atomic"
	"time"
)

const (
	passFor   = 20 * time.Millisecond
	passWords = 100 // that are timed at once: few, so that both threads run all that time now and then on a busy machine too
)

// coreToCore is how long a word takes from the core that wrote it to another, in ns, at best. It is not ok where two goroutines cannot run at once. A virtual machine's cores may be neighbours at one time and far
// from each other a minute later, 50 and 235 ns, and what a second core brings to work on the same memory follows that.
func coreToCore() (ns float64, ok bool) {
	if min(runtime.NumCPU(), runtime.GOMAXPROCS(0)) < 2 {
		return 0, false
	}
	var word struct {
		_ [64]byte
		n atomic.Uint64
		_ [64]byte
	}
	const over = math.MaxUint64
	go func() { // answers each odd number with the next one
		runtime.LockOSThread()
		for n := word.n.Load(); n != over; n = word.n.Load() {
			if n&1 == 1 {
				word.n.CompareAndSwap(n, n+1)
			}
		}
	}()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer word.n.Store(over)
	ns = math.Inf(1)
	for began := time.Now(); time.Since(began) < passFor; {
		turn := time.Now()
		for range passWords {
			n := word.n.Add(1)
			for word.n.Load() == n {
			}
		}
		ns = min(ns, float64(time.Since(turn).Nanoseconds())/(2*passWords))
	}
	return ns, true
}
