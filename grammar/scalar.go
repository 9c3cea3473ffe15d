package grammar

import "stktc/grammar/diag"

// Scalar is one value as the user wrote it: a word of a HAProxy-style line, or a YAML scalar. Value has quotes and escapes resolved.
type Scalar struct {
	Value string
	Span  diag.Span // the source text, quotes included
	// Unresolved is set when an environment variable stands in the value: then nothing is known of it.
	Unresolved bool
	// source maps each byte of Value, and the end, to its place in the file; nil when the source text is the value itself.
	source []diag.Pos
}

// IsZero tells whether nothing was written.
func (s Scalar) IsZero() bool { return s.Value == "" && s.Span.IsZero() }

// At gives the place of the bytes [from, to) of Value. It is the only function that knows how a value's bytes and the file's
// differ (quotes, escapes, block scalars).
func (s Scalar) At(from, to int) diag.Span {
	from, to = min(from, len(s.Value)), min(to, len(s.Value))
	if s.source != nil {
		return diag.Span{File: s.Span.File, Start: s.source[from], End: s.source[to]}
	}
	return diag.Span{File: s.Span.File, Start: advance(s.Span.Start, from), End: advance(s.Span.Start, to)}
}

// advance moves n bytes to the right on one line.
func advance(p diag.Pos, n int) diag.Pos {
	return diag.Pos{Line: p.Line, Column: p.Column + n, Offset: p.Offset + n}
}
