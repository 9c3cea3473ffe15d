package store

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"stktc/topology/sticktable"
)

// checkIndex wants each row once in the index, where it is found, and the numbers of rows past a bucket exact in the table that rows are put into, not too little in the one before.
func checkIndex(t *testing.T, s *shard) {
	t.Helper()
	x := &s.index
	found := map[ref]int{}
	for i, table := range []*bucketTable{&x.bucketTable, &x.before} {
		past := make([]uint32, len(table.buckets))
		for at := range table.buckets {
			for j, r := range table.buckets[at].refs {
				if r == 0 {
					continue
				}
				found[ref(r-1)]++
				if s.listedRow(ref(r-1)) == nil {
					t.Fatal("a row that is no more is in the index")
				}
				hash := s.hashOf(ref(r - 1))
				if table.buckets[at].tags[j] != indexTag(hash) || i == 1 && at < x.moved {
					t.Fatalf("row %x of table %d: tag %x of hash %x, in bucket %d of %d that have moved", r-1, i, table.buckets[at].tags[j], hash, at, x.moved)
				}
				for k := table.home(hash); k != at; k = table.after(k) {
					past[k]++
				}
			}
		}
		for at := range past {
			if told := table.buckets[at].past; told < past[at] || i == 0 && told != past[at] {
				t.Fatalf("bucket %d of table %d: %d rows are told to be past it, want %d", at, i, told, past[at])
			}
		}
	}
	rows := 0
	s.eachRow(0, func(r ref, row []uint32) bool {
		rows++
		if found[r] != 1 || s.find(s.hashOf(r), s.key(row)) != r {
			t.Fatalf("row %x is %d times in the index", r, found[r])
		}
		return true
	})
	if rows != x.used || rows != s.rows || rows != len(found) {
		t.Fatalf("%d rows, %d used, %d noted, %d in the index", rows, x.used, s.rows, len(found))
	}
}

// checkWheel wants an entry for each row by which it is looked at in time and that is not taken for stale, and each block in one list.
func checkWheel(t *testing.T, s *shard) {
	t.Helper()
	w := &s.wheel
	entries, blocks, reached := 0, map[uint32]bool{}, map[ref]bool{}
	once := func(n uint32) {
		if blocks[n] {
			t.Fatal("a block is in two lists")
		}
		blocks[n] = true
	}
	at := w.sweeper
	for b := range w.heads {
		w.bucket = uint32(b)
		for n := w.heads[b]; n != 0; n = w.block(n - 1)[blockNext] {
			once(n)
			for _, entry := range w.block(n - 1)[blockHead:w.end(n)] {
				entries++
				r := ref(entry & (1<<refBits - 1))
				row, isStale := s.listedRow(r), w.isStale(s, entry)
				if row == nil || row[meta]&armed == 0 {
					if !isStale {
						t.Fatal("an entry of no row is not stale")
					}
					continue
				}
				reached[r] = reached[r] || !isStale && w.comesInTime(row)
			}
		}
	}
	w.sweeper = at
	for n := w.free; n != 0; n = w.block(n - 1)[blockNext] {
		once(n)
	}
	if entries != w.listed || len(blocks) != int(w.blocks) || w.some.Load() != (entries > 0) {
		t.Fatalf("%d entries, %d listed; %d blocks of %d", entries, w.listed, len(blocks), w.blocks)
	}
	s.eachRow(0, func(r ref, row []uint32) bool {
		if !reached[r] {
			t.Fatalf("row %x, armed %v, due at tick %x, is not reached in time (at %x)", r, row[meta]&armed != 0, tickOf(row[due]), w.tick)
		}
		return true
	})
}

// comesInTime tells whether the bucket that is looked through comes up before the row is due, or next if it is late.
func (w *wheel) comesInTime(row []uint32) bool {
	level, own := w.bucket/wheelBuckets, w.bucket%wheelBuckets
	span := uint32(1) << (levelBits * level)
	up := (w.tick + span) &^ (span - 1) // the first tick from the next one on where a bucket of the level comes up
	for up>>(levelBits*level)&(wheelBuckets-1) != own {
		up += span
	}
	t := tickOf(row[due])
	if int32((t-w.tick)<<tickShift) <= 0 {
		return level == 0
	}
	return (up-w.tick)&tickMask <= (t-w.tick)&tickMask
}

// churn lets peers say, forget and redefine keys of one shard, and time pass, at random.
type churn struct {
	t      *testing.T
	rnd    *rand.Rand
	table  *Table
	s      *shard
	defs   []sticktable.Definition
	peers  []string
	source map[string]*Source
	slots  map[string]int // of the values that each has
	keys   []uint32
	ends   map[uint32]map[string]uint32 // of what each peer said of each key
	now    uint32
	late   uint32 // when the wheel was last
}

// TestStructure: whatever becomes of keys, each row is found by its key and looked at in time, and goes with the last that was said of it.
func TestStructure(t *testing.T) {
	for seed := range uint64(8) {
		c := newChurn(t, seed)
		for range 300 {
			c.step()
		}
	}
}

func newChurn(t *testing.T, seed uint64) *churn {
	rnd := rand.New(rand.NewPCG(seed, 1))
	c := &churn{t: t, rnd: rnd, defs: []sticktable.Definition{gpcDef}, peers: []string{"a", "b", "c", "d"}, source: map[string]*Source{}, slots: map[string]int{},
		ends: map[uint32]map[string]uint32{}, now: -rnd.Uint32N(1 << 21)}
	if seed%2 == 1 {
		c.defs = append(c.defs, rateDefinition(2*time.Second))
	}
	c.table = New("t.sum")
	c.s = &c.table.shards[0]
	for _, peer := range c.peers {
		c.open(peer)
	}
	c.keys = keysOf(c.table, 500+rnd.IntN(6000))
	return c
}

func (c *churn) open(peer string) {
	def := c.defs[c.rnd.IntN(len(c.defs))]
	c.source[peer], c.slots[peer] = begin(c.t, c.table, peer, def), newLayout(&def).slots
}

func (c *churn) step() {
	c.t.Helper()
	for range c.rnd.IntN(300) {
		switch k := c.keys[c.rnd.IntN(1+c.rnd.IntN(len(c.keys)))]; c.rnd.IntN(40) {
		case 0:
			c.table.Clear(binary.BigEndian.AppendUint32(nil, k), c.now)
			delete(c.ends, k)
		case 1:
			if c.isThere(k) {
				evictOne(c.t, c.table, k)
				delete(c.ends, k)
			}
		default:
			c.say(c.peers[c.rnd.IntN(1+c.rnd.IntN(len(c.peers)))], k)
		}
		if c.rnd.IntN(10) == 0 && c.s.wheel.listed > 0 {
			c.s.wheel.sweep(c.s)
		}
	}
	switch peer := c.peers[c.rnd.IntN(len(c.peers))]; c.rnd.IntN(60) {
	case 0:
		c.table.Drop(peer, c.now)
		for _, by := range c.ends {
			delete(by, peer)
		}
		c.open(peer)
	case 1:
		c.open(peer)
	}
	c.pass()
	checkIndex(c.t, c.s)
	checkWheel(c.t, c.s)
	c.checkKeys()
}

// say gives a key a life, often one near the end of a level of the wheel.
func (c *churn) say(peer string, k uint32) {
	life := c.rnd.Uint32N(1 << c.rnd.IntN(21))
	if c.rnd.IntN(6) == 0 {
		life = 4 * (1<<(levelBits*(1+c.rnd.IntN(3))) - 2 + c.rnd.Uint32N(4))
	}
	at := c.now - 4*c.rnd.Uint32N(3) // its clock may have been read before the wheel's
	values := make([]uint64, c.slots[peer])
	for i := range values {
		values[i] = c.rnd.Uint64N(500)
	}
	var b Batch
	b.Add(binary.BigEndian.AppendUint32(nil, k), life, values)
	c.source[peer].Apply(&b, at)
	if c.ends[k] == nil {
		c.ends[k] = map[string]uint32{}
	}
	c.ends[k][peer] = at + life
}

// pass lets time pass, and the wheel turn, not always as far.
func (c *churn) pass() {
	c.now += 4 * c.rnd.Uint32N(40)
	if c.rnd.IntN(50) == 0 {
		c.now += c.rnd.Uint32N(1 << c.rnd.IntN(20))
	}
	if c.rnd.IntN(3) == 0 {
		c.table.tickAll(c.now)
	} else if !c.s.wheel.advance(c.s, c.now, 1+c.rnd.IntN(40*lookCost)) {
		c.late = c.now
	}
}

func (c *churn) isThere(k uint32) bool {
	key := binary.BigEndian.AppendUint32(nil, k)
	return c.s.find(c.table.hash(key), key) != noRef
}

// checkKeys wants keys to be there for as long as somebody's word holds, and gone soon after that, but for where the wheel is late.
func (c *churn) checkKeys() {
	c.t.Helper()
	for k, by := range c.ends {
		left := int32(-1 << 30)
		for _, end := range by {
			left = max(left, int32(end-c.now))
		}
		isThere := c.isThere(k)
		if isThere && left < -24 && int32(c.now-c.late) > 24 || !isThere && left > 0 {
			c.t.Fatalf("at %d: key %d is there: %v, it ends in %d ms; the wheel was late at %d", c.now, k, isThere, left, c.late)
		}
		if !isThere {
			delete(c.ends, k)
		}
	}
}
