package grammar

import (
	"strconv"
	"time"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"stktc/grammar/diag"
)

// Every lexer of a scalar ends in a rule that takes any character: a lexer's error would lose the syntax tree and the place.
var durationParser = participle.MustBuild[durationSyntax](participle.Lexer(lexer.MustSimple([]lexer.SimpleRule{
	{Name: "Number", Pattern: `[0-9]+`},
	{Name: "Unit", Pattern: `us|ms|s|m|h|d`},
	{Name: "Other", Pattern: `(?s:.)`},
})))

var knownDurations known[durationSyntax]

type durationSyntax struct {
	Number string `parser:"@Number"`
	Unit   string `parser:"@Unit?"`
}

// units of HAProxy's parse_time_err.
var units = map[string]time.Duration{
	"us": time.Microsecond, "ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
}

// maxDuration is the longest time that HAProxy keeps: it refuses 2^31 ms and more.
const maxDuration = (1<<31 - 1) * time.Millisecond

// ParseDuration reads a duration of a configuration: a number of milliseconds, or a number and one of HAProxy's units
// us, ms, s, m, h, d. The result is in whole milliseconds, rounded up as HAProxy does. Of a value that holds an
// environment variable nothing is known: it gives 0 and no finding.
func ParseDuration(s Scalar) (time.Duration, *diag.Finding) {
	if s.Unresolved {
		return 0, nil
	}
	syntax, bad := parseDuration(s)
	if bad != nil {
		return 0, bad
	}
	return s.duration(syntax)
}

// ParseUnitDuration reads a duration that must have a unit, as in a topology file.
func ParseUnitDuration(s Scalar) (time.Duration, *diag.Finding) {
	if s.Unresolved {
		return 0, nil
	}
	syntax, bad := parseDuration(s)
	if bad == nil && syntax.Unit == "" {
		bad = Findingf(CodeDuration, s.Span, "duration `%s` has no unit; accepted are us, ms, s, m, h, d, as in `%ss`", s.Value, s.Value)
	}
	if bad != nil {
		return 0, bad
	}
	return s.duration(syntax)
}

func parseDuration(s Scalar) (*durationSyntax, *diag.Finding) {
	syntax, err := knownDurations.syntax([]byte(s.Value), func() (*durationSyntax, error) { return durationParser.ParseString("", s.Value) })
	if err != nil {
		return nil, s.refuse(CodeDuration, "duration", err, "a number with one unit of us, ms, s, m, h, d")
	}
	return syntax, nil
}

// duration computes the value, which saturates: any number that is too long for 64 bit is out of range too.
func (s Scalar) duration(syntax *durationSyntax) (time.Duration, *diag.Finding) {
	unit := time.Millisecond
	if syntax.Unit != "" {
		unit = units[syntax.Unit]
	}
	n, err := strconv.ParseInt(syntax.Number, 10, 64)
	if err != nil || n > int64(maxDuration/unit) {
		return 0, Findingf(CodeDuration, s.Span, "duration `%s` is too long; HAProxy keeps at most 2147483647 ms, about 24.8 days", s.Value)
	}
	d := time.Duration(n) * unit
	return (d + time.Millisecond - 1).Truncate(time.Millisecond), nil
}
