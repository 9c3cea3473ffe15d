package store

import "sync"

// chunkWords is the size of a chunk, 32 KiB: what a shard with a single row of a class holds.
const chunkWords = 1 << 13

// arena hands out the memory of one table's rows in chunks, mapped from the system: the Go collector neither looks at it nor lets it grow to twice its size, and
// what is freed goes back to the system soon.
type arena struct {
	budget *Budget

	mu      sync.Mutex
	held    int64              // bytes that are handed out
	regions map[*uint32][]byte // all that was mapped, by the first usable word
	newest  []uint32           // region that chunks are taken from
	rest    []uint32           // of it
	next    []uint32           // region; nil if there is none yet
	ready   func()             // has the system make the huge page that comes next, unless it did
	free    [][]uint32         // to be handed out again
	cold    [][]uint32         // the same, their memory given back
}

const (
	firstRegion = 2 * chunkWords
	largeRegion = 1 << 20 // words, 4 MiB: from here on huge pages are asked for
	hugeWords   = 1 << 19 // of a huge page
	hotChunks   = 16
)

// chunk hands out a chunk, all 0. Who gets the first of a huge page waits until that is made, and nobody else.
func (a *arena) chunk() []uint32 {
	c, ready := a.take()
	if ready != nil {
		ready()
	}
	return c
}

func (a *arena) take() (c []uint32, ready func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.count(chunkWords)
	for _, list := range []*[][]uint32{&a.free, &a.cold} {
		if n := len(*list); n > 0 {
			c := (*list)[n-1]
			*list = (*list)[:n-1]
			return c, nil
		}
	}
	if len(a.rest) == 0 {
		a.newRegion()
	}
	if (len(a.newest)-len(a.rest))%hugeWords == 0 {
		ready = a.ready
	}
	c = a.rest[:chunkWords:chunkWords]
	a.rest = a.rest[chunkWords:]
	if len(a.newest) == largeRegion {
		a.lookAhead()
	}
	return c, ready
}

// newRegion maps memory for more chunks, ever more at a time.
func (a *arena) newRegion() {
	before := len(a.newest)
	if a.newest, a.next = a.next, nil; a.newest == nil {
		size := min(max(firstRegion, 2*before), largeRegion)
		a.newest = a.mapWords(size, size == largeRegion)
	}
	a.rest = a.newest
}

// lookAhead has the next huge page made ready when three quarters of the present one are handed out: the system takes up to some milliseconds for one, and whoever touches it first waits for that, under a
// shard's lock. It is touched, not asked for (MADV_POPULATE_WRITE): for that time no memory could be mapped or unmapped, so that indexes that grew waited for it too, 1 to 7 ms each.
func (a *arena) lookAhead() {
	used := len(a.newest) - len(a.rest)
	if used%hugeWords != hugeWords*3/4 {
		return
	}
	page := a.newest[used/hugeWords*hugeWords:][hugeWords:]
	if len(page) == 0 {
		a.next = a.mapWords(largeRegion, true)
		page = a.next
	}
	a.ready = sync.OnceFunc(func() { page[0] = 0 })
	go a.ready()
}

// count notes that words are handed out, or come back. The caller holds a.mu.
func (a *arena) count(words int) {
	a.held += int64(words) * 4
	a.budget.held.Add(int64(words) * 4)
}

// hold notes that bytes of another kind are held for the table, or no more.
func (a *arena) hold(bytes int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.count(bytes / 4)
}

func (a *arena) mapWords(words int, huge bool) []uint32 {
	region, usable := mapWords(words, huge)
	if region != nil {
		if a.regions == nil {
			a.regions = map[*uint32][]byte{}
		}
		a.regions[&usable[0]] = region
	}
	return usable
}

// words hands out any number of words, all 0.
func (a *arena) words(n int) []uint32 {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.count(n)
	if n < smallWords {
		return make([]uint32, n)
	}
	return a.mapWords(n, false)
}

// smallWords are left to the Go heap.
const smallWords = chunkWords / 2

// putWords takes back what words gave.
func (a *arena) putWords(w []uint32) {
	if len(w) == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.count(-len(w))
	if region := a.regions[&w[0]]; region != nil {
		delete(a.regions, &w[0])
		unmap(region)
	}
}

// put takes a chunk back.
func (a *arena) put(c []uint32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.count(-len(c))
	if len(a.free) < hotChunks {
		clear(c)
		a.free = append(a.free, c)
		return
	}
	giveBack(c)
	a.cold = append(a.cold, c)
}

// release gives everything back. Nothing that was handed out may be touched afterwards.
func (a *arena) release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ready != nil {
		a.ready() // nor later
	}
	for _, r := range a.regions {
		unmap(r)
	}
	a.count(int(-a.held / 4))
	a.regions, a.newest, a.rest, a.next, a.ready, a.free, a.cold = nil, nil, nil, nil, nil, nil, nil
}
