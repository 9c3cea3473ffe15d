package store

import (
	"syscall"
	"unsafe"
)

const hugePage = 4 * hugeWords // bytes

// mapWords maps zeroed words, in huge pages if it can: at a million keys a third of the time for a row goes into finding its page. What it gives first is for unmap; it is nil when the
// words are the Go heap's, as the system refuses to map.
func mapWords(words int, huge bool) (region []byte, usable []uint32) {
	size := words * 4
	mapped := size
	if huge {
		mapped += hugePage
	}
	region, err := syscall.Mmap(-1, 0, mapped, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil, make([]uint32, words)
	}
	b := region
	if huge {
		skip := -uintptr(unsafe.Pointer(&b[0])) & (hugePage - 1)
		b = b[skip:][:size]
		syscall.Madvise(b, syscall.MADV_HUGEPAGE) // a wish
	}
	return region, unsafe.Slice((*uint32)(unsafe.Pointer(&b[0])), words)
}

// giveBack gives a chunk's memory back to the system; its words become 0.
func giveBack(c []uint32) {
	if syscall.Madvise(unsafe.Slice((*byte)(unsafe.Pointer(&c[0])), len(c)*4), syscall.MADV_DONTNEED) != nil {
		clear(c)
	}
}

func unmap(region []byte) { syscall.Munmap(region) }
