package load

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Report is what a run found. Numbers that are not known are absent from its JSON.
type Report struct {
	Target    string   `json:"target"`
	Nodes     []string `json:"nodes"`
	Table     string   `json:"table"`
	Sum       string   `json:"sum,omitempty"`
	Key       string   `json:"key"`
	Store     string   `json:"store"`
	Keys      int      `json:"keys"`
	Order     string   `json:"order"`
	Spread    string   `json:"distribution"`
	Known     bool     `json:"known,omitempty"`        // the target had keys of the table before the run
	LoadAvg   string   `json:"load_average,omitempty"` // of the machine before the run: of the last 1, 5 and 15 minutes
	Right     bool     `json:"right"`                  // all of it was played, and nothing was amiss
	Ended     string   `json:"ended_early,omitempty"`  // why the run ended before its time
	Stages    []Stage  `json:"stages"`
	Latency   *Latency `json:"latency,omitempty"`
	Looks     []Look   `json:"looks,omitempty"`
	Faults    []string `json:"faults,omitempty"`     // of the definition of the table of sums
	WentBack  uint64   `json:"went_back"`            // counters of sums that shrank
	BadLife   uint64   `json:"bad_life"`             // sums that live longer than their table's entries, or end at once
	Foreign   uint64   `json:"foreign_keys"`         // sums of keys that were never pushed
	Others    uint64   `json:"other_tables_updates"` // updates of other tables
	Sessions  int64    `json:"sessions"`
	Losses    int64    `json:"sessions_lost"` // not counting those that were dropped as planned
	GivenBack uint64   `json:"given_back"`    // updates that nodes were given back of what they had forgotten
	LateProbe uint64   `json:"late_probes"`   // probes that were not sent, since the one before was still under way
	Notes     []string `json:"notes,omitempty"`
}

// Seconds is a duration in JSON.
type Seconds float64

func seconds(d time.Duration) Seconds { return Seconds(d.Seconds()) }

// Stage is the fill, the warm-up of a recorded load, the load or an event.
type Stage struct {
	Name    string  `json:"name"`
	Sending Seconds `json:"sending_s"`     // until the last push
	Seconds Seconds `json:"seconds"`       // until all sums were right
	Settled bool    `json:"settled"`       // whether they were, within the limit
	IsCut   bool    `json:"cut,omitempty"` // the run ended in the middle of it

	UpdatesIn  uint64 `json:"updates_in"`  // pushed to the target
	UpdatesOut uint64 `json:"updates_out"` // pushed by the target
	Taught     uint64 `json:"taught"`      // updates in lessons and repetitions, also in
	BytesIn    uint64 `json:"bytes_in"`
	BytesOut   uint64 `json:"bytes_out"`

	InPerSecond  float64 `json:"updates_in_per_s"`
	OutPerSecond float64 `json:"updates_out_per_s"`

	Latency *Latency `json:"latency,omitempty"` // of pushes of the stage
	Floor   *Latency `json:"floor,omitempty"`   // of messages to a program that only echoes, in that time

	Target *Usage `json:"target,omitempty"`
	Load   *Usage `json:"load,omitempty"`
}

// Usage is what a process used in a stage.
type Usage struct {
	CPU       Seconds `json:"cpu_s"`
	PerUpdate float64 `json:"cpu_ns_per_update_in"`
	PerMoved  float64 `json:"cpu_ns_per_update_in_and_out"`
	RSS       int64   `json:"rss_bytes"`
	Growth    int64   `json:"rss_growth_bytes"`
	PerKey    float64 `json:"rss_growth_bytes_per_key,omitempty"` // 0 where the keys were there before
}

// Latency is the time from a push on one node to the sum on another, in milliseconds.
type Latency struct {
	Count   int64   `json:"count"`
	P50     float64 `json:"p50_ms"`
	P90     float64 `json:"p90_ms"`
	P99     float64 `json:"p99_ms"`
	P999    float64 `json:"p999_ms"`
	Longest float64 `json:"max_ms"`
}

// Look is one comparison of all sums.
type Look struct {
	After    Seconds           `json:"after_s"` // since the start
	Keys     uint64            `json:"keys"`
	Checked  uint64            `json:"checked"` // fields, on all nodes
	Wrong    uint64            `json:"wrong"`
	ByColumn map[string]uint64 `json:"wrong_by_column,omitempty"`
	Rates    Rates             `json:"rates"`
	Mistakes []Mistake         `json:"mistakes,omitempty"`

	RatesLate Seconds `json:"rates_late_s,omitempty"` // for how long rates were not right before, as where millions of keys enter their next periods at once

	lag     time.Duration
	columns []uint64
}

// Rates tells how exact the rates were, in counts a period.
type Rates struct {
	Checked uint64  `json:"checked"`
	Moving  uint64  `json:"moving"`  // that must not read 0
	Mean    float64 `json:"mean"`    // that they must read
	Outside uint64  `json:"outside"` // by more than 1 % and 1 count, before the delay of the link is allowed for
	Worst   float64 `json:"worst"`
	WorstOf float64 `json:"worst_of"` // what that one must read
	Percent float64 `json:"mean_percent"`
	Delay   Seconds `json:"delay_s"` // of the link, that was allowed for

	sumExpected, sumDiff float64
}

// Mistake is a field that is wrong.
type Mistake struct {
	Node     string `json:"node"`
	Key      string `json:"key"`
	Column   string `json:"column"`
	Expected string `json:"expected"`
	Got      string `json:"got"`
	Counted  string `json:"counted"`   // by each node; of rates age in ms, current and previous count
	LastSent string `json:"last_sent"` // by the target
}

const maxMistakes = 20

// Progress is where a run stands.
type Progress struct {
	Stage    string
	Done     float64 // 0 to 1
	In, Out  uint64  // updates of the stage so far
	Elapsed  time.Duration
	Sessions int // that are up
}

// IsRight tells whether every field of every sum was right at every look, and nothing else was amiss.
func (r *Report) IsRight() bool { return r.Verdict() == "" }

// Verdict says in a line what is not right; "" if everything is.
func (r *Report) Verdict() string {
	var parts []string
	for i := range r.Stages {
		if s := &r.Stages[i]; !s.Settled && !s.IsCut {
			parts = append(parts, r.Stages[i].Name+" not complete")
		}
	}
	for i := range r.Looks {
		if k := &r.Looks[i]; k.Wrong > 0 {
			parts = append(parts, fmt.Sprintf("%d of %d fields wrong at %.1f s", k.Wrong, k.Checked, float64(k.After)))
		}
	}
	if r.WentBack > 0 {
		parts = append(parts, fmt.Sprintf("%d counters went back", r.WentBack))
	}
	if r.BadLife > 0 {
		parts = append(parts, fmt.Sprintf("%d sums live wrong", r.BadLife))
	}
	if r.Ended != "" {
		parts = append(parts, "ended early: "+r.Ended)
	}
	return strings.Join(append(parts, r.Faults...), ", ")
}

// Stage finds a stage by name; nil if it was not played.
func (r *Report) Stage(name string) *Stage {
	for i := range r.Stages {
		if r.Stages[i].Name == name {
			return &r.Stages[i]
		}
	}
	return nil
}

func (l *load) newReport() *Report {
	r := &Report{
		Target: l.TargetName, Nodes: l.Nodes, Table: l.source.Name, Key: l.source.KeyString(), Store: l.source.StoreString(),
		Keys: l.Keys, Order: string(l.Order), Spread: string(l.Distribution), LoadAvg: LoadAverage(),
	}
	if l.To != "" {
		r.Sum = l.sum.Name
	}
	for _, n := range l.nodes {
		n.updatesBefore = n.in.updates.Load()
		names, _ := n.tables()
		r.Known = r.Known || n.updatesBefore > 0 || slices.Contains(names, l.source.Name) // sums, or what a node of this name counted
	}
	l.hasKeys = r.Known
	return r
}

var stageNames = map[stage]string{starting: "start", filling: "fill", encoding: "record", loading: "load", relearning: "relearn", forgetting: "forget", fading: "fade", settling: "settle"}

// measurement is what has been used and sent at a moment.
type measurement struct {
	at            time.Time
	target, self  usage
	in, out       uint64
	taught        uint64
	inBytes, outB uint64
}

func (l *load) measure() (measurement, error) {
	samples, err := l.sample(nil)
	m := samples[0]
	for _, n := range l.nodes {
		m.in += n.out.sent.Load()
		m.out += n.in.updates.Load()
		m.taught += n.out.taught.Load()
		m.inBytes += n.out.bytes.Load()
		m.outB += n.in.bytes.Load()
	}
	return m, err
}

func (l *load) newStage(at stage, before, after measurement, sending time.Duration, isSettled bool) *Stage {
	took := after.at.Sub(before.at)
	s := &Stage{
		Name: stageNames[at], Sending: seconds(sending), Seconds: seconds(took), Settled: isSettled,
		UpdatesIn: after.in - before.in, UpdatesOut: after.out - before.out, Taught: after.taught - before.taught,
		BytesIn: after.inBytes - before.inBytes, BytesOut: after.outB - before.outB,
	}
	s.InPerSecond = float64(s.UpdatesIn) / took.Seconds()
	if l.To == "" { // HAProxy may acknowledge the last ones some seconds later
		s.InPerSecond = float64(s.UpdatesIn) / sending.Seconds()
	}
	s.OutPerSecond = float64(s.UpdatesOut) / took.Seconds()
	s.Latency, s.Floor = l.takeLatency(), l.floor.take()
	if l.PID != 0 {
		s.Target = l.usage(s, before.target, after.target)
		s.Load = l.usage(s, before.self, after.self)
	}
	return s
}

func (l *load) usage(s *Stage, before, after usage) *Usage {
	cpu := after.cpu - before.cpu
	u := &Usage{CPU: seconds(cpu), RSS: after.rss, Growth: after.rss - before.rss}
	u.PerUpdate = float64(cpu.Nanoseconds()) / float64(max(1, s.UpdatesIn))
	u.PerMoved = float64(cpu.Nanoseconds()) / float64(max(1, s.UpdatesIn+s.UpdatesOut))
	if !l.hasKeys {
		u.PerKey = float64(u.Growth) / float64(l.Keys)
	}
	return u
}

// finish completes a look.
func (k *Look) finish(l *load) {
	for i, n := range k.columns {
		if n > 0 {
			if k.ByColumn == nil {
				k.ByColumn = map[string]uint64{}
			}
			k.ByColumn[l.shape.cells[i].name()] = n
		}
	}
	if k.Rates.sumExpected > 0 {
		k.Rates.Percent = 100 * k.Rates.sumDiff / k.Rates.sumExpected
	}
	k.Rates.Mean = k.Rates.sumExpected / float64(max(1, k.Rates.Checked))
	k.Rates.Worst, k.Rates.WorstOf = math.Round(k.Rates.Worst*1000)/1000, math.Round(k.Rates.WorstOf*1000)/1000
}

// finish adds what the nodes know.
func (l *load) finish(r *Report) {
	l.takeLatency()
	r.Latency = quantiles(l.latency)
	for _, n := range l.nodes {
		n.in.mu.Lock()
		r.WentBack += n.in.wentBack
		r.BadLife += n.in.badLife
		r.Foreign += n.in.foreign
		r.GivenBack += n.in.givenBack
		for _, f := range n.in.faults {
			r.Faults = append(r.Faults, fmt.Sprintf("table `%s` as sent to `%s`: %s", l.sum.Name, n.name, f))
		}
		n.in.mu.Unlock()
		r.Others += n.in.others.Load()
		r.Sessions += n.sessions.Load()
		r.Losses += n.losses.Load()
	}
	r.LateProbe = l.late.Load()
	l.mu.Lock()
	r.Notes = l.notes
	l.mu.Unlock()
}

// takeLatency gives what the nodes have timed since the last call.
func (l *load) takeLatency() *Latency {
	all := newHistogram()
	for _, n := range l.nodes {
		n.in.mu.Lock()
		all.Merge(n.in.latency)
		n.in.latency.Reset()
		n.in.mu.Unlock()
	}
	l.latency.Merge(all)
	return quantiles(all)
}

// quantiles of a histogram of nanoseconds; nil of an empty one.
func quantiles(h *hdrhistogram.Histogram) *Latency {
	if h.TotalCount() == 0 {
		return nil
	}
	ms := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) / 1e6 }
	return &Latency{Count: h.TotalCount(), P50: ms(50), P90: ms(90), P99: ms(99), P999: ms(99.9), Longest: float64(h.Max()) / 1e6}
}

// progress tells about the stage, some times a second, and notices that the target's process has ended.
func (l *load) progress(at stage) error {
	if time.Since(l.shown) < showEvery {
		return nil
	}
	l.shown = time.Now()
	if _, err := l.targetUsage(); err != nil {
		return err
	}
	if l.Progress == nil {
		return nil
	}
	m, _ := l.measure()
	p := Progress{Stage: stageNames[at], In: m.in - l.base.in, Out: m.out - l.base.out, Elapsed: time.Since(l.began), Done: l.doneOf(at, m.in-l.base.in)}
	for _, n := range l.nodes {
		n.mu.Lock()
		if n.conn != nil {
			p.Sessions++
		}
		n.mu.Unlock()
	}
	l.Progress(p)
	return nil
}

const showEvery = 200 * time.Millisecond

func (l *load) doneOf(at stage, in uint64) float64 {
	switch {
	case at == encoding:
		return 0
	case at == filling:
		return min(1, float64(in)/float64(l.Keys*l.loaders()))
	case at == loading && l.Updates > 0:
		return min(1, float64(in)/float64(l.quota*uint64(l.loaders())))
	case at == loading:
		return min(1, float64(time.Since(l.began))/float64(l.Duration))
	}
	return 1
}
