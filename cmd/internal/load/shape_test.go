package load

import (
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"stktc/runtime/peers"
	"stktc/topology/sticktable"
)

// everything is a table with every data type that can stand beside the others.
func everything(period time.Duration) sticktable.Definition {
	def := sticktable.Definition{Key: sticktable.String, KeyLen: 32, Expire: time.Hour}
	for t := range sticktable.DataType(sticktable.NumDataTypes) {
		c := sticktable.Column{Type: t, Elems: 1}
		switch {
		case t == sticktable.GPC0 || t == sticktable.GPC1 || t == sticktable.GPC0Rate || t == sticktable.GPC1Rate || t == sticktable.GPT0:
			continue // the arrays are there
		case t.Spec().Array:
			c.Elems = 3
		}
		if t.Spec().Kind == sticktable.FreqCtr {
			c.Period = period
		}
		def.Columns = append(def.Columns, c)
	}
	return def
}

// TestCells: cells share no word of a row and no slot of an update, and leave none out.
func TestCells(t *testing.T) {
	def := peers.TableDefinition{ID: 1, Definition: everything(time.Second)}
	s := newShape(&def)
	words, slots := make([]int, s.words), make([]int, s.layout.Slots())
	words[0]++ // the row's own
	for i := range s.cells {
		c := &s.cells[i]
		for k := range wordsOf(c.kind) {
			words[c.word+k]++
		}
		for k := range slotsOf(c.kind) {
			slots[c.slot+k]++
		}
	}
	for _, uses := range append(words, slots...) {
		if uses != 1 {
			t.Fatalf("uses of words %v, of slots %v", words, slots)
		}
	}
}

// TestValuesOverTheWire: a row that was encoded, decoded and stored shows what it showed before.
func TestValuesOverTheWire(t *testing.T) {
	c := config("lb1")
	c.Definition = everything(time.Second)
	c.Target = "nowhere:1"
	n := newLoad(c).nodes[0]
	s := &session{n: n}
	s.read.init(nil)
	s.writer.init(n)
	l := n.l
	index := uint32(greatEvery / 2)
	if index >= l.keys.total {
		index = 3
	}
	row := l.shape.row(n.out.rows, index)
	for seed := range uint32(50) {
		l.shape.count(row, seed*0x9e3779b1, l.clock().tick)
	}
	s.append(&l.sum, 1, index, row, true)
	copy(s.read.buf, s.buf)
	s.read.end = len(s.buf)
	if err := s.handleBuffered(s.n.l.clock()); err != nil {
		t.Fatal(err)
	}
	got, now := l.shape.row(n.in.rows, index), l.clock().tick
	for i := range l.shape.cells {
		c := &l.shape.cells[i]
		if c.kind == sticktable.FreqCtr {
			a, b := rateAt(row[c.word:][:rateWords], now, c.period), rateAt(got[c.word:][:rateWords], now, c.period)
			if math.Abs(a-b) > 0.02*a || a == 0 {
				t.Errorf("%s: %f became %f", c.name(), a, b)
			}
			continue
		}
		if c.scalar(row) != c.scalar(got) {
			t.Errorf("%s: %d became %d", c.name(), c.scalar(row), c.scalar(got))
		}
	}
}

// TestGreatValues: some keys need 64 bits, and leave 32 bits when several nodes add up.
func TestGreatValues(t *testing.T) {
	def := peers.TableDefinition{ID: 1, Definition: everything(time.Second)}
	s := newShape(&def)
	row := make([]uint32, s.words)
	s.bear(row, greatEvery/2)
	for i := range s.cells {
		c := &s.cells[i]
		want := uint64(0)
		switch {
		case c.kind == sticktable.ULongLong:
			want = 3 * greatULL
		case c.isCounter():
			want = math.MaxUint32
		default:
			continue
		}
		if got := c.sum([][]uint32{row, row, row}); got != want {
			t.Errorf("%s: the sum of three is %d, want %d", c.name(), got, want)
		}
	}
}

func TestSums(t *testing.T) {
	cells := map[sticktable.DataType]uint64{sticktable.ServerID: 0, sticktable.GPT: 9, sticktable.GPC: 14, sticktable.ConnCur: 14}
	def := peers.TableDefinition{ID: 1, Definition: everything(time.Second)}
	s := newShape(&def)
	for i := range s.cells {
		c := &s.cells[i]
		want, ok := cells[c.dataType]
		if !ok {
			continue
		}
		rows := [][]uint32{make([]uint32, s.words), make([]uint32, s.words), make([]uint32, s.words)}
		rows[0][c.word], rows[2][c.word] = 5, 9
		if got := c.sum(rows); got != want {
			t.Errorf("%s of 5, 0 and 9: %d, want %d", c.name(), got, want)
		}
	}
}

// What HAProxy 2.6.12 and 3.5-dev5 displayed for a period of 10 s a millisecond after they had got elapsed time, current and previous count; it cuts fractions.
func TestRateAt(t *testing.T) {
	const period, now = 10_000, 5_000_000
	for _, c := range []struct {
		age        int
		curr, prev uint32
		want       float64
	}{
		{2500, 0, 100, 74}, {5000, 10, 100, 59}, {9999, 10, 100, 10}, {15000, 10, 100, 4}, {20001, 10, 100, 0},
	} {
		got := rateAt([]uint32{uint32(now - c.age), c.curr, c.prev}, now+1, period)
		if got < c.want || got >= c.want+1 {
			t.Errorf("age %d, curr %d, prev %d: %f, want %f and a fraction", c.age, c.curr, c.prev, got, c.want)
		}
	}
}

// TestAddRate counts events one by one: at the end of a period the rate is what the period had, and in between it never leaves what two periods had.
func TestAddRate(t *testing.T) {
	const period = 1000
	r := rand.New(rand.NewPCG(3, 4))
	for _, start := range []uint32{0, 5000, math.MaxUint32 - 2500} {
		rate := []uint32{start, 0, 0}
		var events [6]uint32 // by period
		for ms := range uint32(6 * period) {
			if r.IntN(3) == 0 {
				addRate(rate, start+ms, period, 2)
				events[ms/period] += 2
			}
			last := uint32(0)
			if p := ms / period; p > 0 {
				last = events[p-1]
			}
			if got := rateAt(rate, start+ms, period); got > float64(events[ms/period]+last)+2 { // ticks are even: a period may last a millisecond more
				t.Fatalf("start %d: after %d ms %f of %v", start, ms, got, events)
			}
			if ms%period == period-1 {
				if got, want := rateAt(rate, start+ms, period), float64(events[ms/period]); math.Abs(got-want) > 3 {
					t.Errorf("start %d: at the end of period %d: %f, want %f", start, ms/period, got, want)
				}
			}
		}
	}
}

func TestAddRateAfterSilence(t *testing.T) {
	rate := []uint32{4000, 5, 7}
	addRate(rate, 9001, 1000, 3)
	if rate[rateTick] != 9000 || rate[rateCurr] != 3 || rate[ratePrev] != 0 {
		t.Errorf("%v", rate)
	}
	addRate(rate, 10_500, 1000, 4)
	if rate[rateTick] != 10_000 || rate[rateCurr] != 4 || rate[ratePrev] != 3 {
		t.Errorf("%v", rate)
	}
}

func TestParseStat(t *testing.T) {
	line := "42 (a ) (b) S 1 42 42 0 -1 4194304 100 0 0 0 150 25 0 0 20 0 7 0 123 1000000 2048 18446744073709551615 1 1 0"
	u, err := parseStat([]byte(line))
	if want := (usage{cpu: 1750 * time.Millisecond, rss: 2048 * int64(os.Getpagesize())}); err != nil || u != want {
		t.Errorf("%+v, %v, want %+v", u, err, want)
	}
	for _, bad := range []string{"", "42 (x", "42 (x) S 1 2", strings.Replace(line, " 25 ", " x ", 1), strings.Replace(line, ") S ", ") Z ", 1)} {
		if u, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q gives %+v", bad, u)
		}
	}
}

func TestUsageOf(t *testing.T) {
	before, err := usageOf(os.Getpid())
	if err != nil {
		t.Skip(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		after, err := usageOf(os.Getpid())
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("busy, and still %+v, %v", after, err)
		}
		if after.cpu > before.cpu && after.rss > 0 {
			return
		}
	}
}
