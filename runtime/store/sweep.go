package store

// sweeper is where a wheel looks for entries that say nothing any more. Peers whose updates make rows due ever earlier leave many behind; the second contribution to a row leaves one where the wheel would have looked for the first. To list
// all rows of a shard anew, of 10 million keys, takes up to 8 ms; instead one block is looked through with each entry that is one too many.
type sweeper struct {
	bucket  uint32 // that is looked through
	at      uint32 // the block plus one that is next
	removed int    // entries, in this round
}

const (
	sweptPart = 4    // entries may be a quarter more than rows
	minListed = 1024 // and so many more: small shards are spared
	fewSwept  = 16   // a round finds more than every sixteenth entry to be stale, or what is left are those that cannot be told: of rows that are late, or listed twice for one time or, above the second level, nearly one
)

// sweep looks through the next block for stale entries, and brings the rows of the one behind it near.
func (w *wheel) sweep(s *shard) {
	if w.at == 0 && !w.nextBucket(s) {
		return
	}
	n := w.at
	b := w.block(n - 1)
	for i := w.end(n) - 1; i >= blockHead && w.at == n; i-- {
		if w.isStale(s, b[i]) {
			b[i] = w.takeEntry(w.bucket) // which ends the block if it was its last
			w.removed++
		}
	}
	if w.at == n {
		w.at = b[blockNext]
	}
	if w.at != 0 {
		w.warm(s, w.block(w.at - 1)[blockHead:])
	}
}

// end is behind the last entry of a block of the bucket.
func (w *wheel) end(n uint32) int {
	if w.heads[w.bucket] == n {
		return blockWords - int(w.room[w.bucket])
	}
	return blockWords
}

// nextBucket goes on to the next bucket with entries, if there is one. A round that found few lists all rows anew.
func (w *wheel) nextBucket(s *shard) bool {
	for range w.heads {
		if w.bucket++; w.bucket == uint32(len(w.heads)) {
			if w.removed < w.listed/fewSwept {
				w.rebuild(s)
				return false
			}
			w.bucket, w.removed = 0, 0
		}
		if w.at = w.heads[w.bucket]; w.at != 0 {
			return true
		}
	}
	return false
}

// isStale tells whether a row would be looked at in time without this entry of the bucket that is looked through: there is no such row, or another entry is the one for when it is due.
func (w *wheel) isStale(s *shard, entry uint32) bool {
	row := s.listedRow(ref(entry & (1<<refBits - 1)))
	if row == nil || row[meta]&armed == 0 {
		return true
	}
	t := tickOf(row[due])
	if int32((t-w.tick)<<tickShift) <= 0 {
		return false // it was late when it was listed, or is now
	}
	level := w.bucket / wheelBuckets
	if (t-w.tick-1)&tickMask>>(levelBits*(level+1)) != 0 { // of a tick that was done in part rows may be listed one more on than w.tick tells
		return true
	}
	return w.bucket%wheelBuckets != t>>(levelBits*level)&(wheelBuckets-1) || level > 0 && entry>>refBits != t>>(levelBits*(level-1))&(wheelBuckets-1)
}

// rebuild lists each row once.
func (w *wheel) rebuild(s *shard) {
	w.reset(s.t.arena)
	s.eachRow(0, func(r ref, row []uint32) bool {
		if row[meta]&armed != 0 {
			w.listAt(s, r, row[due])
		}
		return true
	})
}
