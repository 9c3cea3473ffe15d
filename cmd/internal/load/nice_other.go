//go:build !linux

package load

// standBack does nothing where threads have no priorities of their own.
func standBack() {}
