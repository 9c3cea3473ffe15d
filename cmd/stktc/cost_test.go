package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stktc/cmd/internal/corpus"
)

// BenchmarkBuild builds a topology that nothing was built of yet.
func BenchmarkBuild(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		b.Run(fmt.Sprintf("balancers=%d", n), func(b *testing.B) {
			dir := writeCorpus(b, n)
			for b.Loop() {
				b.StopTimer()
				if err := os.RemoveAll(filepath.Join(dir, "out")); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				mustRun(b, "build", filepath.Join(dir, "topology.yaml"), "-o", filepath.Join(dir, "out"))
			}
		})
	}
}

// BenchmarkLint lints what was built as the deployed files of all hosts.
func BenchmarkLint(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		b.Run(fmt.Sprintf("balancers=%d", n), func(b *testing.B) {
			dir := writeCorpus(b, n)
			mustRun(b, "build", filepath.Join(dir, "topology.yaml"), "-o", filepath.Join(dir, "out"))
			for b.Loop() {
				mustRun(b, "lint", filepath.Join(dir, "out"))
			}
		})
	}
}

// corpusAggregators is how many aggregators the measured topologies have.
const corpusAggregators = 100

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

func mustRun(t testing.TB, args ...string) {
	t.Helper()
	var out bytes.Buffer
	c := &command{stdin: strings.NewReader(""), stdout: &out, stderr: &out, env: func(string) string { return "" }}
	if status := c.main(args); status != exitDone {
		t.Fatalf("%s: exit %d\n%s", args[0], status, out.Bytes()[:min(out.Len(), 2000)])
	}
}
