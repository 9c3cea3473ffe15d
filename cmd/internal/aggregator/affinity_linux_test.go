package aggregator

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"testing"

	"stktc/topology"
)

// TestPin runs in a process of its own, since what it does cannot be undone: every thread, those that were there and those that come later, is on the chosen processor.
func TestPin(t *testing.T) {
	if os.Getenv("STKTC_TEST_PIN") == "1" {
		pinAndTell(t)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestPin$", "-test.v")
	cmd.Env = append(os.Environ(), "STKTC_TEST_PIN=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	threads := 0
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		if allowed, ok := strings.CutPrefix(s.Text(), "thread "); ok {
			threads++
			if allowed != "0" {
				t.Errorf("a thread may run on %s, want 0", allowed)
			}
		}
	}
	if threads < 3 {
		t.Errorf("%d threads only:\n%s", threads, out)
	}
}

func pinAndTell(t *testing.T) {
	if _, err := Pin([]topology.CPUMap{{CPUs: []int{1023}}}); err == nil || !strings.Contains(err.Error(), "none of the processors") {
		t.Errorf("a processor that is not there: %v", err)
	}
	n, err := Pin([]topology.CPUMap{{CPUs: []int{0}}, {CPUs: []int{0, 1023}}})
	if err != nil || n != 1 || goruntime.GOMAXPROCS(0) != 1 {
		t.Fatalf("%d, %v; GOMAXPROCS %d", n, err, goruntime.GOMAXPROCS(0))
	}
	started, end := make(chan bool), make(chan bool)
	for range 3 { // new threads
		go func() { goruntime.LockOSThread(); started <- true; <-end }()
		<-started
	}
	files, _ := filepath.Glob("/proc/self/task/*/status")
	for _, f := range files {
		text, _ := os.ReadFile(f)
		_, rest, _ := strings.Cut(string(text), "Cpus_allowed_list:\t")
		allowed, _, _ := strings.Cut(rest, "\n")
		fmt.Println("thread " + allowed)
	}
	close(end)
}

func TestPinNothing(t *testing.T) {
	before := goruntime.GOMAXPROCS(0)
	if n, err := Pin(nil); n != 0 || err != nil || goruntime.GOMAXPROCS(0) != before {
		t.Errorf("%d, %v", n, err)
	}
}
