package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf16"

	"stktc/grammar/diag"
)

// What is used of SARIF 2.1.0 (OASIS), whose names and rules these types have.

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool       sarifTool     `json:"tool"`
	ColumnKind string        `json:"columnKind"`
	Results    []sarifResult `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version,omitempty"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID               diag.Code     `json:"id"`
	Name             string        `json:"name"`
	ShortDescription sarifText     `json:"shortDescription"`
	FullDescription  sarifText     `json:"fullDescription"`
	Help             sarifText     `json:"help"`
	HelpURI          string        `json:"helpUri"`
	Default          sarifDefaults `json:"defaultConfiguration"`
}

type sarifDefaults struct {
	Level string `json:"level"`
}

type sarifText struct {
	Text     string `json:"text"`
	Markdown string `json:"markdown,omitempty"`
}

type sarifResult struct {
	RuleID       diag.Code          `json:"ruleId"`
	RuleIndex    *int               `json:"ruleIndex,omitempty"`
	Level        string             `json:"level"`
	Message      sarifText          `json:"message"`
	Locations    []sarifLocation    `json:"locations"`
	Related      []sarifLocation    `json:"relatedLocations,omitempty"`
	Fingerprints map[string]string  `json:"partialFingerprints"`
	Fixes        []sarifFix         `json:"fixes,omitempty"`
	Suppressions []sarifSuppression `json:"suppressions,omitempty"`
}

type sarifLocation struct {
	ID       *int          `json:"id,omitempty"`
	Physical sarifPhysical `json:"physicalLocation"`
	Message  *sarifText    `json:"message,omitempty"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   *sarifRegion  `json:"region,omitempty"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn"`
	EndLine     int `json:"endLine"`
	EndColumn   int `json:"endColumn"`
}

type sarifFix struct {
	Description sarifText     `json:"description"`
	Changes     []sarifChange `json:"artifactChanges"`
}

type sarifChange struct {
	Artifact     sarifArtifact      `json:"artifactLocation"`
	Replacements []sarifReplacement `json:"replacements"`
}

type sarifReplacement struct {
	Deleted  sarifRegion `json:"deletedRegion"`
	Inserted sarifText   `json:"insertedContent"`
}

type sarifSuppression struct {
	Kind          string         `json:"kind"`
	Justification string         `json:"justification,omitempty"`
	Location      *sarifLocation `json:"location,omitempty"`
}

// sarifFingerprint names the fingerprints; the number is raised when they are made differently.
const sarifFingerprint = "stktc/v1"

// SARIF prints every finding as SARIF 2.1.0, for code scanning: the other ends as related locations that the message links to, fixes, and what
// comments or the baseline silence as suppressed.
func (f *Findings) SARIF() []byte {
	s := sarifPrinter{f, map[string][]string{}}
	run := sarifRun{
		Tool:       sarifTool{sarifDriver{Name: "stktc", Version: f.Version, Rules: []sarifRule{}}},
		ColumnKind: "utf16CodeUnits",
		Results:    []sarifResult{},
	}
	index := map[diag.Code]*int{}
	for _, r := range f.Rules {
		if slices.ContainsFunc(f.List, func(d diag.Finding) bool { return d.Code == r.Code }) {
			n := len(run.Tool.Driver.Rules)
			index[r.Code] = &n
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, newSARIFRule(&r))
		}
	}
	for i := range f.List {
		result := s.result(&f.List[i])
		result.RuleIndex = index[f.List[i].Code]
		run.Results = append(run.Results, result)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}}); err != nil {
		panic(err) // strings and numbers always encode
	}
	return out.Bytes()
}

func newSARIFRule(r *Rule) sarifRule {
	return sarifRule{
		ID: r.Code, Name: pascal(r.Slug),
		ShortDescription: sarifText{Text: r.Title},
		FullDescription:  sarifText{Text: r.Title + "."},
		Help:             sarifText{Text: "stktc explain " + string(r.Code), Markdown: r.Page},
		HelpURI:          helpURI(r.Code),
		Default:          sarifDefaults{sarifLevel(r.Severity)},
	}
}

// pascal writes a slug as SARIF has names: "PeerAddressMismatch".
func pascal(slug string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(slug, "-") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

func helpURI(c diag.Code) string { return "stktc:explain/" + string(c) }

func sarifLevel(s diag.Severity) string {
	switch s {
	case diag.Error:
		return "error"
	case diag.Warning:
		return "warning"
	}
	return "note"
}

type sarifPrinter struct {
	*Findings
	lines map[string][]string
}

func (s *sarifPrinter) result(d *diag.Finding) sarifResult {
	r := sarifResult{
		RuleID: d.Code, Level: sarifLevel(d.Severity),
		Locations:    []sarifLocation{},
		Fingerprints: map[string]string{sarifFingerprint: d.Fingerprint()},
	}
	if !d.Primary.Span.IsZero() {
		r.Locations = append(r.Locations, s.location(d.Primary))
	}
	for _, n := range d.Related {
		if n.Span.IsZero() {
			continue
		}
		l := s.location(n)
		id := len(r.Related) + 1
		l.ID = &id
		r.Related = append(r.Related, l)
	}
	r.Message.Text = sarifMessage(d, r.Related)
	for i := range d.Fixes {
		if fix, ok := s.fix(&d.Fixes[i]); ok {
			r.Fixes = append(r.Fixes, fix)
		}
	}
	if d.Silenced != nil {
		r.Suppressions = []sarifSuppression{s.suppression(d.Silenced)}
	}
	return r
}

// sarifMessage is the sentence, the other ends as links, and what the mistake does. GitHub shows related locations only where the message links to them.
func sarifMessage(d *diag.Finding, related []sarifLocation) string {
	parts := []string{escapeLinks(printable(d.Summary)) + "."}
	var links []string
	for _, l := range related {
		label := l.Physical.Artifact.URI
		if l.Message != nil && l.Message.Text != "" {
			label = l.Message.Text
		}
		links = append(links, fmt.Sprintf("[%s](%d)", escapeLinks(label), *l.ID))
	}
	if len(links) > 0 {
		parts = append(parts, "See "+strings.Join(links, ", ")+".")
	}
	if d.Impact != "" {
		parts = append(parts, "Impact: "+escapeLinks(printable(d.Impact))+".")
	}
	if d.RunTime != nil {
		parts = append(parts, "At run time: "+escapeLinks(printable(runTimeText(d.RunTime)))+".")
	}
	return strings.Join(parts, "\n")
}

var linkEscapes = strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`)

func escapeLinks(s string) string { return linkEscapes.Replace(s) }

func (s *sarifPrinter) location(n diag.Note) sarifLocation {
	l := sarifLocation{Physical: sarifPhysical{Artifact: artifact(n.Span.File)}}
	if n.Span.Start.Line > 0 {
		region := s.region(n.Span)
		l.Physical.Region = &region
	}
	if n.Label != "" {
		l.Message = &sarifText{Text: printable(n.Label)}
	}
	return l
}

// artifact writes a path as a URI: relative ones stay relative.
func artifact(file string) sarifArtifact {
	u := url.URL{Path: filepath.ToSlash(file)}
	if strings.HasPrefix(u.Path, "/") {
		u.Scheme = "file"
	} else if first, _, _ := strings.Cut(u.Path, "/"); strings.Contains(first, ":") {
		u.Path = "./" + u.Path // else it would begin with a scheme
	}
	return sarifArtifact{u.String()}
}

// region counts columns as SARIF's default does: in units of UTF-16.
func (s *sarifPrinter) region(at diag.Span) sarifRegion {
	end := at.End
	if end.Line == 0 {
		end = at.Start
	}
	return sarifRegion{at.Start.Line, s.column(at.File, at.Start), end.Line, s.column(at.File, end)}
}

func (s *sarifPrinter) column(file string, p diag.Pos) int {
	lines, split := s.lines[file]
	if !split {
		lines = strings.Split(string(s.Files[file]), "\n")
		s.lines[file] = lines
	}
	if p.Line < 1 || p.Line > len(lines) || p.Column < 1 || p.Column > len(lines[p.Line-1])+1 {
		return max(p.Column, 1)
	}
	return len(utf16.Encode([]rune(lines[p.Line-1][:p.Column-1]))) + 1
}

// fix is a fix that can be applied: one without edits is only advice.
func (s *sarifPrinter) fix(f *diag.Fix) (sarifFix, bool) {
	fix := sarifFix{Description: sarifText{Text: printable(f.Title)}, Changes: []sarifChange{}}
	for _, e := range f.Edits {
		a := artifact(e.Span.File)
		i := slices.IndexFunc(fix.Changes, func(c sarifChange) bool { return c.Artifact == a })
		if i < 0 {
			i = len(fix.Changes)
			fix.Changes = append(fix.Changes, sarifChange{Artifact: a})
		}
		fix.Changes[i].Replacements = append(fix.Changes[i].Replacements, sarifReplacement{s.region(e.Span), sarifText{Text: e.NewText}})
	}
	return fix, len(fix.Changes) > 0
}

func (s *sarifPrinter) suppression(by *diag.Silence) sarifSuppression {
	if by.At.IsZero() {
		return sarifSuppression{Kind: "external", Justification: by.Reason}
	}
	l := s.location(diag.Note{Span: by.At})
	return sarifSuppression{Kind: "inSource", Justification: printable(by.Reason), Location: &l}
}
