package render

import (
	"bytes"
	"encoding/json"

	"stktc/grammar/diag"
)

// jsonVersion is raised when a field changes its meaning or goes; fields may be added without.
const jsonVersion = 1

type jsonReport struct {
	Version     int           `json:"version"`
	Tool        jsonTool      `json:"tool"`
	Summary     jsonSummary   `json:"summary"`
	Diagnostics []jsonFinding `json:"diagnostics"`
	Silenced    []jsonFinding `json:"silenced,omitempty"` // what comments and the baseline keep from being shown
}

type jsonTool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

type jsonSummary struct {
	Error   int `json:"error"`
	Warning int `json:"warning"`
	Info    int `json:"info"`
	Files   int `json:"files"`
	Nodes   int `json:"nodes"`
}

type jsonFinding struct {
	ID          diag.Code     `json:"id"`
	Slug        string        `json:"slug"`
	Severity    string        `json:"severity"`
	Message     string        `json:"message"`
	Primary     *jsonPlace    `json:"primary"` // null for a finding about no file
	Related     []jsonPlace   `json:"related"`
	Nodes       []string      `json:"nodes"`
	Edges       []string      `json:"edges"`
	Tables      []string      `json:"tables"`
	Notes       []string      `json:"notes,omitempty"`
	Impact      string        `json:"impact,omitempty"`
	RunTime     *jsonRunTime  `json:"runtime,omitempty"`
	Compared    *jsonCompared `json:"compared,omitempty"`
	Fixes       []jsonFix     `json:"fixes"`
	Silence     *jsonSilence  `json:"silence,omitempty"`
	Fingerprint string        `json:"fingerprint"`
	URL         string        `json:"url,omitempty"`
}

// jsonPlace has lines and columns from 1, columns in bytes; 0 stands for the file as a whole. The end is the first place behind.
type jsonPlace struct {
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"endLine"`
	EndColumn int    `json:"endColumn"`
	Label     string `json:"label"`
}

// jsonCompared sets two declarations side by side; id and severity are absent where they agree.
type jsonCompared struct {
	Left  string            `json:"left"`
	Right string            `json:"right"`
	Rows  []jsonComparedRow `json:"rows"`
}

type jsonComparedRow struct {
	What     string    `json:"what"`
	Left     string    `json:"left"`
	Right    string    `json:"right"`
	ID       diag.Code `json:"id,omitempty"`
	Severity string    `json:"severity,omitempty"`
	Effect   string    `json:"effect,omitempty"`
}

// jsonSilence says why a finding is not shown: a comment at a place, or, without one, the baseline.
type jsonSilence struct {
	Reason string     `json:"reason"`
	At     *jsonPlace `json:"at,omitempty"`
}

type jsonRunTime struct {
	Command string `json:"command"`
	On      string `json:"on"`
	Symptom string `json:"symptom"`
}

type jsonFix struct {
	Title string     `json:"title"`
	Safe  bool       `json:"safe"`
	Edits []jsonEdit `json:"edits"`
}

// jsonEdit replaces text on one line, or up to EndLine where that is another.
type jsonEdit struct {
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"endLine,omitempty"`
	EndColumn int    `json:"endColumn"`
	NewText   string `json:"newText"`
}

// JSON prints one versioned document with every finding, for programs.
func (f *Findings) JSON() []byte {
	r := jsonReport{
		Version: jsonVersion,
		Tool:    jsonTool{"stktc", f.Version},
		Summary: jsonSummary{
			Error:   f.List.Count(diag.Error),
			Warning: f.List.Count(diag.Warning),
			Info:    f.List.Count(diag.Info),
			Files:   len(f.Files),
			Nodes:   f.Nodes,
		},
		Diagnostics: []jsonFinding{},
	}
	for i := range f.List {
		if j := newJSONFinding(&f.List[i]); j.Silence != nil {
			r.Silenced = append(r.Silenced, j)
		} else {
			r.Diagnostics = append(r.Diagnostics, j)
		}
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		panic(err) // strings and numbers always encode
	}
	return out.Bytes()
}

func newJSONFinding(d *diag.Finding) jsonFinding {
	j := jsonFinding{
		ID: d.Code, Slug: d.Slug, Severity: d.Severity.String(), Message: d.Summary,
		Related: []jsonPlace{}, Fixes: []jsonFix{},
		Nodes: present(d.Nodes), Edges: present(d.Edges), Tables: present(d.Tables),
		Notes: d.Notes, Impact: d.Impact, Fingerprint: d.Fingerprint(),
	}
	if d.Code != "" {
		j.URL = "stktc:explain/" + string(d.Code)
	}
	if !d.Primary.Span.IsZero() {
		p := newJSONPlace(d.Primary)
		j.Primary = &p
	}
	for _, n := range d.Related {
		j.Related = append(j.Related, newJSONPlace(n))
	}
	if d.RunTime != nil {
		j.RunTime = &jsonRunTime{d.RunTime.Command, d.RunTime.On, d.RunTime.Symptom}
	}
	for i := range d.Fixes {
		j.Fixes = append(j.Fixes, newJSONFix(&d.Fixes[i]))
	}
	if c := d.Compared; c != nil {
		j.Compared = &jsonCompared{Left: c.Left, Right: c.Right}
		for _, row := range c.Rows {
			severity := ""
			if row.Code != "" {
				severity = row.Severity.String()
			}
			j.Compared.Rows = append(j.Compared.Rows, jsonComparedRow{row.What, row.Left, row.Right, row.Code, severity, row.Effect})
		}
	}
	if s := d.Silenced; s != nil {
		j.Silence = &jsonSilence{Reason: s.Reason}
		if !s.At.IsZero() {
			at := newJSONPlace(diag.Note{Span: s.At})
			j.Silence.At = &at
		}
	}
	return j
}

func newJSONPlace(n diag.Note) jsonPlace {
	s := n.Span
	return jsonPlace{s.File, s.Start.Line, s.Start.Column, s.End.Line, s.End.Column, n.Label}
}

func newJSONFix(f *diag.Fix) jsonFix {
	j := jsonFix{f.Title, f.Safe, []jsonEdit{}}
	for _, e := range f.Edits {
		s := e.Span
		edit := jsonEdit{File: s.File, Line: s.Start.Line, Column: s.Start.Column, EndColumn: s.End.Column, NewText: e.NewText}
		if s.End.Line != s.Start.Line {
			edit.EndLine = s.End.Line
		}
		j.Edits = append(j.Edits, edit)
	}
	return j
}

// present makes an absent list an empty one, so that programs need not handle null.
func present(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
