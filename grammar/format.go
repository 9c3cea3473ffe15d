package grammar

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"stktc/grammar/diag"
)

// FormatTopology gives the canonical form of a topology file. Words, quotes, comments and the order of everything stay; blanks and line
// breaks between them are set anew: two blanks for each level of indentation, one blank behind marks, columns of neighbouring entries in
// line, at most one blank line, nothing at the ends of lines. Mistakes of the schema do not matter; of a text that is not YAML, or that
// holds more than one document, there is no form, and the findings say why.
func FormatTopology(name string, text []byte) ([]byte, diag.List) {
	if bad := CheckText(name, text); bad != nil {
		return nil, diag.List{*bad}
	}
	r := newYAMLReader(name, text)
	root := r.parse()
	if root == nil || len(r.findings) > 0 {
		return nil, r.sorted()
	}
	tokens := r.tokens(root)
	if tokens == nil {
		return nil, diag.List{*Findingf(CodeSyntax, r.span(0, 0), "the file's layout is not understood, so it cannot be formatted")}
	}
	last, _ := utf8.DecodeLastRune(bytes.TrimRight(text, " \t"))
	formatted := formatYAML(tokens, lineEndOf(text), strings.ContainsRune("\n\r\u0085\u2028\u2029", last))
	if !sameMeaning(r.yamlText, root, formatted) {
		return nil, diag.List{*Findingf(CodeSyntax, r.span(0, 0), "the file would mean something else if it were formatted")}
	}
	return formatted, nil
}

// lineEndOf is how the first line of a text ends.
func lineEndOf(text []byte) string {
	if i := bytes.IndexByte(text, '\n'); i > 0 && text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// sameMeaning tells whether a formatted text is read as the same nodes, with the same comments.
func sameMeaning(before *yamlText, root *yaml.Node, formatted []byte) bool {
	r := newYAMLReader(before.file, formatted)
	after := r.parse()
	return after != nil && len(r.findings) == 0 && sameNode(root, after) && slices.Equal(comments(before.tokens(root)), comments(r.tokens(after)))
}

func sameNode(a, b *yaml.Node) bool {
	if a.Kind == yaml.AliasNode || b.Kind == yaml.AliasNode {
		return a.Kind == b.Kind && a.Value == b.Value
	}
	return a.Kind == b.Kind && a.Style == b.Style && a.Tag == b.Tag && a.Value == b.Value && a.Anchor == b.Anchor && slices.EqualFunc(a.Content, b.Content, sameNode)
}

func comments(tokens []yamlToken) []string {
	var texts []string
	for _, t := range tokens {
		if t.kind == commentToken {
			texts = append(texts, t.text)
		}
	}
	return texts
}
