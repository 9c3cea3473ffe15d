package load

import (
	"fmt"
	"strings"
	"testing"

	"stktc/grammar"
)

// TestLeaseOfALongName: the key of a lease is the section's name, which HAProxy would cut at 31 characters.
func TestLeaseOfALongName(t *testing.T) {
	for length, bad := range map[int]bool{31: false, 32: true} {
		name := strings.Repeat("x", length)
		file := "aggregations " + name + "\n  peer x 1.2.3.4:5 local\n  from .a to .b\n"
		if _, findings := Aggregator(nil, "f", []byte(file)); len(findings) > 0 {
			t.Errorf("%d characters without a lease: %v", length, findings)
		}
		_, findings := Aggregator(nil, "f", []byte(file+"  lease t.l 3s\n"))
		if bad != (len(findings) == 1) {
			t.Errorf("%d characters: findings %v", length, findings)
			continue
		}
		want := fmt.Sprintf("section `%s` has a lease, whose key is the section's name: at most 31 characters", name)
		if bad && (findings[0].Code != grammar.CodeName || findings[0].Summary != want || findings[0].Primary.Span.Start.Line != 1 || findings[0].Related[0].Span.Start.Line != 4) {
			t.Errorf("%d characters: %+v", length, findings[0])
		}
	}
}
