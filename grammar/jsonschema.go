package grammar

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// JSONSchema is the schema of topology files for editors: JSON Schema draft-07, made of the tables that ParseTopology reads by. It is laxer
// than ParseTopology, never stricter.
func JSONSchema() []byte {
	top := mapping{keys: topologyKeys(&TopologyFile{}, &topEntries{})}
	root := top.schema()
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	root["title"] = "stktc topology"
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		panic(err) // strings, numbers and maps only
	}
	return b.Bytes()
}

// schema is a JSON Schema, or a part of one.
type schema map[string]any

// schema describes what stands in a mapping, or in each of the mappings that m stands for.
func (m *mapping) schema() schema {
	properties := schema{}
	var required []string
	for _, f := range m.keys {
		properties[f.key] = f.schema()
		if f.needed {
			required = append(required, f.key)
		}
	}
	s := schema{"type": "object", "properties": properties, "additionalProperties": false}
	if required != nil {
		s["required"] = required
	}
	switch {
	case m.named:
		return schema{"type": "object", "minProperties": 1, "additionalProperties": s}
	case m.list:
		return schema{"type": "array", "minItems": 1, "items": s}
	}
	return s
}

// schema describes a key's value. Where several kinds of values may stand, each kind's keywords apply to it alone, so that
// editors need no alternatives to choose from.
func (f *field) schema() schema {
	s := schema{}
	switch f.into.(type) {
	case *Scalar:
		s = f.form.schema()
	case *[]Scalar:
		s = f.form.schema().or("array")
		s["items"], s["minItems"] = f.form.schema(), 1
	case *[]Pair:
		s = schema{"type": "object", "additionalProperties": f.form.schema(), "minProperties": 1}
	case *ByLevel:
		s = f.form.schema().or("object")
		s["additionalProperties"], s["minProperties"] = f.form.schema(), 1
	case *entry, *ExtraEntry:
		s = f.holds.schema()
	case *TLSEntry:
		words := f.form.schema()
		s = f.holds.schema()
		s["type"] = append(words["type"].([]string), "object")
	default:
		panic("key " + f.key + ": no way to describe its value")
	}
	s["description"] = strings.ReplaceAll(f.about, "`", "")
	s["markdownDescription"] = f.about
	return s
}

// schema describes one value, which YAML may take for text, a number or a truth.
func (f form) schema() schema {
	s := schema{"type": []string{"string", "number", "boolean"}}
	if f.words != nil {
		s["enum"] = f.enum()
	}
	if f.pattern != "" {
		s["pattern"] = f.pattern
	}
	if f.examples != nil {
		s["examples"] = f.examples
	}
	return s
}

// enum lists the words, and what YAML takes them for when they stand without quotes: editors read YAML 1.2, or 1.1 with its "on" and "off".
func (f form) enum() []any {
	var values []any
	for _, w := range f.words {
		values = append(values, w)
		if n, err := strconv.Atoi(w); err == nil {
			values = append(values, n)
		}
		if w == "true" || w == "false" {
			values = append(values, w == "true")
		}
	}
	if slices.Contains(f.words, "on") && !slices.Contains(f.words, "true") {
		values = append(values, true)
	}
	if slices.Contains(f.words, "off") && !slices.Contains(f.words, "false") {
		values = append(values, false)
	}
	return values
}

// or lets a value be of a further type.
func (s schema) or(kind string) schema {
	s["type"] = append(s["type"].([]string), kind)
	return s
}
