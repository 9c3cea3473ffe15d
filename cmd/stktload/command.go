package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"stktc/cmd/internal/flags"
)

// Exit codes.
const (
	exitDone   = 0
	exitWrong  = 1 // sums are wrong, or did not come in time
	exitUsage  = 2 // wrong flag or argument
	exitFailed = 3 // the load could not be played

	exitInterrupted = 130 // as shells have it
)

// command is one invocation: everything it may touch of the process.
type command struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            func(string) string
}

// exit is an error that only carries an exit code: what there is to say has been said.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// usageError is a mistake on the command line.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// main runs the command line and gives the exit code.
func (c *command) main(args []string) (status int) {
	defer func() {
		if bug := recover(); bug != nil {
			fmt.Fprintf(c.stderr, "stktload: bug in stktload, please report it (STKTC_DEBUG=1 prints more): %v\n", bug)
			if c.env("STKTC_DEBUG") != "" {
				c.stderr.Write(debug.Stack())
			}
			status = exitFailed
		}
	}()
	err := c.app().Run(append([]string{"stktload"}, args...))
	var code exit
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &code):
		return int(code)
	}
	fmt.Fprintf(c.stderr, "stktload: %v\n", err)
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}

func (c *command) app() *cli.App {
	usage := func(ctx *cli.Context, err error, _ bool) error { return usageError{flags.Explain(err, flagsOf(ctx))} }
	commands := []*cli.Command{c.compareCommand(), c.scaleCommand(), c.memoryCommand(), c.linearCommand(), c.latencyCommand(), c.recoverCommand(), c.plotCommand(), c.echoCommand()}
	for _, one := range commands {
		one.OnUsageError = usage
	}
	return &cli.App{
		Name:  "stktload",
		Usage: "load an aggregator as HAProxy nodes do, and verify every sum",
		UsageText: "stktload --target ADDRESS --target-name NAME [--nodes N] [--keys N] [--updates N | --duration TIME] …\n" +
			"stktload compare|scale|memory|linear|latency|recover|plot …",
		Description: "Plays HAProxy nodes against anything that speaks the peers protocol. Each node counts in a table NAME.raw, pushes what it counted, and\n" +
			"reads the sums that the target pushes as NAME.sum. First each key is pushed once (the fill), then the load is. At the end every\n" +
			"field of every sum on every node is compared with what the nodes counted, several times, some seconds apart. With --pid the\n" +
			"target's CPU time and memory are told. Numbers may end with k and m: --keys 300k. Exits with 0 when all is right, 1 when not, 2 for a\n" +
			"mistake on the command line, 3 when the target cannot be loaded, and 130 when it was interrupted, with what was measured until then.\n\n" + legend,
		Reader:                    c.stdin,
		Writer:                    c.stdout,
		ErrWriter:                 c.stderr,
		HideVersion:               true,
		DisableSliceFlagSeparator: true,
		ExitErrHandler:            func(*cli.Context, error) {},
		OnUsageError:              usage,
		Flags:                     append(append(targetFlags(), tableFlags()...), append(loadFlags(), reportFlags()...)...),
		Action:                    c.load,
		Commands:                  commands,
	}
}

// isTerminal tells whether a person watches.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
