package load

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"stktc/topology/sticktable"
)

var keyShapes = map[string]sticktable.Definition{
	"ip":      {Key: sticktable.IPv4, KeyLen: 4},
	"ipv6":    {Key: sticktable.IPv6, KeyLen: 16},
	"integer": {Key: sticktable.Integer, KeyLen: 4},
	"string":  {Key: sticktable.String, KeyLen: 32},
	"short":   {Key: sticktable.String, KeyLen: hexDigits + 1},
	"medium":  {Key: sticktable.String, KeyLen: hexDigits + 4},
	"binary":  {Key: sticktable.Binary, KeyLen: 9},
}

func TestKeysBothWays(t *testing.T) {
	const total = 20_000_000
	for name, def := range keyShapes {
		k := newKeys(&def, total)
		buf, seen := k.buffer(), map[string]bool{}
		for _, index := range []uint32{0, 1, 255, 256, 65_535, 1 << 20, total - 1} {
			k.put(buf, index)
			seen[string(buf)] = true
			if got, ok := k.index(buf); !ok || got != index {
				t.Errorf("%s: key %x of %d gives %d, %v", name, buf, index, got, ok)
			}
			if len(buf) > def.Key.WireLen(def.KeyLen) {
				t.Errorf("%s: key %q does not fit the table", name, buf)
			}
		}
		if len(seen) != 7 {
			t.Errorf("%s: %d keys for 7 indices", name, len(seen))
		}
	}
}

func TestForeignKeys(t *testing.T) {
	for name, def := range keyShapes {
		k := newKeys(&def, 1000)
		buf := k.buffer()
		k.put(buf, 1000)
		if _, ok := k.index(buf); ok {
			t.Errorf("%s: the key behind the last one is taken for ours", name)
		}
		k.put(buf, 7)
		for i := range buf {
			foreign := append([]byte(nil), buf...)
			foreign[i] ^= 0x80
			at, ok := k.index(foreign)
			if k.put(buf, at); ok && !bytes.Equal(buf, foreign) {
				t.Errorf("%s: foreign key %q is taken for %d", name, foreign, at)
			}
			k.put(buf, 7)
		}
		if _, ok := k.index(buf[1:]); ok {
			t.Errorf("%s: a key cut short is taken for ours", name)
		}
	}
}

func TestKeyText(t *testing.T) {
	for name, want := range map[string]string{
		"ip": "10.1.0.5", "ipv6": "2001:db8::1:5", "integer": "65541", "string": "client-00010005", "short": "00010005", "medium": "cli00010005", "binary": "000000000000010005",
	} {
		def := keyShapes[name]
		k := newKeys(&def, 1<<20)
		if got := k.text(0x10005); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestPermutation(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []uint32{1, 2, 3, 5, 64, 100, 1023, 1024, 1025, 70_000} {
		p := newPermutation(n, r)
		seen := make([]bool, n)
		for i := range n {
			to := p.of(i)
			if to >= n || seen[to] {
				t.Fatalf("of %d: %d goes to %d, which is taken or outside", n, i, to)
			}
			seen[to] = true
		}
	}
}

// TestShuffledLaps: each lap has every key once, in an order of its own that jumps.
func TestShuffledLaps(t *testing.T) {
	c := config("lb1", "lb2")
	c.Keys = 1000
	next, _ := newPickers(&c, 0)
	var laps [3][]uint32
	for i := range laps {
		laps[i] = make([]uint32, c.Keys)
		next.pick(laps[i][:300])
		next.pick(laps[i][300:])
		seen, near := map[uint32]bool{}, 0
		for k, index := range laps[i] {
			seen[index] = true
			if k > 0 && index == laps[i][k-1]+1 {
				near++
			}
		}
		if len(seen) != c.Keys || near > 20 {
			t.Errorf("lap %d: %d keys, %d beside the one before", i, len(seen), near)
		}
	}
	same := 0
	for k := range laps[0] {
		if laps[0][k] == laps[1][k] {
			same++
		}
	}
	if same > 20 {
		t.Errorf("two laps agree in %d places", same)
	}
}

func TestAscending(t *testing.T) {
	c := config("lb1", "lb2")
	c.Keys, c.Order = 10, InOrder
	_, fill := newPickers(&c, 1)
	got := make([]uint32, 7)
	fill.pick(got)
	for i, want := range []uint32{5, 6, 7, 8, 9, 0, 1} {
		if got[i] != want {
			t.Fatalf("%v", got)
		}
	}
}

// TestZipf compares frequencies with their definition.
func TestZipf(t *testing.T) {
	c := config("lb1")
	c.Keys, c.Order, c.Distribution, c.ZipfExponent = 1000, InOrder, Zipf, 1
	next, _ := newPickers(&c, 0)
	const draws = 1_000_000
	counts, batch := make([]float64, c.Keys), make([]uint32, 1000)
	for range draws / len(batch) {
		next.pick(batch)
		for _, index := range batch {
			counts[index]++
		}
	}
	harmonic := 0.0
	for k := range c.Keys {
		harmonic += 1 / float64(k+1)
	}
	for _, rank := range []int{0, 1, 2, 9, 99, 499} {
		want := draws / harmonic / float64(rank+1)
		if got := counts[rank]; got < 0.8*want-30 || got > 1.2*want+30 {
			t.Errorf("rank %d: %.0f draws, want about %.0f", rank, got, want)
		}
	}
}

// TestZipfScattered: the frequent keys are not neighbours, and are the same for all nodes.
func TestZipfScattered(t *testing.T) {
	c := config("lb1", "lb2")
	c.Keys, c.Distribution, c.ZipfExponent = 100_000, Zipf, 1.2
	var most [2]uint32
	for node := range most {
		next, _ := newPickers(&c, node)
		batch, counts := make([]uint32, 50_000), map[uint32]int{}
		next.pick(batch)
		for _, index := range batch {
			if counts[index]++; counts[index] > counts[most[node]] {
				most[node] = index
			}
		}
	}
	if most[0] != most[1] || most[0] == 0 {
		t.Errorf("the most frequent keys are %v", most)
	}
}
