package grammar

import (
	"fmt"

	"stktc/grammar/diag"
)

// Findings about files in HAProxy's syntax, and about the values that both kinds of files share.
const (
	CodeLine      diag.Code = "STK020" // a line that breaks HAProxy's rules of words, or does not say what its directive takes
	CodeDirective diag.Code = "STK021" // a directive that the section does not know
	CodeStore     diag.Code = "STK022" // a store list that cannot be read
	CodeDuration  diag.Code = "STK023" // a duration that cannot be read, or out of range
	CodeSize      diag.Code = "STK024" // a number of entries that cannot be read, or out of range
	CodeAddress   diag.Code = "STK025" // an address that cannot be read
	CodeArgument  diag.Code = "STK026" // a line that ends before all its arguments were given
	CodeTruncated diag.Code = "STK027" // a file that ends in the middle: no line end, an open quote, an open .if
	CodeDuplicate diag.Code = "STK028" // a directive or keyword that may stand only once
	CodeExecuted  diag.Code = "STK029" // a directive of an aggregator that this version does not carry out
)

// CodeInfo describes a code in words.
type CodeInfo struct {
	Code  diag.Code
	Slug  string // stable, for use in machine-readable output
	Title string
}

// codes is the one list of this package's codes, in their order.
var codes = []CodeInfo{
	{CodeLine, "line-syntax", "a line cannot be understood"},
	{CodeDirective, "unknown-directive", "a directive is not known in its section"},
	{CodeStore, "bad-store", "a store list cannot be read"},
	{CodeDuration, "bad-duration", "a duration cannot be read"},
	{CodeSize, "bad-size", "a table's size cannot be read"},
	{CodeAddress, "bad-address", "an address cannot be read"},
	{CodeArgument, "missing-argument", "a directive lacks an argument"},
	{CodeTruncated, "truncated", "a file ends in the middle"},
	{CodeDuplicate, "duplicate-directive", "a directive stands twice"},
	{CodeExecuted, "not-executed", "a directive is not carried out"},
}

// Codes lists the codes of findings that this package and the loading of files make.
func Codes() []CodeInfo { return codes }

// Findingf makes an error about one place.
func Findingf(code diag.Code, at diag.Span, format string, args ...any) *diag.Finding {
	f := &diag.Finding{Code: code, Severity: diag.Error, Summary: fmt.Sprintf(format, args...), Primary: diag.Note{Span: at}}
	for i := range codes {
		if codes[i].Code == code {
			f.Slug = codes[i].Slug
		}
	}
	return f
}
