// Command stktc compiles one topology file into the configuration of every host of an HAProxy cluster, checks what is deployed across hosts,
// and runs the aggregators.
package main

import "os"

func main() {
	c := &command{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, env: os.Getenv}
	os.Exit(c.main(os.Args[1:]))
}
