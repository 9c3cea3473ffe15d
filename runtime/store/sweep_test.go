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
		listed := s.wheel.listed
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
		if listed-s.wheel.listed > 2*blockEntries {
			t.Fatal("all rows were listed anew")
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

// sweepAll looks through all of a shard's entries, as updates may between two ticks.
func sweepAll(s *shard) {
	for n := s.wheel.listed/blockEntries + 3*len(s.wheel.heads); n > 0; n-- {
		s.wheel.removed = s.wheel.listed // no rebuild, which would hide it
		s.wheel.sweep(s)
	}
}

// TestSweepAfterTickSetBack: a row that is listed 63 ticks on while a tick is done in part is found there by the sweeper.
func TestSweepAfterTickSetBack(t *testing.T) {
	const start, rows = uint32(1 << 20), 40
	for _, on := range []uint32{62 * 4, 63 * 4, 64 * 4, 4095 * 4, 4096 * 4, (1<<18 - 1) * 4} {
		table := New("t.sum")
		a, b := begin(t, table, "a", gpcDef), begin(t, table, "b", gpcDef)
		s := &table.shards[0]
		for _, k := range keysOf(table, rows) {
			put := func(src *Source, life uint32) {
				var batch Batch
				batch.Add(binary.BigEndian.AppendUint32(nil, k), life, []uint64{1})
				src.Apply(&batch, start)
			}
			put(a, 2000)
			put(b, 2000+on)
		}
		for now := start; now < start+2000+400; now += 4 {
			s.wheel.advance(s, now, 3*lookCost)
			sweepAll(s)
		}
		for now := start + 2400; now < start+2000+on+100; now += 4 {
			table.tickAll(now)
		}
		if table.Rows() != 0 {
			t.Errorf("%d ms on: %d of %d rows are never looked at again", on, table.Rows(), rows)
		}
	}
}

// TestSweepWithinDescent: the same of rows that the second level's bucket gave to the last bucket of the first when its budget was spent.
func TestSweepWithinDescent(t *testing.T) {
	const rows = 3000
	for _, level := range []int{1, 2, 3} {
		span := uint32(1) << (levelBits * level)
		start := span<<8 + span/2 // ticks
		table := New("t.sum")
		a := begin(t, table, "a", gpcDef)
		s := &table.shards[0]
		for _, k := range keysOf(table, rows) {
			var batch Batch
			batch.Add(binary.BigEndian.AppendUint32(nil, k), (2*span-1-span/2+span)*4, []uint64{1}) // due at the last tick of the span after the next
			a.Apply(&batch, start<<2)
		}
		w := &s.wheel
		border := span<<8 + 2*span // where the rows' bucket comes up
		table.tickAll((border - 1) << 2)
		if w.tick != border-1 {
			t.Fatalf("tick %d", w.tick)
		}
		moves := 1000 // entries
		if level > 1 {
			moves *= lookCost
		}
		if w.cascade(s, border, &moves) {
			t.Fatal("got through")
		}
		sweepAll(s)
		for now := border << 2; now < (border+span+10)<<2; now += 4 {
			table.tickAll(now)
		}
		if table.Rows() != 0 {
			t.Errorf("level %d: %d of %d rows are never looked at again", level, table.Rows(), rows)
		}
	}
}

// TestGrowthIsSwept: rows that get ever more contributors, and no event that is earlier, leave not many more entries than rows.
func TestGrowthIsSwept(t *testing.T) {
	const rows = 8000
	table := New("t.sum")
	s := &table.shards[0]
	keys := keysOf(table, rows)
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"} {
		src := begin(t, table, name, gpcDef)
		for _, k := range keys {
			putKey(src, k, 3_600_000, 1)
		}
	}
	if most := rows + rows/2 + minListed; s.wheel.listed > most {
		t.Errorf("%d entries of %d rows, want %d at most", s.wheel.listed, rows, most)
	}
}

// TestSweepFindsStale: two rounds of sweeping, without all rows being listed anew, leave one entry for each row.
func TestSweepFindsStale(t *testing.T) {
	const rows = 2000
	table := New("t.sum")
	src := begin(t, table, "a", gpcDef)
	s := &table.shards[0]
	rnd := rand.New(rand.NewPCG(5, 5))
	for _, k := range keysOf(table, rows) {
		putKey(src, k, 600_000+rnd.Uint32N(600_000), 1)
	}
	for _, later := range []uint32{4096 * 4, 5 * 4096 * 4, 1 << 20, 1 << 24, 1<<32 - 1<<20} { // the last is a full turn of level 2 earlier
		s.eachRow(0, func(r ref, row []uint32) bool {
			if int32(row[due]+later-1000) > 4*4096 {
				s.wheel.push(s, r, row[due]+later)
			}
			return true
		})
	}
	for range 3 {
		sweepAll(s)
	}
	if s.wheel.listed != rows {
		t.Errorf("%d entries of %d rows", s.wheel.listed, rows)
	}
}
