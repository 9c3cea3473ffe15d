package compile

import (
	"fmt"
	"slices"

	"stktc/grammar"
	"stktc/grammar/diag"
)

// placeTables finds the proxies of the bases that bear the tables' names.
func placeTables(u *unit) {
	for _, h := range u.hosts {
		if h.balancer == nil {
			continue
		}
		for _, t := range h.balancer.tables {
			u.placeTable(h.balancer, t)
		}
	}
}

// placeTable takes the first proxy outside of conditions. A frontend and a backend may share a name: either may bear the table.
func (u *unit) placeTable(b *balancer, t *proxyTable) {
	var conditional *grammar.Section
	inFragment := false
	b.eachSection(func(file *base, s *grammar.Section) {
		switch {
		case t.place.base != nil || !isProxy(s) || s.Name.Value != t.table.Name.Value || s.Name.Unresolved:
		case s.Header.Conditional:
			conditional = s
		case b.node.Build.Fragment:
			if !inFragment {
				inFragment = true
				u.findings.Add(fragmentFinding(b, t, s))
			}
		default:
			t.place = place{file, afterBinds(s)}
			t.line.Lead = lead(file, s)
			u.warnDisabled(b, t, s)
		}
	})
	if t.place.base != nil || conditional == nil {
		return
	}
	f := finding(CodeConditional, statement(&conditional.Header), "between .if and .endif",
		fmt.Sprintf("%s `%s` of base `%s`, which bears the table of that name, is conditional", conditional.Keyword.Value, conditional.Name.Value, conditional.Keyword.Span.File))
	f.Related = []diag.Note{{Span: t.table.Span, Label: "the table"}}
	f.Impact = "where the condition is false the table is missing, and no sum of it arrives"
	f.Nodes, f.Tables = []string{b.node.Name.Value}, []string{t.table.Name.Value}
	u.findings.Add(f)
}

// fragmentFinding is about a proxy that should bear a table, where no line can be inserted.
func fragmentFinding(b *balancer, t *proxyTable, s *grammar.Section) diag.Finding {
	f := finding(CodeFragment, statement(&s.Header), "no line is inserted here",
		fmt.Sprintf("%s `%s` of base `%s` bears the name of a table, but a fragment cannot put the table into it", s.Keyword.Value, s.Name.Value, s.Keyword.Span.File))
	f.Related = []diag.Note{{Span: t.table.Span, Label: "the table"}}
	f.Impact = fmt.Sprintf("rules of the proxy that name no table find none, and the backend `%s` of the fragment stands beside it", t.table.Name.Value)
	f.Nodes, f.Tables = []string{b.node.Name.Value}, []string{t.table.Name.Value}
	return f
}

// afterBinds is the place behind a proxy's last bind line, else behind its header; never inside a condition.
func afterBinds(s *grammar.Section) int {
	end := s.Header.End
	for i := range s.Lines {
		if l := &s.Lines[i]; starts(l, "bind") && !l.Conditional {
			end = l.End
		}
	}
	return end
}

// lead is the indentation of a section's first statement, or of its last bind line.
func lead(file *base, s *grammar.Section) string {
	blanks := ""
	for i := range s.Lines {
		l := &s.Lines[i]
		if len(l.Words) == 0 || l.Conditional || blanks != "" && !starts(l, "bind") {
			continue
		}
		at := l.Words[0].Span.Start.Offset
		blanks = string(file.text[lineStart(file.text, at):at])
	}
	return blanks
}

// warnDisabled says what HAProxy does not: the stick table of a disabled proxy exists and is never shared.
func (u *unit) warnDisabled(b *balancer, t *proxyTable, s *grammar.Section) {
	for i := range s.Lines {
		if l := &s.Lines[i]; starts(l, "disabled") && !l.Conditional {
			f := finding(CodeDisabledProxy, statement(l), "here",
				fmt.Sprintf("%s `%s` of base `%s` is disabled, so its table is not shared", s.Keyword.Value, s.Name.Value, l.Span.File))
			f.Nodes, f.Tables = []string{b.node.Name.Value}, []string{t.table.Name.Value}
			f.RunTime = &diag.RunTime{Command: "show peers", On: b.node.Name.Value, Symptom: "the table is not among the shared tables"}
			u.findings.Add(f)
		}
	}
}

// Words that start a line of a defaults section which a bare backend must not inherit.
var (
	// HAProxy: "frontends and backends cannot inherit from the same defaults section if it defines TCP/HTTP rules".
	ruleKeywords = []string{"http-request", "http-response", "http-after-response", "tcp-request", "tcp-response"}
	// A disabled backend's table is not shared. The others warn or fail in a backend that has no servers.
	otherKeywords = []string{"disabled", "email-alert", "external-check", "load-server-state-from-file"}
)

// inheritsBadly tells whether backends at the end of the last base need an empty defaults section before them. A named
// section counts always: using it without its name while another proxy uses its name is an alert.
func (b *balancer) inheritsBadly() bool {
	bad := false
	b.eachSection(func(_ *base, s *grammar.Section) {
		if s.Keyword.Value != "defaults" {
			return
		}
		unfit := !s.Name.IsZero() || slices.ContainsFunc(s.Lines, func(l grammar.Line) bool { return unfit(&l) })
		if s.Header.Conditional {
			bad = bad || unfit // may be in force, or not
		} else {
			bad = unfit
		}
	})
	return bad
}

func unfit(l *grammar.Line) bool {
	first := word(l, 0).Value
	return slices.Contains(ruleKeywords, first) || slices.Contains(otherKeywords, first) || starts(l, "option", "external-check")
}
