package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const figuresDir = "../../testdata/figures/"

// shown is a row of the README's table: figures of one kept result.
type shown struct {
	what, file string
	figures    []shownFigure
}

// shownFigure is a figure of a row, with the words before it.
type shownFigure struct{ words, at, name string }

const known = "keys that are known"

var readmeRows = []shown{
	{"CPU of an update that is summed and pushed back to both of 2 nodes, 1 M keys in scattered order", "compare", []shownFigure{
		{"", "scattered, " + known, ourCPU}, {"HAProxy only to receive it", "scattered, " + known, theirCPU}, {"ratio", "scattered, " + known, ratioName}}},
	{"the same, keys in order", "compare", []shownFigure{
		{"", "in-order, " + known, ourCPU}, {"HAProxy", "in-order, " + known, theirCPU}, {"ratio", "in-order, " + known, ratioName}}},
	{"the same, 100 k keys in scattered order, at 100,000 updates a second", "paced", []shownFigure{
		{"", "scattered, " + known, ourCPU}, {"HAProxy", "scattered, " + known, theirCPU}}},
	{"the same, HAProxy with one thread instead of one for each core", "paced1", []shownFigure{
		{"", "scattered, " + known, ourCPU}, {"HAProxy", "scattered, " + known, theirCPU}}},
	{"the same, 5 nodes, at 20,000 updates a second in all", "paced5", []shownFigure{
		{"", "scattered, " + known, ourCPU}, {"HAProxy", "scattered, " + known, theirCPU}}},
	{"CPU of an update in or out, flat out, 20 k keys, which a processor's cache holds", "linear", []shownFigure{
		{"2 nodes", byNodes + "2 nodes", perUpdateMoved}, {"16", byNodes + "16 nodes", perUpdateMoved}, {"64", byNodes + "64 nodes", perUpdateMoved}}},
	{"CPU of an update in, its sums to all nodes included, flat out, 1 M keys", "sizing", []shownFigure{
		{"2 nodes", byNodes + "2 nodes", perUpdateIn}, {"5", byNodes + "5 nodes", perUpdateIn}, {"16", byNodes + "16 nodes", perUpdateIn}}},
	{"memory of a key that all nodes count, 1 M keys", "sizing", []shownFigure{
		{"2 nodes", byNodes + "2 nodes", growthAKey}, {"5", byNodes + "5 nodes", growthAKey}, {"16", byNodes + "16 nodes", growthAKey}}},
	{"updates in, flat out, 1 M keys", "scale", []shownFigure{{"1 core", "GOMAXPROCS=1", updatesIn}, {"2 cores", "GOMAXPROCS=2", updatesIn}, {"as many times", "GOMAXPROCS=2", "updates in, of those with GOMAXPROCS=1"},
		{"a word from one of the cores to the other", "GOMAXPROCS=2", wordsWay}}},
	{"memory of a key with 2 contributors", "memory", []shownFigure{
		{"", "1 M keys, 2 of 2 peers there", growthAKey}, {"with 64 peers configured", "1 M keys, 2 of 64 peers there", growthAKey},
		{"15 M updates past a peer that does not read", "15 M updates past a node that does not read, 100 k keys", "growth"}}},
	{"memory of 10 M keys with 2 contributors each", "linear", []shownFigure{{"", byKeys + "10 M keys, 2 nodes", growth}}},
	{"latency, 99 of 100", "latency", []shownFigure{
		{"idle", "idle, 1 M keys", "p99"}, {"beside 100,000 updates a second", "beside 100 k updates a second, 1 M keys", "p99"},
		{"beside a load flat out", "beside a load flat out, 1 M keys", "p99"}}},
	{"longest stall with 10 M keys that came at 250,000 a second", "latency", []shownFigure{
		{"while they come", "10 M keys, while they come", "longest"}, {"all taught anew", "10 M keys, sessions lost and everything taught anew", "longest"},
		{"dropped of one node", "10 M keys, dropped of one node", "longest"}, {"while they expire", "10 M keys, while they expire", "longest"}}},
	{"the same of a process that only echoes, beside it: what the machine takes by itself", "latency", []shownFigure{
		{"while they come", "10 M keys, while they come", longestEcho}, {"all taught anew", "10 M keys, sessions lost and everything taught anew", longestEcho},
		{"dropped of one node", "10 M keys, dropped of one node", longestEcho}, {"while they expire", "10 M keys, while they expire", longestEcho}}},
	{"killed with 1 M keys from two HAProxys: all sums right after", "recover", []shownFigure{
		{"", "1 M keys", "killed and started again: sums right on both nodes"}, {"sums shown meanwhile that were neither the old nor the new", "1 M keys", "of them neither the old nor the new"}}},
}

var figuresBlock = regexp.MustCompile(`(?s)(<!-- figures -->\n)(.*?)(<!-- end -->)`)

// TestREADMEFigures holds the README's table to the results that are kept. With -update it is rewritten.
func TestREADMEFigures(t *testing.T) {
	const readme = "../../README.md"
	old, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	if !figuresBlock.Match(old) {
		t.Fatal("README.md has no block of figures")
	}
	table := figuresTable(t)
	text := figuresBlock.ReplaceAllFunc(old, func(b []byte) []byte {
		m := figuresBlock.FindSubmatch(b)
		return fmt.Appendf(nil, "%s%s%s", m[1], table, m[3])
	})
	switch {
	case bytes.Equal(old, text):
	case !*update:
		t.Fatal("README.md is stale: go test ./cmd/stktload -run TestREADMEFigures -update")
	default:
		if err := os.WriteFile(readme, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func figuresTable(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	var machines, haproxies []string
	b.WriteString("| what | measured | by `stktload` |\n|---|---|---|\n")
	for _, row := range readmeRows {
		r := keptResult(t, row.file)
		if r == nil {
			continue
		}
		fmt.Fprintf(&b, "| %s | %s | `%s` |\n", row.what, row.text(t, r), r.commandLine())
		m := r.Machine
		m.LoadAvg, m.HAProxy = "", "" // how busy it was stands in the result
		machines = addOnce(machines, m.String())
		if r.Machine.HAProxy != "" {
			haproxies = addOnce(haproxies, r.Machine.HAProxy)
		}
	}
	fmt.Fprintf(&b, "\nMedians (lowest to highest run, where they are a tenth apart), every field of every sum checked (of latency, on the nodes that load); keys are IPv4 addresses, with `gpc0,http_req_cnt,http_req_rate(10s)`; %s.\n", strings.Join(append(machines, haproxies...), "; "))
	return b.Bytes()
}

// commandLine is what made the result, without the programs' paths.
func (r *Result) commandLine() string {
	line := r.Command
	for _, f := range r.Flags {
		if name, value, _ := strings.Cut(f, "="); !strings.HasPrefix(value, "/") {
			line += " " + name + " " + value
		}
	}
	return line
}

func addOnce(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// spread writes the lowest and the highest run of a figure, if they are far apart.
func spread(f *Figure) string {
	if len(f.Runs) < 2 {
		return ""
	}
	lowest, highest := slices.Min(f.Runs), slices.Max(f.Runs)
	if highest <= lowest*1.1 {
		return ""
	}
	return fmt.Sprintf(" (%s to %s)", number(lowest), number(highest))
}

// keptResult reads a result; nil if it was not measured.
func keptResult(t *testing.T, name string) *Result {
	t.Helper()
	text, err := os.ReadFile(figuresDir + name + ".json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var r Result
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &r
}

func (s *shown) text(t *testing.T, r *Result) string {
	t.Helper()
	var parts []string
	for _, one := range s.figures {
		f := r.figure(one.at, one.name)
		for i := range r.Figures { // of linear, whose number of keys is a flag
			if other := &r.Figures[i]; f == nil && strings.HasPrefix(other.Case, one.at+", ") && other.Name == one.name {
				f = other
			}
		}
		if f == nil {
			t.Errorf("%s.json has no %q of %q", s.file, one.name, one.at)
			continue
		}
		value := f.text() + spread(f)
		if one.words != "" {
			value = one.words + ": " + value
		}
		parts = append(parts, value)
	}
	return strings.Join(parts, "; ")
}

// TestKeptResults: what is kept was all right, and comes from a command of today.
func TestKeptResults(t *testing.T) {
	names, err := filepath.Glob(figuresDir + "*.json")
	if err != nil || len(names) == 0 {
		t.Fatal("no results are kept", err)
	}
	c := &command{}
	for _, name := range names {
		r := keptResult(t, strings.TrimSuffix(filepath.Base(name), ".json"))
		if len(r.Wrong) > 0 {
			t.Errorf("%s: %q", name, r.Wrong)
		}
		if slices.ContainsFunc(r.Figures, func(f Figure) bool { return f.TooSmall }) {
			t.Errorf("%s: some load was %s", name, tooSmall)
		}
		if c.app().Command(r.Command) == nil {
			t.Errorf("%s is of `%s`, which is no command", name, r.Command)
		}
	}
}

// TestREADMESizing: the README's example of sizing is the one that a script runs.
func TestREADMESizing(t *testing.T) {
	script, err := os.ReadFile("testdata/script/sizing.txtar")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(script), "-- size.sh --\n")
	want := "    " + strings.ReplaceAll(strings.TrimSpace(example), "\n", "\n    ") + "\n"
	if readme, err := os.ReadFile("../../README.md"); err != nil || !strings.Contains(string(readme), want) {
		t.Errorf("README.md has not (%v)\n%s", err, want)
	}
}

// TestKeptPicture holds the picture in the README to the result that is kept beside it.
func TestKeptPicture(t *testing.T) {
	const result, picture = "../../testdata/figures/linear.json", "../../testdata/figures/linear.svg"
	want, err := plotFile(result)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(picture, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(picture)
	if err != nil || string(got) != string(want) {
		t.Errorf("%s is not what %s draws: go test ./cmd/stktload -run TestKeptPicture -update (%v)", picture, result, err)
	}
}
