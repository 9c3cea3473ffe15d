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

// costing makes a run whose load cost so many ns an update.
func costing(ns float64) load.Report {
	return load.Report{Stages: []load.Stage{{Name: "load", Settled: true, Target: &load.Usage{PerUpdate: ns}}}}
}

func TestComparisonText(t *testing.T) {
	o := OrderComparison{
		Order: load.Scattered, AllRight: true,
		Stktc:   []load.Report{costing(220), costing(300), costing(230)},
		HAProxy: []load.Report{costing(1500), costing(1600), costing(1150)},
	}
	o.Medians = medians(&o)
	got := string(comparisonText(&Comparison{Orders: []OrderComparison{o}, Keys: 1_000_000, Nodes: 2, Store: "gpc0"}))
	want := "scattered  load   230 (220 230 300)                  1500 (1150 1500 1600)              0.153\n"
	if !strings.Contains(got, want) || strings.Contains(got, "fill") || !strings.Contains(got, "1 M keys") {
		t.Errorf("%s\nwant the line\n%s", got, want)
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
