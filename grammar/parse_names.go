package grammar

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"stktc/grammar/diag"
)

// nameCharacters are those that HAProxy takes in the names of sections and of peers (invalid_char in src/tools.c).
const nameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:.-"

// name reports a character that HAProxy does not take in a name, and where it does not look at the name one that readers may take for another.
func (p *configParser) name(s Scalar, severity diag.Severity) {
	if s.Unresolved {
		return
	}
	i := strings.IndexFunc(s.Value, func(r rune) bool { return !strings.ContainsRune(nameCharacters, r) })
	if i < 0 || severity < diag.Error && s.Value[i] >= ' ' && s.Value[i] < utf8.RuneSelf-1 {
		return
	}
	r, size := utf8.DecodeRuneInString(s.Value[i:])
	if r == utf8.RuneError {
		return // not text, which is said already
	}
	shown := fmt.Sprintf("the character U+%04X", r)
	if unicode.IsPrint(r) {
		shown = fmt.Sprintf("`%c` (U+%04X)", r, r)
	}
	f := Findingf(CodeName, s.At(i, i+size), "name %s holds %s; HAProxy takes letters of ASCII, digits, `.`, `_`, `-` and `:`", quote(s.Value), shown)
	if severity < diag.Error {
		f.Summary = fmt.Sprintf("name %s holds %s, which may look like another character and is not taken in other lines", quote(s.Value), shown)
	}
	f.Severity = severity
	p.findings.Add(*f)
}

// names looks at the names in a statement. HAProxy looks at those of peers that are dialled only.
func (p *configParser) names(statement Statement) {
	switch s := statement.(type) {
	case *Server:
		severity := diag.Error
		if s.Address.IsZero() {
			severity = diag.Warning
		}
		p.name(s.Name, severity)
	case *Peer:
		p.name(s.Name, diag.Error)
	case *Table:
		p.name(s.Name, diag.Warning)
	case *LocalPeer:
		p.name(s.Name, diag.Warning)
	}
}

// bound keeps the number of findings of a file low: one of 16 MiB that is no configuration at all would give millions.
func (p *configParser) bound() {
	if len(p.findings) > 2*maxFindings {
		p.unlisted += p.findings.Bound(maxFindings)
	}
}

// sorted gives the findings, and says of the last how many are not listed.
func (p *configParser) sorted() diag.List {
	p.findings.Sort()
	if p.unlisted > 0 {
		last := &p.findings[len(p.findings)-1]
		last.Notes = append(last.Notes, fmt.Sprintf("not listed: %s of this file", Count(p.unlisted, "further finding")))
	}
	return p.findings
}
