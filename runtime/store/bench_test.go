package store

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"stktc/topology/sticktable"
)

var benchDef = sticktable.Definition{
	Key: sticktable.IPv4, KeyLen: 4, Expire: time.Hour,
	Columns: []sticktable.Column{
		{Type: sticktable.GPC0, Elems: 1}, {Type: sticktable.HTTPReqCnt, Elems: 1}, {Type: sticktable.HTTPReqRate, Elems: 1, Period: 10 * time.Second},
	},
}

// benchTable is a table with keys from some peers, and the order in which updates come.
func benchTable(b *testing.B, keys, peers int) (t *Table, sources []*Source, order []uint32) {
	t = New("t.sum")
	for i := range peers {
		name := fmt.Sprint("lb", i+1)
		t.Begin(name)
		src, err := t.Source(name, benchDef)
		if err != nil {
			b.Fatal(err)
		}
		sources = append(sources, src)
	}
	for _, k := range rand.New(rand.NewPCG(1, 2)).Perm(keys) {
		order = append(order, uint32(k))
	}
	var batch Batch
	for _, src := range sources {
		for i := range keys {
			batch.Add(binary.BigEndian.AppendUint32(nil, order[i]), 3_600_000, []uint64{1, 2, 3, 4, 5})
			if batch.Len() == 512 || i == keys-1 {
				src.Apply(&batch, 1000)
				batch.Reset()
			}
		}
	}
	return t, sources, order
}

// eachBatch makes b.N updates of keys in an order, and gives them away in batches of a size, with the number of each. With age the rate of each is of another one.
func eachBatch(b *testing.B, order []uint32, size int, age bool, take func(turn int, batch *Batch)) {
	var batch Batch
	key, values := make([]byte, 4), []uint64{1, 2, 3, 4, 5}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		binary.BigEndian.PutUint32(key, order[i%len(order)])
		if age {
			values[2] = uint64(i) % 10_000
		}
		batch.Add(key, 3_600_000, values)
		if batch.Len() == size {
			take(i/size, &batch)
			batch.Reset()
		}
	}
}

// BenchmarkContributors is an update of a key that many peers contribute to, and a sum made of it for one receiver.
func BenchmarkContributors(b *testing.B) {
	for _, peers := range []int{1, 2, 4, 8, 16, 64} {
		b.Run(fmt.Sprint(peers), func(b *testing.B) {
			const keys = 20_000
			t, sources, order := benchTable(b, keys, peers)
			receiver := t.Subscribe(func() {})
			enc, _ := t.Encoder(plainAppender)
			var out Stretch
			eachBatch(b, order, 2000, true, func(turn int, batch *Batch) {
				now := 20_000 + uint32(turn)
				sources[turn%peers].Apply(batch, now)
				receiver.Encode(&out, 1<<30, now, enc)
				out.Bytes = out.Bytes[:0]
				t.Tick(now)
			})
			b.ReportMetric(float64(out.Updates)/float64(b.N), "sums/op")
		})
	}
}

// BenchmarkApply is an update of a key that two peers contribute to, in scattered order, in batches of 512.
func BenchmarkApply(b *testing.B) {
	for _, keys := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			_, sources, order := benchTable(b, keys, 2)
			eachBatch(b, order, 512, false, func(turn int, batch *Batch) { sources[turn&1].Apply(batch, 2000) })
		})
	}
}

// twoReceivers are those of a table. drain gives both what they have not had, and out counts it.
func twoReceivers(t *Table) (out *Stretch, drain func(now uint32)) {
	receivers := []*Cursor{t.Subscribe(func() {}), t.Subscribe(func() {})}
	enc, _ := t.Encoder(plainAppender)
	out = &Stretch{}
	return out, func(now uint32) {
		for _, r := range receivers {
			r.Encode(out, 1<<30, now, enc)
			out.Bytes = out.Bytes[:0]
		}
	}
}

// BenchmarkThrough is an update that is applied and whose sum is given to two receivers: what an aggregator of two nodes does, without the wire.
func BenchmarkThrough(b *testing.B) {
	for _, keys := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			t, sources, order := benchTable(b, keys, 2)
			out, drain := twoReceivers(t)
			drain(1500)
			out.Updates = 0
			eachBatch(b, order, 512, false, func(turn int, batch *Batch) {
				sources[turn&1].Apply(batch, 2000)
				drain(2000)
			})
			b.ReportMetric(float64(out.Updates)/float64(b.N), "sums/op")
		})
	}
}

// BenchmarkFill is an update of a table that two peers teach from nothing, each in an order of its own.
func BenchmarkFill(b *testing.B) {
	const keys = 1_000_000
	var orders [2][]int
	for i := range orders {
		orders[i] = rand.New(rand.NewPCG(1, uint64(i))).Perm(keys)
	}
	for b.Loop() {
		t := New("t.sum")
		var sources [2]*Source
		for i, name := range []string{"lb1", "lb2"} {
			t.Begin(name)
			sources[i], _ = t.Source(name, benchDef)
		}
		for at := 0; at < keys; at += 4096 {
			for i, src := range sources {
				var batch Batch
				for _, k := range orders[i][at:min(at+4096, keys)] {
					batch.Add(binary.BigEndian.AppendUint32(nil, uint32(k)), 3_600_000, []uint64{5, 6, uint64(k % 9000), 10, 3})
				}
				src.Apply(&batch, uint32(10_000+at/1000))
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/2/keys, "ns/update")
}

// BenchmarkMany is an update of a key that many peers contribute to, where all of them are receivers too and come by in turn.
func BenchmarkMany(b *testing.B) {
	for _, peers := range []int{16, 64} {
		b.Run(fmt.Sprint(peers), func(b *testing.B) {
			const keys, size = 20_000, 2000
			t, sources, order := benchTable(b, keys, peers)
			receivers := make([]*Cursor, peers)
			for i := range receivers {
				receivers[i] = t.Subscribe(func() {})
			}
			enc, _ := t.Encoder(plainAppender)
			var out Stretch
			eachBatch(b, order, size, true, func(turn int, batch *Batch) {
				now := 20_000 + uint32(turn)
				sources[turn%peers].Apply(batch, now)
				receivers[turn%peers].Encode(&out, 1<<30, now, enc)
				out.Bytes = out.Bytes[:0]
				t.Tick(now)
			})
			b.ReportMetric(float64(out.Updates)/float64(b.N), "sums/op")
		})
	}
}

// BenchmarkBoundaries is a boundary of a contributor's rate that the wheel comes to, and the sum that is sent again for it to two receivers: keys that two peers counted first within a second enter their next
// periods within one.
func BenchmarkBoundaries(b *testing.B) {
	for _, keys := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			var looking, sending time.Duration
			updates := 0
			b.ResetTimer()
			for b.Loop() {
				b.StopTimer()
				t := countedWithin(b, keys, 1000)
				out, drain := twoReceivers(t)
				drain(20_000)
				out.Updates = 0
				b.StartTimer()
				for now := uint32(28_500); now < 30_500; now += 4 {
					began := time.Now()
					t.tickAll(now)
					looked := time.Now()
					drain(now)
					looking, sending = looking+looked.Sub(began), sending+time.Since(looked)
				}
				updates += out.Updates
			}
			boundaries := float64(b.N) * 2 * float64(keys)
			b.ReportMetric(float64(looking.Nanoseconds())/boundaries, "look-ns")
			b.ReportMetric(float64(sending.Nanoseconds())/boundaries, "send-ns")
			b.ReportMetric(float64(updates)/boundaries, "sums/boundary")
		})
	}
}

// countedWithin is a table of keys that two peers counted first within so many ms before 20,000.
func countedWithin(b *testing.B, keys, ms int) *Table {
	t := New("t.sum")
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, name := range []string{"lb1", "lb2"} {
		t.Begin(name)
		src, err := t.Source(name, benchDef)
		if err != nil {
			b.Fatal(err)
		}
		var batch Batch
		for i, k := range rnd.Perm(keys) {
			batch.Add(binary.BigEndian.AppendUint32(nil, uint32(k)), 3_600_000, []uint64{5, 6, uint64(rnd.IntN(ms)), 10 + uint64(k%10), 0})
			if batch.Len() == 512 || i == keys-1 {
				src.Apply(&batch, 20_000)
				batch.Reset()
			}
		}
	}
	return t
}

// BenchmarkExpire is the end of keys of two contributors, whose lives end within 10 s.
func BenchmarkExpire(b *testing.B) {
	for _, keys := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			b.ResetTimer()
			for b.Loop() {
				b.StopTimer()
				t, sources, order := benchTable(b, keys, 2)
				for _, src := range sources {
					var batch Batch
					for i, k := range order {
						batch.Add(binary.BigEndian.AppendUint32(nil, k), 10_000+uint32(i)%10_000, []uint64{1, 2, 3, 0, 0})
						if batch.Len() == 512 || i == keys-1 {
							src.Apply(&batch, 1000)
							batch.Reset()
						}
					}
				}
				b.StartTimer()
				for now := uint32(1000); now < 21_100; now += 4 {
					t.tickAll(now)
				}
				if t.Rows() > 0 {
					b.Fatalf("%d of %d keys are left", t.Rows(), keys)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*keys), "ns/key")
		})
	}
}
