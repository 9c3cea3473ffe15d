package main

import (
	"fmt"
	"strings"

	"stktc/grammar"
)

// extensionsTable lists our own directives of aggregators' files, as Markdown has tables.
func extensionsTable() string {
	var b strings.Builder
	b.WriteString("| directive | without it | what it is for |\n|---|---|---|\n")
	for _, e := range grammar.Extensions() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", strings.ReplaceAll(e.Form, "|", "\\|"), e.Default, e.About)
	}
	return b.String()
}

// extensionsText lists them in a paragraph, for pages.
func extensionsText() string {
	var list []string
	for _, e := range grammar.Extensions() {
		list = append(list, fmt.Sprintf("`%s`: %s Without it: %s.", e.Form, e.About, e.Default))
	}
	return "Beside the vendor's there are these of ours, in the global section or in one. " + strings.Join(list, " ")
}
