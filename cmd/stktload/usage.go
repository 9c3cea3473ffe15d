package main

import (
	"reflect"

	"github.com/urfave/cli/v2"
)

func commandNames(ctx *cli.Context) (names []string) {
	for _, one := range ctx.App.Commands {
		names = append(names, one.Name)
	}
	return names
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
