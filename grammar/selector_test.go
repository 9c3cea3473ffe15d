package grammar

import (
	"regexp"
	"strings"
	"testing"
)

func TestTemplate(t *testing.T) {
	for _, tt := range []struct {
		text string
		want string // the values, for a host called NAME at SITE
	}{
		{"hapee", "hapee"},
		{"hapee[1-4]", "hapee1 hapee2 hapee3 hapee4"},
		{"par[08-11]", "par08 par09 par10 par11"},
		{"n[9-11]x", "n9x n10x n11x"},
		{"n[007-007]", "n007"},
		{"n[0-2]", "n0 n1 n2"},
		{"192.168.56.[101-103]", "192.168.56.101 192.168.56.102 192.168.56.103"},
		{"a[1-2]-b[3-4]", "a1-b3 a2-b4"},
		{"[2001:db8::[1-2]]:80", "[2001:db8::1]:80 [2001:db8::2]:80"},
		{"[::1]:80", "[::1]:80"},
		{"bases/{site}/{name}.cfg", "bases/SITE/NAME.cfg"},
		{"{name}[1-2]", "NAME1 NAME2"},
		{"", ""},
	} {
		tpl, bad := ParseTemplate(word(tt.text))
		if bad != nil || !tpl.Usable() {
			t.Errorf("%q: %v", tt.text, bad)
			continue
		}
		var got []string
		for i := range max(tpl.Count(), 1) {
			got = append(got, tpl.At(i, "NAME", "SITE").Value)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%q: %v, want %s", tt.text, got, tt.want)
		}
	}
}

func TestTemplateFindings(t *testing.T) {
	for _, tt := range []struct {
		text, want, at string
		usable         bool
	}{
		{"n[4-1]", "runs backwards", "[4-1]", true},
		{"n[01-100]", "accepted is `[001-100]`", "[01-100]", true},
		{"n[1-10001]", "at most 10000", "[1-10001]", false},
		{"n[1-99999999999999999999]", "9 digits", "[1-99999999999999999999]", false},
		{"n[1-2]x[1-3]", "ranges go in step", "[1-3]", false},
		{"n[a-c]", "is not a range", "[a-c]", false},
		{"n[1-", "is not a range", "[1-", false},
		{"n[]", "is not a range", "[]", false},
		{"n[1,3]", "is not a range", "[1,3]", false},
	} {
		tpl, bad := ParseTemplate(word(tt.text))
		checkFinding(t, word(tt.text), bad, CodeRange, tt.want, tt.at)
		if tpl.Usable() != tt.usable {
			t.Errorf("%q: usable is %v", tt.text, tpl.Usable())
		}
	}
	_, bad := ParseTemplate(word("x{host}"))
	checkFinding(t, word("x{host}"), bad, CodeValue, "accepted are `{name}`, `{site}`", "{host}")
}

// TestTemplatePlaces: what stands in the file keeps its place, and what a range or placeholder gave has that of the range.
func TestTemplatePlaces(t *testing.T) {
	tpl, _ := ParseTemplate(word("ab[10-12]cd"))
	s := tpl.At(1, "", "")
	if s.Value != "ab11cd" {
		t.Fatal(s.Value)
	}
	for _, tt := range []struct{ from, to, start, end int }{
		{0, 6, 5, 16}, {0, 2, 5, 7}, {2, 4, 7, 14}, {4, 6, 14, 16}, {5, 6, 15, 16}, {6, 6, 16, 16},
	} {
		if at := s.At(tt.from, tt.to); at.Start.Column != tt.start || at.End.Column != tt.end {
			t.Errorf("[%d,%d) is at columns %d to %d, want %d to %d", tt.from, tt.to, at.Start.Column, at.End.Column, tt.start, tt.end)
		}
	}
}

func TestSelector(t *testing.T) {
	for _, tt := range []struct{ text, site, patterns string }{
		{"hapee1", "", "hapee1"}, {"agg-*", "", "agg-*"}, {"n[1-3]", "", "n1 n2 n3"}, {"n[1-2]?", "", "n1? n2?"}, {"@par", "par", ""}, {"{name}", "", "{name}"},
	} {
		s, bad := ParseSelector(word(tt.text))
		if bad != nil || s.Site != tt.site || strings.Join(s.Patterns, " ") != tt.patterns {
			t.Errorf("%q: %+v, %v", tt.text, s, bad)
		}
	}
	for _, text := range []string{"@", ""} {
		if _, bad := ParseSelector(word(text)); bad == nil || bad.Code != CodeSelector {
			t.Errorf("%q: %v", text, bad)
		}
	}
}

func TestWords(t *testing.T) {
	s := word("  /a b\tmode 600 ")
	words := s.Words()
	var got []string
	for _, w := range words {
		got = append(got, w.Value)
	}
	if strings.Join(got, "|") != "/a|b|mode|600" {
		t.Errorf("%q", got)
	}
	if at := words[3].Span; at.Start.Column != 17 || at.End.Column != 20 {
		t.Errorf("the last word is at %+v", at)
	}
	if words := word(" ").Words(); words != nil {
		t.Errorf("%v", words)
	}
}

// FuzzMatchGlob holds the matcher against a regular expression.
func FuzzMatchGlob(f *testing.F) {
	for _, s := range [][2]string{
		{"*", ""}, {"", ""}, {"a*", "abc"}, {"*c", "abc"}, {"a*c", "abcbc"}, {"a?c", "abc"}, {"a?c", "ac"}, {"**b*", "aab"}, {"a*b*c", "a-b-d"}, {"*?*", "a"}, {"?", ""},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 50 || len(name) > 50 || strings.Trim(pattern+name, "abc-.*?") != "" {
			t.Skip()
		}
		text := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern))
		if want := regexp.MustCompile("^" + text + "$").MatchString(name); MatchGlob(pattern, name) != want {
			t.Errorf("%q against %q: want %v", pattern, name, want)
		}
	})
}
