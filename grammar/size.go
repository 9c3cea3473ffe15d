package grammar

import (
	"math"
	"strconv"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"stktc/grammar/diag"
)

var sizeParser = participle.MustBuild[sizeSyntax](participle.Lexer(lexer.MustSimple([]lexer.SimpleRule{
	{Name: "Number", Pattern: `[0-9]+`},
	{Name: "Unit", Pattern: `[kKmMgG]`},
	{Name: "Other", Pattern: `(?s:.)`},
})))

var knownSizes known[sizeSyntax]

type sizeSyntax struct {
	Number string `parser:"@Number"`
	Unit   string `parser:"@Unit?"`
}

// sizeShifts are the units of HAProxy's parse_size_err: 1k is 1024.
var sizeShifts = map[string]uint{"": 0, "k": 10, "K": 10, "m": 20, "M": 20, "g": 30, "G": 30}

// ParseSize reads a number of entries: at least 1, at most 4294967295, with one of the units k, m, g of 1024, 1024² and 1024³.
// Of a value that holds an environment variable nothing is known: it gives 0 and no finding.
func ParseSize(s Scalar) (int64, *diag.Finding) {
	if s.Unresolved {
		return 0, nil
	}
	syntax, err := knownSizes.syntax([]byte(s.Value), func() (*sizeSyntax, error) { return sizeParser.ParseString("", s.Value) })
	if err != nil {
		return 0, s.refuse(CodeSize, "size", err, "a number, alone or with one unit of k, m, g")
	}
	n, err := strconv.ParseInt(syntax.Number, 10, 64)
	shift := sizeShifts[syntax.Unit]
	switch {
	case err != nil || n > math.MaxUint32>>shift:
		return 0, Findingf(CodeSize, s.Span, "size `%s` is too great; HAProxy keeps at most 4294967295 entries", s.Value)
	case n == 0:
		return 0, Findingf(CodeSize, s.Span, "size `%s` leaves no room for an entry; accepted is 1 and more", s.Value)
	}
	return n << shift, nil
}
