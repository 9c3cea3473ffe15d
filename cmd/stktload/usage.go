package main

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"

	"github.com/urfave/cli/v2"
)

var unreadable = regexp.MustCompile(`^invalid value (".*") for flag -(\S+): parse error$`)

// explain says of a flag's value that cannot be read what can.
func explain(ctx *cli.Context, err error) error {
	m := unreadable.FindStringSubmatch(err.Error())
	if m == nil {
		return err
	}
	for _, f := range flagsOf(ctx) {
		if slices.Contains(f.Names(), m[2]) {
			return fmt.Errorf("--%s %s: accepted are %s", m[2], m[1], accepted(f))
		}
	}
	return err
}

func accepted(f cli.Flag) string {
	switch f.(type) {
	case *cli.DurationFlag:
		return "times with their unit, as `10s` and `500ms`"
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
