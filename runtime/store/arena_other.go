//go:build !linux

package store

// mapWords gives words of the Go heap.
func mapWords(words int, _ bool) (region []byte, usable []uint32) { return nil, make([]uint32, words) }

func giveBack(c []uint32) { clear(c) }

func unmap([]byte) {}
