package store

import "sync/atomic"

// Budget bounds the memory that the rows of any number of tables take, with all that is around them. Its zero value bounds nothing. Past it whole keys are
// evicted, see evict.go.
type Budget struct {
	limit atomic.Int64
	held  atomic.Int64
}

// SetLimit sets the bound in bytes, 0 for none. It may be changed at any time: what is held already stays until there is need for more.
func (b *Budget) SetLimit(bytes int64) { b.limit.Store(bytes) }

// Held is how many bytes the tables hold.
func (b *Budget) Held() int64 { return b.held.Load() }

// short tells whether so many bytes more would be too many.
func (b *Budget) short(more int) bool {
	limit := b.limit.Load()
	return limit > 0 && b.held.Load()+int64(more) > limit
}
