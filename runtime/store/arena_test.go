package store

import "testing"

// TestLookAhead: the region that chunks will be taken from next is there before the present one is used up, and all that was handed out is 0 and nobody else's.
func TestLookAhead(t *testing.T) {
	a := &arena{budget: &Budget{}}
	defer a.release()
	seen := map[*uint32]bool{}
	early := 0
	for range 5 * largeRegion / chunkWords {
		next := a.next
		c := a.chunk()
		for i := range c {
			if c[i] != 0 {
				t.Fatalf("word %d of a chunk is %d", i, c[i])
			}
			c[i] = 1
		}
		if seen[&c[0]] {
			t.Fatal("a chunk was handed out twice")
		}
		seen[&c[0]] = true
		if next != nil && &c[0] == &next[0] {
			early++
		}
	}
	if early < 3 {
		t.Errorf("%d regions were mapped before they were needed, of 5 or so", early)
	}
	if a.budget.Held() != int64(len(seen))*4*chunkWords {
		t.Errorf("%d bytes are held for %d chunks", a.budget.Held(), len(seen))
	}
}

// TestNextPageIsReady: the first chunk of a huge page is handed out, and memory is given back, when nobody will touch the page any more to make it ready.
func TestNextPageIsReady(t *testing.T) {
	a := &arena{budget: &Budget{}}
	for a.ready == nil {
		a.chunk()
	}
	a.ready()
	called := 0
	a.ready = func() { called++ }
	for len(a.rest) > 0 && (len(a.newest)-len(a.rest))%hugeWords != 0 {
		a.chunk()
	}
	if called != 0 {
		t.Fatal("waited for before its time")
	}
	a.chunk()
	if called != 1 {
		t.Error("a chunk was handed out that may still be written to")
	}
	a.release()
	if called != 2 {
		t.Error("memory was given back that may still be written to")
	}
}
