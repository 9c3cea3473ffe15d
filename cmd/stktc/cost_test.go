package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"stktc/cmd/internal/corpus"
)

// corpusAggregators is how many aggregators the measured topologies have.
const corpusAggregators = 100

// measured is a command line of which the cost is measured, on a topology and what is built of it.
type measured struct {
	name string
	args []string
	// What it may take for 10,000 balancers on two processors.
	wall time.Duration
}

var measuredCommands = []measured{
	{"Build", []string{"build", "topology.yaml", "-o", "out"}, 5 * time.Second},
	{"Lint", []string{"lint", "out"}, 8 * time.Second},
}

const maxPeak = 1 << 30 // bytes

// BenchmarkBuild builds a topology that nothing was built of yet; peak-MB is the process's memory, cpu-s the time on all processors.
func BenchmarkBuild(b *testing.B) { measuredCommands[0].bench(b) }

// BenchmarkLint lints what was built as the deployed files of all hosts.
func BenchmarkLint(b *testing.B) { measuredCommands[1].bench(b) }

func (m *measured) bench(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		b.Run(fmt.Sprintf("balancers=%d", n), func(b *testing.B) {
			dir := writeCorpus(b, n)
			m.prepare(b, dir)
			var total cost
			for b.Loop() {
				total.add(m.cost(b, dir))
			}
			b.ReportMetric(total.cpu.Seconds()/float64(b.N), "cpu-s/op")
			b.ReportMetric(float64(total.peak)/1e6, "peak-MB")
		})
	}
}

// prepare leaves in the directory what the command needs and is not there yet.
func (m *measured) prepare(t testing.TB, dir string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, "out")); err != nil && m.args[0] == "lint" {
		measuredCommands[0].cost(t, dir)
	}
}

// cost runs the command. What it has built before goes out of its way, and is not deleted: ext4 takes ten times as long to create a file for some
// seconds after that, in search of inodes that were not in use just before.
func (m *measured) cost(t testing.TB, dir string) cost {
	t.Helper()
	if m.args[0] == "build" {
		err := os.Rename(filepath.Join(dir, "out"), filepath.Join(dir, strconv.FormatInt(time.Now().UnixNano(), 36)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	return stktcCost(t, dir, m.args...)
}

// TestGrowth: eight times the balancers cost eight times the processor time, give or take. Whatever compares each host with each other takes
// sixty times as much. The benchmarks say what it is in seconds.
func TestGrowth(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	t.Parallel() // what others take does not count
	small, large := writeCorpus(t, 500), writeCorpus(t, 4_000)
	for _, m := range measuredCommands {
		m.prepare(t, small)
		m.prepare(t, large)
		few, many := m.cost(t, small), m.cost(t, large)
		if ratio := many.cpu.Seconds() / few.cpu.Seconds(); ratio > 20 {
			t.Errorf("%s: %v for 500 balancers, %v for 4,000: %.0f times as much", m.name, few.cpu, many.cpu, ratio)
		}
		if many.peak > maxPeak*4/10 {
			t.Errorf("%s: %d MB for 4,000 balancers", m.name, many.peak/1e6)
		}
	}
}

// TestCost holds the commands to what they may take for 10,000 balancers. Other work on the machine does not count: each of two processors
// could have been at it for all of the time.
func TestCost(t *testing.T) {
	if os.Getenv("STKTC_COST") == "" {
		t.Skip("STKTC_COST=1 measures 10,000 balancers")
	}
	dir := writeCorpus(t, 10_000)
	for _, m := range measuredCommands {
		m.prepare(t, dir)
		c := m.cost(t, dir)
		t.Logf("%s: %v, %v of processor time, %d MB", m.name, c.wall, c.cpu, c.peak/1e6)
		if c.cpu > 2*m.wall || c.peak > maxPeak {
			t.Errorf("%s: %v of processor time and %d MB; accepted are %v and %d MB", m.name, c.cpu, c.peak/1e6, 2*m.wall, maxPeak/1_000_000)
		}
	}
}

// cost is what processes took; of several the peak is the highest.
type cost struct {
	wall, cpu time.Duration
	peak      int64 // bytes of memory
}

func (c *cost) add(other cost) {
	c.wall += other.wall
	c.cpu += other.cpu
	c.peak = max(c.peak, other.peak)
}

// stktcCost runs a command line as a process of its own: the test's binary is stktc by that name, see TestMain.
func stktcCost(t testing.TB, dir string, args ...string) cost {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), binary)
	run.Args = append([]string{"stktc"}, args...)
	run.Dir = dir
	start := time.Now()
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("stktc %v: %v\n%s", args, err, out[:min(len(out), 2000)])
	}
	c := cost{wall: time.Since(start), cpu: run.ProcessState.UserTime() + run.ProcessState.SystemTime()}
	if usage, ok := run.ProcessState.SysUsage().(*syscall.Rusage); ok {
		c.peak = usage.Maxrss * 1024 // Linux counts in KiB
	}
	return c
}

func writeCorpus(t testing.TB, balancers int) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range corpus.Generate(corpus.Size{Balancers: balancers, Aggregators: corpusAggregators}).Files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
