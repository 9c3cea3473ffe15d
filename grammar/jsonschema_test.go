package grammar

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"gopkg.in/yaml.v3"

	"stktc/grammar/diag"
)

// validate holds a value against a JSON Schema and lists what is wrong, by the value's path. It knows the keywords that we write, and
// no others may stand there.
func validate(s map[string]any, value any, path string) []string {
	var wrong []string
	for keyword, want := range s {
		switch keyword {
		case "type":
			if kinds := texts(want); !slices.ContainsFunc(kinds, func(kind string) bool { return isKind(value, kind) }) {
				wrong = append(wrong, fmt.Sprintf("%s: %v is no %v", path, value, kinds))
			}
		case "enum":
			if isSingle(value) && !slices.ContainsFunc(want.([]any), func(v any) bool { return v == value }) {
				wrong = append(wrong, fmt.Sprintf("%s: %v is none of %v", path, value, want))
			}
		case "pattern":
			if text, ok := value.(string); ok && !regexp.MustCompile(want.(string)).MatchString(text) {
				wrong = append(wrong, fmt.Sprintf("%s: %q does not match %s", path, text, want))
			}
		case "items":
			if list, ok := value.([]any); ok {
				for i, v := range list {
					wrong = append(wrong, validate(want.(map[string]any), v, fmt.Sprintf("%s[%d]", path, i))...)
				}
			}
		case "minItems":
			if list, ok := value.([]any); ok && float64(len(list)) < want.(float64) {
				wrong = append(wrong, path+": too few items")
			}
		case "minProperties":
			if object, ok := value.(map[string]any); ok && float64(len(object)) < want.(float64) {
				wrong = append(wrong, path+": too few keys")
			}
		case "required":
			if object, ok := value.(map[string]any); ok {
				for _, key := range texts(want) {
					if _, there := object[key]; !there {
						wrong = append(wrong, path+": no "+key)
					}
				}
			}
		case "properties", "additionalProperties":
			if object, ok := value.(map[string]any); ok && keyword == "additionalProperties" {
				wrong = append(wrong, validateKeys(s, object, path)...)
			}
		case "$schema", "title", "description", "markdownDescription", "examples":
		default:
			wrong = append(wrong, path+": keyword "+keyword)
		}
	}
	slices.Sort(wrong)
	return wrong
}

// validateKeys looks at the keys of an object by "properties", and those that are not there by "additionalProperties".
func validateKeys(s map[string]any, object map[string]any, path string) []string {
	var wrong []string
	properties, _ := s["properties"].(map[string]any)
	for key, v := range object {
		one, known := properties[key].(map[string]any)
		if !known {
			if one, known = s["additionalProperties"].(map[string]any); !known {
				wrong = append(wrong, path+": unknown key "+key)
				continue
			}
		}
		wrong = append(wrong, validate(one, v, path+"."+key)...)
	}
	return wrong
}

func texts(v any) []string {
	if one, ok := v.(string); ok {
		return []string{one}
	}
	var all []string
	for _, one := range v.([]any) {
		all = append(all, one.(string))
	}
	return all
}

// isSingle: "enum" would hold for all types; we write it for single values beside other types only if those are in it as well.
func isSingle(value any) bool {
	switch value.(type) {
	case []any, map[string]any:
		return false
	}
	return true
}

func isKind(value any, kind string) bool {
	switch v := value.(type) {
	case map[string]any:
		return kind == "object"
	case []any:
		return kind == "array"
	case string:
		return kind == "string"
	case bool:
		return kind == "boolean"
	case float64:
		return kind == "number" || kind == "integer" && v == math.Trunc(v)
	}
	return value == nil && kind == "null"
}

// asJSON turns a YAML text into the values that an editor holds against the schema.
func asJSON(text []byte) (any, error) {
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		return nil, err
	}
	return plain(value), nil
}

func plain(value any) any {
	switch v := value.(type) {
	case map[string]any:
		object := map[string]any{}
		for key, one := range v {
			object[key] = plain(one)
		}
		return object
	case map[any]any:
		object := map[string]any{}
		for key, one := range v {
			object[fmt.Sprint(key)] = plain(one)
		}
		return object
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
		return v
	case int:
		return float64(v)
	case float64, string, bool, nil:
		return v
	}
	return fmt.Sprint(value)
}

func parsedSchema(t *testing.T) map[string]any {
	t.Helper()
	var s map[string]any
	if err := json.Unmarshal(JSONSchema(), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// topologies are all topology files below the testdata directories of the module, those in archives included.
func topologies(t testing.TB) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	err := filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(name, "testdata"+string(filepath.Separator)) {
			return err
		}
		text, err := os.ReadFile(name)
		switch filepath.Ext(name) {
		case ".yaml":
			found[name] = text
		case ".txtar":
			for _, f := range txtar.Parse(text).Files {
				if strings.HasSuffix(f.Name, ".yaml") {
					found[name+":"+f.Name] = f.Data
				}
			}
		}
		return err
	})
	if err != nil || len(found) < 10 {
		t.Fatalf("%d topologies, %v", len(found), err)
	}
	return found
}

// TestJSONSchemaAccepts: what the reader accepts, the schema does; and it sees every key that the reader does not know.
func TestJSONSchemaAccepts(t *testing.T) {
	s := parsedSchema(t)
	for name, text := range topologies(t) {
		_, findings := ParseTopology(name, text)
		value, err := asJSON(text)
		if err != nil {
			continue // not YAML, on purpose
		}
		wrong := validate(s, value, "topology")
		unknown := slices.ContainsFunc(findings, func(f diag.Finding) bool { return f.Code == CodeUnknownKey || f.Code == CodeMissingKey })
		switch {
		case findings.Count(diag.Error) == 0 && len(wrong) > 0:
			t.Errorf("%s: the reader accepts what the schema does not:\n%s", name, strings.Join(wrong, "\n"))
		case unknown && len(wrong) == 0 && !onlyDefaultsLack(findings):
			t.Errorf("%s: the schema accepts what the reader does not:\n%s", name, brief(findings))
		}
	}
}

// onlyDefaultsLack: whether a key is needed that defaults may give is beyond the schema.
func onlyDefaultsLack(findings diag.List) bool {
	return !slices.ContainsFunc(findings, func(f diag.Finding) bool {
		return f.Code == CodeUnknownKey || f.Code == CodeMissingKey && !strings.HasPrefix(f.Summary, "aggregator ") && !strings.HasPrefix(f.Summary, "balancer ")
	})
}

// TestProductExamples: the two examples of the documentation are as the reader and the schema want them.
func TestProductExamples(t *testing.T) {
	s := parsedSchema(t)
	for _, name := range []string{"seed/topology.yaml", "clusters/product/topology.yaml"} {
		text, err := os.ReadFile(filepath.Join("../testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if _, findings := ParseTopology(name, text); len(findings) > 0 {
			t.Errorf("%s: %v", name, findings)
		}
		value, err := asJSON(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, wrong := range validate(s, value, "topology") {
			t.Errorf("%s: %s", name, wrong)
		}
	}
}

// TestJSONSchemaRefuses gives each mistake to both.
func TestJSONSchemaRefuses(t *testing.T) {
	s := parsedSchema(t)
	for _, tt := range []struct{ old, new, want string }{
		{"type: ip", "tpye: ip", "topology.tables.t: no type\ntopology.tables.t: unknown key tpye"},
		{"tables:", "version: \"2\"\ntables:", `topology.version: "2" does not match ^1$`},
		{"tables:", "haproxy: \"2\"\ntables:", `topology.haproxy: "2" does not match ^[0-9]{1,3}\.[0-9]{1,3}$`},
		{"size: 1k", "size: [1k]", "topology.tables.t.size: [1k] is no [string number boolean object]"},
		{"size: 1k", "size: {a: 1x}", `topology.tables.t.size.a: "1x" does not match ^[0-9]+[kKmMgG]?$`},
		{"size: 1k", "size: 1k, expire: 1w", `topology.tables.t.expire: "1w" does not match ^[0-9]+(us|ms|s|m|h|d)$`},
		{"size: 1k", "size: 1k, declare: peer", "topology.tables.t.declare: peer is none of [proxies peers]"},
		{"sums: [n]", "sums: []", "topology.aggregators.agg.sums: too few items"},
		{"sums: [n]", "sums: [{n: m}]", "topology.aggregators.agg.sums[0]: map[n:m] is no [string number boolean]"},
		{"peers: {p: 2}", "peers: 2", "topology.balancers.n.peers: 2 is no [object]"},
		{"{p: 2}", "{}", "topology.balancers.n.peers: too few keys"},
		{"base: b.cfg", "base: b.cfg, tls: {crt: x, key: y}", "topology.balancers.n.tls: unknown key key"},
		{"[{name: a, suffix: .a}, {name: b, suffix: .b}]", "{}", "topology.levels: map[] is no [array]"},
	} {
		text := strings.Replace(minimal, tt.old, tt.new, 1)
		if _, findings := ParseTopology("f", []byte(text)); findings.Count(diag.Error) == 0 && !strings.Contains(tt.want, "match") {
			t.Errorf("%s: the reader accepts it", tt.new)
		}
		value, err := asJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(validate(s, value, "topology"), "\n"); got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.new, got, tt.want)
		}
	}
}

// TestJSONSchemaHasAllKeys walks the tables and the schema together: every key is there, with what it says, and no other.
func TestJSONSchemaHasAllKeys(t *testing.T) {
	count := 0
	var walk func(path string, m *mapping, s map[string]any)
	walk = func(path string, m *mapping, s map[string]any) {
		if m.named {
			s = s["additionalProperties"].(map[string]any)
		}
		if m.list {
			s = s["items"].(map[string]any)
		}
		properties := s["properties"].(map[string]any)
		var keys []string
		for _, f := range m.keys {
			count++
			keys = append(keys, f.key)
			at := path + "." + f.key
			one, _ := properties[f.key].(map[string]any)
			if f.about == "" || one["markdownDescription"] != f.about {
				t.Errorf("%s: described as %q", at, one["markdownDescription"])
			}
			if !strings.HasSuffix(f.about, ".") || strings.Count(f.about, "`")%2 != 0 {
				t.Errorf("%s: %q", at, f.about)
			}
			if f.holds != nil {
				walk(at, f.holds, one)
			}
		}
		slices.Sort(keys)
		if got := slices.Sorted(maps.Keys(properties)); !slices.Equal(got, keys) {
			t.Errorf("%s: keys %q, want %q", path, got, keys)
		}
	}
	walk("topology", &mapping{keys: topologyKeys(&TopologyFile{}, &topEntries{})}, parsedSchema(t))
	if count < 60 {
		t.Errorf("only %d keys", count)
	}
}

// TestForms: the patterns take what the parsers take.
func TestForms(t *testing.T) {
	for _, tt := range []struct {
		form  form
		takes func(Scalar) bool
	}{
		{durationForm, func(s Scalar) bool { _, bad := ParseUnitDuration(s); return bad == nil }},
		{sizeForm, func(s Scalar) bool { _, bad := ParseSize(s); return bad == nil }},
	} {
		pattern := regexp.MustCompile(tt.form.pattern)
		for _, value := range []string{"1", "1s", "10ms", "3us", "1h", "2d", "5m", "1k", "1K", "2M", "3g", "007s", "1G", "0", "1w", "s", "1 s", "-1s", "1.5h", "1kk", "", "1S"} {
			if tt.takes(Scalar{Value: value}) && !pattern.MatchString(value) {
				t.Errorf("%s does not take %q", tt.form.pattern, value)
			}
		}
		for _, value := range tt.form.examples {
			if !tt.takes(Scalar{Value: value}) || !pattern.MatchString(value) {
				t.Errorf("the example %q of %s is none", value, tt.form.pattern)
			}
		}
	}
}
