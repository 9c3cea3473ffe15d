package grammar

import (
	"fmt"

	"stktc/grammar/diag"
)

// Findings about topology files.
const (
	CodeSyntax       diag.Code = "STK001" // text that is not YAML, or YAML that never ends (cycles, multiplying aliases)
	CodeUnknownKey   diag.Code = "STK002" // a key that the schema does not have at this place
	CodeDuplicateKey diag.Code = "STK003" // a key that stands twice in one mapping
	CodeValue        diag.Code = "STK004" // a value of the wrong kind, or out of range
	CodeMissingKey   diag.Code = "STK005" // a mandatory key that is not there
	CodeText         diag.Code = "STK007" // a file that is not UTF-8 text, or too long
	CodeDocument     diag.Code = "STK008" // a second YAML document in the file
	CodeAnchor       diag.Code = "STK009" // an anchor that nothing refers to
	CodeSelector     diag.Code = "STK010" // a selector that matches nothing
	CodeRange        diag.Code = "STK011" // a range that is reversed, too long, or not as long as the one that it goes with
	CodeName         diag.Code = "STK012" // a name with characters that it may not have, or that is taken
	CodeHeight       diag.Code = "STK013" // sums that do not make levels: mixed heights, overlaps, cycles, more heights than levels
	CodeEndpoint     diag.Code = "STK014" // an address that cannot be dialled, lacks its port, or is taken
	CodeReference    diag.Code = "STK015" // a reference to something that is not declared, or a file that is not there
)

// Findings about files in HAProxy's syntax, and about the values that both kinds of files share.
const (
	CodeLine        diag.Code = "STK020" // a line that breaks HAProxy's rules of words, or does not say what its directive takes
	CodeDirective   diag.Code = "STK021" // a directive that the section does not know
	CodeStore       diag.Code = "STK022" // a store list that cannot be read
	CodeDuration    diag.Code = "STK023" // a duration that cannot be read, or out of range
	CodeSize        diag.Code = "STK024" // a number of entries that cannot be read, or out of range
	CodeAddress     diag.Code = "STK025" // an address that cannot be read
	CodeArgument    diag.Code = "STK026" // a line that ends before all its arguments were given
	CodeTruncated   diag.Code = "STK027" // a file that is empty or ends in the middle: no line end, an open quote, an open .if, a header alone
	CodeDuplicate   diag.Code = "STK028" // a directive or keyword that may stand only once
	CodeExecuted    diag.Code = "STK029" // a directive of an aggregator that is not carried out
	CodeIgnore      diag.Code = "STK040" // a comment that is to silence findings, and says not which or not why
	CodeMixed       diag.Code = "STK043" // an aggregations section in a file of HAProxy's
	CodeCertificate diag.Code = "STK044" // a file with a certificate, a key or authorities that cannot be used
)

// CodeInfo describes a code in words.
type CodeInfo struct {
	Code  diag.Code
	Slug  string // stable, for use in machine-readable output
	Title string
}

// codes is the one list of this package's codes, in their order.
var codes = []CodeInfo{
	{CodeSyntax, "yaml-syntax", "the topology file is not YAML"},
	{CodeUnknownKey, "unknown-key", "a key is not known at its place"},
	{CodeDuplicateKey, "duplicate-key", "a key stands twice"},
	{CodeValue, "bad-value", "a value is of the wrong kind or out of range"},
	{CodeMissingKey, "missing-key", "a mandatory key is missing"},
	{CodeText, "not-text", "a file is not text"},
	{CodeDocument, "second-document", "the topology file holds a second document"},
	{CodeAnchor, "unused-anchor", "an anchor is never used"},
	{CodeSelector, "no-match", "a selector matches nothing"},
	{CodeRange, "bad-range", "a range does not fit"},
	{CodeName, "bad-name", "a name cannot be used"},
	{CodeHeight, "bad-levels", "the sums do not form levels"},
	{CodeEndpoint, "bad-endpoint", "an address cannot be dialled"},
	{CodeReference, "not-declared", "something that is referred to is not there"},
	{CodeLine, "line-syntax", "a line cannot be understood"},
	{CodeDirective, "unknown-directive", "a directive is not known in its section"},
	{CodeStore, "bad-store", "a store list cannot be read"},
	{CodeDuration, "bad-duration", "a duration cannot be read"},
	{CodeSize, "bad-size", "a table's size cannot be read"},
	{CodeAddress, "bad-address", "an address cannot be read"},
	{CodeArgument, "missing-argument", "a directive lacks an argument"},
	{CodeTruncated, "truncated", "a file is empty, or ends in the middle"},
	{CodeDuplicate, "duplicate-directive", "a directive stands twice"},
	{CodeExecuted, "not-executed", "a directive is not carried out"},
	{CodeIgnore, "bad-ignore", "a comment that silences findings cannot be understood"},
	{CodeMixed, "aggregations-in-balancer", "an aggregations section stands in a file of HAProxy's"},
	{CodeCertificate, "bad-certificate", "a certificate cannot be used"},
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
