package grammar

import (
	"errors"
	"io"
	"strings"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"stktc/grammar/diag"
)

// wordDefinition lets participle parse a line that is split into words already: each word is one token.
type wordDefinition struct{}

const wordToken lexer.TokenType = lexer.EOF - 1

func (wordDefinition) Symbols() map[string]lexer.TokenType {
	return map[string]lexer.TokenType{"EOF": lexer.EOF, "Word": wordToken}
}

func (wordDefinition) Lex(string, io.Reader) (lexer.Lexer, error) {
	return nil, errors.New("grammar: lines are parsed from words, not from text")
}

// wordLexer yields the words of a line. A token's offset is the number of its word, by which scalar finds the word again;
// its line is 1, which tells a captured token from none.
type wordLexer struct {
	words []Scalar
	next  int
}

func (l *wordLexer) Next() (lexer.Token, error) {
	pos := lexer.Position{Offset: l.next, Line: 1}
	if l.next == len(l.words) {
		return lexer.EOFToken(pos), nil
	}
	l.next++
	return lexer.Token{Type: wordToken, Value: l.words[l.next-1].Value, Pos: pos}, nil
}

// line is what a statement's syntax is turned into meaning with.
type line struct {
	span     diag.Span
	words    []Scalar
	findings *diag.List
}

// scalar is the word that a token was made of, zero for a token that was not captured.
func (l *line) scalar(t lexer.Token) Scalar {
	if t.Pos.Line == 0 {
		return Scalar{}
	}
	return l.words[t.Pos.Offset]
}

// once stores a word that may stand only once in its line; the last one wins, as in HAProxy.
func (l *line) once(field *Scalar, t lexer.Token, severity diag.Severity, what string) {
	if t.Pos.Line == 0 {
		return
	}
	word := l.scalar(t)
	if !field.IsZero() {
		f := Findingf(CodeDuplicate, word.Span, "%s stands twice in the line, as `%s` and `%s`", what, field.Value, word.Value)
		f.Severity = severity
		f.Related = []diag.Note{{Span: field.Span, Label: "the first"}}
		l.findings.Add(*f)
	}
	*field = word
}

// directive is a line that we understand.
type directive struct {
	form   string   // how it is written, for messages
	words  []string // the words that it knows behind its arguments, for messages
	repeat bool     // whether it may stand more than once in a section
	parse  func(*line) (Statement, error)
}

// grammarOf makes a directive's parser from its syntax, the struct G. The parser sees the whole line, keyword included.
func grammarOf[G any](meaning func(*line, *G) Statement) func(*line) (Statement, error) {
	parser := participle.MustBuild[G](participle.Lexer(wordDefinition{}))
	var before known[G]
	return func(l *line) (Statement, error) {
		text := make([]byte, 0, 256)
		for i := range l.words {
			text = append(append(text, l.words[i].Value...), 0) // no word holds a NUL
		}
		syntax, err := before.syntax(text, func() (*G, error) {
			tokens, err := lexer.Upgrade(&wordLexer{words: l.words})
			if err != nil {
				return nil, err
			}
			return parser.ParseFromLexer(tokens)
		})
		if err != nil {
			return nil, err
		}
		return meaning(l, syntax), nil
	}
}

// read gives the line's statement, nil with a finding when it cannot be understood, and nil without one when a variable may stand
// for any number of its words.
func (d *directive) read(l *line) Statement {
	for i := range l.words {
		if l.words[i].isList() {
			return nil
		}
	}
	statement, err := d.parse(l)
	if err != nil {
		l.findings.Add(*d.refuse(l, err))
		return nil
	}
	return statement
}

// refuse says in our words where a line stops being understood.
func (d *directive) refuse(l *line, err error) *diag.Finding {
	at := len(l.words)
	var place participle.Error
	if errors.As(err, &place) {
		at = min(max(place.Position().Offset, 0), len(l.words))
	}
	if at == len(l.words) {
		last := l.words[at-1].Span
		end := diag.Span{File: last.File, Start: last.End, End: last.End}
		return Findingf(CodeArgument, end, "`%s` ends too early; accepted is `%s`", lineText(l.words), d.form)
	}
	word := l.words[at]
	hint := ""
	if best, ok := Suggest(word.Value, d.words); ok && best != word.Value {
		hint = "did you mean `" + best + "`? "
	}
	return Findingf(CodeLine, word.Span, "%s is not understood behind `%s`; %saccepted is `%s`", quote(word.Value), lineText(l.words[:at]), hint, d.form)
}

// lineText writes words for a message.
func lineText(words []Scalar) string {
	values := make([]string, len(words))
	for i := range words {
		values[i] = words[i].Value
	}
	return strings.Join(values, " ")
}
