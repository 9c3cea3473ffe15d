package grammar

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"stktc/grammar/diag"
)

// MaxRange is how many values one range may give.
const MaxRange = 10_000

// Template is a value with ranges, "192.168.56.[101-104]", and the placeholders {name} and {site}. It stands for as many values as its
// ranges have numbers; several ranges go in step.
type Template struct {
	scalar Scalar
	parts  []templatePart
	count  int // 0: no range
	broken bool
}

// templatePart is the bytes [from, to) of a template.
type templatePart struct {
	from, to int
	holder   string // "name" or "site"
	isRange  bool
	low      int
	width    int // digits, with zeros in front; 0: no padding
}

// templateSpecial is a range, a placeholder, or a bracket that is none of a range and, without colons, none of an IPv6 address.
var templateSpecial = regexp.MustCompile(`\[([0-9]+)-([0-9]+)\]|\{([^{}]*)\}|\[[^\]:\[]*(?:\]|$)`)

// ParseTemplate reads a value's ranges and placeholders. Beside a finding, the template is what was likely meant, so that not every
// use of the value becomes a finding too; it is not Usable when nothing could be made of it.
func ParseTemplate(s Scalar) (t Template, first *diag.Finding) {
	t.scalar = s
	end := 0
	for _, m := range templateSpecial.FindAllStringSubmatchIndex(s.Value, -1) {
		t.text(end, m[0])
		end = m[1]
		var bad *diag.Finding
		switch {
		case m[2] >= 0:
			bad = t.addRange(m[0], m[1], s.Value[m[2]:m[3]], s.Value[m[4]:m[5]])
		case m[6] >= 0:
			bad = t.addHolder(m[0], m[1], s.Value[m[6]:m[7]])
		default:
			t.broken = true
			bad = Findingf(CodeRange, s.At(m[0], m[1]), "`%s` is not a range; a range is two numbers, as in `[1-4]`", s.Value[m[0]:m[1]])
		}
		if first == nil {
			first = bad
		}
	}
	t.text(end, len(s.Value))
	return t, first
}

func (t *Template) text(from, to int) {
	if from < to {
		t.parts = append(t.parts, templatePart{from: from, to: to})
	}
}

func (t *Template) addHolder(from, to int, name string) *diag.Finding {
	if name != "name" && name != "site" {
		t.broken = true
		return Findingf(CodeValue, t.scalar.At(from, to), "placeholder `{%s}` is not known; accepted are `{name}`, `{site}`", name)
	}
	t.parts = append(t.parts, templatePart{from: from, to: to, holder: name})
	return nil
}

// addRange takes "[low-high]". Zeros in front, at either end, ask for numbers of equal length.
func (t *Template) addRange(from, to int, low, high string) *diag.Finding {
	at, whole := t.scalar.At(from, to), t.scalar.Value[from:to]
	if len(low) > 9 || len(high) > 9 {
		t.broken = true
		return Findingf(CodeRange, at, "range `%s` has numbers of more than 9 digits", whole)
	}
	// Nine digits always fit.
	lo, _ := strconv.Atoi(low)
	hi, _ := strconv.Atoi(high)
	p := templatePart{from: from, to: to, isRange: true, low: min(lo, hi)}
	if len(low) > 1 && low[0] == '0' || len(high) > 1 && high[0] == '0' {
		p.width = max(len(low), len(high))
	}
	n, before := max(hi-lo, lo-hi)+1, t.count
	t.parts = append(t.parts, p)
	t.count = n
	switch {
	case n > MaxRange:
		t.broken = true
		return Findingf(CodeRange, at, "range `%s` has %d numbers; accepted are at most %d", whole, n, MaxRange)
	case lo > hi:
		return Findingf(CodeRange, at, "range `%s` runs backwards; accepted is `[%s-%s]`", whole, high, low)
	case p.width > 0 && len(low) != len(high):
		return Findingf(CodeRange, at, "range `%s` has zeros in front and ends of different length; accepted is `[%0*d-%0*d]`", whole, p.width, lo, p.width, hi)
	case before > 0 && before != n:
		t.broken = true
		return Findingf(CodeRange, at, "range `%s` has %s, and the one before it %d; ranges go in step", whole, Count(n, "number"), before)
	}
	return nil
}

// Usable tells whether the template's values are known.
func (t Template) Usable() bool { return !t.broken }

// IsEmpty tells whether there is no value at all.
func (t Template) IsEmpty() bool { return t.scalar.IsZero() }

// Count is how many numbers the ranges have; 0 without a range.
func (t Template) Count() int { return t.count }

// Holds tells whether the placeholder, "name" or "site", stands in the template.
func (t Template) Holds(holder string) bool {
	for _, p := range t.parts {
		if p.holder == holder {
			return true
		}
	}
	return false
}

// At gives the i-th value. What a range or a placeholder gave has its place there.
func (t Template) At(i int, name, site string) Scalar {
	if len(t.parts) == 0 || len(t.parts) == 1 && t.parts[0].holder == "" && !t.parts[0].isRange {
		return t.scalar
	}
	s := Scalar{Span: t.scalar.Span, Unresolved: t.scalar.Unresolved}
	var value strings.Builder
	for _, p := range t.parts {
		text := p.at(t.scalar.Value, i, name, site)
		generated := p.isRange || p.holder != ""
		for k := range len(text) {
			at := p.from
			if !generated {
				at += k
			}
			s.source = append(s.source, t.scalar.At(at, at).Start)
		}
		value.WriteString(text)
	}
	s.Value = value.String()
	s.source = append(s.source, t.scalar.At(len(t.scalar.Value), len(t.scalar.Value)).Start)
	return s
}

func (p templatePart) at(value string, i int, name, site string) string {
	switch {
	case p.isRange:
		return fmt.Sprintf("%0*d", p.width, p.low+i)
	case p.holder == "name":
		return name
	case p.holder == "site":
		return site
	}
	return value[p.from:p.to]
}

// Words cuts a value at its blanks.
func (s Scalar) Words() []Scalar {
	var words []Scalar
	for at := 0; at < len(s.Value); {
		if isSpaceOrTab(s.Value[at]) || s.Value[at] == '\n' {
			at++
			continue
		}
		end := len(s.Value)
		if n := strings.IndexAny(s.Value[at:], " \t\n"); n >= 0 {
			end = at + n
		}
		words = append(words, s.slice(at, end))
		at = end
	}
	return words
}

// Selector picks nodes: by name, by a glob with "*" and "?", by a range of either, or by "@site".
type Selector struct {
	Scalar
	Site     string   // of "@site"; else ""
	Patterns []string // names and globs; several from a range
}

// ParseSelector reads a selector.
func ParseSelector(s Scalar) (Selector, *diag.Finding) {
	if site, ok := strings.CutPrefix(s.Value, "@"); ok {
		if site == "" {
			return Selector{Scalar: s}, Findingf(CodeSelector, s.Span, "selector `@` names no site")
		}
		return Selector{Scalar: s, Site: site}, nil
	}
	if s.Value == "" {
		return Selector{Scalar: s}, Findingf(CodeSelector, s.Span, "a selector is empty; accepted are a name, a glob, a range and `@site`")
	}
	t, bad := ParseTemplate(s)
	sel := Selector{Scalar: s}
	for i := range max(t.count, 1) {
		if t.Usable() {
			sel.Patterns = append(sel.Patterns, t.At(i, "{name}", "{site}").Value)
		}
	}
	return sel, bad
}

// IsGlob tells whether a pattern may match several names.
func IsGlob(pattern string) bool { return strings.ContainsAny(pattern, "*?") }

// MatchGlob tells whether a name matches a pattern, in which "*" stands for any characters and "?" for one. Its cost is the product of
// their lengths at worst.
func MatchGlob(pattern, name string) bool {
	p, n, star, mark := 0, 0, -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0:
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
