package grammar

import (
	"os"
	"path/filepath"
	"testing"
)

// corpus is testdata/corpus: configurations of all that HAProxy can do, each of which a real HAProxy accepts.
func corpus(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("../testdata/corpus/*.cfg")
	if err != nil || len(names) < 30 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	files := map[string][]byte{}
	for _, name := range names {
		if files[name], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// TestCorpus reads every configuration without a finding, and puts it together again byte for byte.
func TestCorpus(t *testing.T) {
	for name, text := range corpus(t) {
		file, findings := ParseConfig(name, text)
		checkCover(t, file, findings)
		for _, f := range findings {
			t.Errorf("%s: %s", f.Primary.Span, f.Summary)
		}
		for line := range file.AllLines() {
			if line.Broken {
				t.Errorf("%s is broken", line.Span)
			}
		}
	}
}
