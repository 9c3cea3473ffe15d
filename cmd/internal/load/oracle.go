package load

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"stktc/topology/sticktable"
)

// expectedTotals adds up, for each cell, what the sums of all keys must show. nil if no cell is a counter.
func (l *load) expectedTotals() []uint64 {
	if l.probeCell == nil {
		return nil
	}
	totals := make([]uint64, len(l.shape.cells))
	rows := make([][]uint32, len(l.nodes))
	for index := range l.keys.total {
		if !l.contributions(rows, index) {
			continue
		}
		for i := range l.shape.cells {
			if c := &l.shape.cells[i]; c.isCounter() {
				totals[i] += c.sum(rows)
			}
		}
	}
	return totals
}

// contributions gives every node's row of a key; false if no node ever pushed it.
func (l *load) contributions(rows [][]uint32, index uint32) (any bool) {
	for i, n := range l.nodes {
		rows[i] = l.shape.row(n.out.rows, index)
		any = any || rows[i][0] != 0
	}
	return any
}

// sum is what a cell's aggregate must show, of a cell that is no rate.
func (c *cell) sum(rows [][]uint32) uint64 {
	var total uint64
	for _, row := range rows {
		switch v := c.scalar(row); {
		case c.arith == sticktable.NotAggregated:
		case c.arith == sticktable.Greatest:
			total = max(total, v)
		case v > c.most()-total:
			total = c.most()
		default:
			total += v
		}
	}
	return total
}

// rateSum is what a rate's aggregate must show, and by how much it may differ: what a node displays must be within 1 % or 1 count of the sum of what the nodes
// displayed a link's delay earlier, and a delay of d moves a rate by at most d/period of its counts.
func (c *cell) rateSum(rows [][]uint32, now uint32, lag time.Duration) (total, slack float64) {
	moving := 0.0
	for _, row := range rows {
		rate := row[c.word : c.word+rateWords]
		total += rateAt(rate, now, c.period)
		if now-rate[rateTick] < 2*c.period+uint32(lag.Milliseconds()) {
			moving += float64(max(rate[rateCurr], rate[ratePrev]))
		}
	}
	return total, max(1, total*rateTolerance) + moving*float64(lag.Milliseconds())/float64(c.period)
}

const (
	rateTolerance = 0.01
	leastLag      = 20 * time.Millisecond // rounding to even milliseconds twice, and the grain of timers at a period's boundary
)

// lag is the greatest delay between a push and its sum, as far as it was seen: by probes, and from the last push of a stage to the last sum. Probes are samples, so that the
// greatest of all is taken to be half as much more.
func (l *load) lag() time.Duration {
	most := max(int64(l.settled), l.latency.Max())
	for _, n := range l.nodes {
		n.in.mu.Lock()
		most = max(most, n.in.latency.Max(), int64(n.in.gap))
		n.in.mu.Unlock()
	}
	return leastLag + time.Duration(most)*3/2
}

// lookBlock is how many keys are compared under one round of locks.
const lookBlock = 1024

// look compares every field of every sum on every node, but for idle ones.
func (l *load) look() *Look { return l.lookAtEvery(1) }

// lookAtEvery does with every n-th key.
func (l *load) lookAtEvery(n uint32) *Look {
	k := &Look{After: seconds(time.Since(l.start)), lag: l.lag(), columns: make([]uint64, len(l.shape.cells))}
	k.Rates.Delay = seconds(k.lag)
	rows := make([][]uint32, len(l.nodes))
	for from := uint32(0); from < l.keys.total; from += lookBlock {
		for _, n := range l.checked {
			n.in.mu.Lock()
		}
		now := l.clock().tick
		for index := (from + n - 1) / n * n; index < min(from+lookBlock, l.keys.total); index += n {
			l.compare(k, rows, index, now)
		}
		for _, n := range l.checked {
			n.in.mu.Unlock()
		}
	}
	k.finish(l)
	return k
}

// compare compares one key on all nodes. A key that nobody pushed must be absent, or zero in all its fields.
func (l *load) compare(k *Look, rows [][]uint32, index, now uint32) {
	isPushed := l.contributions(rows, index)
	if isPushed {
		k.Keys++
	}
	for i := range l.shape.cells {
		c := &l.shape.cells[i]
		if c.kind == sticktable.FreqCtr {
			l.compareRate(k, i, rows, index, now, isPushed)
			continue
		}
		want := c.sum(rows)
		for _, n := range l.checked {
			row := l.shape.row(n.in.rows, index)
			if !isPushed && row[0] == 0 {
				continue
			}
			k.Checked++
			if got := c.scalar(row); got != want || row[0] == 0 {
				l.wrong(k, i, n, rows, index, now, fmt.Sprint(want), fmt.Sprint(got))
			}
		}
	}
}

func (l *load) compareRate(k *Look, cell int, rows [][]uint32, index, now uint32, isPushed bool) {
	c := &l.shape.cells[cell]
	want, slack := c.rateSum(rows, now, k.lag)
	for _, n := range l.checked {
		row := l.shape.row(n.in.rows, index)
		if !isPushed && row[0] == 0 {
			continue
		}
		k.Checked++
		got := rateAt(row[c.word:c.word+rateWords], now, c.period)
		k.rate(want, got)
		if math.Abs(got-want) > slack || isPushed && row[0] == 0 {
			l.wrong(k, cell, n, rows, index, now, fmt.Sprintf("%.1f ± %.1f", want, slack), fmt.Sprintf("%.1f %s", got, c.show(row, now)))
		}
	}
}

// rate takes a rate's error into the statistics.
func (k *Look) rate(want, got float64) {
	diff := math.Abs(got - want)
	k.Rates.Checked++
	k.Rates.sumExpected += want
	if want > 0 {
		k.Rates.Moving++
	}
	k.Rates.sumDiff += diff
	if diff > k.Rates.Worst {
		k.Rates.Worst, k.Rates.WorstOf = diff, want
	}
	if diff > max(1, want*rateTolerance) {
		k.Rates.Outside++
	}
}

// wrong counts a wrong field, and describes the first ones.
func (l *load) wrong(k *Look, cell int, n *node, rows [][]uint32, index, now uint32, want, got string) {
	k.Wrong++
	k.columns[cell]++
	if len(k.Mistakes) == maxMistakes {
		return
	}
	c := &l.shape.cells[cell]
	var parts []string
	for i, row := range rows {
		parts = append(parts, l.nodes[i].name+" "+c.show(row, now))
	}
	seen := l.shape.row(n.in.rows, index)
	m := Mistake{Node: n.name, Key: l.keys.text(index), Column: c.name(), Expected: want, Got: got, Counted: strings.Join(parts, ", ")}
	if m.LastSent = "never"; seen[0] != 0 {
		m.LastSent = fmt.Sprintf("%.3f s ago", float64(now-seen[0])/1000)
	}
	k.Mistakes = append(k.Mistakes, m)
}

// show writes what a row holds in a cell; of a rate its age in ms and its two counts.
func (c *cell) show(row []uint32, now uint32) string {
	if c.kind == sticktable.FreqCtr {
		return fmt.Sprintf("(%d,%d,%d)", int32(now-row[c.word+rateTick]), row[c.word+rateCurr], row[c.word+ratePrev])
	}
	return fmt.Sprint(c.scalar(row))
}

// verify compares all sums several times, some seconds apart: a passing instant is not right.
func (l *load) verify(ctx context.Context, r *Report) error {
	if l.To == "" {
		return nil
	}
	for i := range l.Looks {
		if i > 0 {
			limit := time.Now().Add(l.LookEvery)
			for time.Now().Before(limit) {
				if err := l.poll(ctx, settling); err != nil {
					return err
				}
			}
		}
		late, err := l.awaitRates(ctx)
		if err != nil {
			return err
		}
		r.Looks = append(r.Looks, *l.look())
		r.Looks[i].RatesLate = seconds(late)
	}
	return nil
}

// awaitRates waits until rates are right of some of the keys, and tells how long they were not: those of millions that were counted first within a second or two enter their next periods within as long, all at once, and the
// target is some time behind then. A look finds what is wrong of a few.
func (l *load) awaitRates(ctx context.Context) (late time.Duration, err error) {
	began := time.Now()
	for ; late < min(l.Settle, mostLate); late = time.Since(began) {
		if k := l.lookAtEvery(sampleOf); k.Wrong == 0 || !k.areRates(l.shape) {
			break
		}
		pause(ctx, lookPause)
		if err := l.poll(ctx, settling); err != nil {
			return late, err
		}
	}
	return late, nil
}

// mostLate is for how long rates may be behind in a storm: what is wrong then is wrong.
const mostLate = 3 * time.Second

// sampleOf is of how many keys one is looked at for that.
const sampleOf = 61

// areRates tells whether all that is wrong are rates.
func (k *Look) areRates(s *shape) bool {
	for i, wrong := range k.columns {
		if wrong > 0 && s.cells[i].kind != sticktable.FreqCtr {
			return false
		}
	}
	return true
}
