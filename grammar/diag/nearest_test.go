package diag

import "testing"

func TestNearest(t *testing.T) {
	words := []string{"peer", "from", "forward", "hold", "pace", "load-server-state-from-file"} // the last is longer than shortWord
	for _, tt := range []struct{ word, want string }{
		{"peer", "peer"},
		{"pere", "peer"},
		{"form", "from"},
		{"forwards", "forward"},
		{"frwrd", "forward"},
		{"fwd", ""},
		{"p", ""},
		{"", ""},
		{"local", ""},
		{"hodl", "hold"},
		{"load-server-state-form-files", "load-server-state-from-file"},
		{"load-server-state-of-a-file", ""},
	} {
		if got := Nearest(tt.word, words); got != tt.want {
			t.Errorf("Nearest(%q) = %q, want %q", tt.word, got, tt.want)
		}
	}
}

func TestDistanceIsSymmetric(t *testing.T) {
	words := []string{"", "a", "ab", "ba", "abc", "acb", "size", "sise", "zise"}
	for _, a := range words {
		for _, b := range words {
			if x, y := Distance(a, b), Distance(b, a); x != y {
				t.Errorf("distance(%q, %q) = %d, the other way %d", a, b, x, y)
			}
		}
	}
}
