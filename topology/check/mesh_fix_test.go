package check

import (
	"strings"
	"testing"
)

// TestMeshedOneWay: where a node that is summed lists another and the other does not, the advice is to take the line out, and not to add the other half of a mesh.
func TestMeshedOneWay(t *testing.T) {
	c, _ := deployed(t, meshed("  server hapee2 192.168.56.102:44444\n", ""))
	var advice []string
	for _, f := range Run(c) {
		if f.Code != oneWay.Code {
			continue
		}
		for _, fix := range f.Fixes {
			advice = append(advice, fix.Title)
		}
	}
	if got := strings.Join(advice, "; "); got != "take the line about `hapee2` out of hapee1, where `mytable.uncombined` is summed" {
		t.Errorf("advice: %s", got)
	}
}
