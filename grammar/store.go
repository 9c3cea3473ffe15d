package grammar

import (
	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"stktc/grammar/diag"
)

var storeParser = participle.MustBuild[storeSyntax](participle.Lexer(lexer.MustSimple([]lexer.SimpleRule{
	{Name: "Word", Pattern: `[^\s,()]+`},
	{Name: "Punct", Pattern: `[,()]`},
	{Name: "Other", Pattern: `(?s:.)`},
})), participle.UseLookahead(2))

var knownStores known[storeSyntax]

// storeSyntax allows a comma at the end, as HAProxy does; that takes a second token of lookahead.
type storeSyntax struct {
	Items []*storeItemSyntax `parser:"(@@ (',' @@)* ','?)?"`
}

type storeItemSyntax struct {
	Type  lexer.Token      `parser:"@Word"`
	Args  []storeArgSyntax `parser:"('(' @@ (',' @@)*"`
	Close lexer.Token      `parser:"@')')?"`
}

// storeArgSyntax is a struct because a second capture into a slice of tokens would replace the first.
type storeArgSyntax struct {
	Value lexer.Token `parser:"@Word"`
}

// ParseStore reads a store list, "http_req_rate(10s),gpc0": its items with what stands in their parentheses. Whether a data type
// exists and which arguments it takes is not looked at. The list may be empty. Of a value that holds an environment variable
// nothing is known: it gives no items and no finding.
func ParseStore(s Scalar) ([]StoreItem, diag.List) {
	if s.Unresolved {
		return nil, nil
	}
	syntax, err := knownStores.syntax([]byte(s.Value), func() (*storeSyntax, error) { return storeParser.ParseString("", s.Value) })
	if err != nil {
		return nil, diag.List{*s.refuse(CodeStore, "store list", err, "data types with commas between them and no blanks, as in `http_req_rate(10s),gpc0`")}
	}
	var items []StoreItem
	for _, item := range syntax.Items {
		items = append(items, s.storeItem(item))
	}
	return items, nil
}

func (s Scalar) storeItem(syntax *storeItemSyntax) StoreItem {
	item := StoreItem{Type: s.token(syntax.Type)}
	for _, arg := range syntax.Args {
		item.Args = append(item.Args, s.token(arg.Value))
	}
	last := syntax.Type
	if syntax.Close.Value != "" {
		last = syntax.Close
	}
	item.Span = s.At(syntax.Type.Pos.Offset, last.Pos.Offset+len(last.Value))
	return item
}
