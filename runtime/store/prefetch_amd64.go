package store

// prefetch brings the words' cache line near without waiting for it: a read would hold up all that comes after once some 200 instructions are under way.
//
//go:noescape
func prefetch(p *uint32)

//go:noescape
func prefetchTwo(p, q *uint32)
