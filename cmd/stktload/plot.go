package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
)

func (c *command) plotCommand() *cli.Command {
	return &cli.Command{
		Name:      "plot",
		Category:  measure,
		Usage:     "draw the result of linear",
		UsageText: "stktload plot [-o PICTURE.svg] RESULT.json",
		Description: "Reads what \"stktload linear --json\" wrote, and draws CPU time and memory by number of keys and by number of nodes, with the lines of least squares\n" +
			"and their slopes. A bar is from the least to the greatest of several runs.",
		Flags:  []cli.Flag{&cli.StringFlag{Name: "o", Usage: "write the picture to `FILE`, default standard output"}},
		Action: c.plot,
	}
}

func (c *command) plot(ctx *cli.Context) error {
	args, out := ctx.Args().Slice(), ctx.String("o")
	if len(args) == 3 && (args[1] == "-o" || args[1] == "--o") { // behind the file, where cli does not look for flags
		args, out = args[:1], args[2]
	}
	if len(args) != 1 {
		return usagef("plot takes one file, not %q", args)
	}
	picture, err := plotFile(args[0])
	if err != nil {
		return err
	}
	if out == "" {
		_, err = c.stdout.Write(picture)
		return err
	}
	return os.WriteFile(out, picture, 0o644)
}

func plotFile(name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var r Result
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	p := r.panels()
	if len(p) == 0 {
		return nil, fmt.Errorf("%s is no result of stktload linear", name)
	}
	return drawPanels(p, fmt.Sprintf("What an aggregator needs: %s", r.Store), r.note()), nil
}

// note says where the result was measured, and before that what keeps it from being whole.
func (r *Result) note() string {
	note := r.Machine.String()
	if len(r.Wrong) > 0 {
		note = fmt.Sprintf("NOT RIGHT: %s; %s", strings.Join(r.Wrong, ", "), note)
	}
	if r.Ended != "" {
		note = fmt.Sprintf("ENDED EARLY: %s; %s", r.Ended, note)
	}
	return note
}

// panel is one diagram.
type panel struct {
	title, slope, x, y string
	isLog              bool // x
	points             []point
	line               func(x float64) float64 // of least squares
}

type point struct{ x, y, least, most float64 }

// panels makes the diagrams of a result of linear.
func (r *Result) panels() []panel {
	keys, nodes := r.series(byKeys), r.series(byNodes)
	var all []panel
	if len(keys) > 1 {
		x := "keys, of 2 nodes each"
		cpu := r.panel(keys, perUpdateMoved, decades, panel{title: "CPU time of an update in or out", x: x, y: "ns", isLog: true})
		cpu.slope = told(r.areMeasured(keys, perUpdateMoved), "%+.3g ns for ten times the keys", r.slope(keys, decades, perUpdateMoved))
		memory := r.panel(keys, growthAKey, decades, panel{title: "Memory of a key", x: x, y: "bytes", isLog: true})
		each, fixed := r.line(keys, inKeys, growth)
		memory.slope = told(r.areMeasured(keys, growth), "%.3g bytes for one more key, and %.3g MB before the first", 1e6*each, fixed)
		memory.line = func(x float64) float64 { return 1e6 * (each + fixed/math.Pow(10, x)) }
		all = append(all, cpu, memory)
	}
	if len(nodes) > 1 {
		x := fmt.Sprintf("nodes, of %s keys each", short(float64(nodes[0].keys)))
		cpu := r.panel(nodes, perUpdateMoved, inNodes, panel{title: "CPU time of an update in or out", x: x, y: "ns"})
		cpu.slope = told(r.areMeasured(nodes, perUpdateMoved), "%+.3g ns for one more node", r.slope(nodes, inNodes, perUpdateMoved))
		memory := r.panel(nodes, growthAKey, inNodes, panel{title: "Memory of a key", x: x, y: "bytes"})
		memory.slope = told(r.areMeasured(nodes, growthAKey), "%+.3g bytes for one more node", r.slope(nodes, inNodes, growthAKey))
		all = append(all, cpu, memory)
	}
	return all
}

// panel fills in the points and the line of a figure; x gives places as they are on the axis.
func (r *Result) panel(points []in, name string, x func(in) float64, p panel) panel {
	for _, at := range points {
		f := r.figure(at.name, name)
		one := point{x: x(at), y: f.Median, least: math.Inf(1), most: math.Inf(-1)}
		for _, v := range f.Runs {
			one.least, one.most = min(one.least, v), max(one.most, v)
		}
		p.points = append(p.points, one)
	}
	m, b := r.line(points, x, name)
	p.line = func(x float64) float64 { return m*x + b }
	return p
}
