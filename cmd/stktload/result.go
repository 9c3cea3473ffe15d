package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"stktc/cmd/internal/load"
)

// Result is what a measuring command found, and the JSON that all of them write.
type Result struct {
	Command string   `json:"command"`
	Flags   []string `json:"flags"` // that were set
	What    string   `json:"what"`  // in words
	Machine Machine  `json:"machine"`
	Store   string   `json:"store"`
	Figures []Figure `json:"figures"`
	Wrong   []string `json:"wrong,omitempty"`       // runs in which not every field of every sum was right, or whatever else must not be
	Ended   string   `json:"ended_early,omitempty"` // why not all runs were made
	Took    int      `json:"took_s,omitempty"`      // all runs together
	began   time.Time
}

// Figure is one number, of each run and in the median.
type Figure struct {
	Case     string    `json:"case"`
	Name     string    `json:"name"`
	Unit     string    `json:"unit"`
	Keys     int       `json:"keys,omitempty"`
	Nodes    int       `json:"nodes,omitempty"`
	Runs     []float64 `json:"runs"`
	Median   float64   `json:"median"`
	TooSmall bool      `json:"too_small,omitempty"` // the load of some run was too small to measure it
}

func (s *stand) newResult(ctx *cli.Context, what string, cfg *load.Config) *Result {
	r := &Result{Command: ctx.Command.Name, What: what, Machine: s.machine(), Store: cfg.Definition.StoreString(), began: time.Now()}
	for _, name := range ctx.LocalFlagNames() {
		if value := fmt.Sprint(ctx.Value(name)); name != "json" && name != "no-progress" {
			r.Flags = append(r.Flags, "--"+name+"="+value)
		}
	}
	slices.Sort(r.Flags)
	return r
}

// in is where figures belong.
type in struct {
	name        string
	keys, nodes int
}

// add adds a run's number to a figure. The figures of a case stay together.
func (r *Result) add(at in, name, unit string, value float64) {
	for i := range r.Figures {
		if f := &r.Figures[i]; f.Case == at.name && f.Name == name {
			f.Runs = append(f.Runs, value)
			f.Median = median(f.Runs)
			return
		}
	}
	place := len(r.Figures)
	for i, f := range r.Figures {
		if f.Case == at.name {
			place = i + 1
		}
	}
	r.Figures = slices.Insert(r.Figures, place, Figure{Case: at.name, Name: name, Unit: unit, Keys: at.keys, Nodes: at.nodes, Runs: []float64{value}, Median: value})
}

// addIf adds a run's number that may mean nothing, as the load was too small.
func (r *Result) addIf(isMeasured bool, at in, name, unit string, value float64) {
	r.add(at, name, unit, value)
	if f := r.figure(at.name, name); !isMeasured {
		f.TooSmall = true
	}
}

// figure finds a figure; nil if it is not there.
func (r *Result) figure(at, name string) *Figure {
	for i := range r.Figures {
		if f := &r.Figures[i]; f.Case == at && f.Name == name {
			return f
		}
	}
	return nil
}

// ratio adds what one figure's median is of another's, if both mean something.
func (r *Result) ratio(at in, name string, of, to *Figure) {
	if of != nil && to != nil && to.Median != 0 && !of.TooSmall && !to.TooSmall {
		r.add(at, name, "", of.Median/to.Median)
	}
}

// check notes a run that was not right.
func (r *Result) check(at in, run int, report *load.Report) {
	if !report.IsRight() {
		r.Wrong = append(r.Wrong, fmt.Sprintf("%s, run %d: %s", at.name, run+1, report.Verdict()))
	}
}

// median of an even number is the mean of the middle two; 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	v := slices.Sorted(slices.Values(values))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// finish writes the result, and makes the exit code of one that is not right. What an error ended is told as far as it came.
func (c *command) finish(r *Result, err error, asJSON bool) error {
	if r == nil || err != nil && len(r.Figures) == 0 {
		return err
	}
	if r.Took = int(time.Since(r.began).Seconds()); err != nil {
		r.Ended = err.Error()
	}
	var failed error
	if asJSON {
		out := json.NewEncoder(c.stdout)
		out.SetIndent("", "  ")
		failed = out.Encode(r)
	} else {
		_, failed = c.stdout.Write(r.text())
	}
	switch {
	case err != nil:
		return err
	case failed == nil && len(r.Wrong) > 0:
		return exit(exitWrong)
	}
	return failed
}

// text writes a result for a person.
func (r *Result) text() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s; stores %s\n%s\n", r.What, r.Store, &r.Machine)
	name, value := r.widths()
	last := ""
	for _, f := range r.Figures {
		if f.Case != last {
			fmt.Fprintf(&b, "\n%s\n", f.Case)
			last = f.Case
		}
		line := fmt.Sprintf("  %-*s  %*s", name, f.Name, value, f.text())
		if len(f.Runs) > 1 && !f.TooSmall {
			line += "   runs:"
			for _, v := range f.Runs {
				line += " " + number(v)
			}
		}
		fmt.Fprintln(&b, strings.TrimRight(line, " "))
	}
	b.WriteByte('\n')
	if slices.ContainsFunc(r.Figures, func(f Figure) bool { return f.TooSmall }) {
		fmt.Fprintln(&b, tooSmallMeans)
	}
	switch {
	case r.Ended != "":
		fmt.Fprintf(&b, "ENDED EARLY: %s\n", r.Ended)
	case len(r.Wrong) == 0:
		fmt.Fprintln(&b, "all right")
	}
	for _, w := range r.Wrong {
		fmt.Fprintf(&b, "WRONG: %s\n", w)
	}
	return b.Bytes()
}

// text is the median with its unit.
func (f *Figure) text() string {
	if f.TooSmall {
		return tooSmall
	}
	return strings.TrimRight(number(f.Median)+" "+f.Unit, " ")
}

func (r *Result) widths() (name, value int) {
	for _, f := range r.Figures {
		name, value = max(name, len(f.Name)), max(value, len(f.text()))
	}
	return name, value
}

// number writes three digits, and more only where they are there before the point: "0.148", "37.2", "1,540".
func number(v float64) string {
	switch {
	case v < 0:
		return "-" + number(-v)
	case v >= 999.5:
		return grouped(fmt.Sprintf("%.0f", v))
	}
	return fmt.Sprintf("%.3g", v)
}

// grouped writes commas between thousands.
func grouped(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
