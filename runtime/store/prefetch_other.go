//go:build !amd64

package store

import "sync/atomic"

// prefetch reads the word: reads that do not wait for each other go on at once. An atomic read is not left out.
func prefetch(p *uint32) { atomic.LoadUint32(p) }

func prefetchToWrite(p, q *uint32) {
	atomic.LoadUint32(p)
	atomic.LoadUint32(q)
}
