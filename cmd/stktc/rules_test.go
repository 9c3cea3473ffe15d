package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
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

// TestPageExamples lints the examples of the pages that no check has: the bad one has the finding, the good one nothing above an info.
func TestPageExamples(t *testing.T) {
	for code, p := range pages {
		t.Run(string(code), func(t *testing.T) {
			bad, good := exampleFindings(t, p.bad), exampleFindings(t, p.good)
			if !strings.Contains(bad, "["+string(code)+"]") {
				t.Errorf("the bad example has no such finding, but\n%s", bad)
			}
			if regexp.MustCompile("(?m)(error|warning)(:|\\[STK)").MatchString(good) {
				t.Errorf("the good example has\n%s", good)
			}
		})
	}
}

// exampleFindings writes an example into a directory and lints it, or checks it as the aggregator would.
func exampleFindings(t *testing.T, example string) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range txtar.Parse([]byte(example)).Files {
		file := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	cmd := &command{stdin: strings.NewReader(""), stdout: &out, stderr: &out, env: func(string) string { return "" }}
	args := []string{"lint", "--format", "compact", dir}
	if _, err := os.Stat(filepath.Join(dir, "topology.yaml")); err == nil {
		args[3] = filepath.Join(dir, "topology.yaml")
	}
	if file := filepath.Join(dir, "run.cfg"); strings.Contains(example, "-- run.cfg --") {
		args = []string{"run", "-c", "-f", file}
	}
	cmd.main(args)
	return out.String()
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
