package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"stktc/grammar/diag"
	"stktc/topology/check"
)

// selection is what --only and --skip say.
type selection struct{ only, skip []string }

// codePattern is a code, or the beginning of one: STK201, STK2, STK2xx.
var codePattern = regexp.MustCompile(`^STK[0-9]{0,3}$`)

func newSelection(ctx *cli.Context) (*selection, error) {
	s := &selection{}
	known := knownIDs()
	for flag, list := range map[string]*[]string{"only": &s.only, "skip": &s.skip} {
		for _, value := range ctx.StringSlice(flag) {
			for id := range strings.SplitSeq(value, ",") {
				pattern := strings.TrimRight(strings.ToUpper(id), "X")
				switch {
				case slices.Contains(known, id):
					*list = append(*list, id)
				case codePattern.MatchString(pattern) && slices.ContainsFunc(known, func(k string) bool { return strings.HasPrefix(k, pattern) }):
					*list = append(*list, pattern)
				default:
					return nil, unknownID("--"+flag, id)
				}
			}
		}
	}
	return s, nil
}

// knownIDs lists the codes and slugs of all findings.
func knownIDs() []string {
	var known []string
	for _, r := range rules() {
		known = append(known, string(r.code), r.slug)
	}
	return known
}

func unknownID(what, id string) error {
	hint := "stktc rules lists them all"
	if near := diag.Nearest(id, knownIDs()); near != "" {
		hint = "did you mean " + near + "?"
	}
	return usagef("%s %q: there is no such finding; %s", what, id, hint)
}

func matches(patterns []string, f *diag.Finding) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		return p == f.Slug || codePattern.MatchString(p) && strings.HasPrefix(string(f.Code), p)
	})
}

// asked leaves out the findings that are reported only to those who ask for them, unless --only does.
func (s *selection) asked(list diag.List) diag.List {
	return slices.DeleteFunc(list, func(f diag.Finding) bool {
		k := check.Lookup(string(f.Code))
		return k != nil && k.Asked && !matches(s.only, &f)
	})
}

// apply leaves out what is not asked for. Errors are never skipped; and those that say that a file was not understood (STK0) stay whatever is asked for,
// as silence about such a file would pass for "all is well". The second result counts the errors that were to be skipped.
func (s *selection) apply(list diag.List) (kept diag.List, unskipped int) {
	for i := range list {
		f := &list[i]
		isError := f.Severity == diag.Error
		switch {
		case len(s.only) > 0 && !matches(s.only, f) && !(isError && strings.HasPrefix(string(f.Code), "STK0")):
			continue
		case matches(s.skip, f) && !isError:
			continue
		case matches(s.skip, f) && f.Silenced == nil:
			unskipped++
		}
		kept = append(kept, *f)
	}
	return kept, unskipped
}

func (l *lint) sayUnskipped(n int) {
	if n > 0 {
		fmt.Fprintf(l.stderr, "stktc: --skip does not apply to errors: %d shown all the same\n", n)
	}
}
