package main

import (
	"os"
	"strings"
	"testing"

	"stktc/grammar"
)

// TestExtensions: every directive of ours says what it is for, on the pages that a user is led to and in the README.
func TestExtensions(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), extensionsTable()) {
		t.Errorf("README.md lacks the table\n%s", extensionsTable())
	}
	if len(grammar.Extensions()) < 6 {
		t.Errorf("%d extensions", len(grammar.Extensions()))
	}
	for _, e := range grammar.Extensions() {
		if e.About == "" || e.Default == "" {
			t.Errorf("nothing is said of `%s`", e.Form)
		}
		for _, code := range []string{"STK021", "STK029"} {
			if page := pageOf(code); !strings.Contains(page, "`"+e.Form+"`") {
				t.Errorf("the page of %s does not say what `%s` is for", code, e.Form)
			}
		}
	}
}

func pageOf(code string) string {
	for _, r := range rules() {
		if string(r.code) == code {
			return r.markdown()
		}
	}
	return ""
}
