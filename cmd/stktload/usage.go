package main

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"stktc/grammar/diag"
)

var (
	unreadable = regexp.MustCompile(`^invalid value "(.*)" for flag -(\S+): `)
	undefined  = regexp.MustCompile(`^flag provided but not defined: -(\S+)$`)
	digits     = regexp.MustCompile(`^\d+$`)
)

// explain says of a flag's value that cannot be read what can, and of a flag that there is not which one is near.
func (c *command) explain(ctx *cli.Context, err error) error {
	if m := undefined.FindStringSubmatch(err.Error()); m != nil {
		var names []string
		for _, f := range flagsOf(ctx) {
			names = append(names, "--"+f.Names()[0])
		}
		return fmt.Errorf("there is no flag `%s`%s", c.written(m[1]), didYouMean("--"+m[1], names))
	}
	m := unreadable.FindStringSubmatch(err.Error())
	if m == nil {
		return err
	}
	for _, f := range flagsOf(ctx) {
		if slices.Contains(f.Names(), m[2]) {
			return fmt.Errorf("--%s %q: accepted are %s", m[2], m[1], accepted(f, m[1]))
		}
	}
	return err
}

// written gives a flag as it stands on the command line.
func (c *command) written(flag string) string {
	for _, arg := range c.args {
		if name, _, _ := strings.Cut(arg, "="); strings.HasPrefix(name, "-") && strings.TrimLeft(name, "-") == flag {
			return name
		}
	}
	return "--" + flag
}

// didYouMean asks for the candidate that is near; "" if none is.
func didYouMean(word string, candidates []string) string {
	if near := diag.Nearest(word, candidates); near != "" {
		return fmt.Sprintf(", did you mean `%s`?", near)
	}
	return ""
}

func commandNames(ctx *cli.Context) (names []string) {
	for _, one := range ctx.App.Commands {
		names = append(names, one.Name)
	}
	return names
}

// accepted says what a flag takes instead of a text.
func accepted(f cli.Flag, text string) string {
	switch f.(type) {
	case *cli.DurationFlag:
		if digits.MatchString(text) {
			return fmt.Sprintf("times with their unit: `%ss`?", text)
		}
		return "times with their unit, as `10s` and `500ms`"
	case *cli.GenericFlag:
		return counts
	case *cli.Float64Flag:
		return "numbers"
	case *cli.BoolFlag:
		return "true and false"
	}
	return "whole numbers"
}

// least is the least that flags take which have no use for 0.
var least = map[string]int{"nodes": 1, "keys": 1, "nodes-keys": 1, "samples": 1, "runs": 1, "looks": 1, "slow-rate": 1}

// checkSigns refuses values that are too small to mean anything.
func checkSigns(ctx *cli.Context) error {
	for _, f := range flagsOf(ctx) {
		name := f.Names()[0]
		v := reflect.ValueOf(ctx.Value(name))
		isNegative := v.CanInt() && v.Int() < int64(least[name]) || v.CanFloat() && v.Float() < 0
		if isNegative {
			return usagef("--%s %v: accepted are %d and more", name, v, least[name])
		}
	}
	return nil
}

// flagsOf are the flags of the command at hand.
func flagsOf(ctx *cli.Context) []cli.Flag {
	if ctx.Command != nil && len(ctx.Command.Flags) > 0 {
		return ctx.Command.Flags
	}
	return ctx.App.Flags
}
