package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"stktc/compile"
	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/render"
	"stktc/topology/check"
)

func (c *command) rulesCommand() *cli.Command {
	return &cli.Command{
		Name:        "rules",
		Usage:       "list all findings that there are",
		UsageText:   "stktc rules",
		Description: "One line for each: code, severity, name in words, and what is wrong. stktc explain CODE prints the whole page.",
		Action:      c.rules,
	}
}

func (c *command) rules(ctx *cli.Context) error {
	if ctx.Args().Present() {
		return usagef("rules takes no arguments, not %q", ctx.Args().First())
	}
	var b strings.Builder
	for _, r := range rules() {
		fmt.Fprintf(&b, "%s  %-7s  %-26s  %s\n", r.code, r.severity, r.slug, r.title)
	}
	_, err := c.stdout.Write([]byte(b.String()))
	return err
}

// rule is what there is to say of one code, whichever package finds it.
type rule struct {
	code     diag.Code
	slug     string
	severity string
	title    string
	text     []ruleText
}

// ruleText is a part of a rule's page.
type ruleText struct {
	heading, text string
	verbatim      bool
}

// renderRules gives the rules as printers need them.
func renderRules() []render.Rule {
	var list []render.Rule
	for _, r := range rules() {
		severity, _ := diag.ParseSeverity(r.severity)
		list = append(list, render.Rule{Code: r.code, Slug: r.slug, Severity: severity, Title: r.title, Page: r.markdown()})
	}
	return list
}

// markdown writes a rule's page for viewers of SARIF.
func (r *rule) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s %s\n\n%s\n", r.code, r.slug, r.title)
	for _, s := range r.text {
		fmt.Fprintf(&b, "\n## %s\n\n", s.heading)
		if s.verbatim {
			fmt.Fprintf(&b, "```\n%s\n```\n", strings.TrimRight(s.text, "\n"))
		} else {
			b.WriteString(s.text + "\n")
		}
	}
	return b.String()
}

// rules lists every code that stktc can report, in their order.
func rules() []rule {
	var all []rule
	for _, k := range grammar.Codes() {
		all = append(all, rule{k.Code, k.Slug, diag.Error.String(), k.Title, pages[k.Code].texts()})
	}
	for _, d := range compile.Docs() {
		p := pages[d.Code]
		p.what = strings.ReplaceAll(d.Text, "\n", " ")
		p.runTime, p.since = atCompile, cmp.Or(p.since, "0.1")
		all = append(all, rule{d.Code, d.Slug, d.Severity.String(), d.Title, p.texts()})
	}
	for _, k := range check.Checks() {
		all = append(all, rule{k.Code, k.Slug, k.Severity.String(), k.Title, []ruleText{
			{heading: "What is found", text: k.Text.What},
			{heading: "What the mistake does", text: k.Text.Why},
			{heading: "At run time", text: k.Text.RunTime},
			{heading: "What to do", text: k.Text.Fix},
			{heading: "Silencing it", text: silencing(k)},
			{"Example of the mistake", k.Bad, true},
			{"The same without it", k.Good, true},
			{heading: "Since", text: "stktc " + k.Since},
		}})
	}
	slices.SortStableFunc(all, func(a, b rule) int { return cmp.Compare(a.code, b.code) })
	return all
}

// silencing says whether a comment can silence a check's findings, and why not.
func silencing(k *check.Check) string {
	comment := fmt.Sprintf("`# stktc:ignore %s -- REASON` on the line, or on a line of its own before it", k.Code)
	switch {
	case k.Asked:
		return fmt.Sprintf("It is reported only when it is asked for: `stktc lint --only %s`.", k.Code)
	case k.Severity < diag.Error:
		return comment + "."
	case k.Outside != "":
		return comment + ": what may make it right outside of the files is " + k.Outside + "."
	}
	return "It cannot be silenced: nothing outside of the files can make it right."
}

// texts are the parts of a page.
func (p page) texts() []ruleText {
	return []ruleText{
		{heading: "What is found", text: p.what},
		{heading: "What the mistake does", text: p.why},
		{heading: "At run time", text: p.runTime},
		{heading: "What to do", text: p.fix},
		{"Example of the mistake", p.bad, true},
		{"The same without it", p.good, true},
		{heading: "Since", text: "stktc " + p.since},
	}
}
