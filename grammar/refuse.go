package grammar

import (
	"errors"
	"fmt"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"stktc/grammar/diag"
)

// refuse says in our words what a scalar's parser found. Of the parser's error only the place is used: its wording
// speaks of tokens, its columns count runes, and its list of what was expected may be missing.
func (s Scalar) refuse(code diag.Code, kind string, err error, accepted string) *diag.Finding {
	at := len(s.Value)
	var place participle.Error
	if errors.As(err, &place) {
		at = min(max(place.Position().Offset, 0), len(s.Value))
	}
	if s.Value == "" {
		return Findingf(code, s.Span, "a %s is empty; accepted is %s", kind, accepted)
	}
	if at == len(s.Value) {
		return Findingf(code, s.At(at, at), "%s `%s` ends too early; accepted is %s", kind, s.Value, accepted)
	}
	return Findingf(code, s.At(at, len(s.Value)), "%s `%s` is not understood from %s on; accepted is %s", kind, s.Value, quote(s.Value[at:]), accepted)
}

// quote puts text between backticks; text that does not print is escaped.
func quote(text string) string {
	escaped := fmt.Sprintf("%q", text)
	if escaped[1:len(escaped)-1] == text {
		return "`" + text + "`"
	}
	return escaped
}

// token is a lexer's token as a scalar of its own.
func (s Scalar) token(t lexer.Token) Scalar {
	return s.slice(t.Pos.Offset, t.Pos.Offset+len(t.Value))
}

// slice is the part [from, to) of a scalar as a scalar of its own.
func (s Scalar) slice(from, to int) Scalar {
	part := Scalar{Value: s.Value[from:to], Span: s.At(from, to), Unresolved: s.Unresolved}
	if s.source != nil {
		part.source = s.source[from : to+1]
	}
	return part
}
