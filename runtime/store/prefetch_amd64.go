package store

// prefetch brings the words' cache line near without waiting for it: a read would hold up all that comes after once some 200 instructions are under way.
//
//go:noescape
func prefetch(p *uint32)

// prefetchToWrite brings two cache lines near that will be written: where another core has them it gives them up at once, and not only when they are.
//
//go:noescape
func prefetchToWrite(p, q *uint32)
