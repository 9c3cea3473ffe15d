package load

import (
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// probe is a key of one node's own, whose way to another node is timed: from the write of its update to the read of a sum that holds it.
type probe struct {
	sent  atomic.Int64 // ns of the load's clock; 0: nothing is under way
	value atomic.Uint64
}

const (
	maxLatency   = time.Minute
	latencyDigit = 3
)

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(int64(time.Microsecond), int64(maxLatency), latencyDigit)
}

// time appends the update of a probe, when one is due and free.
func (s *session) time() {
	l, out := s.n.l, &s.n.out
	now := l.clock()
	if l.Probes == 0 || l.probeCell == nil || now.ns < out.timed || s.probe != nil {
		return
	}
	out.timed = now.ns + int64(time.Second)/int64(l.Probes)
	s.sendProbe(now)
}

// sendProbe appends the update of the next probe, if that is free.
func (s *session) sendProbe(now stamp) {
	l, out := s.n.l, &s.n.out
	out.turn = (out.turn + 1) % len(out.probes)
	p := &out.probes[out.turn]
	if p.sent.Load() != 0 {
		l.late.Add(1)
		return
	}
	index := l.firstProbe + uint32(s.n.number*probesPerNode+out.turn)
	s.update(index, now.tick)
	out.sent.Add(1)
	p.value.Store(l.probeCell.scalar(l.shape.row(out.rows, index)))
	s.probe = p
}

// seen takes note that a node was sent a probe's sum. The caller holds the node's in.mu.
func (l *load) seen(n *node, number uint32, sum uint64, now stamp) {
	owner := l.nodes[number/probesPerNode]
	if l.observer(owner.number) != n.number {
		return
	}
	p := &owner.out.probes[number%probesPerNode]
	if sent := p.sent.Load(); sent != 0 && sum >= p.value.Load() {
		n.in.latency.RecordValue(min(max(now.ns-sent, int64(time.Microsecond)), int64(maxLatency)))
		p.sent.Store(0)
	}
}

// observer is the node that times another's probes: the next one that reads without being held back, itself if there is no other.
func (l *load) observer(owner int) int {
	for i := 1; i <= len(l.nodes); i++ {
		if n := l.nodes[(owner+i)%len(l.nodes)]; !n.isDeaf && !n.isSlow && n.isIdle == l.nodes[owner].isIdle {
			return n.number
		}
	}
	return owner
}
