// Package flags says of mistakes on the command line what was written, and what is accepted.
package flags

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"stktc/grammar/diag"
)

// What the standard library says, which cli hands on.
var (
	unreadable = regexp.MustCompile(`^invalid (?:boolean )?value (".*") for (?:flag )?-(\S+): `)
	unknown    = regexp.MustCompile(`^flag provided but not defined: -(\S+)$`)
	missing    = regexp.MustCompile(`^flag needs an argument: -(\S+)$`)
)

// Explain says of an error in reading the flags which flag it is, as one writes it, and what is accepted; other errors it gives back as they are.
func Explain(err error, flags []cli.Flag) error {
	text := err.Error()
	if m := unreadable.FindStringSubmatch(text); m != nil {
		if f := find(flags, m[2]); f != nil {
			return fmt.Errorf("%s %s: accepted are %s", written(m[2]), m[1], accepted(f, m[1]))
		}
	}
	if m := unknown.FindStringSubmatch(text); m != nil {
		return fmt.Errorf("there is no flag `%s`%s", written(m[1]), hint(m[1], flags))
	}
	if m := missing.FindStringSubmatch(text); m != nil {
		return fmt.Errorf("%s needs a value: %s", written(m[1]), accepted(find(flags, m[1]), ""))
	}
	return err
}

// hint names the flag that was likely meant, or all that there are.
func hint(name string, flags []cli.Flag) string {
	var names, all []string
	for _, f := range flags {
		names = append(names, f.Names()...)
		all = append(all, written(f.Names()[0]))
	}
	if near := diag.Nearest(name, names); near != "" {
		return DidYouMean(written(name), []string{written(near)})
	}
	if len(all) == 0 {
		return ": it takes none"
	}
	return ": accepted are " + strings.Join(all, ", ")
}

// DidYouMean asks for the candidate that is near; "" if none is.
func DidYouMean(word string, candidates []string) string {
	if near := diag.Nearest(word, candidates); near != "" {
		return fmt.Sprintf(", did you mean `%s`?", near)
	}
	return ""
}

func written(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

func find(flags []cli.Flag, name string) cli.Flag {
	if i := slices.IndexFunc(flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) }); i >= 0 {
		return flags[i]
	}
	return nil
}

// Accepter is the value of a cli.GenericFlag that says itself what it accepts.
type Accepter interface{ Accepted() string }

var digits = regexp.MustCompile(`^"\d+"$`)

// accepted says what a flag takes, instead of a value in quotes if there is one.
func accepted(f cli.Flag, value string) string {
	switch f := f.(type) {
	case *cli.DurationFlag:
		if digits.MatchString(value) {
			return fmt.Sprintf("times with their unit: `%ss`?", strings.Trim(value, `"`))
		}
		return "times with their unit, as `10s` and `500ms`"
	case *cli.GenericFlag:
		if a, ok := f.Value.(Accepter); ok {
			return a.Accepted()
		}
	case *cli.Float64Flag:
		return "numbers"
	case *cli.BoolFlag:
		return "true and false"
	case *cli.IntFlag, *cli.Uint64Flag:
		return "whole numbers"
	}
	if d, ok := f.(cli.DocGenerationFlag); ok {
		return strings.ReplaceAll(d.GetUsage(), "`", "")
	}
	return "a text"
}
