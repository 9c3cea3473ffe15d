package peers

import (
	"encoding/hex"
	"testing"
	"time"
)

func TestWriting(t *testing.T) {
	for _, tc := range []struct {
		since, want time.Duration
		hex         string
	}{
		{0, 0, "009001" + "00"},
		{-time.Second, 0, "009001" + "00"},
		{time.Microsecond, time.Millisecond, "009001" + "01"},
		{time.Second, time.Second, "009002" + "f82f"},
		{time.Hour, time.Hour, "009004" + "f0d9dc0c"},
	} {
		b := AppendWriting([]byte("x"), tc.since)
		if got := hex.EncodeToString(b[1:]); got != tc.hex {
			t.Errorf("%v: % s, want %s", tc.since, got, tc.hex)
		}
		f, n, err := ParseFrame(b[1:], MaxFrame)
		if err != nil || n != len(b)-1 || f.Class != Control || f.Type != Writing {
			t.Fatalf("%v: frame %v, %d bytes, %v", tc.since, f, n, err)
		}
		if got, err := ParseWriting(f.Body); err != nil || got != tc.want {
			t.Errorf("%v: read back as %v, %v", tc.since, got, err)
		}
	}
	for _, bad := range []string{"", "\xff", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"} {
		if _, err := ParseWriting([]byte(bad)); err == nil {
			t.Errorf("% x was accepted", bad)
		}
	}
}
