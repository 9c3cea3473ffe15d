package main

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"stktc/cmd/internal/flags"
	"stktc/grammar/diag"
)

// Exit codes, the same for every command.
const (
	exitDone     = 0
	exitFindings = 1  // findings at or above the threshold; nothing written
	exitUsage    = 2  // wrong flag or argument
	exitFailed   = 3  // could not do the work
	exitDiffers  = 4  // differences, only when asked for
	exitHAProxy  = 5  // haproxy -c refused a line that is ours
	exitConfig   = 78 // run: invalid configuration at start
)

// command is one invocation of stktc: everything it may touch of the process.
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

// main runs the command line and gives the exit code. A panic is a bug of ours: whoever meets it gets a sentence to report,
// and the stack only on demand.
func (c *command) main(args []string) (status int) {
	defer func() {
		if bug := recover(); bug != nil {
			fmt.Fprintf(c.stderr, "stktc: bug in stktc, please report it (STKTC_DEBUG=1 prints more): %v\n", bug)
			if c.env("STKTC_DEBUG") != "" {
				c.stderr.Write(debug.Stack())
			}
			status = exitFailed
		}
	}()
	if len(args) > 0 && (args[0] == "--version" || args[0] == "-v") {
		args[0] = "version"
	}
	app := c.app()
	err := app.Run(append([]string{app.Name}, flagsFirst(app, args)...))
	var code exit
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage):
		fmt.Fprintf(c.stderr, "stktc: %v\n", err)
		return exitUsage
	}
	fmt.Fprintf(c.stderr, "stktc: %v\n", err)
	return exitFailed
}

func (c *command) app() *cli.App {
	usage := func(ctx *cli.Context, err error, _ bool) error {
		if ctx.Command != nil {
			return usageError{flags.Explain(err, ctx.Command.Flags)}
		}
		return usageError{flags.Explain(err, ctx.App.Flags)}
	}
	return &cli.App{
		Name:                      "stktc",
		Usage:                     "one topology file in, checked HAProxy stick-table aggregation out",
		Reader:                    c.stdin,
		Writer:                    c.stdout,
		ErrWriter:                 c.stderr,
		HideVersion:               true,
		DisableSliceFlagSeparator: true,
		ExitErrHandler:            func(*cli.Context, error) {},
		OnUsageError:              usage,
		Action:                    c.noCommand,
		Commands:                  c.commands(usage),
	}
}

// commands lists the subcommands in the order of the help.
func (c *command) commands(usage cli.OnUsageErrorFunc) []*cli.Command {
	commands := []*cli.Command{
		c.buildCommand(),
		c.lintCommand(),
		c.graphCommand(),
		c.runCommand(),
		c.labCommand(),
		c.explainCommand(),
		c.rulesCommand(),
		c.showCommand(),
		c.clearCommand(),
		c.reloadCommand(),
		c.initCommand(),
		c.fmtCommand(),
		c.schemaCommand(),
		c.versionCommand(),
	}
	for _, cmd := range commands {
		cmd.OnUsageError = usage
		cmd.HideHelpCommand = true // or a file called "h" would ask for help
	}
	return commands
}

func (c *command) noCommand(ctx *cli.Context) error {
	if name := ctx.Args().First(); name != "" {
		var known []string
		for _, cmd := range ctx.App.Commands {
			known = append(known, cmd.Name)
		}
		hint := "see stktc --help"
		if near := diag.Nearest(name, known); near != "" {
			hint = "did you mean stktc " + near + "?"
		}
		return usagef("%q is not a command; %s", name, hint)
	}
	return cli.ShowAppHelp(ctx)
}

// flagsFirst moves flags before the file names of a subcommand: urfave/cli stops at the first argument, and would take a flag behind it for a file.
func flagsFirst(app *cli.App, args []string) []string {
	if len(args) == 0 {
		return args
	}
	cmd := app.Command(args[0])
	if cmd == nil {
		return args
	}
	byName := map[string]cli.Flag{}
	for _, f := range cmd.Flags {
		for _, n := range f.Names() {
			byName[n] = f
		}
	}
	flags, files := []string{args[0]}, []string{}
	for i := 1; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			files = append(files, args[i:]...)
			break
		}
		if len(a) < 2 || a[0] != '-' || isNumber(a) {
			files = append(files, a)
			continue
		}
		flags = append(flags, a)
		if i+1 == len(args) {
			break
		}
		switch byName[strings.TrimLeft(a, "-")].(type) {
		case nil, *cli.BoolFlag:
		case *cli.GenericFlag: // its value may be left out, so it has to stand behind "="
			if isNumber(args[i+1]) {
				i++
				flags[len(flags)-1] += "=" + args[i]
			}
		default:
			i++
			flags = append(flags, args[i])
		}
	}
	return append(flags, files...)
}

// isNumber tells a number, which may be negative, from a flag.
func isNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}
