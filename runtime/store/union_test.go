package store

import (
	"slices"
	"testing"
	"time"

	"stktc/topology/sticktable"
)

func rateDefinition(period time.Duration) sticktable.Definition {
	return sticktable.Definition{Key: sticktable.IPv4, KeyLen: 4, Expire: time.Hour, Columns: []sticktable.Column{
		{Type: sticktable.GPC0, Elems: 1}, {Type: sticktable.HTTPReqRate, Elems: 1, Period: period},
	}}
}

// TestDisagreement: a data type that sources disagree on is sent as 0, so that no receiver keeps what it saw before; when they agree again it is summed again, without
// a further update of the source that was right all along.
func TestDisagreement(t *testing.T) {
	table := New("t.sum")
	seen := []uint64{}
	c := table.Subscribe(func() {})
	read := func() []uint64 {
		for c.Pending() {
			_, version := table.Definition()
			c.Collect(1000, version, func(_, _ uint32, _ []byte, values []uint64) bool {
				seen = slices.Clone(values)
				return true
			})
		}
		return seen
	}
	say := func(name string, period time.Duration, gpc, rate uint64) {
		src, err := table.Source(name, rateDefinition(period))
		if err != nil {
			t.Fatal(err)
		}
		var b Batch
		b.Add([]byte{10, 0, 0, 1}, 3_600_000, []uint64{gpc, 0, rate, 0})
		src.Apply(&b, 1000)
	}
	for _, name := range []string{"lb1", "lb2"} {
		table.Begin(name)
	}
	say("lb1", time.Hour, 1, 20)
	if got := read(); !slices.Equal(got, []uint64{1, 0, 20, 0}) {
		t.Errorf("alone: %v", got)
	}
	say("lb2", 2*time.Hour, 2, 30)
	if got := read(); !slices.Equal(got, []uint64{3, 0, 0, 0}) || len(table.Mismatches()) != 1 {
		t.Errorf("in disagreement: %v, %v", got, table.Mismatches())
	}
	say("lb2", time.Hour, 2, 30)
	if got := read(); !slices.Equal(got, []uint64{3, 0, 50, 0}) || len(table.Mismatches()) != 0 {
		t.Errorf("agreed: %v, %v", got, table.Mismatches())
	}
}

// TestOtherKey: a source with another key is refused as long as somebody has the table's, and takes over when nobody has.
func TestOtherKey(t *testing.T) {
	table := New("t.sum")
	table.Begin("lb1")
	table.Begin("lb2")
	if _, err := table.Source("lb1", rateDefinition(time.Hour)); err != nil {
		t.Fatal(err)
	}
	other := rateDefinition(time.Hour)
	other.Key, other.KeyLen = sticktable.IPv6, 16
	if _, err := table.Source("lb2", other); err == nil {
		t.Fatal("a source with another key type was taken")
	}
	if _, err := table.Source("lb1", other); err != nil {
		t.Errorf("the only source cannot change its key: %v", err)
	}
	if _, err := table.Source("lb2", other); err != nil {
		t.Errorf("a source with the key that all have now: %v", err)
	}
}
