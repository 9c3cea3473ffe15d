package grammar

import (
	"slices"
	"strings"

	"stktc/grammar/diag"
)

// ends reports what is open at the end of the file. HAProxy too refuses a last line without its end: it may have been cut.
func (p *configParser) ends() {
	for _, line := range p.open {
		p.findings.Add(*Findingf(CodeTruncated, line.Words[0].Span, "`%s` has no `.endif`", lineText(line.Words)))
		p.bound()
	}
	switch n := len(p.text); {
	case n == 0 || p.stop < n: // behind a NUL byte nothing counts
	case p.text[n-1] != '\n':
		p.lastLine()
	default:
		p.lastHeader()
	}
	p.file.Incomplete = p.file.Incomplete || slices.ContainsFunc(p.findings, func(f diag.Finding) bool {
		return f.Code == CodeTruncated && f.Severity == diag.Error
	}) || p.stop < len(p.text)
}

// lastLine looks at the line without an end. Where it is evidently a part of one, that is said in place of what follows from it, and points to its words:
// the line end alone can be put there.
func (p *configParser) lastLine() {
	last := p.lastOf()
	broken := func(f diag.Finding) bool {
		return f.Severity == diag.Error && f.Primary.Span.Start.Line == last.Span.Start.Line && slices.Contains(unfinished, f.Code)
	}
	at, why := last.WordsSpan(), ""
	if i := slices.IndexFunc(p.findings, broken); i >= 0 {
		why = p.findings[i].Summary
		p.findings = slices.DeleteFunc(p.findings, broken)
	}
	switch {
	case len(last.Words) == 0 && last.Comment.IsZero():
		at.Start = diag.Pos{Line: at.End.Line, Column: 1, Offset: at.End.Offset - (at.End.Column - 1)}
		why = "nothing follows its indentation"
	case len(last.Words) == 1:
		if whole := p.beginningOf(last); whole != "" {
			why = "`" + last.Keyword() + "` is the beginning of `" + whole + "`"
		}
	}
	if why != "" {
		p.findings.Add(*Findingf(CodeTruncated, at, "the file ends in the middle of its last line: %s", why))
		return
	}
	at = diag.Span{File: p.file.Name, Start: p.last, End: p.last}
	refuses := "HAProxy refuses it"
	if p.file.IsAggregator() {
		refuses = "is not run"
	}
	p.findings.Add(*Findingf(CodeTruncated, at, "the last line has no line end; the file may have been cut, and %s", refuses))
}

// unfinished are the codes that the first part of a right line may have.
var unfinished = []diag.Code{CodeLine, CodeDirective, CodeStore, CodeDuration, CodeSize, CodeAddress, CodeArgument, CodeTruncated}

// lastOf is the file's last line.
func (p *configParser) lastOf() *Line {
	n := len(p.file.Sections)
	switch {
	case n == 0:
		return &p.file.Preamble[len(p.file.Preamble)-1]
	case len(p.file.Sections[n-1].Lines) == 0:
		return &p.file.Sections[n-1].Header
	}
	lines := p.file.Sections[n-1].Lines
	return &lines[len(lines)-1]
}

// beginningOf gives the keyword that a line's only word is the beginning of; "" when there is none, or when the word is one itself.
func (p *configParser) beginningOf(line *Line) string {
	word := line.Keyword()
	known := slices.Concat(sectionNames(), commonDirectives)
	if line.Words[0].Span.Start.Column > 1 { // indented, as headers are not
		known = slices.Concat(commonDirectives, sectionNames())
	}
	if n := len(p.file.Sections); n > 0 {
		if v := vocabularyOf(p.file.Sections[n-1].Keyword.Value, p.file.IsAggregator()); v != nil {
			known = append(v.keywords(), known...)
		}
	}
	if slices.Contains(known, word) {
		return ""
	}
	i := slices.IndexFunc(known, func(k string) bool { return strings.HasPrefix(k, word) })
	if i < 0 {
		return ""
	}
	return known[i]
}

// commonDirectives begin most lines of HAProxy's configurations. Those that make a line alone, such as "daemon", are not among them.
var commonDirectives = []string{
	"acl", "balance", "bind", "capture", "chroot", "compression", "cookie", "default-server", "default_backend", "description", "email-alert",
	"errorfile", "filter", "group", "hash-type", "http-after-response", "http-check", "http-request", "http-response", "http-reuse", "http-send-name-header",
	"load-server-state-from-file", "localpeer", "log", "log-format", "log-tag", "lua-load", "maxconn", "mode", "monitor-uri", "nbthread", "option", "pidfile",
	"rate-limit", "redirect", "retries", "server", "server-template", "setenv", "source", "ssl-default-bind-ciphers", "ssl-default-bind-options", "stats",
	"stick", "stick-table", "tcp-check", "tcp-request", "tcp-response", "timeout", "tune.bufsize", "unique-id-format", "use-server", "use_backend", "user",
}

// lastHeader looks at a section without any line at the end of the file. Such a one of these serves nothing.
func (p *configParser) lastHeader() {
	n := len(p.file.Sections)
	if n == 0 {
		return
	}
	s := p.file.Sections[n-1]
	serves := !slices.Contains([]string{"peers", "aggregations", "frontend", "listen"}, s.Keyword.Value)
	if serves || s.Header.Conditional || len(s.Header.Words) != 2 || slices.ContainsFunc(s.Lines, func(l Line) bool { return len(l.Words) > 0 || !l.Comment.IsZero() }) {
		return
	}
	p.findings.Add(*Findingf(CodeTruncated, s.Header.WordsSpan(), "the file ends behind the header of `%s`: the section has no line, and the file may have been cut", lineText(s.Header.Words)))
}
