package store

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"stktc/topology/sticktable"
)

// freqCtr counts as HAProxy does (update_freq_ctr_period).
type freqCtr struct{ tick, curr, prev, period uint32 }

func (f *freqCtr) add(n, now uint32) {
	if now-f.tick < f.period {
		f.curr += n
		return
	}
	f.prev, f.curr = f.curr, n
	f.tick += f.period
	if now-f.tick >= f.period {
		f.prev, f.tick = 0, now
	}
	f.tick &^= 1
}

func (f *freqCtr) shown(now uint32) uint64 {
	return Rate(uint64(now-f.tick), uint64(f.curr), uint64(f.prev), f.period)
}

// TestRateSum lets nodes count in bursts and silences, at random phases, and a receiver display what it was sent last, as HAProxy goes on from it. At every millisecond looked
// at the display is within 1 % or one count, and one more for each node's rounding, of the sum of what the nodes display.
func TestRateSum(t *testing.T) {
	for _, nodes := range []int{2, 3, 8, 32} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprintf("%d nodes %d", nodes, seed), func(t *testing.T) {
				sim := newRateSim(nodes, rand.New(rand.NewPCG(seed, uint64(nodes))))
				sim.run(t, 60_000)
			})
		}
	}
}

// TestRateSumLateTicks: a tick that comes late, as on a machine that is busy, finds the boundaries that it missed, and from then on displays are right again.
func TestRateSumLateTicks(t *testing.T) {
	for _, nodes := range []int{2, 3, 8, 32} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprintf("%d nodes %d", nodes, seed), func(t *testing.T) {
				sim := newRateSim(nodes, rand.New(rand.NewPCG(seed, uint64(nodes))))
				sim.stalls = true
				sim.run(t, 60_000)
			})
		}
	}
}

type rateSim struct {
	rnd     *rand.Rand
	stalls  bool   // now and then no tick comes for up to 300 ms
	stalled uint32 // until when
	table   *Table
	cursor  *Cursor
	sources []*Source
	nodes   []freqCtr
	quiet   []uint32 // until when a node is silent
	sent    [3]uint64
	sentAt  uint32
	sends   int
	events  int
}

const simPeriod = 2000

func newRateSim(nodes int, rnd *rand.Rand) *rateSim {
	def := sticktable.Definition{Key: sticktable.Integer, KeyLen: 4, Expire: time.Hour,
		Columns: []sticktable.Column{{Type: sticktable.HTTPReqRate, Elems: 1, Period: simPeriod * time.Millisecond}}}
	sim := &rateSim{rnd: rnd, table: New("t.sum"), quiet: make([]uint32, nodes)}
	for i := range nodes {
		sim.nodes = append(sim.nodes, freqCtr{tick: rnd.Uint32N(simPeriod), period: simPeriod})
		name := fmt.Sprintf("lb%d", i)
		sim.table.Begin(name)
		src, err := sim.table.Source(name, def)
		if err != nil {
			panic(err)
		}
		sim.sources = append(sim.sources, src)
	}
	sim.cursor = sim.table.Subscribe(func() {})
	return sim
}

func (sim *rateSim) run(t *testing.T, length uint32) {
	start := uint32(100_000)
	worst := 0.0
	for now := start; now < start+length; now++ {
		for i := range sim.nodes {
			sim.maybeCount(i, now)
		}
		if sim.stalls && sim.rnd.IntN(300) == 0 {
			sim.stalled = now + sim.rnd.Uint32N(300)
		}
		inTime := int32(now-sim.stalled) >= 0
		if inTime && now%tickStep == 0 {
			sim.table.tickAll(now)
		}
		sim.receive(t, now)
		if now > start+3*simPeriod && (!sim.stalls || int32(now-sim.stalled) >= tickStep) {
			worst = max(worst, sim.check(t, now))
		}
	}
	if resends := sim.sends - sim.events; resends > int(length)/simPeriod*20+sim.events {
		t.Errorf("%d sends for %d events", sim.sends, sim.events)
	}
	t.Logf("worst error %.1f counts over the allowed 1 %%, %d events, %d sends", worst, sim.events, sim.sends)
}

const tickStep = 5

func (sim *rateSim) maybeCount(i int, now uint32) {
	switch {
	case int32(now-sim.quiet[i]) < 0:
		return
	case sim.rnd.IntN(1500) == 0:
		sim.quiet[i] = now + sim.rnd.Uint32N(3*simPeriod)
		return
	case sim.rnd.IntN(10) != 0:
		return
	}
	n := &sim.nodes[i]
	n.add(1+sim.rnd.Uint32N(5), now)
	var b Batch
	b.Add([]byte{0, 0, 0, 1}, 3_600_000, []uint64{uint64(now - n.tick), uint64(n.curr), uint64(n.prev)})
	sim.sources[i].Apply(&b, now)
	sim.events++
}

func (sim *rateSim) receive(t *testing.T, now uint32) {
	_, version := sim.table.Definition()
	_, err := sim.cursor.Collect(now, version, func(_, _ uint32, _ []byte, v []uint64) bool {
		copy(sim.sent[:], v)
		sim.sentAt = now
		sim.sends++
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
}

// check gives by how many counts the display is off, beyond 1 %.
func (sim *rateSim) check(t *testing.T, now uint32) float64 {
	var want uint64
	for i := range sim.nodes {
		want += sim.nodes[i].shown(now)
	}
	got := Rate(sim.sent[0]+uint64(now-sim.sentAt), sim.sent[1], sim.sent[2], simPeriod)
	off := float64(absDiff(got, want)) - 0.01*float64(want)
	if off > 1+float64(len(sim.nodes)) {
		t.Fatalf("at %d: shows %d, the nodes sum to %d (sent %v, %d ms ago) %+v ages %d %d", now, got, want, sim.sent, now-sim.sentAt, sim.nodes, now-sim.nodes[0].tick, now-sim.nodes[1].tick)
	}
	return off
}

func absDiff(a, b uint64) uint64 { return max(a, b) - min(a, b) }
