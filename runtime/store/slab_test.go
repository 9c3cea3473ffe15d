package store

import "testing"

// TestRefs: a reference names its row's class, chunk and slot, whatever the row's size, and leaves the wheel its bits.
func TestRefs(t *testing.T) {
	for _, stride := range []int{6, 19, 8, 341, chunkWords / 2, chunkWords, 3 * chunkWords} {
		for _, class := range []int{0, 1, numClasses - 1} {
			var sl slab
			sl.init(class, stride)
			for _, chunk := range []int{0, 1, placeMask >> sl.shift} {
				for _, slot := range []int{0, sl.slots - 1} {
					r := sl.ref(chunk, slot)
					if r>>refBits != 0 || r.class() != class || sl.chunk(r) != chunk || sl.slot(r) != slot {
						t.Errorf("rows of %d words, class %d: chunk %d, slot %d is named %#x: class %d, %d, %d", stride, class, chunk, slot, r, r.class(), sl.chunk(r), sl.slot(r))
					}
				}
			}
		}
	}
}
