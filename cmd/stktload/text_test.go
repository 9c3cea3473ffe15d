package main

import (
	"bytes"
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
