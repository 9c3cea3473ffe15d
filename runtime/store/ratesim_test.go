package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"stktc/topology/sticktable"
)

// rateCase is a cluster whose displays are compared with the oracle: the sum of what its nodes display themselves, a path's delay earlier.
type rateCase struct {
	nodes, levels int
	period        uint32 // ms
	expire        uint32 // ms; 0: none
	columns       int    // rates a key, each with phases of its own
	skewed        bool   // nodes count as unequally as one to a thousand
	sparse        bool   // nodes count a few a period
	stalls        bool   // now and then no time passes in the tables for up to 300 ms, as on a busy machine
	deaf          bool   // it never does, so that nothing is sent again
}

func (c rateCase) String() string {
	s := fmt.Sprintf("%2d nodes, %d levels, %2d s", c.nodes, c.levels, c.period/1000)
	if c.skewed {
		s += ", skewed"
	}
	if c.sparse {
		s += ", sparse"
	}
	if c.stalls {
		s += ", stalls"
	}
	if c.columns > 1 {
		s += fmt.Sprintf(", %d rates", c.columns)
	}
	if c.expire > 0 {
		s += fmt.Sprintf(", expire %d s", c.expire/1000)
	}
	return s
}

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

// simEvent is a number of requests that a node counts at once.
type simEvent struct{ at, n uint32 }

// simCounter is a rate as HAProxy keeps it, of somebody who hears of events late.
type simCounter struct {
	freqCtr
	late   uint32
	ahead  []simEvent
	expire uint32 // ms; 0: none
	dies   uint32 // when the entry that holds it expires
}

// count is what a request does.
func (c *simCounter) count(e simEvent) {
	if c.expire > 0 && int32(e.at-c.dies) >= 0 {
		c.tick, c.curr, c.prev = 0, 0, 0 // a new entry
	}
	c.add(e.n, e.at)
	c.dies = e.at + c.expire
}

// read gives what the counter is before it is rounded down, and what HAProxy displays.
func (c *simCounter) read(now uint32) (exact float64, shown uint64) {
	now -= c.late
	for len(c.ahead) > 0 && int32(c.ahead[0].at-now) <= 0 {
		c.count(c.ahead[0])
		c.ahead = c.ahead[1:]
	}
	if c.expire > 0 && int32(now-c.dies) >= 0 {
		return 0, 0
	}
	return displayed(c.freqCtr, now)
}

// displayed is HAProxy's _freq_ctr_total_from_values, written anew to have nothing in common with Rate.
func displayed(c freqCtr, now uint32) (exact float64, shown uint64) {
	curr, past := c.curr, c.prev
	remain := int32(c.tick + c.period - now)
	if remain < 0 {
		if remain += int32(c.period); remain >= 0 {
			past = curr
		} else {
			past = 0
		}
		curr = 0
	}
	exact = float64(curr) + float64(past)*float64(remain)/float64(c.period)
	if curr == 0 && past <= 1 {
		return exact, uint64(past)
	}
	return exact, (uint64(past)*uint64(remain) + uint64(curr)*uint64(c.period)) / uint64(c.period)
}

// rateTypes are the columns that a case takes its rates from.
var rateTypes = []sticktable.DataType{sticktable.GPC0Rate, sticktable.ConnRate, sticktable.SessRate, sticktable.HTTPReqRate, sticktable.HTTPErrRate, sticktable.GPC1Rate}

// simNode counts in bursts, steadily, or not at all.
type simNode struct {
	columns []simColumn
	push    sendFunc
	weight  uint32
	next    uint32 // when it counts next
	left    int    // events of this mood
	every   uint32 // ms between two of them, about
	size    uint32
}

// simColumn is one of a node's rates: as it has it itself, as the receiver could know it a path's delay later, and as it may when the aggregators were late too.
type simColumn struct {
	own    simCounter
	echoes [2]simCounter
}

// simTable is a table of an aggregator, and who is sent its sums.
type simTable struct {
	*Table
	cursor  *Cursor
	to      sendFunc
	updated bool // since it last sent
	sends   int
	resends []uint32 // when it sent although nothing had come in
}

// cluster is a rateCase at work, a millisecond at a time.
type cluster struct {
	rateCase
	rnd     *rand.Rand
	def     sticktable.Definition
	now     uint32
	wire    [64][]func() // what arrives at a time, by its lower bits
	members []*simNode
	sums    []*simTable // of the lower aggregators, then of the upper one
	pass    *simTable   // what comes from above, in the receiver's aggregator; nil with one level
	view    []simCounter
	stalled uint32 // until when

	periods        uint32 // that were played
	moment, window rateErrors
	plain          float64 // Σ |display − sum of displays|
}

const (
	simTick  = 5  // ms between two calls of Tick, as in package runtime
	simGrain = 12 // ms in which a boundary or the end of an entry is found and sent: a tick, the wheel's grain, rounding
	simEven  = 2  // ms by which rounding makes counters seem older: ages are whole, and HAProxy's ticks even (freq_ctr's lock bit)
)

func newCluster(c rateCase) *cluster {
	s := &cluster{rateCase: c, rnd: rand.New(rand.NewPCG(uint64(c.nodes), uint64(c.period))), now: -(3 * c.period)} // the clock wraps on the way
	s.def = sticktable.Definition{Key: sticktable.Integer, KeyLen: 4, Expire: time.Duration(c.expire) * time.Millisecond}
	for _, typ := range rateTypes[:c.columns] {
		s.def.Columns = append(s.def.Columns, sticktable.Column{Type: typ, Elems: 1, Period: time.Duration(c.period) * time.Millisecond})
		s.view = append(s.view, s.counter(0))
	}
	s.build()
	return s
}

func (s *cluster) counter(late uint32) simCounter {
	return simCounter{freqCtr: freqCtr{period: s.period}, late: late, expire: s.expire, dies: s.now}
}

// delay is that of a link.
func (s *cluster) delay() uint32 { return 1 + s.rnd.Uint32N(10) }

// build wires nodes to aggregators and these to the one above. With two levels the total passes through the receiver's aggregator, the first, as it is.
func (s *cluster) build() {
	last := s.delay()
	if s.levels == 1 {
		s.sums = []*simTable{s.newTable(s.link(last, s.receive))}
		s.addNodes(s.sums[0], 0, s.nodes, last)
		return
	}
	fall := s.delay()
	s.pass = s.newTable(s.link(last, s.receive))
	top := s.newTable(s.link(fall, s.into(s.pass, "up")))
	lowers := max(2, s.nodes/8)
	for i := range lowers {
		climb := s.delay()
		low := s.newTable(s.link(climb, s.into(top, fmt.Sprintf("low%d", i))))
		s.sums = append(s.sums, low)
		s.addNodes(low, s.nodes*i/lowers, s.nodes*(i+1)/lowers, climb+fall+last)
	}
	s.sums = append(s.sums, top)
}

func (s *cluster) newTable(to sendFunc) *simTable {
	t := &simTable{Table: New("t.sum"), to: to}
	t.cursor = t.Subscribe(func() {})
	return t
}

// sendFunc sends an update on its way.
type sendFunc func(life uint32, values []uint64)

// link delivers what is sent after a delay.
func (s *cluster) link(delay uint32, to sendFunc) sendFunc {
	return func(life uint32, values []uint64) {
		at := (s.now + delay) % uint32(len(s.wire))
		values = slices.Clone(values)
		s.wire[at] = append(s.wire[at], func() { to(life, values) })
	}
}

// into is a table's end of a link from a peer.
func (s *cluster) into(t *simTable, peer string) sendFunc {
	t.Begin(peer)
	src, err := t.Source(peer, s.def)
	if err != nil {
		panic(err)
	}
	var b Batch
	return func(life uint32, values []uint64) {
		if s.expire == 0 {
			life = Forever
		}
		b.Reset()
		b.Add(simKey, life, values)
		src.Apply(&b, s.now)
		t.updated = true
	}
}

var simKey = []byte{0, 0, 0, 1}

// receive is the receiving node's end: what it was sent overwrites what it has.
func (s *cluster) receive(life uint32, values []uint64) {
	for i := range s.view {
		v := &s.view[i]
		v.tick, v.curr, v.prev = (s.now-uint32(values[3*i]))&^1, uint32(values[3*i+1]), uint32(values[3*i+2])
		v.dies = s.now + life
	}
}

func (s *cluster) addNodes(low *simTable, from, to int, rest uint32) {
	for i := from; i < to; i++ {
		first := s.delay()
		n := &simNode{weight: 1 + s.rnd.Uint32N(20), next: s.now + s.rnd.Uint32N(s.period)}
		if s.skewed {
			n.weight = []uint32{1, 1, 1, 1, 2, 5, 30, 1000}[s.rnd.IntN(8)]
		}
		n.push = s.link(first, s.into(low, fmt.Sprintf("node%d", i)))
		for range s.columns {
			late := first + rest
			n.columns = append(n.columns, simColumn{s.counter(0), [2]simCounter{s.counter(late), s.counter(late + simGrain*uint32(s.levels))}})
		}
		s.members = append(s.members, n)
	}
}

// run lets time pass, and looks at the display at random moments.
func (s *cluster) run(periods uint32) {
	s.periods = periods
	look := s.now + 2*s.period
	for end := s.now + periods*s.period; s.now != end; s.now++ {
		if s.stalls && s.rnd.IntN(300) == 0 {
			s.stalled = s.now + s.rnd.Uint32N(300)
		}
		for _, n := range s.members {
			s.maybeCount(n)
		}
		arrived := s.wire[s.now%uint32(len(s.wire))]
		s.wire[s.now%uint32(len(s.wire))] = nil
		for _, f := range arrived {
			f()
		}
		for _, t := range s.sums {
			if s.now%simTick == 0 && !s.deaf && !s.isStalled(0) {
				t.Tick(s.now)
			}
			s.send(t)
		}
		if s.pass != nil {
			s.send(s.pass)
		}
		if s.now == look {
			if !s.isStalled(2 * simGrain) {
				s.look()
			}
			look += 1 + s.rnd.Uint32N(s.period/200)
		}
	}
}

// isStalled tells whether a stall goes on, or was over less than some ms ago.
func (s *cluster) isStalled(ago uint32) bool { return s.stalls && int32(s.now-ago-s.stalled) < 0 }

// maybeCount counts when it is the node's turn: some requests at once, or one after the other, and then nothing for up to three periods.
func (s *cluster) maybeCount(n *simNode) {
	if int32(n.next-s.now) > 0 {
		return
	}
	if n.left == 0 {
		n.left, n.every, n.size = 1+s.rnd.IntN(60), s.period/(1+s.rnd.Uint32N(100)), 1+s.rnd.Uint32N(2*n.weight)
		if s.rnd.IntN(2) == 0 { // a burst
			n.left, n.every, n.size = 1+s.rnd.IntN(10), 10, 1+s.rnd.Uint32N(10*n.weight)
		}
		n.next = s.now + s.rnd.Uint32N(3*s.period)*s.rnd.Uint32N(2)
		if s.sparse {
			n.left, n.every, n.size, n.next = 1+s.rnd.IntN(3), s.period/3, 1, s.now+s.rnd.Uint32N(2*s.period)
		}
		return
	}
	n.left--
	n.next = s.now + 1 + s.rnd.Uint32N(2*n.every+1)
	values := make([]uint64, 0, 3*s.columns)
	for i := range n.columns {
		c := &n.columns[i]
		if s.columns == 1 || s.rnd.IntN(2) == 0 {
			e := simEvent{s.now, 1 + s.rnd.Uint32N(n.size)}
			c.own.count(e)
			for i := range c.echoes {
				c.echoes[i].ahead = append(c.echoes[i].ahead, e)
			}
		}
		values = append(values, uint64(s.now-c.own.tick), uint64(c.own.curr), uint64(c.own.prev))
	}
	n.push(s.expire, values)
}

// send gives a table's receiver the sums that it has not had.
func (s *cluster) send(t *simTable) {
	if !t.cursor.Pending() {
		return
	}
	_, version := t.Definition()
	_, err := t.cursor.Collect(s.now, version, func(_, life uint32, _ []byte, v []uint64) bool {
		t.to(life, v)
		t.sends++
		if !t.updated {
			t.resends = append(t.resends, s.now)
		}
		return true
	})
	if err != nil {
		panic(err)
	}
	t.updated = false
}
