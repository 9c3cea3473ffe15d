package load

import (
	"strings"
	"unicode"

	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/topology"
)

// settings reads how an aggregator works. Lines of the section say it, as another section of the file may work in another way.
func (b *topologyBuilder) settings(e *grammar.AggregatorEntry) topology.Settings {
	s := topology.Settings{LearnTimeout: b.timing(e.LearnTimeout), Hold: b.timing(e.Hold), Pace: b.timing(e.Pace)}
	if !e.GiveBack.IsZero() {
		s.GiveBack = topology.Switch{On: e.GiveBack.IsOn(), Span: e.GiveBack.Span}
	}
	return s
}

func (b *topologyBuilder) timing(s grammar.Scalar) topology.Timing {
	if s.IsZero() {
		return topology.Timing{}
	}
	d, bad := grammar.ParseUnitDuration(s)
	if bad != nil {
		b.findings.Add(*bad)
		return topology.Timing{}
	}
	return topology.Timing{Value: d, Span: s.Span}
}

var dialects = map[string]topology.Dialect{"": topology.DialectStktc, "stktc": topology.DialectStktc, "gpe": topology.DialectGPE, "stktagg": topology.DialectStktagg}

func (b *topologyBuilder) dialect(e *grammar.AggregatorEntry) topology.Dialect {
	if !e.Dialect.IsZero() {
		return dialects[e.Dialect.Value]
	}
	return dialects[b.file.Dialect.Value]
}

// tlsTemplate is "tls" of an entry, with its ranges and placeholders.
type tlsTemplate struct {
	entry       grammar.TLSEntry
	crt, caFile grammar.Template
}

func (s *spread) tlsTemplates(e grammar.TLSEntry) tlsTemplate {
	if !e.IsOn() {
		return tlsTemplate{}
	}
	return tlsTemplate{e, s.template(e.Crt), s.template(e.CAFile)}
}

// tls says how a host's sessions are encrypted. It accepts as well as dials, so it needs a certificate in any case.
func (b *topologyBuilder) tls(h *host, t tlsTemplate, at valueOf) topology.TLS {
	e := &t.entry
	if !e.IsOn() {
		return topology.TLS{}
	}
	out := topology.TLS{On: true, Span: e.Key.Span, Crt: text(at(t.crt)), CAFile: text(at(t.caFile)), Verify: text(e.Verify)}
	if e.Verify.IsZero() && !e.CAFile.IsZero() {
		out.Verify = topology.Text{Value: "required", Span: e.CAFile.Span}
	}
	switch {
	case e.Crt.IsZero():
		b.errorf(grammar.CodeMissingKey, e.Key.Span, "`tls` of `%s` has no `crt`; every host accepts sessions, and needs a certificate for that", h.node.Name.Value)
	case out.Verify.IsZero():
		b.errorf(grammar.CodeMissingKey, e.Key.Span, "`tls` of `%s` has no `ca_file` to verify the other end with; say `verify: none` if nothing is to be verified", h.node.Name.Value)
	case out.Verify.Value != "none" && e.CAFile.IsZero():
		b.errorf(grammar.CodeMissingKey, e.Verify.Span, "`tls` of `%s` says `verify: %s` but has no `ca_file` to verify with", h.node.Name.Value, out.Verify.Value)
	}
	return out
}

// place is where further lines go.
type place struct {
	header  string            // what stands before them in a file
	derived map[string]string // directives that have no place among them, and why
}

const (
	fromSums = "it is derived from `sums`"
	ownKey   = "it has a key of its own"
)

var (
	inGlobal       = place{"aggregations x\nglobal\n", map[string]string{"learn-timeout": ownKey, "hold": ownKey, "pace": ownKey, "give-back": ownKey, "lease": ownKey}}
	inAggregations = place{"aggregations x\n", map[string]string{
		"peer": fromSums, "from": "it is derived from `levels`", "forward": "it is derived from `levels`",
		"learn-timeout": ownKey, "hold": ownKey, "pace": ownKey, "give-back": ownKey, "lease": ownKey,
	}}
	inPeers = place{"peers x\n", map[string]string{"bind": "it is derived from `peers`", "server": fromSums, "peer": fromSums, "table": "it is derived from `tables`"}}
)

// extraLines reads lines that are kept as they stand. They must be such that a section can hold them, and leave alone what is derived.
func (b *topologyBuilder) extraLines(values []grammar.Scalar, in place) []topology.Text {
	var lines []topology.Text
	for _, v := range values {
		for from := 0; from < len(v.Value); {
			to := len(v.Value)
			if n := strings.IndexByte(v.Value[from:], '\n'); n >= 0 {
				to = from + n
			}
			if line := v.Value[from:to]; strings.TrimSpace(line) != "" && b.extraLine(v, from, to, in) {
				lines = append(lines, topology.Text{Value: strings.TrimRight(line, " \t"), Span: v.At(from, to)})
			}
			from = to + 1
		}
	}
	return lines
}

// extraLine looks at the bytes [from, to) of a value.
func (b *topologyBuilder) extraLine(v grammar.Scalar, from, to int, in place) bool {
	if i := strings.IndexFunc(v.Value[from:to], func(r rune) bool { return r != '\t' && unicode.IsControl(r) }); i >= 0 {
		b.errorf(grammar.CodeValue, v.At(from+i, from+i+1), "a line of `extra` holds a control character; accepted is text")
		return false
	}
	config, findings := grammar.ParseConfig("", []byte(in.header+v.Value[from:to]+"\n"))
	last := config.Sections[len(config.Sections)-1]
	if strings.Count(in.header, "\n") != len(config.Sections) {
		b.errorf(grammar.CodeValue, v.At(from, to), "`%s` begins a section; accepted are lines of one", last.Keyword.Value)
		return false
	}
	before := len(b.findings)
	for _, f := range findings {
		start := max(from, from+f.Primary.Span.Start.Offset-len(in.header))
		f.Related, f.Fixes = nil, nil // they point into a text that nobody has
		f.Primary.Span = v.At(start, min(start+f.Primary.Span.End.Offset-f.Primary.Span.Start.Offset, to))
		b.findings.Add(f)
	}
	keyword := last.Lines[0].Keyword()
	switch why, derived := in.derived[keyword]; {
	case derived:
		b.errorf(grammar.CodeValue, v.At(from, to), "`%s` has no place in `extra`: %s", keyword, why)
	case strings.HasPrefix(keyword, "."):
		b.errorf(grammar.CodeValue, v.At(from, to), "`%s` has no place in `extra`: conditions are not for generated lines", keyword)
	}
	return !hasErrors(b.findings[before:])
}

func hasErrors(list diag.List) bool { return list.Worst() == diag.Error }
