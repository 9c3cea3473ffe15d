package check

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"stktc/grammar/diag"
)

// slips are what messages that are put together of words and numbers get wrong.
var slips = []struct {
	what    string
	pattern *regexp.Regexp
}{
	{"one of several", regexp.MustCompile(`\b1 (?:[a-z-]+ )?(nodes|lines|peers|tables|aggregators|balancers|keys|hosts|files|sections|suffixes|rules|copies|levels)\b`)},
	{"several of one", regexp.MustCompile(`\b([02-9]|\d\d+) (node|line|peer|table|aggregator|balancer|key|host|file|section|suffix|rule|level)\b`)},
	{"a word twice", regexp.MustCompile(`\b(the the|a a|is is|of of|to to|and and|in in|which which)\b`)},
	{"an article", regexp.MustCompile("\\ba `?[aeio][a-z]|\\ban `?[bcdfgjklmnpqrtvwz][a-z]")},
	{"blanks", regexp.MustCompile(`  | ,| ;|, ,| $|^ `)},
	{"nothing", regexp.MustCompile("``|%!|<nil>|\\(\\)$")},
	{"a full stop", regexp.MustCompile(`\.$`)},
	{"a capital", regexp.MustCompile(`^[A-Z][a-z]`)},
}

// exceptions are right although they look wrong.
var exceptions = regexp.MustCompile(`^HAProxy`)

// texts are all that a finding says, but for the words of its files.
func texts(f *diag.Finding) []string {
	all := append([]string{f.Summary, f.Impact, f.Primary.Label}, f.Notes...)
	for _, n := range f.Related {
		all = append(all, n.Label)
	}
	for _, x := range f.Fixes {
		all = append(all, x.Title)
	}
	if f.RunTime != nil {
		all = append(all, f.RunTime.Symptom)
	}
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

// TestWording reads what the checks say of their examples, of these with hosts left out, and of mistakes made at random.
func TestWording(t *testing.T) {
	said := map[string]bool{}
	read := func(fsys fstest.MapFS) {
		_, findings := linted(t, fsys)
		for i := range findings {
			for _, text := range texts(&findings[i]) {
				if said[text] {
					continue
				}
				said[text] = true
				for _, s := range slips {
					if s.pattern.MatchString(text) && !exceptions.MatchString(text) {
						t.Errorf("%s: %s: %s", findings[i].Code, s.what, text)
					}
				}
			}
		}
	}
	for _, k := range Checks() {
		whole := archived(k.Bad)
		read(whole)
		for name := range whole {
			part := archived(k.Bad)
			delete(part, name)
			read(part)
		}
	}
	fsys := mended(t)
	for _, old := range []string{"mytable.uncombined", "mytable.aggr", "mytable.l2", "peers mypeers", "server hapee", "server aggr", "http_req_rate(1h)", "expire 1h", "size 100", "44444", "type ip"} {
		for name := range fsys {
			altered := mended(t)
			altered[name] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(string(fsys[name].Data), old, old+"0"))}
			read(altered)
		}
	}
	if len(said) < 300 {
		t.Errorf("%d texts were read: too few", len(said))
	}
}
