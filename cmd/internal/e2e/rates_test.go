package e2e

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"stktc/cmd/internal/haproxy"
)

// long tells whether the long variants were asked for.
func long() bool { return os.Getenv("STKTC_LONG") == "1" }

// ratePeriod is short, so that every part of a period is seen many times.
const (
	ratePeriod = "2s"
	rateLength = 2 * time.Second // idem
)

// rateShape holds a rate of requests and an array of rates. The second element of the array counts every third request.
const rateShape = "type string len 20 size 1k expire 1m store http_req_cnt,http_req_rate(" + ratePeriod + "),gpc_rate(2," + ratePeriod + ")"

var rateColumns = []string{"http_req_rate", "gpc0_rate", "gpc1_rate"}

const clockColumn = 3 // http_req_cnt, after the rates

// beat is what a client does in a row: a number of requests, evenly over a time, the first of it a wait.
type beat struct {
	wait, over time.Duration
	requests   int
}

// rateClient sends requests of one key to one node, its beats again and again.
type rateClient struct {
	key   string
	node  int
	beats []beat
}

const ms = time.Millisecond

// rateClients: a key hit in bursts and then left silent until its rate reads 0, on both nodes with phases that drift against each other; one
// that only one node counts; one that is hit steadily by one node and in bursts by the other; one hit steadily by both.
var rateClients = []rateClient{
	{"bursts", 0, []beat{{300 * ms, 60 * ms, 90}, {900 * ms, 0, 40}, {4700 * ms, 10 * ms, 5}}},
	{"bursts", 1, []beat{{1100 * ms, 0, 50}, {150 * ms, 200 * ms, 70}, {5100 * ms, 0, 1}}},
	{"alone", 1, []beat{{500 * ms, 0, 60}, {3300 * ms, 400 * ms, 30}}},
	{"mixed", 0, []beat{{50 * ms, 50 * ms, 5}}},
	{"mixed", 1, []beat{{2700 * ms, 30 * ms, 120}}},
	{"steady", 0, []beat{{0, 100 * ms, 4}}},
	{"steady", 1, []beat{{0, 70 * ms, 3}}},
}

// rateSample is what everybody shows at one moment, by key and column. The sums are read before the sources.
type rateSample struct {
	at      time.Time
	took    time.Duration
	sums    [3]map[string][]uint64 // of the nodes, then of the aggregator
	sources [2]map[string][]uint64
	age     [3]time.Duration // how old the counts were that the sums showed, by clockKey
}

// clockKey is counted all the time, by both nodes, so that its sums tell how old what they show is.
const clockKey = "clock"

var clockBeat = []beat{{0, 20 * ms, 2}}

// TestRates samples what two nodes show of their own rates and what everybody shows of the sum: it is within 1 % or 1 count, and what rounding adds, of
// what the nodes showed a link's delay before, at any moment.
func TestRates(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.startAggregator(c.section(2))
	frontend := []string{
		"http-request track-sc0 req.hdr(x-key) table " + inPeers("rate.raw"), "http-request sc-inc-gpc(0,0)",
		"http-request sc-inc-gpc(1,0) if { req.hdr(x-tag) 1 }", "http-request return status 200",
	}
	for range 2 {
		c.addNode([]string{"rate.raw " + rateShape, "rate.sum " + rateShape}, frontend, "")
	}
	c.connected()
	length := 15 * time.Second
	if long() {
		length = time.Minute
	}
	for round := range busyRounds {
		wrong, busy := report(t, c.sampleUnder(length, rateClients))
		if len(wrong) == 0 {
			return
		}
		if !busy || round == busyRounds-1 {
			c.t.Fatalf("sums are out by too much: %s", strings.Join(wrong, ", "))
		}
	}
}

// busyRounds is how often the test is tried on a machine that is busy with other things: processes that do not run in time show what was right before.
const busyRounds = 3

// sampleUnder sends the clients' requests, and samples until they have ended and all rates have died away.
func (c *cluster) sampleUnder(length time.Duration, clients []rateClient) []rateSample {
	ctx, cancel := context.WithTimeout(c.t.Context(), length)
	defer cancel()
	var running sync.WaitGroup
	for _, r := range clients {
		running.Go(func() { c.play(ctx, r) })
	}
	clock, stop := context.WithCancel(c.t.Context())
	defer stop()
	for node := range c.nodes {
		running.Go(func() { c.play(clock, rateClient{clockKey, node, clockBeat}) })
	}
	var samples []rateSample
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for end := time.Now().Add(length + 5*time.Second); time.Now().Before(end); <-tick.C {
		samples = append(samples, c.sample())
		setAge(samples)
	}
	stop()
	running.Wait()
	return samples
}

const sampleEvery = 15 * ms

func (c *cluster) play(ctx context.Context, r rateClient) {
	client := &http.Client{Transport: &http.Transport{}, Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	count := 0
	for ctx.Err() == nil {
		for _, b := range r.beats {
			start := time.Now().Add(b.wait)
			if r.key != clockKey {
				start = start.Add(rand.N(20 * ms))
			}
			for i := range b.requests {
				at := start.Add(b.over * time.Duration(i) / time.Duration(b.requests))
				if !waitUntil(ctx, at) {
					return
				}
				count++
				if err := c.requestOnce(client, c.nodes[r.node], "/200", r.key, map[bool]int{true: 1}[count%3 == 0]); err != nil {
					c.t.Errorf("request: %v", err)
					return
				}
			}
		}
	}
}

// waitUntil tells whether the time came before the context's end.
func waitUntil(ctx context.Context, at time.Time) bool {
	select {
	case <-time.After(time.Until(at)):
		return true
	case <-ctx.Done():
		return false
	}
}

func (c *cluster) sample() rateSample {
	s := rateSample{at: time.Now()}
	for i, b := range c.nodes {
		s.sums[i] = c.rates(b.table(inPeers("rate.sum")))
	}
	own, err := c.aggregated("/rate.sum")
	if err != nil {
		own = &haproxy.Table{} // nobody has counted anything yet
	}
	s.sums[2] = c.rates(own)
	for i, b := range c.nodes {
		s.sources[i] = c.rates(b.table(inPeers("rate.raw")))
	}
	s.took = time.Since(s.at)
	return s
}

// setAge tells of the last sample how old its sums are: two counts of a clock may be that far apart.
func setAge(samples []rateSample) {
	last := &samples[len(samples)-1]
	for i := range last.sums {
		shown := 0.0
		if v := last.sums[i][clockKey]; v != nil {
			shown = float64(v[clockColumn])
		}
		j := len(samples) - 1
		for j > 0 && samples[j].oracle(clockKey, clockColumn) > shown {
			j--
		}
		last.age[i] = last.at.Sub(samples[j].at)
	}
}

func (c *cluster) rates(t *haproxy.Table) map[string][]uint64 {
	all := map[string][]uint64{}
	for _, e := range t.Entries {
		for _, name := range append(rateColumns[:len(rateColumns):len(rateColumns)], "http_req_cnt") {
			v, ok := e.Uint(name)
			if !ok {
				c.t.Errorf("%s shows no %s", t.Name, name)
			}
			all[e.Key] = append(all[e.Key], v)
		}
	}
	return all
}

func (s *rateSample) oracle(key string, column int) float64 {
	var total uint64
	for _, shown := range s.sources {
		if v := shown[key]; v != nil {
			total += v[column]
		}
	}
	return float64(total)
}

// rateError collects how far sums were from their oracle.
type rateError struct {
	displays, beyond, far int
	plain                 float64 // Σ |sum − oracle at the same moment|
	total                 float64 // Σ error
	value                 float64 // Σ oracle
	worst                 float64 // the greatest error
	worstAt               float64 // the oracle there
	worstWhen             time.Duration
}

const (
	linkDelay = 60 * ms // within which a count is seen behind two links, on a machine that has other work

	rounding = 2 // each of three displays is rounded down

	// What is allowed to all displays but a few, and to those: a process that the machine has stopped for a moment shows what was right before, and it is
	// not always the one that samples.
	allowed    = 0.01
	allowedFar = 0.05
	mostBeyond = 0.002
	mostMean   = 0.0025
	meanCount  = 0.25 // besides, of displays that are rounded
	busyShare  = 0.1  // of samples that are too slow
)

// report compares each sum with the oracle's values from a link's delay before to now, and tells which are out of their range by more than is allowed, and whether the machine was busy.
func report(t *testing.T, samples []rateSample) (wrong []string, busy bool) {
	t.Helper()
	var good []int
	for i := range samples {
		if !stalled(samples, i) {
			good = append(good, i)
		}
	}
	t.Logf("%d samples, %d of them too slow to compare", len(samples), len(samples)-len(good))
	for _, key := range []string{"bursts", "alone", "mixed", "steady"} {
		for column, name := range rateColumns {
			var e rateError
			for _, i := range good {
				e.add(samples, i, key, column)
			}
			n := float64(e.displays)
			t.Logf("%-6s %-13s %5d displays, mean %6.1f: error %5.3f (%.3f %%), against the same moment %5.3f; worst %4.1f at %4.0f after %6v; %d beyond 1 %% or 1",
				key, name, e.displays, e.value/n, e.total/n, 100*e.total/e.value, e.plain/n, e.worst, e.worstAt, e.worstWhen.Round(ms), e.beyond)
			if e.far > 0 || float64(e.beyond) > mostBeyond*n || e.total > mostMean*e.value+meanCount*n {
				wrong = append(wrong, key+" "+name)
			}
		}
	}
	if least := 50; len(good) < least {
		wrong = append(wrong, fmt.Sprintf("no verdict from less than %d samples", least))
	}
	return wrong, float64(len(good)) < (1-busyShare)*float64(len(samples))
}

// stalled tells whether the sample, or one beside it, took so long that what it shows is not of one moment.
func stalled(samples []rateSample, i int) bool {
	for j := max(1, i-5); j <= min(i+1, len(samples)-1); j++ {
		if samples[j].took > sampleEvery || samples[j].at.Sub(samples[j-1].at) > 2*sampleEvery {
			return true
		}
	}
	return false
}

// delayOf is how long ago the oracle may have shown what the display shows. On a busy machine that is longer than a link takes: the clock tells, and as the sum of two it may be twice
// as late from one node. An update that comes late moves the period by that until the next one, at the next boundary but one at the latest.
func delayOf(samples []rateSample, i, display int) time.Duration {
	delay := linkDelay
	for j := i; j >= 0 && samples[i].at.Sub(samples[j].at) < 2*rateLength; j-- {
		delay = max(delay, 2*samples[j].age[display])
	}
	return delay
}

// rangeOf is between what values the oracle was for so long before the sample.
func rangeOf(samples []rateSample, i int, delay time.Duration, key string, column int) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for j := i; j >= 0 && (j >= i-1 || samples[i].at.Sub(samples[j].at) <= delay); j-- {
		v := samples[j].oracle(key, column)
		low, high = min(low, v), max(high, v)
	}
	return low, high
}

func (e *rateError) add(samples []rateSample, i int, key string, column int) {
	now := samples[i].oracle(key, column)
	for display, shown := range samples[i].sums {
		low, high := rangeOf(samples, i, delayOf(samples, i, display), key, column)
		got := 0.0
		if v := shown[key]; v != nil {
			got = float64(v[column])
		}
		err := max(0, low-got, got-high)
		e.displays++
		e.value += now
		e.total += err
		e.plain += math.Abs(got - now)
		if err > e.worst {
			e.worst, e.worstAt, e.worstWhen = err, now, samples[i].at.Sub(samples[0].at)
		}
		if err > max(1, high*allowed)+rounding {
			e.beyond++
		}
		if err > max(5, high*allowedFar)+rounding {
			e.far++
		}
	}
}
