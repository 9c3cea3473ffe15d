package main

import (
	"bytes"
	"fmt"
	"slices"

	"stktc/cmd/internal/load"
)

// stageOrder lists the stages in the order in which they are played.
var stageOrder = []string{"fill", "load"}

// costs gives the CPU time for an update received in a stage of each run, in ns.
func costs(reports []load.Report, stage string) []float64 {
	var all []float64
	for i := range reports {
		if s := reports[i].Stage(stage); s != nil && s.Target != nil {
			all = append(all, s.Target.PerUpdate)
		}
	}
	return all
}

// median of an even number is the mean of the middle two; 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	v := slices.Sorted(slices.Values(values))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

func medians(o *OrderComparison) map[string]Medians {
	all := map[string]Medians{}
	for _, stage := range stageOrder {
		m := Medians{Stktc: median(costs(o.Stktc, stage)), HAProxy: median(costs(o.HAProxy, stage))}
		if m.HAProxy == 0 {
			continue
		}
		m.Ratio = m.Stktc / m.HAProxy
		all[stage] = m
	}
	return all
}

// perStage tells a run's costs in a line.
func perStage(r *load.Report) string {
	var b bytes.Buffer
	for _, s := range r.Stages {
		fmt.Fprintf(&b, " %s %.0f ns at %s/s;", s.Name, s.Target.PerUpdate, short(s.InPerSecond))
	}
	return b.String()
}

// comparisonText writes a comparison for a person.
func comparisonText(r *Comparison) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "CPU time (user and system) for an update received, in ns; %d nodes, %s keys, %s\n", r.Nodes, short(float64(r.Keys)), r.Store)
	fmt.Fprintf(&b, "%-10s %-5s  %-34s %-34s %s\n", "order", "stage", "stktc run: sums and pushes back", "haproxy: only receives", "ratio of the medians")
	for i := range r.Orders {
		o := &r.Orders[i]
		for _, stage := range stageOrder {
			if m, ok := o.Medians[stage]; ok {
				fmt.Fprintf(&b, "%-10s %-5s  %-34s %-34s %.3f\n", o.Order, stage, spread(m.Stktc, costs(o.Stktc, stage)), spread(m.HAProxy, costs(o.HAProxy, stage)), m.Ratio)
			}
		}
		if !o.AllRight {
			fmt.Fprintf(&b, "%-10s WRONG in %d runs\n", o.Order, o.WrongRuns)
		}
	}
	return b.Bytes()
}

// spread writes the median and all values: "227 (220 227 241)".
func spread(median float64, all []float64) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%.0f (", median)
	for i, v := range slices.Sorted(slices.Values(all)) {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%.0f", v)
	}
	return b.String() + ")"
}
