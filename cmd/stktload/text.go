package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"stktc/cmd/internal/load"
)

// text writes a report for a person.
func text(r *load.Report) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d nodes (%s) against %s\n", len(r.Nodes), few(r.Nodes), r.Target)
	fmt.Fprintf(&b, "table %s, %s keys of type %s, %s and %s; stores %s\n", r.Table, short(float64(r.Keys)), r.Key, r.Order, r.Spread, r.Store)
	if r.LoadAvg != "" {
		fmt.Fprintf(&b, "load average of this machine before: %s\n", r.LoadAvg)
	}
	for i := range r.Stages {
		writeStage(&b, &r.Stages[i], r.Keys)
		writeUnsettled(&b, r, &r.Stages[i])
	}
	if r.LateProbe > 0 {
		fmt.Fprintf(&b, "  %d more were not sent: 64 of a node were under way already\n", r.LateProbe)
	}
	for i := range r.Looks {
		writeLook(&b, &r.Looks[i])
	}
	writeTrouble(&b, r)
	return b.Bytes()
}

func few(names []string) string {
	if len(names) > 8 {
		return strings.Join(names[:3], ", ") + " … " + names[len(names)-1]
	}
	return strings.Join(names, ", ")
}

func writeStage(b *bytes.Buffer, s *load.Stage, keys int) {
	fmt.Fprintf(b, "%-7s %s updates in %.2f s: %s (%s out); %.3g bytes an update in, %.3g out\n", s.Name, short(float64(s.UpdatesIn)), float64(s.Seconds),
		told(isTimed(s), "%s/s in, %s/s out", short(s.InPerSecond), short(s.OutPerSecond)), short(float64(s.UpdatesOut)), per(s.BytesIn, s.UpdatesIn+s.Taught), per(s.BytesOut, s.UpdatesOut))
	if s.Taught > 0 {
		fmt.Fprintf(b, "      and %s updates in lessons and repetitions\n", short(float64(s.Taught)))
	}
	if s.Target != nil {
		writeUsage(b, s, keys)
	}
	if l := s.Latency; l != nil {
		fmt.Fprintf(b, "      latency of %d pushes until another node has their sum: p50 %.3g ms", l.Count, l.P50)
		for _, q := range []struct {
			name   string
			beyond float64
			ms     float64
		}{{"p90", 0.1, l.P90}, {"p99", 0.01, l.P99}, {"p99.9", 0.001, l.P999}} {
			if hasQuantile(l, q.beyond) {
				fmt.Fprintf(b, ", %s %.3g", q.name, q.ms)
			}
		}
		fmt.Fprintf(b, ", longest %.3g\n", l.Longest)
	}
}

func writeUnsettled(b *bytes.Buffer, r *load.Report, s *load.Stage) {
	switch {
	case s.IsCut:
		fmt.Fprintf(b, "      CUT SHORT: the run ended in the middle of it\n")
	case !s.Settled && r.Sum == "":
		fmt.Fprintf(b, "      NOT complete: the target did not acknowledge all within the limit\n")
	case !s.Settled:
		fmt.Fprintf(b, "      NOT complete: the sums did not add up within the limit\n")
	}
}

// writeUsage tells what the target used, and what stktload did.
func writeUsage(b *bytes.Buffer, s *load.Stage, keys int) {
	u := s.Target
	cpu, cores := "CPU time "+tooSmall, float64(u.CPU)/float64(s.Seconds)
	switch {
	case isCosted(s, u):
		cpu = fmt.Sprintf("%.0f ns CPU an update in, %.0f an update in or out, %.2f cores", u.PerUpdate, u.PerMoved, cores)
	case isBusy(u):
		cpu = fmt.Sprintf("%.2f s CPU, %.2f cores", float64(u.CPU), cores)
	}
	fmt.Fprintf(b, "      target: %s; memory %.1f MB, %+.1f MB", cpu, float64(u.RSS)/1e6, float64(u.Growth)/1e6)
	if keys >= leastKeys && u.PerKey != 0 {
		fmt.Fprintf(b, ", %+.1f bytes a key", u.PerKey)
	}
	b.WriteByte('\n')
	if isCosted(s, s.Load) {
		fmt.Fprintf(b, "      stktload itself: %.0f ns CPU an update in or out\n", s.Load.PerMoved)
	}
}

func per(bytes, updates uint64) float64 { return float64(bytes) / float64(max(1, updates)) }

func writeLook(b *bytes.Buffer, k *load.Look) {
	fmt.Fprintf(b, "look at %.1f s: %s fields of %s keys compared, %d wrong", float64(k.After), short(float64(k.Checked)), short(float64(k.Keys)), k.Wrong)
	if k.Rates.Checked > 0 {
		fmt.Fprintf(b, "; rates of %.3g in the mean off by %.3g %%, %.3g counts at worst (of %.3g), after a delay of up to %.3g s", k.Rates.Mean, k.Rates.Percent, k.Rates.Worst, k.Rates.WorstOf, float64(k.Rates.Delay))
	}
	if k.RatesLate >= toldLate {
		fmt.Fprintf(b, "; rates were right %.1f s late", float64(k.RatesLate))
	}
	b.WriteByte('\n')
	for _, column := range slices.Sorted(maps.Keys(k.ByColumn)) {
		fmt.Fprintf(b, "  %s: %d wrong\n", column, k.ByColumn[column])
	}
	for i, m := range k.Mistakes {
		if i == maxShown {
			fmt.Fprintf(b, "  and so on; --json tells more\n")
			break
		}
		fmt.Fprintf(b, "  %s: key %s: %s is %s, must be %s (%s); last sent %s\n", m.Node, m.Key, m.Column, m.Got, m.Expected, m.Counted, m.LastSent)
	}
}

// toldLate is from how many seconds on it is told that rates were late.
const toldLate = 0.1

// maxShown is how many wrong fields of a look are described.
const maxShown = 6

// writeTrouble tells what was amiss besides values.
func writeTrouble(b *bytes.Buffer, r *load.Report) {
	for _, n := range []struct {
		count uint64
		what  string
	}{
		{r.WentBack, "counters of sums went back"},
		{r.BadLife, "sums live longer than their table's entries, or end at once"},
		{r.Foreign, "sums of keys that were never pushed"},
		{uint64(r.Losses), "sessions were lost"},
	} {
		if n.count > 0 {
			fmt.Fprintf(b, "%d %s\n", n.count, n.what)
		}
	}
	if r.GivenBack > 0 {
		fmt.Fprintf(b, "%s updates were given back to nodes that had forgotten them\n", short(float64(r.GivenBack)))
	}
	for _, f := range r.Faults {
		fmt.Fprintln(b, f)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(b, "  %s\n", n)
	}
	switch {
	case r.Ended != "":
		fmt.Fprintf(b, "ENDED EARLY: %s\n", r.Ended)
	case !r.IsRight():
		fmt.Fprintln(b, "WRONG")
	case r.Sum != "":
		fmt.Fprintln(b, "all right")
	default:
		fmt.Fprintln(b, "all acknowledged; no sums were expected")
	}
}
