package main

import "testing"

func TestParseCount(t *testing.T) {
	for text, want := range map[string]int{
		"0": 0, "500": 500, "-5": -5, "20k": 20_000, "1.5m": 1_500_000, "300K": 300_000, "1M": 1_000_000, "1e6": 1_000_000, "1.001k": 1001, "2.5e3": 2500, "4503599627370496": 1 << 52,
	} {
		if got, err := parseCount(text); got != want || err != nil {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "k", "1.5", "1e-3", "20kk", "20 k", "20g", "1,000", "0x10", "inf", "1e99", "99999999999m", "fast"} {
		if got, err := parseCount(text); err == nil {
			t.Errorf("%q: %d, want an error", text, got)
		}
	}
}
