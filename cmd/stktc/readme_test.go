package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// block is a generated part of the README: what to show, and the fenced text up to the end mark.
var block = regexp.MustCompile("(?s)<!-- (file|run): ([^\n]+) -->\n(```\\w*\n)(.*?)(```\n<!-- end -->)")

// TestREADME holds the README to what the tree does now: files that it shows are those of the tree, and commands print what it says. With -update it is rewritten.
func TestREADME(t *testing.T) {
	t.Chdir("../..")
	old, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := 0
	text := block.ReplaceAllFunc(old, func(b []byte) []byte {
		blocks++
		m := block.FindSubmatch(b)
		return fmt.Appendf(nil, "<!-- %s: %s -->\n%s%s%s", m[1], m[2], m[3], readmeText(t, string(m[1]), string(m[2])), m[5])
	})
	if blocks < 3 {
		t.Errorf("%d generated blocks in README.md", blocks)
	}
	if bytes.Equal(old, text) {
		return
	}
	if !*update {
		t.Fatal("README.md is stale: go test ./cmd/stktc -run TestREADME -update")
	}
	if err := os.WriteFile("README.md", text, 0o644); err != nil {
		t.Fatal(err)
	}
}

func readmeText(t *testing.T, kind, what string) []byte {
	t.Helper()
	if kind == "file" {
		text, err := os.ReadFile(what)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	var out bytes.Buffer
	words := strings.Fields(what)
	c := &command{stdin: strings.NewReader(""), stdout: &out, stderr: &out, env: func(string) string { return "" }}
	if code := c.main(words[1:]); code != exitDone && code != exitFindings {
		t.Fatalf("%s: exit %d\n%s", what, code, out.Bytes())
	}
	return out.Bytes()
}

// TestREADMECommands: the two commands for a fresh machine are there, and what .ci/run calls is the second.
func TestREADMECommands(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	ci, err := os.ReadFile("../../.ci/run")
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"\n    go run ./cmd/stktc lab testdata/seed/topology.yaml\n", "\n    go test ./...\n"} {
		if !bytes.Contains(readme, []byte(command)) {
			t.Errorf("README.md lacks %q", command)
		}
	}
	if !bytes.Contains(ci, []byte("go test ./...")) {
		t.Error(".ci/run does not call the README's test command")
	}
}
