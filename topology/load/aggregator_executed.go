package load

import (
	"strconv"

	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/topology"
)

// executed tells of each directive that this version does not carry out whether the sums are right without it.
var executed = map[string]diag.Severity{
	"source": diag.Warning, "cpu-map": diag.Warning, "trash-batch": diag.Warning, "hash-table": diag.Warning, "strict-names": diag.Warning,
	"dynamic-peers": diag.Error, "pace": diag.Error, "lease": diag.Error,
}

// notExecuted reports what an aggregator's file asks for and this version does not do.
func notExecuted(config *grammar.ConfigFile, n *topology.Node, findings *diag.List) {
	e := executedReader{findings: findings}
	for line := range config.AllLines() {
		e.line(line)
	}
	for _, a := range n.Aggregations {
		e.groups(a)
	}
	e.sectionSettings(n)
}

type executedReader struct{ findings *diag.List }

func (e *executedReader) report(severity diag.Severity, at diag.Span, what string) {
	f := grammar.Findingf(grammar.CodeExecuted, at, "%s is not carried out by this version", what)
	f.Severity = severity
	if severity == diag.Error {
		f.Impact = "without it the nodes would see wrong sums, or sums that they should not see"
	}
	e.findings.Add(*f)
}

func (e *executedReader) line(line *grammar.Line) {
	if line.Keyword() == ".if" && !line.Conditional {
		e.report(diag.Error, line.Words[0].Span, "`.if`")
	}
	for i := range line.Words {
		if line.Words[i].Unresolved {
			e.report(diag.Error, line.Words[i].Span, "the environment variable in `"+line.Words[i].Value+"`")
		}
	}
	switch s := line.Statement.(type) {
	case *grammar.Setting:
		if severity := executed[s.Keyword.Value]; severity != 0 {
			e.report(severity, s.Keyword.Span, "`"+s.Keyword.Value+"`")
		}
	case *grammar.Bind:
		e.report(diag.Error, line.Words[0].Span, "`bind`")
	case *grammar.StatsSocket:
		if len(s.Options) > 0 {
			e.report(diag.Warning, s.Options[0].Span, "`"+s.Options[0].Value+"` of `stats socket`")
		}
	case *grammar.Peer:
		if len(s.Options) > 0 {
			e.report(diag.Error, s.Options[0].Span, "`"+s.Options[0].Value+"` of `peer`")
		}
	case *grammar.From:
		if !s.UpOnly.IsZero() {
			e.report(diag.Error, s.UpOnly.Span, "`up-only`")
		}
	}
}

// groups reports members of one group: all of them would count. A group of one is as good as none.
func (e *executedReader) groups(a *topology.Aggregations) {
	type key struct {
		direction topology.Direction
		group     int
	}
	first := map[key]*topology.Peer{}
	for _, p := range a.Peers {
		k := key{p.Direction, p.Group}
		if p.Group == 0 || p.Direction == topology.Unmarked || p.Direction == topology.Local {
			continue
		}
		if first[k] == nil {
			first[k] = p
			continue
		}
		f := grammar.Findingf(grammar.CodeExecuted, p.Span, "`group %s` with several `%s` peers is not carried out by this version", strconv.Itoa(p.Group), p.Direction)
		f.Related = []diag.Note{{Span: first[k].Span, Label: "the first of the group"}}
		f.Impact = "without it each member would count, and the nodes would see wrong sums"
		e.findings.Add(*f)
	}
}

// sectionSettings lifts what all sections say alike into the node's settings, and reports what they say differently: this
// version carries these settings out for the whole process.
func (e *executedReader) sectionSettings(n *topology.Node) {
	g := &n.Settings
	for _, a := range n.Aggregations {
		for _, t := range []struct {
			name         string
			all, section *topology.Timing
		}{{"learn-timeout", &g.LearnTimeout, &a.Settings.LearnTimeout}, {"hold", &g.Hold, &a.Settings.Hold}} {
			if !t.section.Span.IsZero() && t.section.Value != t.all.Value {
				e.different(n, t.name, t.section.Span, t.all.Span, func() { *t.all = *t.section })
			}
		}
		if s := a.Settings.GiveBack; !s.Span.IsZero() && s.On != g.GiveBack.On {
			e.different(n, "give-back", s.Span, g.GiveBack.Span, func() { g.GiveBack = s })
		}
	}
}

// different takes over a setting of the only section, and refuses any other that differs.
func (e *executedReader) different(n *topology.Node, name string, at, all diag.Span, lift func()) {
	if len(n.Aggregations) == 1 {
		lift()
		return
	}
	f := grammar.Findingf(grammar.CodeExecuted, at, "a `%s` for one section among several is not carried out by this version; write one in the global section", name)
	if !all.IsZero() {
		f.Related = []diag.Note{{Span: all, Label: "for all sections"}}
	}
	e.findings.Add(*f)
}
