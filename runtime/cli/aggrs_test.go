package cli

import (
	"strconv"
	"strings"
	"testing"

	"stktc/runtime"
	"stktc/runtime/store"
)

// TestEvictionsAreShown: that keys went for want of memory is the first thing to know of sums, for people and programs.
func TestEvictionsAreShown(t *testing.T) {
	var budget store.Budget
	budget.SetLimit(1 << 20)
	table := store.NewWithin(&budget, "t.sum")
	table.Begin("n1")
	src, err := table.Source("n1", rateDef)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; table.Evicted() == 0 && i < 1<<20; i++ {
		apply(src, 1000, []byte{10, byte(i >> 16), byte(i >> 8), byte(i)}, 3_600_000, 1, 0, 1, 0)
	}
	f := &fake{now: 1000, status: runtime.Status{Started: started, Sections: []runtime.SectionStatus{{Name: "s", Tables: []runtime.TableStatus{{Table: table}}}}}}
	n := count(f.status).stats.Evicted
	for line, want := range map[string]string{
		"show aggrs":      "\n  ! t.sum: " + strconv.FormatUint(n, 10) + " keys were evicted for want of memory\n",
		"show aggrs json": `"evicted":` + strconv.FormatUint(n, 10) + ",",
	} {
		if got := ask(t, newServer(t, f, Options{}), User, line+"\n"); !strings.Contains(got, want) {
			t.Errorf("%s: no %q in\n%s", line, want, got)
		}
	}
}
