package main

import (
	"bytes"
	"testing"
)

// TestRules proves that every code and every name belongs to one finding, whichever package makes it, and has a page.
func TestRules(t *testing.T) {
	seen := map[string]bool{}
	last := ""
	for _, r := range rules() {
		for _, id := range []string{string(r.code), r.slug} {
			if id == "" || seen[id] {
				t.Errorf("%q of %s stands twice, or is empty", id, r.code)
			}
			seen[id] = true
		}
		if string(r.code) <= last {
			t.Errorf("%s stands after %s", r.code, last)
		}
		last = string(r.code)
		if r.title == "" || len(r.text) == 0 {
			t.Errorf("%s has no page", r.code)
		}
		for _, s := range r.text {
			if s.text == "" {
				t.Errorf("%s has nothing to say under %q", r.code, s.heading)
			}
		}
	}
}

func TestColor(t *testing.T) {
	for _, c := range []struct {
		when string
		env  map[string]string
		want bool
		bad  bool
	}{
		{when: "always", want: true},
		{when: "always", env: map[string]string{"NO_COLOR": "1"}, want: true},
		{when: "never"},
		{when: "auto"}, // not a terminal
		{when: "green", bad: true},
	} {
		cmd := &command{stdout: &bytes.Buffer{}, env: func(name string) string { return c.env[name] }}
		got, err := cmd.color(c.when)
		if got != c.want || (err != nil) != c.bad {
			t.Errorf("--color %s: %v, %v", c.when, got, err)
		}
	}
}
