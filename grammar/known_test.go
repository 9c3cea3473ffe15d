package grammar

import (
	"errors"
	"strconv"
	"testing"
)

// TestKnown: a text is parsed once, also after so many others that not all of them are kept; what is refused is parsed again.
func TestKnown(t *testing.T) {
	var k known[string]
	parsed := map[string]int{}
	read := func(text string) string {
		got, err := k.syntax([]byte(text), func() (*string, error) {
			parsed[text]++
			if text == "bad" {
				return nil, errors.New("bad")
			}
			return &text, nil
		})
		if (err != nil) != (text == "bad") {
			t.Fatalf("%q: %v", text, err)
		}
		if err != nil {
			return ""
		}
		return *got
	}
	for i := range 10 * maxKnown {
		for _, text := range []string{"shared", strconv.Itoa(i)} {
			if got := read(text); got != text {
				t.Fatalf("%q is read as %q", text, got)
			}
		}
	}
	read("bad")
	read("bad")
	if parsed["shared"] > 12 || parsed["bad"] != 2 || len(k.byText) > maxKnown {
		t.Errorf("the shared text was parsed %d times, the refused one %d times; %d are kept", parsed["shared"], parsed["bad"], len(k.byText))
	}
}
