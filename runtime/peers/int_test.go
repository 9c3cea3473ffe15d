package peers

import (
	"bytes"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// unhex reads hex text with spaces, line ends and bars for the eye.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \n\t|,", r) {
			return -1
		}
		return r
	}, s))
	if err != nil {
		t.Fatalf("bad hex in the test: %v", err)
	}
	return b
}

// prefix is put before everything that is appended, to prove that it is left alone.
const prefix = "left alone"

// wantAppended checks that append wrote exactly the wanted bytes behind the prefix.
func wantAppended(t *testing.T, want []byte, appendTo func([]byte) []byte) {
	t.Helper()
	got, ok := bytes.CutPrefix(appendTo([]byte(prefix)), []byte(prefix))
	if !ok {
		t.Fatalf("the bytes before the message changed")
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
}

var intTable = []struct {
	value uint64
	hex   string
}{
	{0, "00"},
	{239, "ef"},
	{240, "f000"},
	{241, "f100"},
	{255, "ff00"},
	{256, "f001"},
	{1000, "f82f"},
	{2287, "ff7f"},
	{2288, "f08000"},
	{4660, "f49401"},
	{10000, "f0e203"},
	{16384, "f0f106"},
	{60000, "f0971c"},
	{264431, "ffff7f"},
	{264432, "f0808000"},
	{3600000, "f0d9dc0c"},
	{33818863, "ffffff7f"},
	{33818864, "f080808000"},
	{math.MaxInt32, "fff0fefe3e"},
	{math.MaxUint32, "fff0fefe7e"},
	{4328786159, "ffffffff7f"},
	{4328786160, "f08080808000"},
	{5000000000, "f091bd809400"},
	{math.MaxUint64, "fff0fefefefefefefe0e"},
}

func TestInt(t *testing.T) {
	for _, c := range intTable {
		want := unhex(t, c.hex)
		wantAppended(t, want, func(b []byte) []byte { return AppendInt(b, c.value) })
		if v, n := ParseInt(append(want, 0xff)); v != c.value || n != len(want) {
			t.Errorf("%s: got %d in %d bytes, want %d in %d", c.hex, v, n, c.value, len(want))
		}
		for cut := range want {
			if _, n := ParseInt(want[:cut]); n != 0 {
				t.Errorf("%s cut to %d bytes: got %d bytes, want 0", c.hex, cut, n)
			}
		}
	}
}

func TestIntRefused(t *testing.T) {
	for name, in := range map[string]string{
		"one above 2^64-1":          "f0 f1 fe fe fe fe fe fe fe 0e",
		"tenth byte leaves 64 bits": "ff f0 fe fe fe fe fe fe fe 10",
		"tenth byte goes on":        "f0 80 80 80 80 80 80 80 80 80",
		"eleven bytes":              "f0 80 80 80 80 80 80 80 80 80 00",
	} {
		if v, n := ParseInt(unhex(t, in)); n != 0 {
			t.Errorf("%s: got %d in %d bytes, want a refusal", name, v, n)
		}
	}
}

// TestIntRoundTrip draws the lengths evenly, so that short and long integers are all met.
func TestIntRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		want := r.Uint64() >> r.UintN(64)
		b := AppendInt(nil, want)
		if got, n := ParseInt(b); got != want || n != len(b) {
			t.Fatalf("%d: encoded as %x, read back as %d in %d bytes", want, b, got, n)
		}
	}
}

func TestIntLengths(t *testing.T) {
	for i, first := range []uint64{240, 2288, 264432, 33818864, 4328786160} {
		if got := len(AppendInt(nil, first-1)); got != i+1 {
			t.Errorf("%d takes %d bytes, want %d", first-1, got, i+1)
		}
		if got := len(AppendInt(nil, first)); got != i+2 {
			t.Errorf("%d takes %d bytes, want %d", first, got, i+2)
		}
	}
}

func FuzzParseInt(f *testing.F) {
	for _, c := range intTable {
		f.Add(unhex(f, c.hex))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, n := ParseInt(b)
		if n == 0 {
			return
		}
		if again := AppendInt(nil, v); !bytes.Equal(again, b[:n]) {
			t.Errorf("%x is %d, which encodes as %x: there must be one encoding only", b[:n], v, again)
		}
	})
}
