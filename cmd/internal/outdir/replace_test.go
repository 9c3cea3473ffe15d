package outdir

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return file
	}
	a, b := write("a", "old a", 0o640), write("b", "old b", 0o600)
	link := filepath.Join(dir, "link")
	if err := os.Symlink("b", link); err != nil {
		t.Fatal(err)
	}
	if err := Replace([]Replacement{{a, []byte("old a"), []byte("new a")}, {link, []byte("old b"), []byte("new b")}}); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{a: "new a", b: "new b"} {
		if got, _ := os.ReadFile(file); string(got) != want {
			t.Errorf("%s holds %q", file, got)
		}
	}
	if info, _ := os.Stat(a); info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v", info.Mode())
	}
	if info, _ := os.Lstat(link); info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link was replaced")
	}

	// One that changed meanwhile: nothing is written.
	err := Replace([]Replacement{{a, []byte("new a"), []byte("newer a")}, {b, []byte("old b"), []byte("newer b")}})
	if err == nil || !strings.Contains(err.Error(), "was changed by somebody else") {
		t.Errorf("error %v", err)
	}
	if got, _ := os.ReadFile(a); string(got) != "new a" {
		t.Errorf("a holds %q", got)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
