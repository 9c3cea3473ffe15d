package store

// Stats count what happened to a table since the start, but for Partial and Bytes, which tell of now.
type Stats struct {
	Updates   uint64 // applied
	Coalesced uint64 // updates that changed a key of which every receiver still waited for the change before
	Resends   uint64 // sums sent again because a rate passed the boundary of a contributor's period
	Crowded   uint64 // updates that were passed over: the key has as many contributors as it can have, or the table as many keys
	Evicted   uint64 // keys that went for want of memory
	Partial   uint64 // keys that came back after they were evicted, and are not sent before all contributors have told of them
	Bytes     uint64 // of memory held: rows, index, log of changes
}

// counters are a shard's part of Stats, under its lock.
type counters struct {
	coalesced, resends, crowded, partial uint64
}

// Stats sums the shards' counters up.
func (t *Table) Stats() Stats {
	sum := Stats{Updates: t.updates.Load(), Evicted: t.evicted.Load()}
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		sum.Coalesced += s.counted.coalesced
		sum.Resends += s.counted.resends
		sum.Crowded += s.counted.crowded
		sum.Partial += s.counted.partial
		sum.Bytes += s.bytes()
		s.mu.Unlock()
	}
	return sum
}

// Evicted counts the keys that went for want of memory.
func (t *Table) Evicted() uint64 { return t.evicted.Load() }

// bytes is the memory that the shard holds.
func (s *shard) bytes() uint64 {
	words := s.index.size() + len(s.log.ring) + len(s.wheel.chunks)*chunkWords
	for i := range s.slabs {
		for _, c := range s.slabs[i].chunks {
			words += len(c)
		}
	}
	return uint64(words) * 4
}
