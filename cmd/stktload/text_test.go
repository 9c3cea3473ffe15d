package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"stktc/cmd/internal/load"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 9, 2}, 3}} {
		if got := median(c.values); got != c.want {
			t.Errorf("of %v: %v, want %v", c.values, got, c.want)
		}
	}
}

func TestResultText(t *testing.T) {
	r := Result{What: "something", Store: "gpc0", Machine: Machine{Cores: 2, LoadAvg: "0.1 0.2 0.3"}}
	at := in{name: "scattered", keys: 1000, nodes: 2}
	for _, ns := range []float64{220, 1300, 230} {
		r.add(at, "CPU", "ns", ns)
	}
	r.add(in{name: "in order"}, "CPU", "ns", 10)
	r.add(at, "other", "ns", 1000)
	r.ratio(at, "ratio", r.figure("scattered", "CPU"), r.figure("scattered", "other"))
	want := `something; stores gpc0
2 cores; load average before: 0.1 0.2 0.3

scattered
  CPU      230 ns   runs: 220 1,300 230
  other  1,000 ns
  ratio      0.23

in order
  CPU       10 ns

all right
`
	if got := string(r.text()); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	r.check(at, 1, &load.Report{Stages: []load.Stage{{Name: "load"}}})
	if got := string(r.text()); !strings.HasSuffix(got, "\nWRONG: scattered, run 2: load not complete\n") {
		t.Error(got)
	}
}

// TestTooSmall: what a load was too small for is said in place of the figure, and nothing is made of it.
func TestTooSmall(t *testing.T) {
	r := Result{What: "something", Store: "gpc0", Machine: Machine{Cores: 2}}
	at := in{name: byNodes + "2", keys: 10, nodes: 2}
	r.addIf(true, at, perUpdateIn, "ns", 220)
	r.addIf(false, at, perUpdateIn, "ns", 0)
	r.addIf(true, at, "other", "ns", 1000)
	r.ratio(at, "ratio", r.figure(at.name, "other"), r.figure(at.name, perUpdateIn))
	r.ratio(at, "other ratio", r.figure(at.name, perUpdateIn), r.figure(at.name, "other"))
	r.addSlope(in{name: "slopes"}, "slope", "ns", 1, []in{at}, inNodes, perUpdateIn)
	want := `something; stores gpc0
2 cores

by nodes: 2
  CPU an update in  too small to measure
  other                         1,000 ns

slopes
  slope             too small to measure

too small to measure: a load needs 100ms of CPU time and 50ms to tell what an update costs, 10 k keys to tell what a key takes, and a push beyond a quantile
all right
`
	if got := string(r.text()); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// TestStageText: of a stage is told what it was large enough for.
func TestStageText(t *testing.T) {
	busy := load.Usage{CPU: 0.5, PerUpdate: 100, PerMoved: 30, RSS: 50e6, Growth: 20e6, PerKey: 99}
	small := load.Usage{CPU: 0.04, PerUpdate: 1e6, PerMoved: 5e5, RSS: 20e6, Growth: -1e6, PerKey: -12345}
	for _, c := range []struct {
		name  string
		keys  int
		stage load.Stage
		want  string
	}{
		{"large", 200_000, load.Stage{
			Name: "load", Seconds: 0.5, Settled: true, UpdatesIn: 5_000_000, UpdatesOut: 10_000_000, BytesIn: 8e7, BytesOut: 2e8, InPerSecond: 1e7, OutPerSecond: 2e7,
			Target: &busy, Load: &busy, Latency: &load.Latency{Count: 1000, P50: 0.1, P90: 0.2, P99: 0.3, P999: 0.4, Longest: 0.5},
		}, `load    5 M updates in 0.50 s: 10 M/s in, 20 M/s out (10 M out); 16 bytes an update in, 20 out
      target: 100 ns CPU an update in, 30 an update in or out, 1.00 cores; memory 50.0 MB, +20.0 MB, +99.0 bytes a key
      stktload itself: 30 ns CPU an update in or out
      latency of 1000 pushes until another node has their sum: p50 0.1 ms, p90 0.2, p99 0.3, p99.9 0.4, longest 0.5
`},
		{"small", 5, load.Stage{
			Name: "fill", Seconds: 0.001, Settled: true, UpdatesIn: 10, UpdatesOut: 20, BytesIn: 160, BytesOut: 400, InPerSecond: 1e4, OutPerSecond: 2e4,
			Target: &small, Load: &small, Latency: &load.Latency{Count: 9, P50: 0.1, P90: 0.2, P99: 0.3, P999: 0.4, Longest: 0.5},
		}, `fill    10 updates in 0.00 s: too small to measure (20 out); 16 bytes an update in, 20 out
      target: CPU time too small to measure; memory 20.0 MB, -1.0 MB
      latency of 9 pushes until another node has their sum: p50 0.1 ms, longest 0.5
`},
		{"mostly taught", 200_000, load.Stage{
			Name: "relearn", Seconds: 0.5, Settled: true, UpdatesIn: 10, UpdatesOut: 20, Taught: 400_000, BytesIn: 6_400_160, BytesOut: 400, InPerSecond: 20, OutPerSecond: 40,
			Target: &busy, Load: &busy,
		}, `relearn 10 updates in 0.50 s: 20/s in, 40/s out (20 out); 16 bytes an update in, 20 out
      and 400 k updates in lessons and repetitions
      target: 0.50 s CPU, 1.00 cores; memory 50.0 MB, +20.0 MB, +99.0 bytes a key
`},
	} {
		var b bytes.Buffer
		writeStage(&b, &c.stage, c.keys)
		if b.String() != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, &b, c.want)
		}
	}
}

// TestReportText: what a key takes is told where it is known, and a run that ended early says so.
func TestReportText(t *testing.T) {
	usage := load.Usage{CPU: 0.5, RSS: 50e6, Growth: 20e6, PerKey: 99}
	stage := func(name string) load.Stage {
		return load.Stage{Name: name, Seconds: 0.5, Settled: true, UpdatesIn: 1000, Target: &usage, Load: &usage}
	}
	known := usage
	known.PerKey = 0
	r := load.Report{Keys: 200_000, Sum: "t.sum", Stages: []load.Stage{stage("fill"), stage("load")}}
	r.Stages[1].Target = &known
	if got := string(text(&r)); strings.Count(got, "+99.0 bytes a key\n") != 1 || strings.Count(got, "bytes a key") != 1 || !strings.HasSuffix(got, "\nall right\n") {
		t.Error(got)
	}
	r.Ended, r.Stages[1].IsCut, r.Stages[1].Settled = "it was enough", true, false
	if got := string(text(&r)); !strings.Contains(got, "\n      CUT SHORT: ") || strings.Contains(got, "NOT complete") || !strings.HasSuffix(got, "\nENDED EARLY: it was enough\n") {
		t.Error(got)
	}
	if got := r.Verdict(); got != "ended early: it was enough" {
		t.Error(got)
	}
	r.Stages[1].IsCut = false
	if got := string(text(&r)); !strings.Contains(got, "NOT complete: the sums did not add up") {
		t.Error(got)
	}
	r.Sum = ""
	if got := string(text(&r)); !strings.Contains(got, "NOT complete: the target did not acknowledge all") {
		t.Error(got)
	}
}

// TestEndedEarly: what a measuring command measured before an error is told, and marked.
func TestEndedEarly(t *testing.T) {
	var out bytes.Buffer
	c := &command{stdout: &out}
	r := &Result{What: "something", Store: "gpc0"}
	enough := errors.New("it was enough")
	if err := c.finish(r, enough, false); err != enough || out.Len() > 0 {
		t.Errorf("%v, %q", err, &out)
	}
	r.add(in{name: "scattered"}, "CPU", "ns", 220)
	if err := c.finish(r, enough, false); err != enough || !strings.Contains(out.String(), "220 ns") || !strings.HasSuffix(out.String(), "\nENDED EARLY: it was enough\n") {
		t.Errorf("%v, %q", err, &out)
	}
	out.Reset()
	if err := c.finish(r, enough, true); err != enough || !strings.Contains(out.String(), `"ended_early": "it was enough"`) {
		t.Errorf("%v, %q", err, &out)
	}
}

func TestShort(t *testing.T) {
	for n, want := range map[float64]string{0: "0", 7: "7", 999: "999", 1000: "1 k", 53_250: "53.2 k", 4_648_608: "4.65 M", 2e9: "2 G"} {
		if got := short(n); got != want {
			t.Errorf("%f: %q, want %q", n, got, want)
		}
	}
}

func TestProgressBar(t *testing.T) {
	var b bytes.Buffer
	p := progress{out: &b}
	p.show(load.Progress{Stage: "load", Done: 0.5, In: 2_000_000, Out: 4_000_000, Elapsed: 2 * time.Second, Sessions: 3})
	p.clear()
	want := eraseLine + "load   [###############...............]  50 %  1 M/s in  2 M/s out  2.0 s  3 sessions" + eraseLine
	if b.String() != want {
		t.Errorf("%q\nwant %q", b.String(), want)
	}
	(&progress{}).clear()
}
