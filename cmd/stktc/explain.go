package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
)

func (c *command) explainCommand() *cli.Command {
	return &cli.Command{
		Name:      "explain",
		Usage:     "print a finding's page, or why a line of a built file is there",
		UsageText: "stktc explain ID | FILE:LINE",
		Description: "ID is a code such as STK201, or its name in words such as peer-address-mismatch. The page says what is found, what the mistake\n" +
			"does, how it looks at run time, how to mend it, and shows an example of the mistake and of its repair.\n" +
			"FILE:LINE is a line of a file that stktc build wrote: the line of the topology that made it is shown.",
		Action: c.explain,
	}
}

func (c *command) explain(ctx *cli.Context) error {
	if ctx.NArg() != 1 {
		return usagef("explain takes one code, such as STK201, or FILE:LINE; stktc rules lists the codes")
	}
	id := ctx.Args().First()
	for _, r := range rules() {
		if strings.EqualFold(id, string(r.code)) || strings.EqualFold(id, r.slug) {
			_, err := fmt.Fprint(c.stdout, r.page())
			return err
		}
	}
	if m := placePattern.FindStringSubmatch(id); m != nil {
		number, err := strconv.Atoi(m[2])
		if err != nil {
			return usagef("%q: %s is no line number", id, m[2])
		}
		return c.explainLine(filepath.Clean(m[1]), number)
	}
	if _, err := os.Stat(id); err == nil {
		return usagef("explain %q: of a file it explains a line: stktc explain %s:LINE", id, id)
	}
	return unknownID("explain", id)
}

// page writes a rule for people: paragraphs under headings, examples indented.
func (r *rule) page() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s (%s)\n%s\n", r.code, r.slug, r.severity, r.title)
	for _, s := range r.text {
		fmt.Fprintf(&b, "\n%s\n", s.heading)
		for line := range strings.SplitSeq(strings.TrimRight(s.text, "\n"), "\n") {
			for _, wrapped := range wrapped(line, s.verbatim) {
				b.WriteString(strings.TrimRight("  "+wrapped, " ") + "\n")
			}
		}
	}
	return b.String()
}

// pageWidth is the width of a page's paragraphs.
const pageWidth = 96

// wrapped breaks a paragraph into lines; verbatim text stays as it is.
func wrapped(text string, verbatim bool) []string {
	if verbatim {
		return []string{text}
	}
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > pageWidth {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
