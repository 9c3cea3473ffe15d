package grammar

import (
	"bytes"

	"gopkg.in/yaml.v3"

	"stktc/grammar/diag"
)

// maxAliased is how many nodes the aliases of a file may add to those that are written. A merge key in each of 10,000 balancers adds 100,000; nine aliases
// of nine aliases, nine levels deep, a billion.
const maxAliased = 1_000_000

// anchorCheck looks at all anchors and aliases before anything follows them.
type anchorCheck struct {
	*yamlReader
	open    map[*yaml.Node]bool // what the walk is inside of
	size    map[*yaml.Node]int  // nodes of an anchored value, with its aliases followed
	used    map[*yaml.Node]bool
	anchors []*yaml.Node
	added   int
	broken  bool
}

// checkAnchors reports anchors that nothing refers to. It gives false when aliases lead to themselves or multiply without measure, so
// that the document must not be walked.
func (r *yamlReader) checkAnchors(root *yaml.Node) bool {
	c := &anchorCheck{yamlReader: r, open: map[*yaml.Node]bool{}, size: map[*yaml.Node]int{}, used: map[*yaml.Node]bool{}}
	c.walk(root)
	for _, n := range c.anchors {
		if !c.used[n] && !c.broken {
			f := Findingf(CodeAnchor, c.anchorSpan(n), "anchor `%s` is never used", n.Anchor)
			f.Severity = diag.Warning
			r.add(f)
		}
	}
	return !c.broken
}

// walk gives the number of nodes that n stands for.
func (c *anchorCheck) walk(n *yaml.Node) int {
	if n.Kind == yaml.AliasNode {
		return c.alias(n)
	}
	if n.Anchor != "" {
		c.anchors = append(c.anchors, n)
		c.open[n] = true
	}
	size := 1
	for _, child := range n.Content {
		size = min(size+c.walk(child), 2*maxAliased+len(c.text))
	}
	if n.Anchor != "" {
		delete(c.open, n)
		c.size[n] = size
	}
	return size
}

func (c *anchorCheck) alias(n *yaml.Node) int {
	c.used[n.Alias] = true
	if c.open[n.Alias] && !c.broken {
		c.broken = true
		f := Findingf(CodeSyntax, c.at(n), "`*%s` stands inside the value that it refers to, which so never ends", n.Value)
		f.Related = []diag.Note{{Span: c.anchorSpan(n.Alias), Label: "the anchor"}}
		c.add(f)
	}
	if c.broken {
		return 1
	}
	size := c.size[n.Alias]
	if c.added += size; c.added > maxAliased {
		c.broken = true
		c.errorf(CodeSyntax, c.at(n), "the file's aliases stand for more than %d values", maxAliased)
	}
	return size
}

// anchorSpan finds "&name" among a node's properties.
func (y *yamlText) anchorSpan(n *yaml.Node) diag.Span {
	from := y.offset(n)
	name := []byte("&" + n.Anchor)
	i := max(bytes.Index(y.text[from:y.content(from)], name), 0)
	return y.span(from+i, min(from+i+len(name), len(y.text)))
}
