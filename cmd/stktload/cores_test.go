package main

import (
	"runtime"
	"testing"
)

// TestCoreToCore: a word's way is timed wherever two threads can run, and takes longer than a read of what is near.
func TestCoreToCore(t *testing.T) {
	ns, ok := coreToCore()
	if ok != (runtime.NumCPU() > 1 && runtime.GOMAXPROCS(0) > 1) {
		t.Fatal(ns, ok)
	}
	if ok && ns < 2 {
		t.Errorf("%f ns", ns)
	}
}
