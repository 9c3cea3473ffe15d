package peers

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"stktc/topology/sticktable"
)

// benchTable is the common table: a counter, a cumulative count and a rate per address.
var benchTable = table(1, "/t", sticktable.IPv4, 4, time.Minute, sticktable.GPC0, sticktable.HTTPReqCnt,
	rate(sticktable.HTTPReqRate, 10*time.Second))

var benchTables = []struct {
	name   string
	def    TableDefinition
	key    []byte
	values []uint64
}{
	{"small", benchTable, []byte{10, 0, 0, 1}, []uint64{7, 200, 120, 5, 10}},
	{"real", benchTable, []byte{10, 0, 0, 1}, []uint64{7, 1_000_000, 3502, 350, 410}},
	{"string", tableTstr, []byte("abcdefghij"), []uint64{3, 9}},
	{"everything", everything(), bytes.Repeat([]byte("k"), 64), manyValues()},
}

func manyValues() []uint64 {
	def := everything()
	values := make([]uint64, NewLayout(&def).Slots())
	for i := range values {
		values[i] = uint64(i * 7)
	}
	return values
}

func TestNoAllocations(t *testing.T) {
	for _, c := range benchTables {
		l := NewLayout(&c.def)
		body := bodyOf(t, l.AppendUpdate(nil, 1, 60000, c.key, c.values), UpdateTimed)
		u := Update{Values: make([]uint64, 0, l.Slots())}
		out := make([]byte, 0, 2*len(body))
		if n := testing.AllocsPerRun(100, func() {
			if err := l.ParseUpdate(UpdateTimed, body, &u); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: parsing an update allocates %v times", c.name, n)
		}
		if n := testing.AllocsPerRun(100, func() { out = l.AppendUpdate(out[:0], 1, 60000, c.key, c.values) }); n != 0 {
			t.Errorf("%s: appending an update allocates %v times", c.name, n)
		}
	}
	frame := AppendAck(nil, 300, 1)
	if n := testing.AllocsPerRun(100, func() {
		if _, n, err := ParseFrame(frame, MaxFrame); n == 0 || err != nil {
			t.Fatal(n, err)
		}
	}); n != 0 {
		t.Errorf("cutting a frame allocates %v times", n)
	}
}

func BenchmarkParseUpdate(b *testing.B) {
	for _, c := range benchTables {
		b.Run(c.name, func(b *testing.B) {
			l := NewLayout(&c.def)
			body := bodyOf(b, l.AppendUpdate(nil, 1, 60000, c.key, c.values), UpdateTimed)
			var u Update
			b.ReportAllocs()
			for b.Loop() {
				if err := l.ParseUpdate(UpdateTimed, body, &u); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkParseStream parses updates of many keys, one behind the other, the lengths of whose integers cannot be guessed: as any messages, and in one go.
func BenchmarkParseStream(b *testing.B) {
	l, random := NewLayout(&benchTable), rand.New(rand.NewPCG(1, 2))
	upTo := func(n int) uint64 { return uint64(math.Exp(random.Float64() * math.Log(float64(n)))) }
	var stream []byte
	for range 1 << 16 {
		values := []uint64{upTo(5000), upTo(100_000), random.Uint64N(10_000), upTo(1000), upTo(1000)}
		stream = l.AppendUpdate(stream, 1, 60000, []byte{10, 0, 0, 1}, values)
	}
	u := Update{Values: make([]uint64, l.Slots())}
	for name, next := range map[string]func(b []byte) int{
		"message": func(b []byte) int {
			f, n, err := ParseFrame(b, MaxFrame)
			if err == nil {
				err = l.ParseUpdate(f.Type, f.Body, &u)
			}
			if err != nil {
				return 0
			}
			return n
		},
		"update": func(b []byte) int { return l.NextUpdate(b, &u) },
	} {
		b.Run(name, func(b *testing.B) {
			for at := 0; b.Loop(); {
				n := next(stream[at:])
				if n == 0 {
					b.Fatal(at)
				}
				if at += n; at == len(stream) {
					at = 0
				}
			}
		})
	}
}

func BenchmarkAppendUpdate(b *testing.B) {
	for _, c := range benchTables {
		b.Run(c.name, func(b *testing.B) {
			l := NewLayout(&c.def)
			var out []byte
			b.ReportAllocs()
			for b.Loop() {
				out = l.AppendUpdate(out[:0], 1, 60000, c.key, c.values)
			}
		})
	}
}

func BenchmarkParseFrame(b *testing.B) {
	l := NewLayout(&benchTable)
	stream := l.AppendUpdate(nil, 1, 60000, benchTables[1].key, benchTables[1].values)
	b.ReportAllocs()
	for b.Loop() {
		if _, n, err := ParseFrame(stream, MaxFrame); n == 0 || err != nil {
			b.Fatal(n, err)
		}
	}
}
