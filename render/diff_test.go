package render

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestUnifiedDiff(t *testing.T) {
	long := strings.Repeat("same\n", 8)
	tests := []struct{ name, a, b, want string }{
		{"equal", "a\n", "a\n", ""},
		{"both empty", "", "", ""},
		{"from nothing", "", "a\nb\n", "--- x\n+++ y\n@@ -0,0 +1,2 @@\n+a\n+b\n"},
		{"to nothing", "a\n", "", "--- x\n+++ y\n@@ -1 +0,0 @@\n-a\n"},
		{"one line", "a\n", "b\n", "--- x\n+++ y\n@@ -1 +1 @@\n-a\n+b\n"},
		{"context", "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nx\n6\n7\n8\n9\n", "--- x\n+++ y\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n"},
		{"no newline at the end of a", "a\nb", "a\nb\n", "--- x\n+++ y\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n"},
		{"no newline at both ends", "a\nb", "x\nb", "--- x\n+++ y\n@@ -1,2 +1,2 @@\n-a\n+x\n b\n\\ No newline at end of file\n"},
		{"CRLF against LF", "a\r\nb\n", "a\nb\n", "--- x\n+++ y\n@@ -1,2 +1,2 @@\n-a\r\n+a\n b\n"},
		{"two hunks", "a\n" + long + "b\n", "A\n" + long + "B\n", "--- x\n+++ y\n@@ -1,4 +1,4 @@\n-a\n+A\n same\n same\n same\n@@ -7,4 +7,4 @@\n same\n same\n same\n-b\n+B\n"},
		{"contexts that touch", "a\n1\n2\n3\n4\n5\n6\nb\n", "A\n1\n2\n3\n4\n5\n6\nB\n", "--- x\n+++ y\n@@ -1,8 +1,8 @@\n-a\n+A\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+B\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := UnifiedDiff("x", "y", []byte(test.a), []byte(test.b)); string(got) != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// TestUnifiedDiffIsGNU compares with diff -u where that is installed, on changes that can be said in one way only.
func TestUnifiedDiffIsGNU(t *testing.T) {
	diff, err := exec.LookPath("diff")
	if err != nil {
		t.Skip("no diff here")
	}
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 60 {
		var a, b []string
		for i := range random.IntN(80) {
			line := strings.Repeat("x", i+1) + "\n" // every line is unique
			if random.IntN(8) > 0 {
				a = append(a, line)
			}
			if random.IntN(8) > 0 {
				b = append(b, line)
			}
		}
		textA, textB := strings.Join(a, ""), strings.Join(b, "")
		if round%3 == 0 {
			textA = strings.TrimSuffix(textA, "\n")
		}
		pathA, pathB := filepath.Join(dir, "a"), filepath.Join(dir, "b")
		write(t, pathA, textA)
		write(t, pathB, textB)
		want, _ := exec.Command(diff, "-u", "--label", "a", "--label", "b", pathA, pathB).Output()
		if got := UnifiedDiff("a", "b", []byte(textA), []byte(textB)); !bytes.Equal(got, want) {
			t.Fatalf("round %d: got\n%s\nwant\n%s", round, got, want)
		}
	}
}

// TestUnifiedDiffPatches lets patch make the second text of the first, for texts whose lines repeat.
func TestUnifiedDiffPatches(t *testing.T) {
	patch, err := exec.LookPath("patch")
	if err != nil {
		t.Skip("no patch here")
	}
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(3, 4))
	text := func() string {
		var b strings.Builder
		for range random.IntN(40) {
			b.WriteString(string(rune('a' + random.IntN(3))))
			if random.IntN(6) == 0 {
				b.WriteByte('\r')
			}
			b.WriteByte('\n')
		}
		return strings.TrimSuffix(b.String(), strings.Repeat("\n", random.IntN(2)))
	}
	for round := range 60 {
		a, b := text(), text()
		file := filepath.Join(dir, "file")
		write(t, file, a)
		cmd := exec.Command(patch, "-s", "--binary", "-F0", file)
		cmd.Stdin = bytes.NewReader(UnifiedDiff("file", "file", []byte(a), []byte(b)))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("round %d: %v\n%s", round, err, out)
		}
		got, err := os.ReadFile(file)
		if err != nil && b != "" { // patch removes what became empty
			t.Fatal(err)
		}
		if string(got) != b {
			t.Fatalf("round %d: patch made %q of %q, want %q", round, got, a, b)
		}
	}
}

func TestUnifiedDiffOfManyLines(t *testing.T) {
	var a, b bytes.Buffer
	for i := range 70_000 { // past the surrogates, where line numbers are no runes
		line := strings.Repeat("x", i%7) + string(rune('a'+i%26)) + strings.Repeat("y", i/26%97) + string(rune('A'+i/2600%60)) + "\n"
		a.WriteString(line)
		if i != 60_000 {
			b.WriteString(line)
		}
	}
	if got := UnifiedDiff("a", "b", a.Bytes(), b.Bytes()); bytes.Count(got, []byte("\n")) != 10 {
		t.Errorf("one line is missing, but the diff is\n%.500s", got)
	}
}

func TestDiffName(t *testing.T) {
	got := UnifiedDiff("my file", "b", []byte("a\n"), nil)
	if !bytes.HasPrefix(got, []byte("--- my file\t\n+++ b\n")) {
		t.Errorf("got %q", got)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
