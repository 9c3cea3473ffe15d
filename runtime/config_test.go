package runtime

import (
	"strings"
	"testing"
	"time"
)

// TestRefusedConfigurations: what no network can make work is refused, and says of which section.
func TestRefusedConfigurations(t *testing.T) {
	section := func(change func(s *Section)) Config {
		s := lower("a1", []string{"n1"})
		s.Local.Address = "a1"
		change(&s)
		return Config{Sections: []Section{s}}
	}
	long := strings.Repeat("x", 32)
	for _, x := range []struct {
		cfg  Config
		want string // empty: accepted
	}{
		{Config{}, "nothing to do"},
		{section(func(s *Section) {}), ""},
		{section(func(s *Section) { s.Local.Name = "" }), `section "low" has no local peer`},
		{section(func(s *Section) { s.Peers = append(s.Peers, s.Peers[0]) }), `section "low" has two peers called "n1"`},
		{section(func(s *Section) { s.Name = long }), ""},
		{section(func(s *Section) { s.Name, s.Leases = long[1:], []Lease{{"t", time.Second}} }), ""},
		{section(func(s *Section) { s.Name, s.Leases = long, []Lease{{"t", time.Second}} }), "at most 31 characters"},
	} {
		_, err := New(x.cfg, Options{})
		if x.want == "" && err != nil || x.want != "" && (err == nil || !strings.Contains(err.Error(), x.want)) {
			t.Errorf("%q, want %q", err, x.want)
		}
	}
}
