package cli

import (
	"testing"
	"time"

	"stktc/runtime/store"
	"stktc/topology/sticktable"
)

// TestValuesAcrossKinds holds comparisons and displays where kinds differ in width and sign.
func TestValuesAcrossKinds(t *testing.T) {
	for _, tc := range []struct {
		kind   sticktable.ValueKind
		values []uint64
		text   string
		below  int64 // the value is greater than that …
		above  int64 // … and less than that
	}{
		{sticktable.UInt, []uint64{1<<32 - 1}, "4294967295", 1<<32 - 2, 1 << 32},
		{sticktable.SInt, []uint64{1<<32 - 5}, "-5", -6, -4},
		{sticktable.SInt, []uint64{^uint64(4)}, "-5", -6, -4},
		{sticktable.ULongLong, []uint64{1 << 40}, "1099511627776", -1, 1<<40 + 1},
		{sticktable.FreqCtr, []uint64{5000, 3, 10}, "8", 7, 9},
		{sticktable.FreqCtr, []uint64{15000, 6, 10}, "3", 2, 4},
		{sticktable.Dict, nil, "-", -1, 1},
	} {
		e := element{kind: tc.kind, period: 10000}
		if got := string(e.append(nil, tc.values, "-")); got != tc.text {
			t.Errorf("%v: %s, want %s", tc, got, tc.text)
		}
		if e.compare(tc.values, tc.below) != 1 || e.compare(tc.values, tc.above) != -1 {
			t.Errorf("%v is not between %d and %d", tc, tc.below, tc.above)
		}
	}
	big := element{kind: sticktable.ULongLong}
	if big.compare([]uint64{1 << 63}, 1<<63-1) != 1 {
		t.Error("2^63 is not greater than 2^63-1")
	}
}

func TestHuman(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s": 0, "59s": 59900 * time.Millisecond, "1m": time.Minute, "5m10s": 310 * time.Second, "1h": time.Hour, "1h2m": 3723 * time.Second, "1h5s": 3605 * time.Second,
		"1d": 24 * time.Hour, "2d3h": 51*time.Hour + time.Minute,
	} {
		if got := human(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
	if got := human(-time.Second); got != "0s" {
		t.Errorf("a clock that went back shows %s", got)
	}
	if humanLife(store.Forever) != "never" || exp(store.Forever) != 0 {
		t.Error("no end of life is not shown as such")
	}
	if got := uptime(26*time.Hour + 3*time.Second); got != "1d 2h00m03s" {
		t.Errorf("uptime %s", got)
	}
}
