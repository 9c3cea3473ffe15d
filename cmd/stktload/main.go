// Command stktload loads an aggregator, or a HAProxy that only receives, as a cluster of HAProxy nodes would, verifies every sum that comes back, and
// tells what it cost: to size an aggregator before it is deployed.
package main

import (
	"os"
	"runtime"
)

func main() {
	c := &command{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, env: os.Getenv}
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 2) // as stktc run does: what is timed must not wait for what is not
	}
	os.Exit(c.main(os.Args[1:]))
}
