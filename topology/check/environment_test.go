package check

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"stktc/grammar/diag"
)

// TestEnvironment hides the arguments of a sound cluster behind variables, one by one and all of a line: what is not known is not wrong.
func TestEnvironment(t *testing.T) {
	argument := regexp.MustCompile(`[^ \t\n,()]+`)
	syntax := strings.Fields("socket local up down to type size expire store peers http_req_rate track-sc0 deny deny_status src")
	sound := mended(t)
	names, err := fs.Glob(sound, "*/*.cfg")
	if err != nil || len(names) != 7 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		text := string(sound[name].Data)
		for start := 0; start < len(text); {
			end := start + strings.IndexByte(text[start:], '\n') + 1
			line := text[start:end]
			all := line
			for i, at := range slices.Backward(argument.FindAllStringIndex(line, -1)) {
				if i == 0 || slices.Contains(syntax, line[at[0]:at[1]]) {
					continue
				}
				hidden := func(line string) string { return line[:at[0]] + fmt.Sprintf(`"${HIDDEN%d}"`, i) + line[at[1]:] }
				all = hidden(all)
				hide(t, sound, name, text[:start], hidden(line), text[end:])
			}
			hide(t, sound, name, text[:start], all, text[end:])
			start = end
		}
	}
}

func hide(t *testing.T, sound fstest.MapFS, name, before, line, after string) {
	t.Helper()
	fsys := fstest.MapFS{}
	for p, f := range sound {
		fsys[p] = f
	}
	fsys[name] = &fstest.MapFile{Data: []byte(before + line + after)}
	_, findings := graver(t, fsys)
	for _, f := range findings {
		if f.Severity > diag.Info {
			t.Errorf("%s:%s\t%s %s", name, line, f.Code, f.Summary)
		}
	}
}
