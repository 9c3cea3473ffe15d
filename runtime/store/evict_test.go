package store

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"stktc/topology/sticktable"
)

// tight is a table with two peers in so much memory, filled by the first with keys that live 1 s, 2 s and so on.
func tight(t *testing.T, limit int64, keys int) (table *Table, budget *Budget, a, b *Source) {
	t.Helper()
	budget = &Budget{}
	budget.SetLimit(limit)
	table = NewWithin(budget, "t.sum")
	a, b = begin(t, table, "a", gpcDef), begin(t, table, "b", gpcDef)
	for k := range uint32(keys) {
		putKey(a, k, 1000*(k%3000+1), 1)
	}
	return table, budget, a, b
}

func putKey(src *Source, key, life uint32, value uint64) {
	var b Batch
	b.Add(binary.BigEndian.AppendUint32(nil, key), life, []uint64{value})
	src.Apply(&b, 1000)
}

func value(table *Table, key uint32) (e Entry, ok bool) {
	return table.Lookup(binary.BigEndian.AppendUint32(nil, key), 1000)
}

// TestBudget: what the rows of a table take stays within the budget, and the keys that go are those nearest to their end.
func TestBudget(t *testing.T) {
	const limit, keys = 8 << 20, 300_000
	table, budget, _, _ := tight(t, limit, keys)
	if budget.Held() > limit {
		t.Errorf("%d bytes are held, %d are allowed", budget.Held(), limit)
	}
	st := table.Stats()
	if st.Evicted == 0 || int(st.Evicted)+table.Rows() != keys+int(st.Partial) && int(st.Evicted)+table.Rows() != keys {
		t.Errorf("%d keys were evicted, and %d of %d are there", st.Evicted, table.Rows(), keys)
	}
	var there, all [3]int
	for k := range uint32(keys) {
		third := k % 3000 / 1000
		all[third]++
		if _, ok := value(table, k); ok {
			there[third]++
		}
	}
	t.Logf("of the keys with the least, middle and longest life %v of %v are there", there, all)
	if there[0] > there[2]/4 || there[2] < all[2]/3 {
		t.Errorf("of the keys with the least, middle and longest life %v of %v are there", there, all)
	}
}

// TestBudgetReturned: memory that a table gave back, or took along when it went, is there for others.
func TestBudgetReturned(t *testing.T) {
	table, budget, _, _ := tight(t, 0, 300_000)
	table.Drop("a", 1000)
	if held := budget.Held(); held > 5<<20 {
		t.Errorf("%d bytes are held by an empty table", held)
	}
	table.arena.release()
	if held := budget.Held(); held != 0 {
		t.Errorf("%d bytes are held by no table", held)
	}
}

// evictOne evicts the key as if for want of memory.
func evictOne(t *testing.T, table *Table, key uint32) {
	t.Helper()
	hash := table.hash(binary.BigEndian.AppendUint32(nil, key))
	s := table.shardOf(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.find(hash, binary.BigEndian.AppendUint32(nil, key))
	if r == noRef {
		t.Fatal("no such key")
	}
	s.evictRow(r, 1000)
}

// TestPartial: a key that returns after it was evicted is not sent before all that are connected have told of it, by an update, by a whole lesson or by going.
func TestPartial(t *testing.T) {
	ends := map[string]func(table *Table, b *Source){
		"update":  func(_ *Table, b *Source) { putKey(b, 1, 60_000, 30) },
		"session": func(table *Table, _ *Source) { table.End("b") },
		"lesson": func(table *Table, _ *Source) {
			table.Asked("b", 1001)
			table.DropStale("b", 1002)
		},
		"drop": func(table *Table, _ *Source) { table.Drop("b", 1000) },
		"time": func(table *Table, _ *Source) {
			var b Batch
			src, _ := table.Source("a", gpcDef)
			b.Add([]byte{0, 0, 0, 1}, 60_000, []uint64{5})
			src.Apply(&b, 1000+3_600_000)
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			table := New("t.sum")
			a, b := begin(t, table, "a", gpcDef), begin(t, table, "b", gpcDef)
			putKey(a, 1, 60_000, 3)
			putKey(b, 1, 60_000, 20)
			evictOne(t, table, 1)
			c := table.Subscribe(func() {})
			sent := func() (v []uint64) {
				c.Collect(1000, table.version.Load(), func(_, _ uint32, _ []byte, values []uint64) bool { v = append(v, values[0]); return true })
				return v
			}
			putKey(a, 1, 60_000, 4)
			if e, ok := value(table, 1); !ok || !e.Partial || table.Stats().Partial != 1 {
				t.Fatalf("%+v %v, %d partial", e, ok, table.Stats().Partial)
			}
			if v := sent(); v != nil {
				t.Fatalf("%d was sent of a part", v)
			}
			end(table, b)
			table.reviewShards()
			want := uint64(4)
			switch name {
			case "update":
				want = 34
			case "time":
				want = 5
			}
			if v := sent(); len(v) != 1 || v[0] != want {
				t.Errorf("%d was sent, want %d", v, want)
			}
			if n := table.Stats().Partial; n != 0 {
				t.Errorf("%d are partial", n)
			}
		})
	}
}

// reviewShards does what every update of a shard's rows may do.
func (t *Table) reviewShards() {
	for i := range t.shards {
		t.shards[i].mu.Lock()
		t.shards[i].reviewAll(1000)
		t.shards[i].unlock()
	}
}

// TestEarlierLesson: a lesson that was asked for before a key returned proves nothing about it.
func TestEarlierLesson(t *testing.T) {
	table := New("t.sum")
	a, b := begin(t, table, "a", gpcDef), begin(t, table, "b", gpcDef)
	table.Asked("b", 900)
	putKey(a, 1, 60_000, 3)
	putKey(b, 1, 60_000, 20)
	evictOne(t, table, 1)
	putKey(a, 1, 60_000, 4)
	table.DropStale("b", 1002)
	if e, _ := value(table, 1); !e.Partial {
		t.Error("a key that b told of before it was evicted counts as whole")
	}
}

// TestNotEvicted: a key that was never evicted is whole, also while others are.
func TestNotEvicted(t *testing.T) {
	var e evictedKeys
	for i := range uint64(1000) {
		e.add(i*0x9e3779b97f4a7c15, 1000, 1000, 5)
	}
	wrong := 0
	for i := range uint64(100_000) {
		if e.has((i+5000)*0x9e3779b97f4a7c15, 1000, 6) {
			wrong++
		}
	}
	for i := range uint64(1000) {
		if !e.has(i*0x9e3779b97f4a7c15, 1000, 1004) {
			t.Fatal("forgotten too early")
		}
	}
	if wrong > 5000 {
		t.Errorf("%d of 100,000 keys are held back for nothing", wrong)
	}
	if e.has(0, 1000, 3010) {
		t.Error("not forgotten after twice the life of a contribution")
	}
}

// TestNothingPartialIsSent: with far more keys than fit, from two peers, no sum goes out that lacks what one of them counted.
func TestNothingPartialIsSent(t *testing.T) {
	const keys = 60_000
	budget := &Budget{}
	budget.SetLimit(2 << 20)
	table := NewWithin(budget, "t.sum")
	a, b := begin(t, table, "a", gpcDef), begin(t, table, "b", gpcDef)
	c := table.Subscribe(func() {})
	rnd := rand.New(rand.NewPCG(1, 2))
	counted := map[uint32][2]uint64{}
	whole, parts := 0, 0
	for range 40 {
		for i, src := range []*Source{a, b} {
			var batch Batch
			for range 4000 {
				k := rnd.Uint32N(keys)
				v := counted[k]
				v[i]++
				counted[k] = v
				batch.Add(binary.BigEndian.AppendUint32(nil, k), 60_000+rnd.Uint32N(60_000), v[i:i+1])
			}
			src.Apply(&batch, 1000)
		}
		c.Collect(1000, table.version.Load(), func(_, _ uint32, key []byte, values []uint64) bool {
			v := counted[binary.BigEndian.Uint32(key)]
			if values[0] == v[0]+v[1] {
				whole++
			} else {
				parts++
			}
			return true
		})
	}
	st := table.Stats()
	t.Logf("%d sums were whole; %d keys were evicted, %d are partial", whole, st.Evicted, st.Partial)
	if parts > 0 || whole == 0 || st.Evicted == 0 || st.Partial == 0 {
		t.Errorf("%d sums were parts, %d whole; %d keys were evicted, %d are partial", parts, whole, st.Evicted, st.Partial)
	}
}

// TestPartialClockOfBefore: who waited for a lock with a time from before a key returned does not end its being partial, nor lets it be forgotten what was evicted.
func TestPartialClockOfBefore(t *testing.T) {
	table := New("t.sum")
	a, b := begin(t, table, "a", gpcDef), begin(t, table, "b", gpcDef)
	begin(t, table, "c", gpcDef)
	putKey(a, 1, 60_000, 3)
	putKey(a, 2, 60_000, 3)
	evictOne(t, table, 1)
	evictOne(t, table, 2)
	putKey(a, 1, 60_000, 4)
	before := func(key uint32) {
		var batch Batch
		batch.Add(binary.BigEndian.AppendUint32(nil, key), 60_000, []uint64{1})
		b.Apply(&batch, 999)
	}
	before(1)
	if e, _ := value(table, 1); !e.Partial {
		t.Error("a key that c has not told of is whole")
	}
	var e evictedKeys
	e.add(1, 1000, 1000, 1000)
	if !e.has(1, 1000, 999) {
		t.Error("what was evicted is forgotten")
	}
}

// TestLongSession: in a session that lasts for more than 2³¹ ms the lesson at its begin proves nothing about a key that returns now.
func TestLongSession(t *testing.T) {
	table := New("t.sum")
	a := begin(t, table, "a", gpcDef)
	begin(t, table, "b", gpcDef)
	table.Asked("b", 1000)
	table.DropStale("b", 1001)
	for now := uint32(1000); now < 1<<31+100_000_000; now += 50_000_000 {
		table.Tick(now)
	}
	const now = 1<<31 + 100_000_000
	put := func(v uint64) {
		var batch Batch
		batch.Add([]byte{0, 0, 0, 1}, 60_000, []uint64{v})
		a.Apply(&batch, now)
	}
	put(3)
	hash := table.hash([]byte{0, 0, 0, 1})
	s := table.shardOf(hash)
	s.mu.Lock()
	s.evictRow(s.find(hash, []byte{0, 0, 0, 1}), now)
	s.mu.Unlock()
	put(4)
	if e, _ := table.Lookup([]byte{0, 0, 0, 1}, now); !e.Partial {
		t.Error("a key that b has not told of is whole")
	}
}

// TestBudgetRedefined: rows that a definition makes longer stay within the budget.
func TestBudgetRedefined(t *testing.T) {
	const limit = 16 << 20
	table, budget, _, _ := tight(t, limit, 150_000)
	before := table.Rows()
	wide := gpcDef
	wide.Columns = append([]sticktable.Column{{Type: sticktable.GPT, Elems: 100}}, wide.Columns...)
	begin(t, table, "c", wide)
	if budget.Held() > limit {
		t.Errorf("%d bytes are held, %d are allowed", budget.Held(), limit)
	}
	st := table.Stats()
	if table.Rows() == 0 || int(st.Evicted)+table.Rows() < before {
		t.Errorf("of %d keys %d are there, %d are counted as evicted", before, table.Rows(), st.Evicted)
	}
}

// TestBudgetLonger: a definition that makes rows no longer costs a table that fills its memory next to nothing.
func TestBudgetLonger(t *testing.T) {
	const limit = 8 << 20
	table, budget, _, _ := tight(t, limit, 300_000)
	before := table.Rows()
	other := gpcDef
	other.Expire = 2 * gpcDef.Expire
	begin(t, table, "c", other)
	if budget.Held() > limit || table.Rows() < before*98/100 {
		t.Errorf("%d bytes are held, %d are allowed; %d keys of %d are there", budget.Held(), limit, table.Rows(), before)
	}
}
