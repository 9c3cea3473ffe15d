package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"stktc/topology/sticktable"
)

var plainDef = sticktable.Definition{
	Key: sticktable.IPv4, KeyLen: 4, Expire: time.Minute,
	Columns: []sticktable.Column{
		{Type: sticktable.GPT0, Elems: 1}, {Type: sticktable.GPC0, Elems: 1},
		{Type: sticktable.HTTPReqRate, Elems: 1, Period: 10 * time.Second}, {Type: sticktable.BytesInCnt, Elems: 1},
	},
}

// modelEntry is what one peer said of one key.
type modelEntry struct {
	gpt, gpc, bytes  uint64
	tick, curr, prev uint32
	until            uint32
	session          int
}

// model is the store as a map of maps, written for being right.
type model struct {
	now     uint32
	entries map[string]map[string]*modelEntry // key, peer
	session map[string]int
}

func (m *model) sum(key string) (gpt, gpc, bytes, rate uint64, ok bool) {
	var exact float64
	for _, e := range m.entries[key] {
		if int32(e.until-m.now) <= 0 {
			continue
		}
		ok = true
		gpt = max(gpt, e.gpt)
		gpc += e.gpc
		bytes += e.bytes
		elapsed, period := float64(m.now-e.tick), 10_000.0
		switch {
		case elapsed <= period:
			exact += float64(e.curr) + float64(e.prev)*(period-elapsed)/period
		case elapsed <= 2*period:
			exact += float64(e.curr) * (2*period - elapsed) / period
		}
	}
	return gpt, min(gpc, 1<<32-1), bytes, uint64(exact), ok
}

// dying tells whether a contribution died so lately that the wheel may not have come to it.
func (m *model) dying() bool {
	for _, peers := range m.entries {
		for _, e := range peers {
			if age := int32(m.now - e.until); age >= 0 && age <= 2<<tickShift {
				return true
			}
		}
	}
	return false
}

// receiver is what one reader of the table believes.
type receiver struct {
	c    *Cursor
	seen map[string][]uint64
	till map[string]uint32

	shares bool // what is made for other readers too
}

func (r *receiver) read(t *testing.T, now uint32, max int) {
	if r.shares {
		r.readShared(t, now, max*20)
		return
	}
	_, version := r.c.t.Definition()
	_, err := r.c.Collect(now, version, func(id, life uint32, key []byte, values []uint64) bool {
		if max--; max < 0 {
			return false
		}
		if id == 0 {
			t.Fatal("id 0 is never acknowledged by HAProxy")
		}
		r.seen[string(key)] = slices.Clone(values)
		r.till[string(key)] = now + life
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (r *receiver) readShared(t *testing.T, now uint32, limit int) {
	var out Stretch
	enc, _ := r.c.t.Encoder(plainAppender)
	if _, err := r.c.Encode(&out, limit, now, enc); err != nil {
		t.Fatal(err)
	}
	eachPlain(out.Bytes, func(_, life uint32, key []byte, values []uint64) {
		r.seen[string(key)] = values
		r.till[string(key)] = now + life
	})
}

// TestModel plays random updates, sessions, drops and time against the model, and readers of different speed: in the end each has the truth.
func TestModel(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { playModel(t, rand.New(rand.NewPCG(seed, 7))) })
	}
}

func playModel(t *testing.T, rnd *rand.Rand) {
	table := New("t.aggr")
	m := &model{now: rnd.Uint32(), entries: map[string]map[string]*modelEntry{}, session: map[string]int{}}
	peers := []string{"lb1", "lb2", "lb3", "lb4", "lb5"}
	sources := map[string]*Source{}
	begin := func(p string) {
		table.Begin(p)
		src, err := table.Source(p, plainDef)
		if err != nil {
			t.Fatal(err)
		}
		sources[p] = src
		m.session[p]++
	}
	for _, p := range peers {
		begin(p)
	}
	var readers []*receiver
	for i := range 6 {
		readers = append(readers, &receiver{c: table.Subscribe(func() {}), seen: map[string][]uint64{}, till: map[string]uint32{}, shares: i%2 == 1})
	}
	for range 1500 {
		p := peers[rnd.IntN(len(peers))]
		switch rnd.IntN(20) {
		case 0:
			begin(p)
		case 1:
			table.DropStale(p, m.now)
			for _, e := range m.entries {
				if e[p] != nil && e[p].session != m.session[p] {
					delete(e, p)
				}
			}
		case 2:
			m.now += rnd.Uint32N(8000)
			table.tickAll(m.now)
		case 3:
			key := string(modelKey(rnd))
			table.Clear([]byte(key), m.now)
			delete(m.entries, key)
		case 4, 5, 6:
			i := rnd.IntN(len(readers))
			readers[i].read(t, m.now, 1+rnd.IntN(30)*i)
		case 7:
			table.Drop(p, m.now)
			for _, e := range m.entries {
				delete(e, p)
			}
			begin(p)
		default:
			updateBoth(rnd, m, sources[p], p)
		}
	}
	m.now += 20
	for m.dying() {
		m.now += 2 << tickShift
	}
	table.tickAll(m.now)
	checkModel(t, table, m, readers)
}

func modelKey(rnd *rand.Rand) []byte { return []byte{10, 0, byte(rnd.IntN(3)), byte(rnd.IntN(100))} }

func updateBoth(rnd *rand.Rand, m *model, src *Source, p string) {
	var b Batch
	for range 1 + rnd.IntN(40) {
		e := &modelEntry{
			gpt: uint64(rnd.Uint32N(10)), gpc: uint64(rnd.Uint32N(1 << 30)), bytes: rnd.Uint64N(1 << 40),
			curr: rnd.Uint32N(1000), prev: rnd.Uint32N(1000), tick: m.now - rnd.Uint32N(19_999), session: m.session[p],
		}
		life := 1 + rnd.Uint32N(60_000)
		e.until = m.now + life
		key := modelKey(rnd)
		b.Add(key, life, []uint64{e.gpt, e.gpc, uint64(m.now - e.tick), uint64(e.curr), uint64(e.prev), e.bytes})
		if m.entries[string(key)] == nil {
			m.entries[string(key)] = map[string]*modelEntry{}
		}
		m.entries[string(key)][p] = e
	}
	src.Apply(&b, m.now)
}

// tickAll does all that is due at now.
func (t *Table) tickAll(now uint32) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for !s.wheel.advance(s, now, tickBudget) {
		}
		s.unlock()
	}
}

func checkModel(t *testing.T, table *Table, m *model, readers []*receiver) {
	t.Helper()
	live := 0
	for key := range m.entries {
		gpt, gpc, bytes, rate, ok := m.sum(key)
		e, found := table.Lookup([]byte(key), m.now)
		if found != ok {
			t.Fatalf("key % x: found %v, want %v", key, found, ok)
		}
		if !ok {
			continue
		}
		live++
		checkValues(t, key, e.Values, gpt, gpc, bytes, rate)
	}
	ranged := 0
	table.Range(m.now, func(Entry) bool { ranged++; return true })
	if ranged != live {
		t.Fatalf("Range gave %d keys, want %d", ranged, live)
	}
	for i, r := range readers {
		for r.c.Pending() {
			r.read(t, m.now, 17)
		}
		for key, values := range r.seen {
			gpt, gpc, bytes, _, ok := m.sum(key)
			if !ok {
				if int32(r.till[key]-m.now) > 20 {
					t.Fatalf("reader %d keeps key % x, which is gone, for %d ms", i, key, r.till[key]-m.now)
				}
				continue
			}
			if values[0] != gpt || values[1] != gpc || values[5] != bytes {
				t.Fatalf("reader %d, key % x: has %v, want gpt0 %d gpc0 %d bytes %d", i, key, values, gpt, gpc, bytes)
			}
		}
		for key := range m.entries {
			if _, _, _, _, ok := m.sum(key); ok && r.seen[key] == nil {
				t.Fatalf("reader %d never saw key % x", i, key)
			}
		}
	}
}

func checkValues(t *testing.T, key string, v []uint64, gpt, gpc, bytes, rate uint64) {
	t.Helper()
	got := Rate(v[2], v[3], v[4], 10_000)
	if v[0] != gpt || v[1] != gpc || v[5] != bytes || absDiff(got, rate) > 2 {
		t.Fatalf("key % x: gpt0 %d gpc0 %d bytes %d rate %d, want %d %d %d %d", key, v[0], v[1], v[5], got, gpt, gpc, bytes, rate)
	}
}
func absDiff(a, b uint64) uint64 { return max(a, b) - min(a, b) }
