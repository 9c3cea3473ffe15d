package render

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"stktc/grammar/diag"
)

// rich is portMismatch with all that SARIF has a place for: rules, silenced findings, wide characters before the place, paths that need quoting.
func rich(t *testing.T) *Findings {
	f := portMismatch(t)
	f.Files["a b/[é].cfg"] = []byte("  äöü😀 peer [x](1)\n")
	at := at(t, f.Files, "a b/[é].cfg", "peer", 1)
	f.List = append(f.List,
		diag.Finding{Code: "STK701", Slug: "stats-socket-in-tmp", Severity: diag.Info, Summary: "a [b](9) c", Primary: diag.Note{Span: at},
			Related: []diag.Note{{Span: at, Label: "see [this]"}}, Silenced: &diag.Silence{Reason: "meant so", At: at}, Nodes: []string{"n"}},
		diag.Finding{Code: "STK323", Slug: "aggregate-smaller", Severity: diag.Warning, Summary: "known", Primary: diag.Note{Span: at}, Silenced: &diag.Silence{Reason: "baseline"}},
		diag.Finding{Code: "STK020", Severity: diag.Error, Summary: "a whole file", Primary: diag.Note{Span: diag.Span{File: "/abs/x.cfg"}}},
		diag.Finding{Severity: diag.Error, Summary: "no place"})
	f.Rules = []Rule{
		{"STK201", "peer-address-mismatch", diag.Error, "a peer is dialled where it does not listen", "# STK201"},
		{"STK701", "stats-socket-in-tmp", diag.Info, "a socket lies in /tmp", "# STK701"},
		{"STK999", "never", diag.Info, "not found", "# STK999"},
	}
	return f
}

// TestSARIF holds the output to what readers of SARIF rest on; the official schema is held against it where STKTC_SARIF_SCHEMA names its file
// (sarif-schema-2.1.0.json of OASIS, which may not be copied into this repository).
func TestSARIF(t *testing.T) {
	f := rich(t)
	text := f.SARIF()
	var log sarifLog
	if err := json.Unmarshal(text, &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	if log.Version != "2.1.0" || len(run.Results) != len(f.List) || len(run.Tool.Driver.Rules) != 2 {
		t.Errorf("version %s, %d results, %d rules", log.Version, len(run.Results), len(run.Tool.Driver.Rules))
	}
	for _, r := range run.Tool.Driver.Rules {
		if r.ShortDescription.Text == "" || r.Help.Markdown == "" || r.HelpURI == "" || !regexp.MustCompile(`^([A-Z][a-z0-9]*)+$`).MatchString(r.Name) {
			t.Errorf("rule %+v is not complete", r)
		}
	}
	for i, r := range run.Results {
		checkResult(t, &run, &r)
		if silenced := f.List[i].Silenced != nil; silenced != (len(r.Suppressions) == 1) {
			t.Errorf("%s: suppressions %v", r.RuleID, r.Suppressions)
		}
	}
	first := run.Results[0]
	if want := (sarifRegion{5, 25, 5, 30}); *first.Locations[0].Physical.Region != want {
		t.Errorf("region %+v, want %+v", *first.Locations[0].Physical.Region, want)
	}
	if want := (sarifRegion{1, 9, 1, 13}); *run.Results[1].Locations[0].Physical.Region != want { // the emoji is two units
		t.Errorf("region %+v, want %+v", *run.Results[1].Locations[0].Physical.Region, want)
	}
	if uri := run.Results[1].Locations[0].Physical.Artifact.URI; uri != "a%20b/%5B%C3%A9%5D.cfg" {
		t.Errorf("uri %s", uri)
	}
	if !strings.HasPrefix(run.Results[1].Message.Text, `a \[b\](9) c.`) {
		t.Errorf("message %s", run.Results[1].Message.Text)
	}
	if fixes := first.Fixes; len(fixes) != 2 || fixes[0].Changes[0].Replacements[0].Inserted.Text != "22222" {
		t.Errorf("fixes %+v", fixes)
	}
	officialSchema(t, text)
}

var messageLink = regexp.MustCompile(`[^\\]\]\((\d+)\)`)

func checkResult(t *testing.T, run *sarifRun, r *sarifResult) {
	t.Helper()
	if r.RuleIndex != nil && run.Tool.Driver.Rules[*r.RuleIndex].ID != r.RuleID {
		t.Errorf("%s: rule %d is another", r.RuleID, *r.RuleIndex)
	}
	var ids []string
	for _, l := range r.Related {
		ids = append(ids, fmt.Sprint(*l.ID))
	}
	var linked []string
	for _, m := range messageLink.FindAllStringSubmatch(r.Message.Text, -1) {
		linked = append(linked, m[1])
	}
	if !slices.Equal(ids, linked) {
		t.Errorf("%s: the message links to %v, the related locations are %v:\n%s", r.RuleID, linked, ids, r.Message.Text)
	}
	if regexp.MustCompile(`:\d+(:|$)`).MatchString(r.Fingerprints[sarifFingerprint]) || r.Fingerprints[sarifFingerprint] == "" && r.RuleID != "" {
		t.Errorf("fingerprint %q", r.Fingerprints[sarifFingerprint])
	}
	for _, l := range slices.Concat(r.Locations, r.Related) {
		if g := l.Physical.Region; g != nil && (g.StartLine < 1 || g.StartColumn < 1 || g.EndLine < g.StartLine) {
			t.Errorf("%s: region %+v", r.RuleID, *g)
		}
	}
}

// officialSchema validates with the official schema, where it is.
func officialSchema(t *testing.T, text []byte) {
	t.Helper()
	file := os.Getenv("STKTC_SARIF_SCHEMA")
	if file == "" {
		return
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	var doc any
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	v := schemaValidator{root: schema}
	v.check(schema, doc, "")
	for _, bad := range v.bad {
		t.Error(bad)
	}
}

// schemaValidator knows the words of JSON Schema that the schema of SARIF is made of.
type schemaValidator struct {
	root map[string]any
	bad  []string
}

func (v *schemaValidator) refuse(at, format string, args ...any) {
	v.bad = append(v.bad, at+": "+fmt.Sprintf(format, args...))
}

func (v *schemaValidator) check(schema map[string]any, doc any, at string) {
	if ref, ok := schema["$ref"].(string); ok {
		name := strings.TrimPrefix(ref, "#/definitions/")
		v.check(v.root["definitions"].(map[string]any)[name].(map[string]any), doc, at)
		return
	}
	if want, ok := schema["type"]; ok && !isType(want, doc) {
		v.refuse(at, "%v is not of type %v", doc, want)
		return
	}
	if enum, ok := schema["enum"].([]any); ok && !slices.Contains(enum, doc) {
		v.refuse(at, "%v is none of %v", doc, enum)
	}
	for word, all := range map[string]bool{"anyOf": false, "oneOf": false, "allOf": true} {
		options, _ := schema[word].([]any)
		held := 0
		for _, o := range options {
			inner := schemaValidator{root: v.root}
			if inner.check(o.(map[string]any), doc, at); len(inner.bad) == 0 {
				held++
			}
		}
		if len(options) > 0 && (held == 0 || all && held < len(options) || word == "oneOf" && held != 1) {
			v.refuse(at, "%d of %d of %s hold", held, len(options), word)
		}
	}
	switch doc := doc.(type) {
	case map[string]any:
		v.object(schema, doc, at)
	case []any:
		v.array(schema, doc, at)
	case string:
		if p, ok := schema["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(doc) {
			v.refuse(at, "%q does not match %s", doc, p)
		}
	case float64:
		if least, ok := schema["minimum"].(float64); ok && doc < least {
			v.refuse(at, "%v is less than %v", doc, least)
		}
	}
}

func (v *schemaValidator) object(schema, doc map[string]any, at string) {
	required, _ := schema["required"].([]any)
	for _, name := range required {
		if _, ok := doc[name.(string)]; !ok {
			v.refuse(at, "%s is missing", name)
		}
	}
	properties, _ := schema["properties"].(map[string]any)
	for name, value := range doc {
		if p, ok := properties[name].(map[string]any); ok {
			v.check(p, value, at+"/"+name)
			continue
		}
		switch more := schema["additionalProperties"].(type) {
		case bool:
			if !more {
				v.refuse(at, "%s is not known", name)
			}
		case map[string]any:
			v.check(more, value, at+"/"+name)
		}
	}
}

func (v *schemaValidator) array(schema map[string]any, doc []any, at string) {
	if least, ok := schema["minItems"].(float64); ok && float64(len(doc)) < least {
		v.refuse(at, "%d items, at least %v are needed", len(doc), least)
	}
	items, _ := schema["items"].(map[string]any)
	seen := map[string]bool{}
	for i, item := range doc {
		if items != nil {
			v.check(items, item, fmt.Sprintf("%s/%d", at, i))
		}
		text, _ := json.Marshal(item)
		if unique, _ := schema["uniqueItems"].(bool); unique && seen[string(text)] {
			v.refuse(at, "item %d is there twice", i)
		}
		seen[string(text)] = true
	}
}

func isType(want, doc any) bool {
	if list, ok := want.([]any); ok {
		return slices.ContainsFunc(list, func(w any) bool { return isType(w, doc) })
	}
	switch doc := doc.(type) {
	case map[string]any:
		return want == "object"
	case []any:
		return want == "array"
	case string:
		return want == "string"
	case bool:
		return want == "boolean"
	case float64:
		return want == "number" || want == "integer" && doc == math.Trunc(doc)
	}
	return want == "null"
}

// TestSchemaValidator proves that the validator refuses: one that accepts everything would prove nothing.
func TestSchemaValidator(t *testing.T) {
	var schema map[string]any
	if err := json.Unmarshal([]byte(`{"type":"object","required":["a"],"additionalProperties":false,
		"properties":{"a":{"$ref":"#/definitions/n"},"b":{"enum":["x"]},"c":{"type":"array","items":{"type":"string","pattern":"^y"},"uniqueItems":true,"minItems":1},"d":{"oneOf":[{"type":"string"},{"type":"null"}]}},
		"definitions":{"n":{"type":"integer","minimum":1}}}`), &schema); err != nil {
		t.Fatal(err)
	}
	for doc, want := range map[string]int{
		`{"a":1}`: 0, `{"a":1,"b":"x","c":["y"],"d":null}`: 0, `[]`: 1, `{}`: 1, `{"a":0}`: 1, `{"a":1.5}`: 1, `{"a":1,"z":1}`: 1,
		`{"a":1,"b":"y"}`: 1, `{"a":1,"c":[]}`: 1, `{"a":1,"c":["y","y"]}`: 1, `{"a":1,"c":["x"]}`: 1, `{"a":1,"d":5}`: 1,
	} {
		var d any
		if err := json.Unmarshal([]byte(doc), &d); err != nil {
			t.Fatal(err)
		}
		v := schemaValidator{root: schema}
		if v.check(schema, d, ""); len(v.bad) != want {
			t.Errorf("%s: %v", doc, v.bad)
		}
	}
}

func TestGitHub(t *testing.T) {
	f := rich(t)
	f.List = append(f.List, diag.Finding{Code: "STK021", Slug: "x", Severity: diag.Warning, Summary: "50% of\nall, or: none",
		Primary: diag.Note{Span: diag.Span{File: "a,b:c.cfg", Start: diag.Pos{Line: 2, Column: 3}, End: diag.Pos{Line: 4, Column: 1}}}})
	got := strings.Split(strings.TrimSuffix(string(f.GitHub()), "\n"), "\n")
	want := []string{
		"::error file=aggr1/stktagg.cfg,line=5,endLine=5,col=25,endColumn=30,title=STK201 peer-address-mismatch::aggr1 dials aggr3 on port 11111, but aggr3 listens on 22222%0Asee aggr3/stktagg.cfg:2:25: aggr3's own address (`local` decides)%0Asee aggr1/stktagg.cfg:4:10: the node%0Aimpact: nothing from lb1 reaches aggr3%0Afix: dial 22222%0Afix: list it",
		"::error file=/abs/x.cfg,line=1,title=STK020::a whole file",
		"::error title=stktc::no place",
		"::warning file=a%2Cb%3Ac.cfg,line=2,endLine=4,title=STK021 x::50%25 of all, or: none",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
