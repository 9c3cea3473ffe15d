package store

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// keysOf are keys of the table's first shard.
func keysOf(table *Table, n int) (keys []uint32) {
	for k := uint32(0); len(keys) < n; k++ {
		if table.shardOf(table.hash(binary.BigEndian.AppendUint32(nil, k))) == &table.shards[0] {
			keys = append(keys, k)
		}
	}
	return keys
}

// TestSweep: a shard whose rows become due ever earlier lists not many more entries than rows, and each goes in time.
func TestSweep(t *testing.T) {
	const rows, start = 4000, uint32(1<<32 - 300_000) // the clock goes round in between
	rnd := rand.New(rand.NewPCG(7, 7))
	table := New("t.sum")
	src, other := begin(t, table, "a", gpcDef), begin(t, table, "b", gpcDef)
	s := &table.shards[0]
	keys := keysOf(table, rows)
	ends := map[uint32]uint32{} // deadlines, in ms from the start
	now := uint32(0)
	put := func(k, life uint32) {
		var b Batch
		b.Add(binary.BigEndian.AppendUint32(nil, k), life, []uint64{1})
		src.Apply(&b, start+now-4*rnd.Uint32N(3)) // its clock may have been read before the wheel's
		ends[k] = now + life
		b.Reset()
		b.Add(binary.BigEndian.AppendUint32(nil, k), life/2, []uint64{1})
		other.Apply(&b, start+now) // the row is looked at once more on the way
		if most := rows + rows/sweptPart + minListed + blockEntries; s.wheel.listed > most {
			t.Fatalf("%d entries of %d rows", s.wheel.listed, s.rows)
		}
	}
	for ; now < 400_000; now += 4 * (1 + rnd.Uint32N(20)) {
		for range 20 {
			k := keys[rnd.IntN(rows)]
			switch end, isThere := ends[k]; {
			case !isThere:
				put(k, 1+rnd.Uint32N(1<<rnd.IntN(18)))
			case rnd.IntN(8) == 0:
				put(k, 0)
			case end > now:
				put(k, rnd.Uint32N(end-now)) // earlier than before, by a little or much
			}
		}
		if now/20_000%2 == 0 {
			s.wheel.advance(s, start+now, 10*lookCost) // late at times
		} else {
			table.tickAll(start + now)
		}
		for k, end := range ends {
			key := binary.BigEndian.AppendUint32(nil, k)
			if isThere := s.find(table.hash(key), key) != noRef; isThere && end+8 < now && s.wheel.late(start+now) == 0 || !isThere && end > now+16 {
				t.Fatalf("at %d: key %d is there: %v, it ends at %d", now, k, isThere, end)
			} else if !isThere {
				delete(ends, k)
			}
		}
	}
	for range 8 {
		table.tickAll(start + now + 1<<18)
	}
	if table.Rows() > 0 {
		t.Errorf("%d rows are left", table.Rows())
	}
}

// TestListedTwice: entries that sweeping does not find, as they are for the time when their rows are due, are no more than one for each row in the end.
func TestListedTwice(t *testing.T) {
	const rows = 2000
	table := New("t.sum")
	src := begin(t, table, "a", gpcDef)
	s := &table.shards[0]
	for _, k := range keysOf(table, rows) {
		putKey(src, k, 3_600_000, 1)
	}
	for range 3 {
		s.eachRow(0, func(r ref, row []uint32) bool {
			s.wheel.push(s, r, row[due])
			return true
		})
	}
	for range s.wheel.listed/blockEntries + 2*len(s.wheel.heads) {
		s.wheel.sweep(s)
	}
	if s.wheel.listed != rows {
		t.Errorf("%d entries of %d rows", s.wheel.listed, rows)
	}
	table.tickAll(1000 + 3_600_000 + 4)
	if table.Rows() > 0 {
		t.Errorf("%d rows are left", table.Rows())
	}
}
